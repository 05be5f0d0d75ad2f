"""The hub's life: told what to do by the supervisor, serving meanwhile, in order at the end.

A port that is taken, or a certificate that cannot be used, is said once and tried again; nobody else notices.

Threads: the owner's loop; files are touched in threads.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import logging
import os
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from evertape.clock import Clock
from evertape.config.paths import DataDir
from evertape.config.schema import Config
from evertape.config.sections_hub import Hub
from evertape.errors import EvertapeError
from evertape.hub.alerts.desk import PART as ALERTS
from evertape.hub.alerts.desk import AlertDesk
from evertape.hub.alerts.mqtt import MqttBridge
from evertape.hub.app import create_app
from evertape.hub.auth.exposure import exposure
from evertape.hub.auth.install import make_security
from evertape.hub.auth.origin import listed
from evertape.hub.auth.refusal import Refusal
from evertape.hub.auth.security import Security
from evertape.hub.auth.setup import setup_url
from evertape.hub.certificate import LOOK_S, Tls, open_tls
from evertape.hub.engine_link import EngineLink
from evertape.hub.news import News
from evertape.hub.place import FILE
from evertape.hub.reading import IndexReading
from evertape.hub.services import Services, Settings
from evertape.hub.serving import Server, configured, listen, url_of, why_not
from evertape.ipc.messages import HubAssignment, HubListens, Message
from evertape.ipc.places import run_dir, socket_path

log = logging.getLogger(__name__)
# It tells of its own life; what matters of it is told here.
logging.getLogger("uvicorn").setLevel(logging.WARNING)

_YOUNG = 10_000
"""So many more objects than before are made before the youngest are gone through."""
_AGAIN_S = 2.0
"""How long to wait before a port that is taken is tried again."""
PLACE = FILE
"""In the directory of the sockets: where the hub listens, and its process."""


@dataclass(frozen=True)
class Place:
    """Where it listens, and by which certificate."""

    listen: str
    tls: str
    certificate: Path | None
    key: Path | None
    hosts: str | None
    proxies: str | None

    @classmethod
    def of(cls, hub: Hub) -> Place:
        """As configured."""
        return cls(hub.listen, str(hub.tls), hub.certificate, hub.key, hub.hosts, hub.proxies)


class HubProcess:
    """See the module.

    Args:
        clock: both clocks.
    """

    def __init__(self, clock: Clock) -> None:
        self.tell: Callable[[Message], None] = lambda _: None
        self._clock = clock
        self._services: Services | None = None
        self._security: Security | None = None
        self._link: EngineLink | None = None
        self._alerts: tuple[AlertDesk, MqttBridge] | tuple[()] = ()
        self._reading: IndexReading | None = None
        self._place: Place | None = None
        self._server: Server | None = None
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
        self._link = EngineLink(socket_path(settings.data.root, "control"), news.put, self._interrupted)
        self._reading = IndexReading(settings.data.index_file)
        self._services = Services(settings, self._link, self._reading, news, self._clock)
        desk = self._services.parts[ALERTS] = AlertDesk(self._services)
        self._alerts = (desk, MqttBridge(self._services, desk))
        for part in self._alerts:
            part.start()
        self._security = make_security(self._services)
        self._place = place
        self._link.start()
        self._serving = asyncio.get_running_loop().create_task(self._serve(), name="serving")

    def _interrupted(self) -> None:
        assert self._services is not None
        self._services.news.interrupted()
        desk: AlertDesk = self._services.parts[ALERTS]
        desk.interrupted()

    async def _stop(self) -> None:
        if self._serving is not None:
            self._serving.cancel()
            if self._server is not None:
                self._server.should_exit = True
            with contextlib.suppress(asyncio.CancelledError):
                await self._serving
        for part in reversed(self._alerts):
            await part.close()
        if self._services is not None:
            await self._services.exports.close()
        if self._security is not None:
            await self._security.trail.close(0.5)
            self._security.accounts.close()
        if self._link is not None:
            await self._link.close()
        if self._reading is not None:
            self._reading.close()

    # -- serving --------------------------------------------------------------------------------------------

    async def _serve(self) -> None:
        """Serve where it is configured, and again where it is configured then."""
        assert self._services is not None
        app = create_app(self._services, self._security)
        # Routes, models and their schemas live for ever. To go through them again and again for the ten thousands of
        # small objects of which one large answer consists, and which no cycle holds, took a third of its time.
        gc.collect()
        gc.freeze()
        gc.set_threshold(_YOUNG)
        said = ""
        while True:
            assert self._place is not None
            place = self._place
            self._moved.clear()
            try:
                sock = listen(place.listen)
                try:
                    tls = await asyncio.to_thread(self._tls)
                except BaseException:
                    sock.close()
                    raise
            except (OSError, EvertapeError) as error:
                problem = why_not(place.listen, error)
                if problem != said:
                    log.error("[HUB] %s; it is tried again, and recording is not affected", problem)
                    self.tell(HubListens(url="", problem=problem))
                    said = problem
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_AGAIN_S):
                        await self._moved.wait()
                continue
            said = ""
            await self._serve_at(app, sock, tls)

    async def _serve_at(self, app: object, sock: socket.socket, tls: Tls | None) -> None:
        assert self._services is not None
        url = url_of(sock, tls=tls is not None)
        config = configured(app, tls, listed(self._services.config.hub.proxies))
        self._server = server = Server(config)
        loop = asyncio.get_running_loop()
        task = loop.create_task(server.serve(sockets=[sock]))
        looking = loop.create_task(self._look(url, tls))
        try:
            while not server.started and not task.done():
                await asyncio.sleep(0.01)
            log.info("[HUB] the page is at %s", url)
            await self._write_key()
            await self._note(url)
            await self._first_words(url)
            self._tell_where(url, tls)
            await asyncio.shield(task)
        except asyncio.CancelledError:
            server.should_exit = True
            await task
            raise
        finally:
            looking.cancel()
            self._server = None
            await self._note("")

    def _tls(self) -> Tls | None:
        """In a thread: it reads, and perhaps makes, a certificate."""
        assert self._services is not None
        return open_tls(self._services.config.hub, self._services.settings.data.root, self._clock)

    def _tell_where(self, url: str, tls: Tls | None) -> None:
        assert self._services is not None
        warnings = (exposure(self._services.config.hub), tls.problem if tls is not None else "")
        self.tell(HubListens(url=url, warning="; ".join(filter(None, warnings))))

    async def _look(self, url: str, tls: Tls | None) -> None:
        """Notice that the certificate's files have changed."""
        while tls is not None:
            await asyncio.sleep(LOOK_S)
            if await asyncio.to_thread(tls.look):
                self._tell_where(url, tls)

    async def _first_words(self, url: str) -> None:
        """What a person has to know at the start: who could read along, and how to make the first account."""
        assert self._services is not None and self._security is not None
        if warning := exposure(self._services.config.hub):
            log.warning("[HUB] %s", warning)
        try:
            token = await self._security.accounts.begin()
        except Refusal as refusal:
            log.error("[HUB] nobody can log in: %s", refusal.what)
            return
        if token:
            log.warning("[HUB] there is no account yet; whoever opens %s makes the first one", setup_url(url, token))

    async def _write_key(self) -> None:
        assert self._security is not None and self._security.key is not None
        try:
            async with asyncio.timeout(2.0):
                await asyncio.to_thread(self._security.key.write)
        except (OSError, TimeoutError) as error:
            log.warning("[HUB] programs on this machine have to log in: the key for them cannot be written (%s)", error)

    async def _note(self, url: str) -> None:
        """Write down where it listens, for whoever looks; best effort, for the disk may hang."""
        assert self._services is not None
        path = run_dir(self._services.settings.data.root) / PLACE
        with contextlib.suppress(OSError, TimeoutError):
            await asyncio.wait_for(asyncio.to_thread(_note, path, url), 2.0)


def _note(path: Path, url: str) -> None:
    if not url:
        path.unlink(missing_ok=True)
        return
    new = path.with_suffix(".new")
    new.write_text(json.dumps({"url": url, "pid": os.getpid()}) + "\n", encoding="utf-8")
    new.replace(path)
