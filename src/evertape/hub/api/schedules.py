"""``/schedules``: when cameras are recorded: what holds now, who says so, until when; the coming week."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel, Field

from evertape.engine.schedule_plan import Plan, plan
from evertape.hub.api.asking import Viewer
from evertape.hub.api.common import configured
from evertape.hub.api.times import Instant, instant, optional_instant
from evertape.hub.errors import errors
from evertape.hub.services import Services, Shared

router = APIRouter(tags=["recording"])


class ScheduledSpan(BaseModel):
    """A time in which a camera is recorded."""

    start: Instant
    end: Instant


class CameraSchedule(BaseModel):
    """When one camera is recorded."""

    camera: str
    wanted: bool = Field(description="Now.")
    by: str = Field(description="`schedule`, `person` or `configuration`; empty: not known yet.")
    until: Instant | None = Field(description="Until when that holds; null: for good.")
    schedule: str = Field(description="As in the configuration; `always`: there is none.")
    timezone: str | None = Field(description="The time zone it is meant in; null: the machine's.")
    week: list[ScheduledSpan] | None = Field(description="The coming week; null: there is no schedule.")


class ScheduleList(BaseModel):
    """When cameras are recorded."""

    cameras: list[CameraSchedule]


@router.get("/schedules", summary="When cameras are recorded", responses=errors(401, 403, 503))
async def schedules(services: Shared, who: Viewer) -> ScheduleList:
    """Those that are enabled. Set one with `PATCH /cameras/{id}` and `{"schedule": "mon-fri 07:30-19:00"}`."""
    names = [str(name) for name, camera in services.config.cameras.items() if camera.enabled]
    return ScheduleList(cameras=await _plans(services, who.visible(names)))


@router.get("/cameras/{camera}/schedule", summary="When it is recorded", responses=errors(401, 403, 404, 503))
async def schedule(
    camera: Annotated[str, Path(description="The camera's id.")], services: Shared, who: Viewer
) -> CameraSchedule:
    """What holds now, who says so, until when; and the coming week."""
    return (await _plans(services, [configured(services, who, camera)]))[0]


async def _plans(services: Services, names: list[str]) -> list[CameraSchedule]:
    raw = await services.engine.status()
    now = services.clock.utc_ns()
    return [_answer(plan(services.config, name, raw.get("wishes", {}).get(name), now)) for name in names]


def _answer(found: Plan) -> CameraSchedule:
    spans = None
    if found.spans is not None:
        spans = [ScheduledSpan(start=instant(start), end=instant(end)) for start, end in found.spans]
    return CameraSchedule(
        camera=found.camera,
        wanted=found.wanted,
        by=found.by,
        until=optional_instant(found.until),
        schedule=found.schedule,
        timezone=found.zone,
        week=spans,
    )
