"""``/cameras/{id}/snapshot.jpg``: a picture, of now or of a recorded instant."""

from __future__ import annotations

import base64
from collections import OrderedDict
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query
from starlette.responses import Response

from evertape.hub.api.asking import Viewer
from evertape.hub.api.common import configured, live, recorded
from evertape.hub.api.times import Moment
from evertape.hub.auth.guard import Who
from evertape.hub.errors import HubError, errors
from evertape.hub.services import Services, Shared
from evertape.hub.work import run
from evertape.store.rows import SegmentRow
from evertape.types import NS_PER_S, CameraId

router = APIRouter(tags=["footage"])

DEADLINE_S = 15.0
LIVE_FRESH_NS = NS_PER_S
_KEPT = 32 << 20
"""Bytes of recorded pictures that are remembered: whoever scrubs asks for the same ones again and again."""
Stream = Literal["main", "sub"]


class Pictures:
    """Those that were made lately."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[Any, ...], bytes] = OrderedDict()
        self._bytes = 0

    def get(self, key: tuple[Any, ...]) -> bytes | None:
        """One of them."""
        if key in self._kept:
            self._kept.move_to_end(key)
        return self._kept.get(key)

    def put(self, key: tuple[Any, ...], picture: bytes) -> None:
        """Remember one, and forget the oldest."""
        self._bytes += len(picture) - len(self._kept.pop(key, b""))
        self._kept[key] = picture
        while self._bytes > _KEPT:
            self._bytes -= len(self._kept.popitem(last=False)[1])


@router.get(
    "/cameras/{camera}/snapshot.jpg",
    summary="A picture",
    response_class=Response,
    responses={
        200: {"content": {"image/jpeg": {}}, "description": "The picture."},
        **errors(401, 403, 404, 503, 504),
    },
)
async def snapshot(
    camera: Annotated[str, Path(description="The camera's id.")],
    services: Shared,
    who: Viewer,
    at: Annotated[Moment | None, Query(description="A recorded instant; default: now.")] = None,
    stream: Annotated[Stream, Query(description="Of now: which stream.")] = "main",
    width: Annotated[int | None, Query(ge=16, le=4096, description="Pixels, if it is to be smaller.")] = None,
) -> Response:
    """A JPEG. While a camera is away there is none of now: 503 says so; where nothing is recorded, 404."""
    if at is None:
        picture = await _now(services, configured(services, who, camera), stream, width)
        return Response(picture, media_type="image/jpeg", headers={"Cache-Control": "no-store"})
    picture = await _then(services, who, camera, at, width)
    return Response(picture, media_type="image/jpeg", headers={"Cache-Control": "private, max-age=3600"})


async def _now(services: Services, camera: str, stream: Stream, width: int | None) -> bytes:
    answer = await services.engine.ask("feed", camera=camera)
    if stream == "sub" and services.config.cameras[CameraId(camera)].sub_url is None:
        stream = "main"
    # Viewers who ask at the same moment get the same picture.
    tick = services.clock.boot_ns() // LIVE_FRESH_NS
    pictures: Pictures = services.parts.setdefault("pictures", Pictures())
    key = ("live", camera, stream, width, tick)
    known = pictures.get(key)
    if known is None:
        order = {"socket": answer["socket"], "camera": camera, "stream": stream} | _common(services, width)
        known = await _made(order)
        pictures.put(key, known)
    return known


async def _then(services: Services, who: Who, camera: str, at: int, width: int | None) -> bytes:
    await recorded(services, who, camera)
    now = await live(services)
    segment = await services.reading.ask(lambda index: index.segment_at(camera, at, now.open_until(index)))
    if segment is None:
        raise HubError(404, "no_footage", "nothing is recorded of that instant", hint=f"/cameras/{camera}/at says why")
    pictures: Pictures = services.parts.setdefault("pictures", Pictures())
    key = (segment.id, at, width)
    known = pictures.get(key)
    if known is None:
        known = await _made(await _order(services, segment, at) | _common(services, width))
        pictures.put(key, known)
    return known


async def _order(services: Services, segment: SegmentRow, at: int) -> dict[str, Any]:
    found = await services.files.fragments(segment)
    location = (await services.files.roots())[segment.volume]
    return {
        "name": location.name,
        "root": location.path,
        "volume": segment.volume,
        "path": segment.path,
        "utc": at - segment.start_utc + found.header.start_utc_ns,
    }


def _common(services: Services, width: int | None) -> dict[str, Any]:
    return {"decoder": services.config.view.decoder} | ({} if width is None else {"width": width})


async def _made(order: dict[str, Any]) -> bytes:
    result = await run("evertape.hub.work_snapshot", order, timeout_s=DEADLINE_S)
    return base64.b64decode(result["jpeg"])
