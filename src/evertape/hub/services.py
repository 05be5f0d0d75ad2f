"""What the hub's routers share. Tests give them canned ones.

Threads: the owner's loop only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from fastapi import Depends
from starlette.requests import HTTPConnection

from evertape.clock import Clock, SystemClock
from evertape.config.paths import DataDir
from evertape.config.schema import Config
from evertape.hub.engine_link import Engine
from evertape.hub.files import EngineWhereabouts, Footage, Whereabouts
from evertape.hub.jobs import Exports, Job
from evertape.hub.looks import Looks
from evertape.hub.news import News
from evertape.hub.reading import Reading


@dataclass(frozen=True)
class Settings:
    """Where everything is, and the configuration in force.

    Args:
        data: the data directory.
        config_file: the configuration's file.
        config: in force; its passwords are in it, so it is never answered as it is.
        version: of the program.
        service: the run of the service.
    """

    data: DataDir
    config_file: Path
    config: Config = field(repr=False)
    version: str = ""
    service: str = ""


@dataclass
class Services:
    """See the module.

    Args:
        settings: replaced whole when the configuration changes.
        engine: the line to the supervisor.
        reading: questions to the index.
        news: events as they happen.
        clock: both clocks.
        whereabouts: where volumes are; by default as the engine says.
        parts: what further routers keep here, by name (accounts, jobs, alerts, …).
    """

    settings: Settings
    engine: Engine
    reading: Reading
    news: News = field(default_factory=News)
    clock: Clock = field(default_factory=SystemClock)
    whereabouts: Whereabouts | None = None
    parts: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.looks = Looks(self.reading)
        state = self.settings.data.root / "state"
        self.exports = Exports(self.settings.data.root / "exports", self._order, self.clock)
        self.files = Footage(self.whereabouts or EngineWhereabouts(self.engine.status, state))

    async def _order(self, job: Job) -> Mapping[str, Any]:
        # Imported here: what an export is told is put together by its routes, which need these services.
        from evertape.hub.api.exports import order_of

        return await order_of(self, job)

    @property
    def config(self) -> Config:
        """The configuration in force."""
        return self.settings.config


def services_of(connection: HTTPConnection) -> Services:
    """The services of the application that a request or a WebSocket came to."""
    services: Services = connection.app.state.services
    return services


Shared = Annotated[Services, Depends(services_of)]
"""For a route: ``async def status(services: Shared)``."""
