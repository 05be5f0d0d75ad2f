"""The web server as the hub wants it, and the socket it listens on."""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import Iterator, Sequence

import uvicorn

from evertape.config.values import listen_address
from evertape.hub.certificate import Tls
from evertape.hub.connections import Connections, protocols

_GOODBYE_S = 1
"""What requests under way get at the end, in seconds: longer than that nobody waits for the hub."""
HEADER_BYTES = 16 << 10
KEEP_ALIVE_S = 15


class Server(uvicorn.Server):
    """Leaves signals alone: the supervisor decides who leaves when."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """None are."""
        yield


def configured(app: object, tls: Tls | None, proxies: Sequence[str] = ()) -> uvicorn.Config:
    """The server's settings.

    Args:
        app: what to serve.
        tls: the certificate in use; ``None``: plain HTTP.
        proxies: addresses whose word on where a request comes from is believed.
    """
    http, websocket = protocols(Connections(exempt=frozenset(proxies)))
    config = uvicorn.Config(
        app,  # type: ignore[arg-type]
        http=http,
        ws=websocket,
        loop="asyncio",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(proxies),
        forwarded_allow_ips=list(proxies),
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=_GOODBYE_S,
        h11_max_incomplete_event_size=HEADER_BYTES,
        ws_max_size=64 << 10,
    )
    config.load()
    config.ssl = tls.context if tls is not None else None
    return config


def url_of(sock: socket.socket, *, tls: bool) -> str:
    """Where a browser on this machine reaches what listens on ``sock``."""
    host, port = sock.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"{'https' if tls else 'http'}://{f'[{host}]' if ':' in host else host}:{port}"


def listen(place: str) -> socket.socket:
    """A socket bound to there; a server that takes it listens. Raises ``OSError``."""
    host, port = listen_address(place)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Named, because by it asyncio knows that a connection is TCP: else it leaves Nagle's algorithm on, and an answer in
    # two parts (a head, a body) waits for the other side's delayed acknowledgement: 40 ms, most of a click.
    sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setblocking(False)
        sock.bind((host, port))
    except BaseException:
        sock.close()
        raise
    return sock


def why_not(place: str, error: Exception) -> str:
    """In words, why nobody can be served there."""
    if isinstance(error, ssl.SSLError):
        return f"its certificate cannot be used: {error.reason or error}"
    if isinstance(error, socket.gaierror):
        return f"there is no address {place}"
    if isinstance(error, OSError) and error.filename:
        return f"its certificate cannot be used: {error.filename}: {error.strerror}"
    if isinstance(error, OSError):
        return f"the hub cannot listen on {place}: {error.strerror or error}"
    return str(error)
