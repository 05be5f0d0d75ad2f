"""A camera's account as a picture needs it: footage by volume, gaps by cause, nothing finer than can be drawn. Pure.

What is shorter than the resolution is put together with its neighbours of that kind, but a gap that nobody wanted never
vanishes in footage: what is put together shows the longest of them, and says how many there are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from evertape.domain.cause import Cause
from evertape.domain.spans import GapSpan, RecordedSpan, Span
from evertape.store.places import Place


@dataclass(frozen=True, slots=True)
class Drawn:
    """One span to draw, UTC ns.

    Args:
        start: of it.
        end: of it.
        cause: of a gap; ``None``: recorded.
        volume: of what is recorded: the id of the volume it lies on.
        spilled: of what is recorded: it was written to a spill volume first.
        segments: those of what is recorded.
        gaps: how many gaps it holds.
        recorded: nanoseconds of it that are recorded.
    """

    start: int
    end: int
    cause: Cause | None = None
    volume: str = ""
    spilled: bool = False
    segments: tuple[str, ...] = ()
    gaps: int = 0
    recorded: int = 0
    longest: int = field(default=0, repr=False)


def drawn(spans: Sequence[Span], places: Mapping[str, Place], resolution: int) -> list[Drawn]:
    """What to draw of an account.

    Args:
        spans: of one camera, by time.
        places: of the segments in them.
        resolution: nanoseconds; what is shorter is put together. 0: nothing is.
    """
    parts = (part for span in spans for part in _parts(span, places))
    return list(_joined(parts, resolution))


def _parts(span: Span, places: Mapping[str, Place]) -> Iterator[Drawn]:
    if isinstance(span, GapSpan):
        length = span.end - span.start
        yield Drawn(span.start, span.end, span.cause, gaps=1, longest=length)
        return
    yield from _by_volume(span, places)


def _by_volume(span: RecordedSpan, places: Mapping[str, Place]) -> Iterator[Drawn]:
    begin = int(span.start)
    names: list[str] = []
    where: tuple[str, bool] | None = None
    for name in span.segments:
        place = places.get(name)
        here = where if place is None else (place.volume, bool(place.spilled_to))
        at = begin if place is None else min(max(place.start, begin), span.end)
        if where is not None and here != where and at > begin:
            yield _recorded(begin, at, where, names)
            begin, names = at, []
        where = here
        names.append(name)
    yield _recorded(begin, span.end, where or ("", False), names)


def _recorded(start: int, end: int, where: tuple[str, bool], names: list[str]) -> Drawn:
    return Drawn(start, end, None, where[0], where[1], tuple(names), recorded=end - start)


def _joined(parts: Iterable[Drawn], resolution: int) -> Iterator[Drawn]:
    short: Drawn | None = None
    for part in parts:
        if part.end - part.start >= resolution:
            if short is not None:
                yield short
            short = None
            yield part
        elif short is None:
            short = part
        else:
            short = _together(short, part)
            if short.end - short.start >= resolution:
                yield short
                short = None
    if short is not None:
        yield short


def _together(old: Drawn, new: Drawn) -> Drawn:
    shown = max((old, new), key=_weight)
    return Drawn(
        start=old.start,
        end=new.end,
        cause=shown.cause,
        volume=shown.volume,
        spilled=shown.spilled,
        segments=old.segments + new.segments,
        gaps=old.gaps + new.gaps,
        recorded=old.recorded + new.recorded,
        longest=max(old.longest, new.longest),
    )


def _weight(part: Drawn) -> tuple[int, int]:
    if part.cause is None:
        return (1, part.end - part.start)
    return (0 if part.cause.on_purpose else 2, part.longest)
