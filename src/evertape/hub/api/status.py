"""``GET /status``: the whole state, for whoever wants to see in one glance whether all is safe."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from evertape.engine.usage import terms_of
from evertape.hub.api.asking import Viewer
from evertape.hub.api.state import (
    CameraState,
    DayAccount,
    Homecoming,
    ProcessState,
    RecordingState,
    RingState,
    ServiceState,
    StreamState,
    VolumeStatus,
    Wish,
    parse_cameras,
    parse_homecoming,
    parse_volumes,
)
from evertape.hub.api.times import instant
from evertape.hub.auth.guard import Who
from evertape.hub.errors import errors
from evertape.hub.services import Services, Shared

router = APIRouter(tags=["status"])


@router.get("/status", summary="The whole state", responses=errors(401, 403, 503))
async def status(services: Shared, who: Viewer) -> ServiceState:
    """Cameras with their last 24 hours, volumes, homecoming, memory and processes, as they are now."""
    raw = await services.engine.status()
    return ServiceState(
        name=services.config.installation.name,
        version=raw["version"],
        now=instant(raw["now_utc"]),
        started=instant(raw["started_utc"]),
        timezone=services.config.installation.timezone,
        data=raw["data"],
        cameras=await camera_states(services, raw, who),
        volumes=await volume_states(services, raw),
        homecoming=Homecoming.of(parse_homecoming(raw)),
        ring=RingState(**raw["ring"]),
        processes=[ProcessState(**process) for process in raw["processes"]],
    )


async def camera_states(services: Services, raw: dict[str, Any], who: Who) -> list[CameraState]:
    """Every camera that ``who`` sees, in the order of the configuration; also those that are not used."""
    infos = parse_cameras(raw)
    days = await services.looks.days(raw, infos)
    by_id = {info.id: info for info in infos}
    wishes = raw.get("wishes", {})
    found = []
    for name, camera in services.config.cameras.items():
        if not who.sees(name):
            continue
        info, day = by_id.get(name), days.get(name)
        found.append(
            CameraState(
                id=name,
                name=camera.name,
                enabled=camera.enabled,
                sub=camera.sub_url is not None,
                streams=[] if info is None else [StreamState.of(stream) for stream in info.streams],
                recording=None if info is None else RecordingState.of(info.recording),
                wish=Wish.of(wishes[name]) if name in wishes else None,
                mistakes=0 if info is None else info.mistakes,
                day=None if day is None else DayAccount.of(day),
            )
        )
    return found


async def volume_states(services: Services, raw: dict[str, Any]) -> list[VolumeStatus]:
    """Every volume in use, in the order of the configuration."""
    usage, terms, homecoming = await services.looks.usage(raw), terms_of(raw), parse_homecoming(raw)
    return [VolumeStatus.of(info, usage, terms, homecoming) for info in parse_volumes(raw)]
