"""The hub's life: told what to do by the supervisor, serving meanwhile, in order at the end.

A port that is taken, or a certificate that cannot be used, is said once and tried again; nobody else notices.

Threads: the owner's loop; files are touched in threads.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import socket
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import uvicorn

from evertape.clock import Clock
from evertape.config.paths import DataDir
from evertape.config.schema import Config
from evertape.config.sections import Hub
from evertape.config.values import listen_address
from evertape.errors import EvertapeError
from evertape.hub.app import create_app
from evertape.hub.engine_link import EngineLink
from evertape.hub.news import News
from evertape.hub.reading import IndexReading
from evertape.hub.services import Services, Settings
from evertape.ipc.messages import HubAssignment, HubListens, Message
from evertape.ipc.places import run_dir, socket_path

log = logging.getLogger(__name__)
# It tells of its own life; what matters of it is told here.
logging.getLogger("uvicorn").setLevel(logging.WARNING)

_AGAIN_S = 2.0
"""How long to wait before a port that is taken is tried again."""
_GOODBYE_S = 1
"""What requests under way get at the end, in seconds: longer than that nobody waits for the hub."""
HEADER_BYTES = 16 << 10
KEEP_ALIVE_S = 15
PLACE = "hub.json"
"""In the directory of the sockets: where the hub listens, and its process."""


@dataclass(frozen=True)
class Place:
    """Where it listens, and by which certificate."""

    listen: str
    tls: str
    certificate: Path | None
    key: Path | None

    @classmethod
    def of(cls, hub: Hub) -> Place:
        """As configured."""
        return cls(hub.listen, str(hub.tls), hub.certificate, hub.key)


class _Server(uvicorn.Server):
    """Leaves signals alone: the supervisor decides who leaves when."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class HubProcess:
    """See the module.

    Args:
        clock: both clocks.
    """

    def __init__(self, clock: Clock) -> None:
        self.tell: Callable[[Message], None] = lambda _: None
        self._clock = clock
        self._services: Services | None = None
        self._link: EngineLink | None = None
        self._reading: IndexReading | None = None
        self._place: Place | None = None
        self._server: _Server | None = None
        self._serving: asyncio.Task[None] | None = None
        self._moved = asyncio.Event()

    def message(self, message: Message) -> None:
        """What the supervisor says."""
        if isinstance(message, HubAssignment):
            self._assigned(message)

    async def close(self, deadline_s: float) -> None:
        """Let go of everybody within ``deadline_s``."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stop(), max(0.1, deadline_s - 0.3))

    # -- what to do -----------------------------------------------------------------------------------------

    def _assigned(self, told: HubAssignment) -> None:
        settings = Settings(
            data=DataDir(Path(told.data)),
            config_file=Path(told.config_file),
            config=Config.model_validate(told.config),
            version=told.version,
            service=told.service,
        )
        place = Place.of(settings.config.hub)
        if self._services is None:
            self._begin(settings, place)
        else:
            self._services.settings = settings
            if place != self._place:
                self._place = place
                self._moved.set()
                if self._server is not None:
                    self._server.should_exit = True

    def _begin(self, settings: Settings, place: Place) -> None:
        news = News()
        self._link = EngineLink(socket_path(settings.data.root, "control"), news.put, news.interrupted)
        self._reading = IndexReading(settings.data.index_file)
        self._services = Services(settings, self._link, self._reading, news, self._clock)
        self._place = place
        self._link.start()
        self._serving = asyncio.get_running_loop().create_task(self._serve(), name="serving")

    async def _stop(self) -> None:
        if self._serving is not None:
            self._serving.cancel()
            if self._server is not None:
                self._server.should_exit = True
            with contextlib.suppress(asyncio.CancelledError):
                await self._serving
        if self._link is not None:
            await self._link.close()
        if self._reading is not None:
            self._reading.close()

    # -- serving --------------------------------------------------------------------------------------------

    async def _serve(self) -> None:
        """Serve where it is configured, and again where it is configured then."""
        assert self._services is not None
        app = create_app(self._services)
        said = ""
        while True:
            assert self._place is not None
            place = self._place
            self._moved.clear()
            try:
                sock = _listen(place.listen)
                try:
                    context = await asyncio.to_thread(self._context, place)
                except BaseException:
                    sock.close()
                    raise
            except (OSError, EvertapeError) as error:
                problem = _why(place.listen, error)
                if problem != said:
                    log.error("[HUB] %s; it is tried again, and recording is not affected", problem)
                    self.tell(HubListens(url="", problem=problem))
                    said = problem
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._moved.wait(), _AGAIN_S)
                continue
            said = ""
            await self._serve_at(app, sock, context)

    async def _serve_at(self, app: object, sock: socket.socket, context: ssl.SSLContext | None) -> None:
        url = url_of(sock, tls=context is not None)
        config = uvicorn.Config(
            app,  # type: ignore[arg-type]
            http="h11",
            ws="websockets-sansio",
            loop="asyncio",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=_GOODBYE_S,
            h11_max_incomplete_event_size=HEADER_BYTES,
            ws_max_size=64 << 10,
        )
        config.load()
        config.ssl = context
        self._server = server = _Server(config)
        task = asyncio.get_running_loop().create_task(server.serve(sockets=[sock]))
        try:
            while not server.started and not task.done():
                await asyncio.sleep(0.01)
            log.info("[HUB] the page is at %s", url)
            await self._note(url)
            self.tell(HubListens(url=url))
            await asyncio.shield(task)
        except asyncio.CancelledError:
            server.should_exit = True
            await task
            raise
        finally:
            self._server = None
            await self._note("")

    def _context(self, place: Place) -> ssl.SSLContext | None:
        """In a thread: it reads, and perhaps makes, a certificate."""
        if place.tls == "off":
            return None
        assert self._services is not None
        if place.tls == "files":
            assert place.certificate is not None and place.key is not None
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(place.certificate, place.key)
            return context
        raise EvertapeError("a certificate of its own cannot be made yet", hint='set hub.tls to "off" or "files"')

    async def _note(self, url: str) -> None:
        """Write down where it listens, for whoever looks; best effort, for the disk may hang."""
        assert self._services is not None
        path = run_dir(self._services.settings.data.root) / PLACE
        with contextlib.suppress(OSError, TimeoutError):
            await asyncio.wait_for(asyncio.to_thread(_note, path, url), 2.0)


def url_of(sock: socket.socket, *, tls: bool) -> str:
    """Where a browser on this machine reaches what listens on ``sock``."""
    host, port = sock.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"{'https' if tls else 'http'}://{f'[{host}]' if ':' in host else host}:{port}"


def _listen(listen: str) -> socket.socket:
    host, port = listen_address(listen)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setblocking(False)
        sock.bind((host, port))
    except BaseException:
        sock.close()
        raise
    return sock


def _why(listen: str, error: Exception) -> str:
    if isinstance(error, ssl.SSLError):
        return f"its certificate cannot be used: {error.reason or error}"
    if isinstance(error, socket.gaierror):
        return f"there is no address {listen}"
    if isinstance(error, OSError) and error.filename:
        return f"its certificate cannot be used: {error.filename}: {error.strerror}"
    if isinstance(error, OSError):
        return f"the hub cannot listen on {listen}: {error.strerror or error}"
    return str(error)


def _note(path: Path, url: str) -> None:
    if not url:
        path.unlink(missing_ok=True)
        return
    new = path.with_suffix(".new")
    new.write_text(json.dumps({"url": url, "pid": os.getpid()}) + "\n", encoding="utf-8")
    new.replace(path)
