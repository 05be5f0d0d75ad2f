"""``/healthz`` and ``/readyz`` for machines, which say nothing that is secret; ``/health`` of each part."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, Field
from starlette.responses import JSONResponse, Response

from evertape.errors import EvertapeError
from evertape.hub.api.asking import Viewer
from evertape.hub.api.state import VolumeStatus, parse_cameras, parse_volumes
from evertape.hub.errors import errors
from evertape.hub.services import Services, Shared
from evertape.ipc.messages import CameraInfo, VolumeInfo
from evertape.redact import redact
from evertape.store.failures import IndexBusyError, IndexDamagedError

router = APIRouter(tags=["machines"])


class Healthy(BaseModel):
    """It lives."""

    status: str = Field(default="ok", description="`ok`.")


@router.get("/healthz", summary="Whether the hub lives")
async def healthz() -> Healthy:
    """Answered by the hub alone: whoever supervises it need not know more."""
    return Healthy(status="ok")


@router.get("/readyz", summary="Whether questions can be answered", response_model=Healthy, responses=errors(503))
async def readyz(services: Shared) -> Response:
    """Whether the engine is there, so that more than files can be served."""
    await services.engine.status()
    return JSONResponse({"status": "ok"})


class PartHealth(BaseModel):
    """One part of the service."""

    part: str = Field(description="`engine`, `index`, `keeper`, a recorder, a volume, or a camera.")
    ok: bool
    what: str = Field(description="What is wrong; empty: nothing.")


class Health(BaseModel):
    """Of each part."""

    ok: bool = Field(description="All of them are well.")
    parts: list[PartHealth]


parts_router = APIRouter(tags=["status"])


@parts_router.get("/health", summary="How each part is", responses=errors(401, 403))
async def health(services: Shared, who: Viewer) -> Health:
    """Engine, index, volumes, and the cameras that whoever asks may see."""
    parts = [await _index(services)]
    try:
        raw = await services.engine.status()
    except EvertapeError as error:
        parts.insert(0, PartHealth(part="engine", ok=False, what=error.what))
    else:
        parts.insert(0, PartHealth(part="engine", ok=True, what=""))
        parts += [_process(process) for process in raw["processes"]]
        parts += [_volume(info) for info in parse_volumes(raw)]
        parts += [_camera(info) for info in parse_cameras(raw) if who.sees(info.id)]
    return Health(ok=all(part.ok for part in parts), parts=parts)


async def _index(services: Services) -> PartHealth:
    try:
        await services.reading.ask(lambda index: index.cursor())
    except (IndexBusyError, IndexDamagedError) as error:
        return PartHealth(part="index", ok=False, what=error.what)
    return PartHealth(part="index", ok=True, what="")


def _process(process: Mapping[str, Any]) -> PartHealth:
    runs = bool(process["pid"])
    return PartHealth(part=f"process {process['name']}", ok=runs, what="" if runs else "it is being replaced")


def _volume(info: VolumeInfo) -> PartHealth:
    usable = VolumeStatus.is_usable(info.state)
    what = "" if usable else redact(info.reason) or info.state.replace("_", " ")
    return PartHealth(part=f"volume {info.name}", ok=usable, what=what)


def _camera(info: CameraInfo) -> PartHealth:
    recording = info.recording
    ok = not recording.wanted or recording.state == "recording"
    what = "" if ok else f"it is not recorded: {redact(recording.reason or recording.state).replace('_', ' ')}"
    return PartHealth(part=f"camera {info.id}", ok=ok, what=what)
