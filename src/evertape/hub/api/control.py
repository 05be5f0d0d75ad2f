"""Starting and stopping recording, and the partial restarts, by the words of the command line."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict, Field

from evertape.hub.api.asking import Operator
from evertape.hub.api.common import configured
from evertape.hub.auth.guard import Who
from evertape.hub.errors import HubError, errors
from evertape.hub.services import Services, Shared
from evertape.types import CameraId as Id

router = APIRouter(tags=["recording"])

CameraId = Annotated[str, Path(description="The camera's id.", examples=["door"])]


class Wanted(BaseModel):
    """Whether a camera is to be recorded."""

    model_config = ConfigDict(extra="forbid")

    wanted: bool = Field(description="`true`: from now on; `false`: no longer.")


class WantedOf(Wanted):
    """Whether these cameras are to be recorded."""

    cameras: list[str] | None = Field(default=None, description="Ids; default: all that whoever asks may see.")


class Wished(BaseModel):
    """What is wished from now on; it survives restarts."""

    cameras: list[str]
    wanted: bool


class Done(BaseModel):
    """What was done."""

    camera: str
    command: str
    text: str = Field(description="For people; may be empty.")


class Where(BaseModel):
    """Where to."""

    model_config = ConfigDict(extra="forbid")

    volume: str = Field(default="", description="A volume's name; default: where it would be written by itself.")


@router.post("/recording", summary="Start or stop recording", responses=errors(401, 403, 404, 409, 503))
async def record(body: WantedOf, services: Shared, who: Operator) -> Wished:
    """Of several cameras at once. Files end at the last frame and can be read at once; viewers go on."""
    enabled = [str(name) for name, camera in services.config.cameras.items() if camera.enabled]
    names = who.visible(enabled) if body.cameras is None else [configured(services, who, n) for n in body.cameras]
    return await _wish(services, who, names, body.wanted)


@router.post(
    "/cameras/{camera}/recording", summary="Start or stop recording", responses=errors(401, 403, 404, 409, 503)
)
async def record_one(camera: CameraId, body: Wanted, services: Shared, who: Operator) -> Wished:
    """Of one camera. Its file ends at the last frame and can be read at once; viewers go on."""
    return await _wish(services, who, [configured(services, who, camera)], body.wanted)


@router.post("/cameras/{camera}/restart", summary="Connect anew", responses=errors(401, 403, 404, 409, 503))
async def restart(camera: CameraId, services: Shared, who: Operator) -> Done:
    """Connects to the camera anew. A camera that was given up is tried again."""
    return await _command(services, who, camera, "restart")


@router.post("/cameras/{camera}/restart-writer", summary="A new writer", responses=errors(401, 403, 404, 409, 503))
async def restart_writer(camera: CameraId, services: Shared, who: Operator) -> Done:
    """Throws the camera's writer away and begins a new file. No frame is lost, and viewers notice nothing."""
    return await _command(services, who, camera, "restart-writer")


@router.post("/cameras/{camera}/split", summary="A new file", responses=errors(401, 403, 404, 409, 503))
async def split(camera: CameraId, services: Shared, who: Operator) -> Done:
    """Begins a new file, with the last keyframe."""
    return await _command(services, who, camera, "split")


@router.post("/cameras/{camera}/move", summary="To another volume", responses=errors(401, 403, 404, 409, 503))
async def move(camera: CameraId, body: Where, services: Shared, who: Operator) -> Done:
    """Writes the camera to another volume from now on, until that one fails or another is asked for."""
    return await _command(services, who, camera, "move", volume=body.volume)


async def _wish(services: Services, who: Who, names: list[str], wanted: bool) -> Wished:
    off = [name for name in names if not services.config.cameras[Id(name)].enabled]
    if off:
        raise HubError(
            409, "camera_disabled", f"{', '.join(off)} is not enabled", hint="set enabled of the camera to true first"
        )
    if names:
        await services.engine.ask("record", cameras=names, wanted=wanted, by=who.name)
    return Wished(cameras=names, wanted=wanted)


async def _command(services: Services, who: Who, camera: str, command: str, **more: Any) -> Done:
    answer = await services.engine.ask("camera", camera=configured(services, who, camera), command=command, **more)
    return Done(camera=camera, command=command, text=answer.get("text", ""))
