"""``/volumes``: places to record to, by the words of the command line."""

from __future__ import annotations

import asyncio
from pathlib import Path as FilePath
from typing import Annotated, Literal

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict, Field

from evertape.config.edit import add_volume, remove_volume, set_value, set_values
from evertape.engine.system_disk import on_system_disk
from evertape.hub import configuring
from evertape.hub.api.asking import Admin, Operator, Viewer
from evertape.hub.api.state import VolumeStatus
from evertape.hub.api.status import volume_states
from evertape.hub.configuring import Change
from evertape.hub.errors import HubError, errors, unknown
from evertape.hub.services import Services, Shared

router = APIRouter(prefix="/volumes", tags=["volumes"])

CHECK_S = 10.0
_LOOK_S = 3.0
"""A folder that is looked at for so long without an answer lies on a disk that hangs."""

VolumeName = Annotated[str, Path(description="The volume's name.", examples=["usb1"])]
Role = Literal["primary", "spill", "retired"]


class VolumeList(BaseModel):
    """Every volume in use, in the order of the configuration."""

    volumes: list[VolumeStatus]


class NewVolume(BaseModel):
    """A place to record to."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(examples=["usb1"])
    path: str = Field(description="A mounted disk, or a folder on one; absolute.", max_length=4000)
    role: Literal["primary", "spill"] = "primary"
    on_system_disk: bool = Field(default=False, description="Use it although it is on the disk of the system itself.")


class VolumeChange(BaseModel):
    """What is to be changed of a volume; what is left out stays."""

    model_config = ConfigDict(extra="forbid")

    path: str | None = Field(default=None, max_length=4000)
    role: Role | None = None
    mount: bool | None = Field(default=None, description="Used only while something is mounted there.")


@router.get("", summary="All volumes", responses=errors(401, 403, 503))
async def volumes(services: Shared, _who: Viewer) -> VolumeList:
    """State, space, rate and how long each lasts."""
    return VolumeList(volumes=await volume_states(services, await services.engine.status()))


@router.post("/check", summary="Look at all volumes now", responses=errors(401, 403, 409, 503))
async def check(services: Shared, _who: Operator) -> VolumeList:
    """Identity, mount, permission, free space. Waits up to 10 s for one that does not answer."""
    await services.engine.ask("check_volumes", timeout_s=CHECK_S)
    return VolumeList(volumes=await volume_states(services, await services.engine.status(fresh=True)))


@router.post("", summary="Add a volume", status_code=201, responses=errors(401, 403, 409, 503))
async def add(body: NewVolume, services: Shared, _who: Admin) -> Change:
    """In use at once. Nothing is made at `path`; a disk that is not there now is used once it is mounted."""
    if body.name in services.config.volumes:
        raise HubError(409, "volume_exists", f"there is a volume {body.name!r} already", where=["body", "name"])
    fields: dict[str, object] = {"path": body.path, "role": body.role}
    if await _on_system_disk(body.path):
        if not body.on_system_disk:
            raise HubError(
                409,
                "on_system_disk",
                f"{body.path} is on the disk of the system itself, which footage will fill",
                hint="send on_system_disk: true to use it all the same",
                where=["body", "path"],
            )
        # Said by a person, so that it is not taken for a mount point whose disk is missing.
        fields["mount"] = False
    return await configuring.change(services, lambda file: add_volume(file, body.name, fields))


@router.patch("/{volume}", summary="Change a volume", responses=errors(401, 403, 404, 409, 503))
async def edit(volume: VolumeName, body: VolumeChange, services: Shared, _who: Admin) -> Change:
    """Its path, its role, or whether it has to be mounted; `mount: null` leaves that to what is found."""
    _declared(services, volume)
    given = body.model_dump(exclude_unset=True)
    if not given:
        raise HubError(422, "nothing_to_change", "nothing is to be changed", where=["body"])

    values = {f"volumes.{volume}.{key}": value for key, value in given.items()}
    return await configuring.change(services, lambda file: set_values(file, values))


@router.post("/{volume}/retire", summary="Write nothing new to it", responses=errors(401, 403, 404, 409, 503))
async def retire(volume: VolumeName, services: Shared, _who: Admin) -> Change:
    """Its footage stays readable. What is being written there goes on elsewhere at the next keyframe."""
    _declared(services, volume)
    others = services.config.volumes.items()
    if all(name == volume or str(other.role) == "retired" for name, other in others):
        raise HubError(409, "only_volume", f"{volume} is the only volume in use", hint="add another one first")
    return await configuring.change(services, lambda file: set_value(file, f"volumes.{volume}.role", "retired"))


@router.delete("/{volume}", summary="Remove a volume", responses=errors(401, 403, 404, 409, 503))
async def remove(volume: VolumeName, services: Shared, _who: Admin) -> Change:
    """Takes it out of the configuration. Its footage stays."""
    _declared(services, volume)
    done = await configuring.change(services, lambda file: remove_volume(file, volume))
    if len(services.config.volumes) <= 1:
        # The built-in one is about to be used.
        await asyncio.to_thread(services.settings.data.recordings.mkdir, parents=True, exist_ok=True)
    return done


def _declared(services: Services, volume: str) -> None:
    if volume not in services.config.volumes:
        raise unknown("volume", volume, known=list(services.config.volumes))


async def _on_system_disk(path: str) -> bool:
    """Raises 422 for what is no folder, 503 for one that does not answer."""
    try:
        found = await asyncio.wait_for(asyncio.to_thread(_look, FilePath(path)), _LOOK_S)
    except TimeoutError:
        raise HubError(503, "volume_unusable", f"{path} does not answer", where=["body", "path"]) from None
    except (OSError, ValueError):
        return False  # what is wrong with it is said by whoever uses it
    if found is None:
        raise HubError(422, "no_folder", f"{path} is no folder", where=["body", "path"])
    return found


def _look(path: FilePath) -> bool | None:
    """Whether a folder lies in the root file system; ``None``: it is there and no folder."""
    if not path.is_absolute() or not path.exists():
        return False
    return on_system_disk(path) if path.is_dir() else None
