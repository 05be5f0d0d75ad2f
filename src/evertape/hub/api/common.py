"""What many routes need: which cameras there are for whoever asks, and what recorders know of the newest footage."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, TypeAlias

from fastapi import Query

from evertape.domain.coverage import LIVE, Held
from evertape.engine.held import held, open_until
from evertape.hub.api.state import parse_cameras
from evertape.hub.api.times import Moment
from evertape.hub.auth.guard import Who
from evertape.hub.errors import HubError, unknown
from evertape.hub.services import Services
from evertape.ipc.messages import CameraInfo
from evertape.store.failures import IndexBusyError, IndexDamagedError
from evertape.store.index import View

Start: TypeAlias = Annotated[Moment, Query(description="From when on.")]
End: TypeAlias = Annotated[Moment, Query(description="Until when, exclusive.")]
Cameras: TypeAlias = Annotated[list[str] | None, Query(alias="camera", description="Ids; default: all cameras.")]


@dataclass(frozen=True)
class Live:
    """What recorders know and the index does not yet.

    Args:
        now: UTC ns.
        cameras: as they report.
        raw: the whole answer to ``status``.
    """

    now: int
    cameras: Sequence[CameraInfo]
    raw: Mapping[str, Any]

    def seen_from(self, end: int) -> int:
        """The instant from which an account up to ``end`` is given: whoever asks for all up to now asks a moment later.

        Between the two there is nothing on record yet, and that is no gap.
        """
        return end if self.now - LIVE < end <= self.now else self.now

    def open_until(self, index: View) -> dict[str, int]:
        """Up to when files that are being written hold footage; blocking."""
        return open_until(self.cameras, index.open_segments())

    def held(self, camera: str) -> Held | None:
        """What of a camera is in memory only."""
        return held(self.cameras, self.now).get(camera)


async def live(services: Services) -> Live:
    """As of now. Raises ``NotRunningError`` if the engine is away."""
    raw = await services.engine.status()
    return Live(int(services.clock.utc_ns()), parse_cameras(raw), raw)


def configured(services: Services, who: Who, camera: str) -> str:
    """The id of a camera of the configuration that ``who`` sees; raises 404."""
    known = who.visible(map(str, services.config.cameras))
    if camera not in known:
        raise unknown("camera", camera, known=known)
    return camera


async def every_camera(services: Services, who: Who) -> list[str]:
    """Those of the configuration, and those of which there is footage still."""
    names = [str(name) for name in services.config.cameras]
    # Without the index, what is configured is known all the same.
    with contextlib.suppress(IndexBusyError, IndexDamagedError):
        names = list(dict.fromkeys((*names, *await services.reading.ask(lambda index: index.cameras()))))
    return who.visible(names)


async def recorded(services: Services, who: Who, camera: str) -> str:
    """The id of a camera that there is, or was; raises 404."""
    if camera in services.config.cameras and who.sees(camera):
        return camera
    known = await every_camera(services, who)
    if camera not in known:
        raise unknown("camera", camera, known=known)
    return camera


async def chosen(services: Services, who: Who, cameras: Sequence[str] | None) -> list[str]:
    """The cameras that were asked for, by default all there are or were; raises 404."""
    known = await every_camera(services, who)
    for camera in cameras or ():
        if camera not in known:
            raise HubError(
                404,
                "camera_unknown",
                f"there is no camera {camera!r}",
                hint=f"the cameras are: {', '.join(known)}" if known else "",
                where=["query", "camera"],
            )
    return list(dict.fromkeys(cameras)) if cameras else known


def window(start: int, end: int) -> tuple[int, int]:
    """Raises 422 unless ``start`` is before ``end``."""
    if start >= end:
        raise HubError(422, "window_empty", "the end is not after the start", where=["query", "end"])
    return start, end
