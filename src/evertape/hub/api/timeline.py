"""``/timeline``: what is recorded of each camera and why the rest is not; and what is at one instant."""

from __future__ import annotations

import asyncio
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, Field

from evertape.domain.cause import explain
from evertape.domain.coverage import CoverageReport, GapSpan
from evertape.hub.api.asking import Viewer
from evertape.hub.api.common import Cameras, End, Live, Start, chosen, live, recorded, window
from evertape.hub.api.segments import FragmentAnswer, SegmentAnswer, fragment_at, segment_answer
from evertape.hub.api.times import Instant, Moment, instant, optional_instant
from evertape.hub.auth.guard import Who
from evertape.hub.errors import HubError, errors
from evertape.hub.services import Services, Shared
from evertape.hub.timeline_spans import Drawn, drawn
from evertape.store.index import View
from evertape.store.places import next_footage, places
from evertape.store.rows import SegmentRow
from evertape.store.stretches import stretches
from evertape.types import NS_PER_S

router = APIRouter(tags=["footage"])

MOST_S = 400 * 24 * 3600.0
"""A year and a bit, in one question."""
_NAMED = 64
"""So many segments of a span are named; of more only how many there are."""
_COARSE_S = 900.0
"""From here on a pixel is so much that nobody asks for files, and they are not looked at one by one."""
_AT_ONCE = 4
"""Cameras; the index has as many threads."""
_AROUND_NS = 12 * 3600 * NS_PER_S


class TimelineSpan(BaseModel):
    """A stretch of time."""

    start: Instant
    end: Instant
    kind: Literal["recorded", "gap"]
    volume: str = Field(default="", description="Of what is recorded: the name of the volume it lies on.")
    spilled: bool = Field(default=False, description="It was written to a spill volume first.")
    segments: list[str] = Field(
        default=[], description=f"Their ids, if there are at most {_NAMED}; none at a `resolution` of 900 s and more."
    )
    segment_count: int = 0
    cause: str = Field(default="", description="Of a gap; docs/reference/causes.md explains each.")
    on_purpose: bool = Field(default=False, description="A person or a rule asked for the gap.")
    gaps: int = Field(default=0, description="More than one where several were put together by `resolution`.")
    recorded_s: float = Field(description="Seconds of it that are recorded.")


class CameraTimeline(BaseModel):
    """The account of one camera."""

    camera: str
    spans: list[TimelineSpan] = Field(description="By time; empty where it was not to be recorded yet.")
    recorded_s: float
    explained_s: float
    unexplained_s: float


class Timeline(BaseModel):
    """The accounts of several cameras."""

    start: Instant
    end: Instant
    now: Instant
    resolution: float
    cameras: list[CameraTimeline]


class GapAnswer(BaseModel):
    """A gap at an instant."""

    start: Instant = Field(description="Where it begins; at most twelve hours before the instant.")
    end: Instant = Field(description="Where it ends; at most twelve hours after the instant.")
    cause: str
    what: str = Field(description="What happened, for people.")
    remedy: str = Field(description="What the person can do.")
    on_purpose: bool


class At(BaseModel):
    """What there is of a camera at an instant."""

    camera: str
    at: Instant
    kind: Literal["recorded", "memory", "gap", "nothing"] = Field(
        description="`memory`: recorded, and on no disk that can be read yet; `nothing`: it was not to be recorded."
    )
    segment: SegmentAnswer | None = Field(default=None, description="The segment that shows it.")
    offset_s: float | None = Field(default=None, description="Seconds from the segment's start.")
    fragment: FragmentAnswer | None = Field(
        default=None, description="The fragment of the segment's file that shows it; null while it cannot be read."
    )
    gap: GapAnswer | None = None
    next: Instant | None = Field(default=None, description="Where footage goes on, if this is a gap.")


Resolution = Annotated[
    float, Query(ge=0, le=30 * 24 * 3600, description="Seconds; what is shorter is put together with its like.")
]


