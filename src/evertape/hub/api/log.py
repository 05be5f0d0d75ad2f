"""``/log``: the newest lines that the service's processes wrote; what happened for good is in ``/events``."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from evertape.hub.api.asking import Operator
from evertape.hub.api.times import Instant, instant
from evertape.hub.errors import errors
from evertape.hub.services import Shared
from evertape.redact import redact

router = APIRouter(tags=["events"])

MOST = 5000


class LogLevel(StrEnum):
    """How grave a line is."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class LogLine(BaseModel):
    """One line of the log."""

    seq: int = Field(description="Rises by one with each line since the service was started.")
    at: Instant
    level: str = Field(examples=["warning"])
    process: str = Field(description="Which of the service's processes wrote it.")
    text: str


class LogAnswer(BaseModel):
    """The newest lines, oldest first."""

    lines: list[LogLine]


@router.get("/log", summary="What the processes say", responses=errors(401, 403, 409, 503))
async def log_lines(
    services: Shared,
    who: Operator,
    after: Annotated[int, Query(ge=0, description="Only lines behind the one with this `seq`.")] = 0,
    limit: Annotated[int, Query(ge=1, le=MOST, description="So many at most, the newest.")] = 500,
    level: Annotated[LogLevel, Query(description="At least as grave.")] = LogLevel.DEBUG,
) -> LogAnswer:
    """Some thousand lines are kept in memory; the machine's own journal has older ones.

    Lines that name a camera which whoever asks may not see are left out.
    """
    raw = await services.engine.ask("log", after=after, limit=limit, level=str(level))
    hidden = [name for name in services.config.cameras if not who.sees(name)]
    return LogAnswer(
        lines=[
            LogLine(
                seq=line["seq"],
                at=instant(line["at"]),
                level=line["level"],
                process=line["process"],
                text=redact(line["text"]),
            )
            for line in raw["lines"]
            if not any(name in line["text"] or name in line["process"] for name in hidden)
        ]
    )
