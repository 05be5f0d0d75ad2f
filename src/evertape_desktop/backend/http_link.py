"""The line to a hub, near or far, over HTTP and WebSockets."""

from __future__ import annotations

import asyncio
import json
import os
import platform
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus, WebSocketException

from evertape_desktop.backend.link import API, Answer
from evertape_desktop.backend.problem import Problem, problem_of

if TYPE_CHECKING:
    from evertape.media.view.terms import ViewSource

TIMEOUT_S = 20.0
_PATIENT_S = 60.0
"""For what the hub itself tries for longer: looking at a camera (45 s), telling people (30 s)."""
_CSRF = "X-Evertape-CSRF"
_LARGEST = 8 << 20


class HttpLink:
    """See the module.

    Args:
        url: of the hub, ``https://HOST:PORT``.
        token: an API token; without one somebody has to log in.
        certificate: the hub's own, PEM, if it signed it itself; else the system's authorities decide.
        kept: where a token is kept for whoever wants to stay logged in; ``None``: nowhere.
    """

    def __init__(self, url: str, token: str = "", certificate: Path | None = None, kept: Path | None = None) -> None:
        self._url = url.rstrip("/")
        self._token = token
        self._certificate = certificate
        self._kept = kept
        self._csrf = ""
        self._client: httpx.AsyncClient | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def name(self) -> str:
        """See ``Link``."""
        return self._url

    async def request(
        self, method: str, path: str, query: Mapping[str, Any], body: Any, headers: Mapping[str, str]
    ) -> Answer:
        """See ``Link``."""
        self._loop = asyncio.get_running_loop()
        url, token = await self.where()
        sent = {**headers, **_bearer(token)}
        if not token and method != "GET":
            sent |= {"Origin": url, _CSRF: self._csrf}
        content = None if body is None else json.dumps(body).encode()
        if content is not None:
            sent["Content-Type"] = "application/json"
        try:
            got = await self._opened().request(
                method, url + API + path, params=dict(query), content=content, headers=sent, timeout=_patience(path)
            )
        except httpx.TimeoutException:
            raise Problem("timeout", f"{url} does not answer in time") from None
        except httpx.HTTPError as error:
            raise _unreachable(url, error) from None
        return Answer(got.status_code, got.content, got.headers.get("content-type", ""))

    async def events(self) -> AsyncIterator[dict[str, Any]]:
        """See ``Link``."""
        url, _ = await self.where()
        try:
            async with connect(**await self.socket_terms("/events/live")) as socket:
                yield {"type": "open"}
                async for text in socket:
                    yield json.loads(text)
        except InvalidStatus as error:
            raise problem_of(error.response.status_code, bytes(error.response.body or b"")) from None
        except (OSError, WebSocketException, ValueError, TimeoutError) as error:
            raise _unreachable(url, error) from None
        raise Problem("unreachable", f"{url} has hung up")

    def spawn(self, work: Coroutine[Any, Any, None]) -> Future[None] | None:
        """Have ``work`` done on the loop of this link, from any thread; ``None`` before anybody asked anything."""
        if self._loop is None or self._loop.is_closed():
            work.close()
            return None
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    async def socket_terms(self, path: str) -> dict[str, Any]:
        """How to open a WebSocket there: arguments of ``websockets``' ``connect``."""
        url, token = await self.where()
        headers = _bearer(token)
        if not token:
            cookies = "; ".join(f"{name}={value}" for name, value in self._opened().cookies.items())
            headers = {"Cookie": cookies} if cookies else {}
        terms: dict[str, Any] = {
            "uri": "ws" + url.removeprefix("http") + API + path,
            "additional_headers": headers,
            "max_size": _LARGEST,
            "open_timeout": TIMEOUT_S,
            "proxy": None,
        }
        if not token:
            terms["origin"] = url
        if url.startswith("https"):
            terms["ssl"] = self._tls()
        return terms

    def source(self, camera: str, stream: str) -> ViewSource:
        """See ``Link``: by the hub's live WebSocket."""
        from evertape_desktop.video.remote import RemoteSource

        return RemoteSource(self, camera, stream)

    @property
    def can_stay(self) -> bool:
        """See ``Link``."""
        return self._kept is not None

    async def log_in(self, name: str, password: str, stay: bool = False) -> None:
        """See ``Link``. To stay is to have an API token of one's own, which can be ended like any other."""
        url, _ = await self.where()
        self._token = ""
        try:
            got = await self._opened().post(
                f"{url}{API}/session", json={"name": name, "password": password}, headers={"Origin": url}
            )
        except httpx.HTTPError as error:
            raise _unreachable(url, error) from None
        if got.status_code >= 400:
            raise problem_of(got.status_code, got.content)
        session = got.json()
        self._csrf = str(session["csrf"])
        if stay and self._kept is not None:
            await self._keep_token(self._kept, str(session["role"]))

    async def _keep_token(self, path: Path, role: str) -> None:
        made = await self.request("POST", "/tokens", {}, {"name": f"desktop on {platform.node()}", "role": role}, {})
        if made.status >= 400:
            raise problem_of(made.status, made.body)
        token = str(json.loads(made.body)["token"])
        try:
            await asyncio.to_thread(_write_secret, path, token)
        except OSError as error:
            raise Problem("not_kept", f"the login cannot be kept in {path}: {error.strerror or error}") from None
        self._token = token

    async def close(self) -> None:
        """See ``Link``."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def where(self) -> tuple[str, str]:
        """The hub's URL and the token to show it."""
        return self._url, self._token

    # -- inside ---------------------------------------------------------------------------------------------

    def _opened(self) -> httpx.AsyncClient:
        if self._client is None:
            # A proxy of the environment is for other people's hosts.
            self._client = httpx.AsyncClient(timeout=TIMEOUT_S, verify=self._tls(), trust_env=False)
        return self._client

    def _tls(self) -> ssl.SSLContext:
        context = ssl.create_default_context()
        if self._certificate is not None:
            context.load_verify_locations(self._certificate)
        return context