@router.get("/timeline", summary="Accounts of cameras", responses=errors(401, 403, 404, 503))
async def timeline(
    services: Shared, who: Viewer, start: Start, end: End, camera: Cameras = None, resolution: Resolution = 0
) -> Timeline:
    """Recorded spans with volume and segments, gaps with cause. A gap that nobody wanted never vanishes in a join."""
    window(start, end)
    if end - start > MOST_S * NS_PER_S:
        raise HubError(422, "window_too_long", "at most 400 days can be asked for at once", where=["query", "end"])
    names = await chosen(services, who, camera)
    now = await live(services)
    found: list[CameraTimeline] = []
    # Of stretches most is Python's work, of which threads only make more: one camera after the other.
    at_once = _AT_ONCE if resolution < _COARSE_S else 1
    for some in range(0, len(names), at_once):
        asked = (
            _of_camera(services, now, name, (start, end), round(resolution * NS_PER_S))
            for name in names[some : some + at_once]
        )
        found += await asyncio.gather(*asked)
    return Timeline(start=instant(start), end=instant(end), now=instant(now.now), resolution=resolution, cameras=found)


@router.get("/cameras/{camera}/at", summary="What is at an instant", responses=errors(401, 403, 404, 503))
async def at(
    camera: Annotated[str, Path(description="The camera's id.")],
    services: Shared,
    who: Viewer,
    t: Annotated[Moment, Query(description="The instant.")],
) -> At:
    """The segment and the fragment that show it; or the gap, why, and where footage goes on."""
    await recorded(services, who, camera)
    now = await live(services)
    segment = await services.reading.ask(lambda index: index.segment_at(camera, t, now.open_until(index)))
    if segment is not None:
        return await _footage_at(services, who, camera, t, segment)
    return await _gap_at(services, now, camera, t)


async def _of_camera(
    services: Services, now: Live, camera: str, span: tuple[int, int], resolution: int
) -> CameraTimeline:
    coarse = resolution >= _COARSE_S * NS_PER_S

    def question(index: View) -> CameraTimeline:
        with index.moment() as view:
            reach = now.open_until(view)
            some = stretches(view, camera, *span, reach) if coarse else None
            report = view.coverage(
                camera,
                *span,
                now.seen_from(span[1]),
                open_until=reach,
                held=now.held(camera),
                footage=some.footage if some else None,
            )
            known = some.places if some else places(view, camera, *span)
            volumes = {row.id: row.name for row in view.volumes()}
        files = some.files if some else {}
        # All of it in the thread: a thousand spans are a hundredth of a second, in which the loop has others to serve.
        return CameraTimeline(
            camera=camera,
            spans=[_span(part, volumes, files, coarse) for part in drawn(report.spans, known, resolution)],
            recorded_s=report.recorded_s,
            explained_s=report.explained_s,
            unexplained_s=report.unexplained_s,
        )

    return await services.reading.ask(question)


def _span(part: Drawn, volumes: dict[str, str], files: dict[str, int], coarse: bool) -> TimelineSpan:
    count = sum(files.get(name, 1) for name in part.segments)
    return TimelineSpan(
        start=instant(part.start),
        end=instant(part.end),
        kind="gap" if part.cause is not None else "recorded",
        volume=volumes.get(part.volume, part.volume),
        spilled=part.spilled,
        segments=list(part.segments) if count <= _NAMED and not coarse else [],
        segment_count=count,
        cause="" if part.cause is None else str(part.cause),
        on_purpose=part.cause is not None and part.cause.on_purpose,
        gaps=part.gaps,
        recorded_s=part.recorded / NS_PER_S,
    )


async def _footage_at(services: Services, who: Who, camera: str, t: int, segment: SegmentRow) -> At:
    fragment = await fragment_at(services, segment, t)
    return At(
        camera=camera,
        at=instant(t),
        kind="recorded",
        segment=await segment_answer(services, segment),
        offset_s=(t - segment.start_utc) / NS_PER_S,
        fragment=fragment,
    )


async def _gap_at(services: Services, now: Live, camera: str, t: int) -> At:
    def question(index: View) -> tuple[CoverageReport, int | None]:
        report = index.coverage(
            camera, t - _AROUND_NS, t + _AROUND_NS, now.now, open_until=now.open_until(index), held=now.held(camera)
        )
        return report, next_footage(index, camera, t)

    report, then = await services.reading.ask(question)
    span = next((span for span in report.spans if span.start <= t < span.end), None)
    if span is None:
        return At(camera=camera, at=instant(t), kind="nothing", next=optional_instant(then))
    if not isinstance(span, GapSpan):
        return At(camera=camera, at=instant(t), kind="memory", next=optional_instant(then))
    words = explain(span.cause)
    gap = GapAnswer(
        start=instant(span.start),
        end=instant(span.end),
        cause=str(span.cause),
        what=words.what,
        remedy=words.remedy,
        on_purpose=span.cause.on_purpose,
    )
    return At(camera=camera, at=instant(t), kind="gap", gap=gap, next=optional_instant(then))
