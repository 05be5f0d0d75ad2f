"""``/cameras``: looking at them, adding, changing, removing; what a camera offers before it is saved."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict, Field

from evertape.config.edit import add_camera, camera_of, edit_camera, remove_camera
from evertape.config.schema import Camera
from evertape.config.show import shown
from evertape.hub import configuring
from evertape.hub.api.asking import Admin, Viewer
from evertape.hub.api.common import configured
from evertape.hub.api.state import CameraState
from evertape.hub.api.status import camera_states
from evertape.hub.auth.guard import Who
from evertape.hub.configuring import Change
from evertape.hub.errors import HubError, errors
from evertape.hub.services import Services, Shared
from evertape.hub.work import run
from evertape.types import CameraId as Id

router = APIRouter(prefix="/cameras", tags=["cameras"])

CameraId = Annotated[str, Path(description="The camera's id.", examples=["door"])]


class CameraSettings(BaseModel):
    """A camera as it is configured; passwords are masked. Every key of docs/reference/config.md may stand in it."""

    model_config = ConfigDict(extra="allow")

    url: str = Field(description="The stream that is recorded; a password in it is masked.")
    sub_url: str | None = Field(default=None, description="A smaller stream, for viewing.")
    enabled: bool
    record: bool = Field(description="Whether it is recorded without being told to.")


class CameraAnswer(CameraState):
    """A camera: how it is, and how it is configured."""

    settings: CameraSettings


class CameraList(BaseModel):
    """All that whoever asks may see, in the order of the configuration."""

    cameras: list[CameraAnswer]


class CameraLogin(BaseModel):
    """Where a camera is and how to log in."""

    model_config = ConfigDict(extra="forbid")

    url: str = Field(description="`rtsp://…` or `rtsps://…`.", max_length=2000, examples=["rtsp://192.0.2.10/stream1"])
    sub_url: str | None = Field(default=None, max_length=2000, description="A smaller stream, for viewing.")
    user: str | None = Field(default=None, max_length=200)
    password: str | None = Field(default=None, max_length=500, description="Saved as it is; never answered.")
    transport: str | None = Field(default=None, description="`tcp` or `udp`.")


class NewCamera(CameraLogin):
    """A camera to be added."""

    id: str = Field(description="For good: it names the camera's folders and files.", examples=["door"])
    name: str | None = Field(default=None, description="For people.")
    audio: bool | None = Field(default=None, description="Whether its sound is recorded too.")
    record: bool | None = Field(default=None, description="Whether to record it from the beginning.")
    settings: dict[str, Any] = Field(default={}, description="Any other key of `[cameras.ID]`, such as `latency`.")


class Probe(BaseModel):
    """What a camera offers."""

    model_config = ConfigDict(extra="allow")

    ok: bool = Field(description="It could be looked at.")
    error: str = Field(default="", description="Why not.")
    hint: str = ""
    codec: str = ""
    width: int = 0
    height: int = 0
    fps: float | None = None
    gop_s: float | None = Field(default=None, description="Seconds between keyframes.")
    bit_rate: float | None = Field(default=None, description="Bits per second.")
    audio: dict[str, Any] | None = None
    notices: list[dict[str, Any]] = Field(default=[], description="What a person should know of it.")


PROBE_S = 45.0


@router.get("", summary="All cameras", responses=errors(401, 403, 503))
async def cameras(services: Shared, who: Viewer) -> CameraList:
    """How each camera is, with its account of the last 24 hours, and how it is configured."""
    return CameraList(cameras=await _answers(services, who))


@router.post("/probe", summary="What a camera offers", responses=errors(401, 403))
async def probe(body: CameraLogin, services: Shared, _who: Admin) -> Probe:
    """Looks at it for a few seconds; nothing is saved. Takes up to 45 s for a camera that does not answer."""
    fields = body.model_dump(exclude_none=True)
    camera_of(fields)  # refuses what makes no camera, in our words
    order = fields | {"data_directory": str(services.settings.data.root)}
    answer = await run("evertape.hub.work_probe", order, timeout_s=PROBE_S)
    return Probe(**answer)


@router.post("", summary="Add a camera", status_code=201, responses=errors(401, 403, 409, 503))
async def add(body: NewCamera, services: Shared, who: Admin) -> Change:
    """Checked, saved and in force at once; comments in the configuration's file stay. Probe it first."""
    if Id(body.id) in services.config.cameras:
        raise HubError(409, "camera_exists", f"there is a camera {body.id!r} already", where=["body", "id"])
    _new(body)
    fields = body.model_dump(exclude_none=True, exclude={"id", "settings"}) | body.settings
    return await configuring.change(services, lambda file: add_camera(file, body.id, fields))


@router.get("/{camera}", summary="One camera", responses=errors(401, 403, 404, 503))
async def camera(camera: CameraId, services: Shared, who: Viewer) -> CameraAnswer:
    """How it is, with its account of the last 24 hours, and how it is configured."""
    configured(services, who, camera)
    return next(one for one in await _answers(services, who) if one.id == camera)


@router.patch("/{camera}", summary="Change a camera", responses=errors(401, 403, 404, 409, 503))
async def edit(camera: CameraId, body: dict[str, Any], services: Shared, who: Admin) -> Change:
    """Keys of `[cameras.ID]` with their new values; `null` takes one out, so that its default counts.

    Keys of tables beneath are named `backoff.base`, `retention.max_age`. No other camera notices.
    """
    configured(services, who, camera)
    if not body:
        raise HubError(422, "nothing_to_change", "nothing is to be changed", where=["body"])
    fields = dict(body)
    if "password" in fields and fields["password"] is not None:
        known = services.config.cameras[Id(camera)]
        for other in ("password_env", "password_file"):
            if getattr(known, other) is not None:
                fields.setdefault(other, None)
    return await configuring.change(services, lambda file: edit_camera(file, camera, configuring.plain(fields)))


@router.delete("/{camera}", summary="Remove a camera", responses=errors(401, 403, 404, 409, 503))
async def remove(camera: CameraId, services: Shared, who: Admin) -> Change:
    """Takes it out of the configuration. Its footage stays, and can still be asked for."""
    configured(services, who, camera)
    return await configuring.change(services, lambda file: remove_camera(file, camera))


def _new(body: NewCamera) -> None:
    doubled = sorted(set(body.settings) & (set(NewCamera.model_fields) - {"settings"}))
    if doubled:
        raise HubError(
            422, "given_twice", f"{', '.join(doubled)} belongs outside of settings", where=["body", "settings"]
        )
    missing = sorted(set(body.settings) - set(Camera.model_fields))
    if missing:
        raise HubError(
            422, "key_unknown", f"there is no key {missing[0]!r} of a camera", where=["body", "settings", missing[0]]
        )


async def _answers(services: Services, who: Who) -> list[CameraAnswer]:
    raw = await services.engine.status()
    states = await camera_states(services, raw, who)
    settings = shown(services.config)["cameras"]
    return [CameraAnswer(**state.model_dump(), settings=CameraSettings(**settings[state.id])) for state in states]
