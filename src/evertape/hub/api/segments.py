"""The files: which there are, their bytes by range, and where in them each fragment lies."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header, Path, Query
from pydantic import BaseModel, Field
from starlette.responses import Response

from evertape.hub.api.asking import Viewer
from evertape.hub.api.common import End, Start, live, recorded, window
from evertape.hub.api.times import Instant, Moment, instant, optional_instant
from evertape.hub.auth.guard import Who
from evertape.hub.errors import HubError, errors, unknown
from evertape.hub.ranges import respond
from evertape.hub.services import Services, Shared
from evertape.mp4.codecs import codec_strings
from evertape.mp4.examine import end_of
from evertape.mp4.model import FragmentInfo
from evertape.mp4.scan import ScannedSegment
from evertape.store.rows import Piece, SegmentRow
from evertape.types import NS_PER_S

router = APIRouter(tags=["footage"])

MOST = 2000

SegmentId = Annotated[str, Path(description="The segment's id.", pattern="^[0-9a-f]{32}$")]


class SegmentAnswer(BaseModel):
    """One file of footage."""

    id: str
    camera: str
    volume: str = Field(description="The name of the volume it lies on.")
    path: str = Field(description="Relative to the volume.")
    state: str = Field(description="`open` while it is written, `closed`, `missing` or `deleted`.")
    start: Instant
    end: Instant | None = Field(description="Null while it is written.")
    seconds: float | None
    bytes: int | None
    fragments: int | None
    codec: str
    width: int
    height: int
    audio: str
    clock: str = Field(description="Where its times come from: `rtcp`, `arrival`, `corrected`.")
    clock_error_s: float
    spilled: bool = Field(description="It was written to a spill volume first, wherever it is now.")
    damaged: str = Field(description="What is wrong with it; empty: nothing is known to be.")
    hash: str = Field(description="BLAKE3 of the file's bytes as it was closed; empty: not known yet.")


class PlayPart(BaseModel):
    """A part of a segment to be played: every picture once, in order of time."""

    segment: SegmentAnswer
    start: Instant = Field(
        description="Where this part begins; later than the segment where another one holds the rest."
    )
    end: Instant
    whole: bool = Field(description="Nothing of the segment is left out.")


class SegmentList(BaseModel):
    """What to play of a camera's time."""

    camera: str
    parts: list[PlayPart]
    next: Instant | None = Field(description=f"There are more than {MOST}: ask again from here on.")


class FragmentAnswer(BaseModel):
    """One fragment: about half a second, and the unit of appending. Play from one with `key`."""

    offset: int = Field(description="Where it begins in the file, bytes.")
    size: int = Field(description="Bytes.")
    start: Instant = Field(description="When its first picture was.")
    media_s: float = Field(description="Where it begins on the file's own time line, seconds.")
    seconds: float
    key: bool = Field(description="It begins with a keyframe.")
    pictures: int


class FragmentList(BaseModel):
    """How a segment's file is made. Append bytes `0` to `head` first, then fragments."""

    segment: str
    camera: str
    mime: str = Field(description="For `MediaSource.addSourceBuffer`.", examples=['video/mp4; codecs="avc1.64001f"'])
    head: int = Field(description="Bytes before the first fragment: the initialisation segment.")
    size: int = Field(description="Bytes that hold footage; a file that is being written grows.")
    closed: bool
    fragments: list[FragmentAnswer]


@router.get("/cameras/{camera}/segments", summary="What to play", responses=errors(401, 403, 404, 503))
async def segments(
    camera: Annotated[str, Path(description="The camera's id.")], services: Shared, who: Viewer, start: Start, end: End
) -> SegmentList:
    """The files with footage of that time, each with the part of it that counts: nothing is in it twice."""
    await recorded(services, who, camera)
    window(start, end)
    now = await live(services)
    found = await services.reading.ask(lambda index: index.pieces(camera, start, end, now.open_until(index)))
    parts = [await _part(services, piece) for piece in found[:MOST]]
    return SegmentList(
        camera=camera, parts=parts, next=optional_instant(found[MOST].start_utc) if len(found) > MOST else None
    )


@router.get("/segments/{segment}", summary="One segment", responses=errors(401, 403, 404, 503))
async def segment(segment: SegmentId, services: Shared, who: Viewer) -> SegmentAnswer:
    """What is known of a file, also of one that is gone."""
    return await segment_answer(services, await _known(services, who, segment))


