"""The line to an engine in this very process: the hub's own routes, called without a network between.

So a program that embeds Evertape (``RobustNVRPipeline``) can use the same widgets without a service or a port.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
from starlette.requests import HTTPConnection

from evertape.config.paths import DataDir
from evertape.config.schema import Config
from evertape.domain.roles import Role
from evertape.errors import NotRunningError
from evertape.hub.alerts.desk import PART, AlertDesk
from evertape.hub.api.events import of_event
from evertape.hub.app import create_app
from evertape.hub.auth import guard
from evertape.hub.auth.guard import Who
from evertape.hub.engine_link import EngineLink
from evertape.hub.news import News
from evertape.hub.reading import IndexReading
from evertape.hub.services import Services, Settings
from evertape.ipc.places import socket_path
from evertape.version import VERSION
from evertape_desktop.backend.link import API, Answer, StorageTeller
from evertape_desktop.backend.problem import Problem

if TYPE_CHECKING:
    from evertape.media.view.terms import ViewSource

_BASE = "http://127.0.0.1"


class InProcessLink:
    """See the module.

    Args:
        root: the data directory, whose engine answers at its control socket.
        config: the configuration in force; asked for each request.
    """

    def __init__(self, root: Path, config: Callable[[], Config]) -> None:
        self._root = root
        self._config = config
        self._services: Services | None = None
        self._engine: EngineLink | None = None
        self._client: httpx.AsyncClient | None = None
        self._reading: IndexReading | None = None
        self._desk: AlertDesk | None = None

    @classmethod
    def of_pipelines(cls, directory: str | Path) -> InProcessLink:
        """To the engine that the ``RobustNVRPipeline`` objects of this directory share."""
        from evertape.engine.embedded import EmbeddedEngine

        engine = EmbeddedEngine.running(directory)
        return cls(engine.data.root, lambda: engine.config)

    @property
    def name(self) -> str:
        """See ``Link``."""
        return str(self._root)

    async def request(
        self, method: str, path: str, query: Mapping[str, Any], body: Any, headers: Mapping[str, str]
    ) -> Answer:
        """See ``Link``."""
        client = self._opened()
        content = None if body is None else json.dumps(body).encode()
        sent = {**headers, "Content-Type": "application/json"} if content is not None else dict(headers)
        try:
            got = await client.request(method, API + path, params=dict(query), content=content, headers=sent)
        except httpx.HTTPError as error:
            raise Problem("unreachable", f"the engine does not answer: {error}") from None
        return Answer(got.status_code, got.content, got.headers.get("content-type", ""))

    async def events(self) -> AsyncIterator[dict[str, Any]]:
        """See ``Link``."""
        self._opened()
        assert self._services is not None
        with self._services.news.listen() as listener:
            yield {"type": "open"}
            while True:
                events, was_missed = await listener.next()
                if was_missed:
                    yield {"type": "missed"}
                for event in events:
                    yield {"type": "event", **of_event(event).model_dump(mode="json")}

    def source(self, camera: str, stream: str) -> ViewSource:
        """See ``Link``."""
        from evertape_desktop.video.local import feed_source

        return feed_source(self._root, camera, stream)

    def storage_teller(self) -> StorageTeller | None:
        """See ``Backend``: the engine itself, while one runs."""
        from evertape.engine.embedded import EmbeddedEngine

        try:
            return EmbeddedEngine.running(self._root)
        except NotRunningError:
            return None

    @property
    def can_stay(self) -> bool:
        """See ``Link``."""
        return False

    async def log_in(self, name: str, password: str, stay: bool = False) -> None:
        """Not needed: it is the same program."""
        raise Problem("not_needed", "an engine of this program needs no login")

    async def close(self) -> None:
        """See ``Link``."""
        if self._client is not None:
            await self._client.aclose()
        if self._desk is not None:
            await self._desk.close()
        if self._services is not None:
            await self._services.exports.close()
        if self._engine is not None:
            await self._engine.close()
        if self._reading is not None:
            self._reading.close()

    def _opened(self) -> httpx.AsyncClient:
        if self._client is None or self._services is None:
            data, news = DataDir(self._root), News()
            self._engine = EngineLink(socket_path(self._root, "control"), news.put, news.interrupted)
            self._reading = IndexReading(data.index_file)
            settings = Settings(data, data.config_file, self._config(), VERSION)
            self._services = Services(settings, self._engine, self._reading, news)
            self._desk = self._services.parts[PART] = AlertDesk(self._services)
            app = create_app(self._services)
            guard.install(app, _Owner())
            self._desk.start()
            self._engine.start()
            self._client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=_BASE, timeout=None)
        self._services.settings = replace(self._services.settings, config=self._config())
        return self._client


class _Owner:
    """Whoever runs the program may everything."""

    async def identify(self, _connection: HTTPConnection) -> Who:
        """See ``guard.Authority``."""
        return Who("this program", Role.ADMIN)