class LocalLink(HttpLink):
    """The line to the hub of a data directory on this machine: found by its files, let in by its key.

    Live pictures come from the recorders themselves.

    Args:
        root: the data directory.
    """

    def __init__(self, root: Path) -> None:
        super().__init__("")
        self._root = root

    @property
    def root(self) -> Path:
        """The data directory."""
        return self._root

    @property
    def name(self) -> str:
        """See ``Link``."""
        return str(self._root)

    async def where(self) -> tuple[str, str]:
        """See ``HttpLink``; looked up each time, because a hub that is started again listens elsewhere, perhaps."""
        url, key = await _in_thread(lambda: _look_up(self._root))
        if not url:
            raise Problem(
                "unreachable", f"no hub of {self._root} says where it listens", "evertape serve starts the service"
            )
        return url, key

    def source(self, camera: str, stream: str) -> ViewSource:
        """See ``Link``."""
        from evertape_desktop.video.local import feed_source

        return feed_source(self._root, camera, stream)

    async def log_in(self, name: str, password: str, stay: bool = False) -> None:
        """Not needed here: whoever reads the data directory is let in."""
        raise Problem("not_needed", "this machine needs no login", f"be the user to whom {self._root} belongs")

    def _tls(self) -> ssl.SSLContext:
        # What listens at the address that the hub's own file names is the hub; its certificate may be any.
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context


def _look_up(root: Path) -> tuple[str, str]:
    from evertape.hub.auth.local_key import read_local_key
    from evertape.hub.place import hub_url

    return hub_url(root), read_local_key(root)


async def _in_thread(work: Callable[[], tuple[str, str]]) -> tuple[str, str]:
    return await asyncio.to_thread(work)


def _patience(path: str) -> float:
    return _PATIENT_S if path.endswith(("/probe", "/test")) else TIMEOUT_S


def _write_secret(path: Path, secret: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_suffix(".new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
        file.write(secret + "\n")
    new.replace(path)


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"} if token else {}


def _unreachable(url: str, error: Exception) -> Problem:
    cause = error.__cause__ or error
    if isinstance(cause, ssl.SSLCertVerificationError) or "CERTIFICATE_VERIFY_FAILED" in str(error):
        return Problem(
            "untrusted",
            f"the certificate of {url} is not trusted",
            "give its file with --certificate, or a name it is for",
        )
    return Problem("unreachable", f"{url} cannot be reached", str(error))
