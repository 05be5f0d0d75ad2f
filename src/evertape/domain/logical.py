"""Of a camera's segments, the parts that count, with their times. Pure; ``domain.resolve`` decides by units."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import groupby, islice
from operator import gt, itemgetter, le
from typing import Any, NamedTuple

from evertape.domain.resolve import HeldSpan, LogicalSpan, resolve
from evertape.types import NS_PER_MS, DurationNs, Epoch, SegmentId

_ENDLESS = 1 << 62

CLOCK_SLACK = DurationNs(2500 * NS_PER_MS)
"""By how much a session's clock may be corrected between two files, as in ``domain.gaps.CLOCK_TOLERANCE``."""


class Footage(NamedTuple):
    """One segment as the index knows it. Instants are UTC nanoseconds.

    A tuple, as ``Counted`` is: an account of a day may need thousands of them, and is to be there in milliseconds.

    Args:
        segment: its id.
        epoch: the capture session.
        generation: rises with every segment of a camera.
        start: when the first picture was.
        end: when the last one ends; ``None`` while it is open.
        first: the first video unit.
        last: the last video unit, inclusive; ``None`` while it is open.
        state: ``open, closed, missing, deleted``.
        fate: why it was deleted.
    """

    segment: str
    epoch: str
    generation: int
    start: int
    end: int | None
    first: int
    last: int | None
    state: str = "closed"
    fate: str = ""


class Counted(NamedTuple):
    """A part of a segment that counts: video units ``first`` to ``last``, inclusive, from ``start`` to ``end``.

    ``last`` is ``None`` if the file is still being written.
    """

    segment: str
    epoch: str
    first: int
    last: int | None
    start: int
    end: int


_epoch: Callable[[Footage], str] = itemgetter(1)
_age: Callable[[Footage], tuple[int, int]] = itemgetter(2, 5)
_start: Callable[[Counted], int] = itemgetter(4)
_counted: Callable[[Iterable[Any]], Counted] = partial(tuple.__new__, Counted)
"""``Counted._make``, in two thirds of its time."""


def counted(footage: Iterable[Footage], open_until: Mapping[str, int] | None = None) -> list[Counted]:
    """What counts, ordered by start.

    An open file whose end nobody knows counts up to where the next one of its session takes over, because no
    writer is replaced before all that precedes is durable; if none does, it counts for nothing yet.

    Args:
        footage: of one camera.
        open_until: for files being written, up to when they hold footage now.
    """
    by_epoch: dict[str, list[Footage]] = {}
    held = [item for item in footage if item.state == "closed" or item.state == "open"]
    for epoch, some in groupby(held, _epoch):
        by_epoch.setdefault(epoch, []).extend(some)
    parts: list[Counted] = []
    for session in by_epoch.values():
        parts += _parts(session, open_until or {})
    parts.sort(key=_start)
    return parts


def _parts(session: list[Footage], open_until: Mapping[str, int]) -> list[Counted]:
    """What counts of one session."""
    session.sort(key=_age)
    # A thousand files a day, and a loop in Python over each would be most of what an account costs: by columns.
    segments, epochs, _, starts, ends, firsts, lasts, _, _ = zip(*session, strict=True)
    if None in ends or None in lasts:
        return _unfinished(session, open_until)
    if any(map(le, islice(firsts, 1, None), lasts)):
        return _resolved(session)
    # Nothing is there twice, as nearly always: each counts as a whole.
    parts = list(map(_counted, zip(segments, epochs, firsts, lasts, starts, ends, strict=True)))
    return parts if all(map(gt, ends, starts)) else [part for part in parts if part.end > part.start]


def _unfinished(session: list[Footage], open_until: Mapping[str, int]) -> list[Counted]:
    """The same, of one in which a file is being written, or was left."""
    bounded = [_bounded(item, session, open_until) for item in session]
    session = [item for item in bounded if item is not None]
    session.sort(key=_age)
    parts = []
    beyond = -1
    for segment, epoch, _, start, end, first, last, _, _ in session:
        if first <= beyond:
            return _resolved(session)
        beyond = _ENDLESS if last is None else last
        if end is not None and end > start:
            parts.append(Counted(segment, epoch, first, last, start, end))
    return parts