@router.get("/segments/{segment}/fragments", summary="Where its fragments lie", responses=errors(401, 403, 404, 503))
async def fragments(
    segment: SegmentId,
    services: Shared,
    who: Viewer,
    start: Annotated[Moment | None, Query(description="Only those that show something from then on.")] = None,
    end: Annotated[Moment | None, Query(description="Only those that begin before.")] = None,
) -> FragmentList:
    """By the file's own index, with exact byte offsets, for Media Source Extensions."""
    row = await _held(services, who, segment)
    found = await services.files.fragments(row)
    shift = row.start_utc - found.header.start_utc_ns
    last = found.fragments[-1].end if found.fragments else found.head_size
    return FragmentList(
        segment=row.id,
        camera=row.camera,
        mime=mime_of(found),
        head=found.head_size,
        size=last,
        closed=found.closed,
        fragments=[
            _fragment(one, found, shift)
            for one in found.fragments
            if one.video is not None
            and (start is None or end_of(one) + shift > start)
            and (end is None or one.start_utc_ns + shift < end)
        ],
    )


@router.get(
    "/segments/{segment}/file",
    summary="Its bytes",
    response_class=Response,
    responses={
        200: {"content": {"video/mp4": {}}, "description": "The whole file."},
        206: {"content": {"video/mp4": {}}, "description": "The range that was asked for."},
        304: {"description": "It has not changed."},
        **errors(401, 403, 404, 416, 503),
    },
)
async def file(
    segment: SegmentId,
    services: Shared,
    who: Viewer,
    range_: Annotated[str | None, Header(alias="Range", description="One range of bytes, `bytes=0-1023`.")] = None,
    if_none_match: Annotated[str | None, Header()] = None,
    if_range: Annotated[str | None, Header()] = None,
    download: Annotated[bool, Query(description="Have a browser save it.")] = False,
) -> Response:
    """A whole file or a range of it. A file that is being written is served as far as it is now."""
    row = await _held(services, who, segment)
    tag = f'"{row.id}-{row.bytes}"' if row.bytes is not None else f'W/"{row.id}"'
    if row.bytes is not None and if_none_match is not None and tag in if_none_match:
        return Response(status_code=304, headers={"ETag": tag})
    opened = await services.files.open(row)
    headers = {"ETag": tag, "Cache-Control": "private, max-age=3600" if row.bytes is not None else "no-store"}
    if download:
        headers["Content-Disposition"] = f'attachment; filename="{row.path.rpartition("/")[2]}"'
    return respond(opened, "video/mp4", headers, range_ if if_range in (None, tag) else None)


async def segment_answer(services: Services, row: SegmentRow) -> SegmentAnswer:
    """A row of the index as it is answered."""
    return SegmentAnswer(
        id=row.id,
        camera=row.camera,
        volume=await services.files.name(row.volume) or row.volume,
        path=row.path,
        state=row.state,
        start=instant(row.start_utc),
        end=optional_instant(row.end_utc),
        seconds=None if row.duration is None else row.duration / NS_PER_S,
        bytes=row.bytes,
        fragments=row.fragments,
        codec=row.codec,
        width=row.width,
        height=row.height,
        audio=row.audio,
        clock=row.utc_source,
        clock_error_s=row.utc_error / NS_PER_S,
        spilled=bool(row.spilled_to),
        damaged=row.damaged,
        hash=row.hash,
    )


async def fragment_at(services: Services, row: SegmentRow, t: int) -> FragmentAnswer | None:
    """The fragment that shows an instant; ``None`` while the file cannot be read."""
    try:
        found = await services.files.fragments(row)
    except HubError:
        return None
    shift = row.start_utc - found.header.start_utc_ns
    there = [one for one in found.fragments if one.video is not None and one.start_utc_ns + shift <= t]
    return _fragment(there[-1], found, shift) if there else None


def _fragment(one: FragmentInfo, found: ScannedSegment, shift: int) -> FragmentAnswer:
    return FragmentAnswer(
        offset=one.offset,
        size=one.size,
        start=instant(one.start_utc_ns + shift),
        media_s=(one.dts_start_ns - found.header.base_dts_ns) / NS_PER_S,
        seconds=(end_of(one) - one.start_utc_ns) / NS_PER_S,
        key=one.key,
        pictures=0 if one.video is None else one.video.units,
    )


def mime_of(found: ScannedSegment) -> str:
    """The MIME type with codecs, RFC 6381."""
    return f'video/mp4; codecs="{", ".join(codec_strings(found.caps))}"'


async def _part(services: Services, piece: Piece) -> PlayPart:
    row = piece.segment
    whole = piece.first == row.first_video and piece.last == row.last_video
    return PlayPart(
        segment=await segment_answer(services, row),
        start=instant(piece.start_utc),
        end=instant(piece.end_utc),
        whole=whole,
    )


async def _known(services: Services, who: Who, segment: str) -> SegmentRow:
    row = await services.reading.ask(lambda index: index.segment(segment))
    if row is None or not who.sees(row.camera):
        raise unknown("segment", segment)
    return row


async def _held(services: Services, who: Who, segment: str) -> SegmentRow:
    row = await _known(services, who, segment)
    if not row.held:
        raise HubError(404, "file_missing", f"the file of segment {segment} is {row.state}")
    return row
