"""An account's spans, and how they are made readable. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace

from evertape.domain.cause import Cause
from evertape.types import UtcNs

_AFTER_A_CRASH = frozenset((Cause.PROCESS_CRASH, Cause.HOST_DOWN, Cause.RECORDER_HUNG, Cause.OUT_OF_MEMORY))


@dataclass(frozen=True, slots=True)
class RecordedSpan:
    """Footage from ``start`` to ``end``, in these segments, in order of time."""

    start: UtcNs
    end: UtcNs
    segments: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class GapSpan:
    """No footage from ``start`` to ``end``.

    Args:
        start: UTC nanoseconds.
        end: UTC nanoseconds.
        cause: why.
        gaps: the ledger's entries that say so.
        derived: concluded here, no entry says so.
        marker: of a derived one: what it was concluded from.
    """

    start: UtcNs
    end: UtcNs
    cause: Cause
    gaps: tuple[str, ...] = ()
    derived: bool = False
    marker: str = ""


Span = RecordedSpan | GapSpan


def tidy(spans: list[Span], slack: int) -> list[Span]:
    """Join what belongs together: neighbours alike, slivers beside gaps, and the start after a crash."""
    result: list[Span] = []
    for span in _without_slivers(spans, slack):
        last = result[-1] if result else None
        if isinstance(last, RecordedSpan) and isinstance(span, RecordedSpan):
            more = tuple(segment for segment in span.segments if segment not in last.segments[-4:])
            result[-1] = replace(last, end=span.end, segments=last.segments + more)
        elif isinstance(last, GapSpan) and isinstance(span, GapSpan) and _alike(last, span):
            more = tuple(gap for gap in span.gaps if gap not in last.gaps)
            derived = last.derived and span.derived
            result[-1] = replace(last, end=span.end, gaps=last.gaps + more, derived=derived)
        else:
            result.append(span)
    return result


def _alike(old: GapSpan, new: GapSpan) -> bool:
    # The replaced recorder's way to its first picture is part of what the crash cost.
    restarted = new.cause is Cause.STARTING and old.cause in _AFTER_A_CRASH
    same = new.cause is old.cause and (not new.derived or not old.derived or new.marker == old.marker)
    return restarted or same


def _without_slivers(spans: list[Span], slack: int) -> list[Span]:
    """A moment without a cause right beside a gap with one is the edge of that gap."""
    result = list(spans)
    for at, span in enumerate(result):
        if not isinstance(span, GapSpan) or span.cause is not Cause.UNKNOWN or span.end - span.start > slack:
            continue
        for beside in (result[at - 1 : at], result[at + 1 : at + 2]):
            if beside and isinstance(beside[0], GapSpan) and beside[0].cause is not Cause.UNKNOWN:
                result[at] = replace(beside[0], start=span.start, end=span.end)
                break
    return result