def _resolved(session: list[Footage]) -> list[Counted]:
    spans = resolve(
        HeldSpan(SegmentId(f.segment), Epoch(f.epoch), f.generation, f.first, _ENDLESS if f.last is None else f.last)
        for f in session
    )
    whole = {f.segment: f for f in session}
    parts = [_timed(span, whole) for span in spans if not span.empty]
    return [part for part in parts if part.end > part.start]


def _bounded(item: Footage, session: list[Footage], open_until: Mapping[str, int]) -> Footage | None:
    if item.last is not None and item.end is not None:
        return item
    last: int | None
    later = [f for f in session if f.generation > item.generation and f.first >= item.first]
    if later:
        heir = min(later, key=lambda f: f.first)
        if heir.first == item.first:
            return None  # a volume went before anything in it was durable: the other one holds all of it
        last, end = heir.first - 1, heir.start
    elif item.segment in open_until:
        end = open_until[item.segment]
        last = _reached(item, end, session)
        if last is not None and last < item.first:
            return None
    else:
        return None
    return Footage(
        item.segment, item.epoch, item.generation, item.start, max(item.start, end), item.first, last,
        item.state, item.fate,
    )  # fmt: skip


def _reached(item: Footage, end: int, session: list[Footage]) -> int | None:
    """The last unit of a file being written, if another tells: while it is replayed, that one reaches further still."""
    ahead = [other for other in session if other.last is not None and other.end is not None and other.end >= end]
    other = min(ahead, key=lambda other: other.first, default=None)
    if other is None or other.last is None or other.end is None:
        return None
    return other.first + (end - other.start) * (other.last - other.first + 1) // (other.end - other.start) - 1


def _timed(span: LogicalSpan, known: Mapping[str, Footage]) -> Counted:
    whole = known[span.segment]
    assert whole.end is not None
    start, end = whole.start, whole.end
    last = _ENDLESS if whole.last is None else whole.last
    other = known.get(span.superseded_by) if span.superseded_by is not None else None
    # Exact where the other begins or ends there; else in proportion, which is close, because pictures come evenly. If
    # a clock was set between the two it does not say, and nothing that this one holds must get lost over it.
    if span.last < last:
        end = evenly = _at(whole, span.last + 1)
        if other is not None and other.first == span.last + 1:
            near = evenly - CLOCK_SLACK <= other.start <= max(whole.end, evenly + CLOCK_SLACK)
            end = other.start if near else evenly
    if span.first > whole.first:
        start = evenly = _at(whole, span.first)
        if other is not None and other.last == span.first - 1 and other.end is not None:
            near = min(whole.start, evenly - CLOCK_SLACK) <= other.end <= evenly + CLOCK_SLACK
            start = other.end if near else evenly
    return Counted(span.segment, span.epoch, span.first, None if span.last == _ENDLESS else span.last, start, end)


def _at(whole: Footage, seq: int) -> int:
    assert whole.end is not None
    units = (whole.first if whole.last is None else whole.last) - whole.first + 1
    return whole.start + (whole.end - whole.start) * min(units, seq - whole.first) // units


def stretches(pieces: Sequence[Counted], start: int, end: int) -> Iterator[tuple[int, int, tuple[str, ...]]]:
    """Pieces that follow on exactly, put together: a day may be a thousand of them, and one stroke of the brush."""
    begin = reached = latest = start
    names: list[str] = []
    for piece in pieces:
        if piece.end <= start or piece.start >= end:
            continue
        # One that begins before others have ended may be hidden in part; it is painted by itself, to be named rightly.
        if not names or piece.start != reached or begin < latest:
            if names:
                yield begin, reached, tuple(names)
                latest = max(latest, reached)
            begin, names = piece.start, []
        reached = piece.end
        if not names or names[-1] != piece.segment:
            names.append(piece.segment)
    if names:
        yield begin, reached, tuple(names)
