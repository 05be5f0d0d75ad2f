"""What of a camera's time is on record, and why the rest is not: recorded + explained = 100 %. Pure.

Each instant of a window belongs to the first of these that claims it:

1. footage that is held, as ``domain.resolve`` says it counts;
2. footage that was held: its file was deleted, or is missing;
3. a recorder's entry in the ledger, the one that began last; but that the service was down only counts while the
   camera's schedule asked for it;
4. an entry that the keeper concluded;
5. two pieces of one capture session that (nearly) meet: recorded, the clock was corrected between them;
6. nobody's wish;
7. a process or the whole service that was down, as the journal's starts, stops and deaths tell;
8. nothing: unexplained.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

from evertape.domain.canvas import Canvas
from evertape.domain.cause import Cause
from evertape.domain.downtime import Death, Down, Run, downs, explain_by_downs, owner_ended
from evertape.domain.logical import CLOCK_SLACK, Counted, Footage, counted, stretches
from evertape.domain.spans import GapSpan, RecordedSpan, Span, tidy
from evertape.domain.wish import cause_of_stop
from evertape.types import NS_PER_MS, NS_PER_S, DurationNs, UtcNs

__all__ = ["CoverageInput", "CoverageReport", "Death", "Footage", "GapSpan", "Held", "LedgerGap", "RecordedSpan", "Run",
           "Span", "WishChange", "coverage", "settle"]  # fmt: skip

SLACK = DurationNs(500 * NS_PER_MS)
"""A hole shorter than this within a session, or a sliver beside a gap, is none of its own."""
LIVE = DurationNs(5 * NS_PER_S)
"""What happened less than this before now is not judged: it may be on its way to the disk, the journal or the index."""

ELSEWHERE = ("superseded", "empty")
"""Why a file was deleted without anything being lost by it."""


@dataclass(frozen=True, slots=True)
class LedgerGap:
    """An entry of the ledger. Instants are UTC nanoseconds.

    Args:
        id: of the gap.
        cause: a ``Cause``; a word this program does not know counts as unexplained.
        start: when it began.
        end: when it ended; ``None``: it was never said.
        opened_at: when it was written down.
        source: the process that opened it.
        service: the run of the service it belonged to.
        derived: the keeper concluded it; the recorders' own entries count more.
    """

    id: str
    cause: str
    start: int
    end: int | None = None
    opened_at: int = 0
    source: str = ""
    service: str = ""
    derived: bool = False


@dataclass(frozen=True, slots=True)
class WishChange:
    """From ``at`` on, the camera is meant to be recorded, or not, because of ``by``."""

    at: int
    wanted: bool
    by: str = ""


@dataclass(frozen=True, slots=True)
class Held:
    """From ``since`` (UTC ns) on footage is in a recorder's memory, and on no disk because of ``cause``."""

    since: int
    cause: Cause


@dataclass(frozen=True, slots=True)
class CoverageInput:
    """Everything that is known of one camera around a window.

    Args:
        footage: its segments.
        gaps: of the ledger.
        wishes: in any order. Time before the first wish is accounted for from the first footage on.
        runs: of the service, in any order.
        deaths: of the recorders that had this camera.
        open_until: for segments still being written, up to when they hold footage now.
        boot: the kernel's boot id now if no service runs; ``None`` if one does.
        held: what is in memory only; ``None``: nothing that is older than a moment.
    """

    footage: Sequence[Footage] = ()
    gaps: Sequence[LedgerGap] = ()
    wishes: Sequence[WishChange] = ()
    runs: Sequence[Run] = ()
    deaths: Sequence[Death] = ()
    open_until: Mapping[str, int] = field(default_factory=dict)
    boot: str | None = None
    held: Held | None = None


@dataclass(frozen=True, slots=True)
class CoverageReport:
    """The account of one camera; seconds of UTC.

    Args:
        start: of what is accounted for: the window, but not before the camera was first wanted.
        end: of it: the window's, or a moment before now.
        spans: in order, without holes.
        recorded_s: with footage.
        explained_s: without, and it is known why.
        unexplained_s: without, and nobody knows why.
        causes: seconds of each cause.
        gaps: how many spans have no footage.
        worst: the longest gap that nobody wanted.
    """

    start: UtcNs
    end: UtcNs
    spans: tuple[Span, ...]
    recorded_s: float
    explained_s: float
    unexplained_s: float
    causes: dict[Cause, float]
    gaps: int
    worst: GapSpan | None

    @property
    def total_s(self) -> float:
        """Seconds accounted for."""
        return (self.end - self.start) / NS_PER_S

    @property
    def complete(self) -> bool:
        """Recorded and explained make 100 %."""
        return not self.unexplained_s


def coverage(known: CoverageInput, start: UtcNs, end: UtcNs, now: UtcNs, slack: DurationNs = SLACK) -> CoverageReport:
    """Account for ``[start, end)``.

    Args:
        known: of the camera; should reach a little beyond the window on both sides.
        start: of the window, UTC.
        end: of the window, UTC; what lies behind ``now`` is cut off.
        now: UTC.
        slack: see ``SLACK``.
    """
    start, end, spans = account(known, start, end, now, slack)
    spans = tidy(spans, slack)
    while spans and isinstance(spans[-1], GapSpan) and _unsettled(spans[-1], now):
        end = spans.pop().start
    return _report(start, end, spans)


def account(
    known: CoverageInput, start: UtcNs, end: UtcNs, now: UtcNs, slack: DurationNs = SLACK
) -> tuple[UtcNs, UtcNs, list[Span]]:
    """As ``coverage``, before anything is joined: start and end of what is accounted for, and the spans."""
    pieces = counted(known.footage, known.open_until)
    first = _begin(known.wishes, pieces)
    if first is None or max(start, first) >= min(end, now):
        return start, start, []
    start, end = UtcNs(max(start, first)), UtcNs(min(end, now))
    canvas: Canvas[Span] = Canvas(start, end)
    _paint(canvas, known, pieces, slack, now)
    return start, end, canvas.spans()


def settle(
    gaps: Iterable[LedgerGap], pieces: Sequence[Counted], runs: Sequence[Run], deaths: Sequence[Death]
) -> list[LedgerGap]:
    """Give every entry whose recorder is gone an end; one that goes on keeps ``None``.

    It ended when footage came, when another entry began, or when the one who could have ended it died. A gap on
    purpose outlasts its recorder: a stopped service, or a camera that was removed, stays away by itself.
    """
    gaps = list(gaps)
    starts = sorted({piece.start for piece in pieces} | {gap.start for gap in gaps if not gap.derived})
    return [gap if gap.end is not None else replace(gap, end=_end_of(gap, starts, runs, deaths)) for gap in gaps]


def _end_of(gap: LedgerGap, starts: list[int], runs: Sequence[Run], deaths: Sequence[Death]) -> int | None:
    ends = [start for start in starts if start > gap.start][:1]
    if not _cause(gap.cause).on_purpose:
        ended = owner_ended(gap.source, gap.service, gap.opened_at, runs, deaths)
        if ended is not None:
            ends.append(max(gap.start, ended))
    return min(ends, default=None)


# -- the eight steps ----------------------------------------------------------------------------------------


def _paint(canvas: Canvas[Span], known: CoverageInput, pieces: list[Counted], slack: int, now: int) -> None:
    for hurt in known.gaps:
        # The only gap where a file is: it goes before what the file claims to hold.
        if hurt.cause == Cause.FOOTAGE_DAMAGED and hurt.end is not None:
            canvas.paint(hurt.start, hurt.end, _gap(Cause.FOOTAGE_DAMAGED, hurt.id))
    for free in canvas.free():
        for start, end, segments in stretches(pieces, *free):
            # What lies behind damage is named by itself.
            canvas.paint(start, min(end, free[1]), _recorded(*segments))
    for lost in [item for item in known.footage if item.state in ("missing", "deleted")]:
        cause = _fate(lost)
        if cause is not None and lost.end is not None:
            canvas.paint(lost.start, lost.end, _gap(cause))
    gaps = sorted(settle(known.gaps, pieces, known.runs, known.deaths), key=lambda gap: (gap.derived, -gap.start))
    unwanted = _unwanted(known.wishes, canvas.end)
    _enter(canvas, [gap for gap in gaps if not _is_down(gap)], now)
    for begin, stop, cause in unwanted:
        if cause is Cause.OUTSIDE_SCHEDULE:
            canvas.paint(begin, stop, _gap(cause, derived=True))
    _enter(canvas, [gap for gap in gaps if _is_down(gap)], now)
    _join(canvas, pieces, slack)
    for begin, stop, cause in unwanted:
        canvas.paint(begin, stop, _gap(cause, derived=True))
    asked = min((wish.at for wish in known.wishes if wish.wanted), default=canvas.end)
    canvas.paint(canvas.start, asked, _gap(Cause.NOT_ASKED_FOR, derived=True))
    if known.held is not None:
        canvas.paint(known.held.since, now, _gap(known.held.cause, derived=True))
    down = downs(known.runs, known.deaths, known.boot)
    for begin, stop in canvas.free():
        for part in explain_by_downs(begin, stop, down, slack):
            canvas.paint(part.start, part.end, _concluded(part))
    canvas.paint(canvas.start, canvas.end, _gap(Cause.UNKNOWN, derived=True))


def _enter(canvas: Canvas[Span], gaps: Iterable[LedgerGap], now: int) -> None:
    for gap in gaps:
        canvas.paint(gap.start, now if gap.end is None else gap.end, _gap(_cause(gap.cause), gap.id))


def _is_down(gap: LedgerGap) -> bool:
    """It says that nobody was there to record, not whether anybody had wanted it."""
    return gap.derived or gap.cause == Cause.SERVICE_STOPPED


def _join(canvas: Canvas[Span], pieces: list[Counted], slack: int) -> None:
    """A hole between two pieces of one session is nothing if it is short; if no unit is missing, the clock was set."""
    if not canvas.free():
        return
    by_epoch: dict[str, list[Counted]] = {}
    for piece in pieces:
        by_epoch.setdefault(piece.epoch, []).append(piece)
    for held in by_epoch.values():
        held.sort(key=lambda piece: piece.first)
        for old, new in pairwise(held):
            hole = new.start - old.end
            if hole <= 0:
                continue
            whole = old.last is not None and new.first == old.last + 1
            if hole <= slack or (whole and hole <= CLOCK_SLACK):
                canvas.paint(old.end, new.start, _recorded(old.segment))
            elif whole:
                canvas.paint(old.end, new.start, _gap(Cause.CLOCK_JUMP, derived=True))


def _recorded(*segments: str) -> Callable[[int, int], Span]:
    return lambda start, end: RecordedSpan(UtcNs(start), UtcNs(end), segments)


def _gap(cause: Cause, gap: str = "", *, derived: bool = False) -> Callable[[int, int], Span]:
    return lambda start, end: GapSpan(UtcNs(start), UtcNs(end), cause, (gap,) if gap else (), derived)


def _concluded(part: Down) -> Callable[[int, int], Span]:
    return lambda start, end: GapSpan(UtcNs(start), UtcNs(end), part.cause, (), True, part.marker)


def _fate(footage: Footage) -> Cause | None:
    """Why footage that was held is not there any more; ``None``: it is, or other files hold it."""
    if footage.state == "missing":
        return Cause.FOOTAGE_MISSING
    if footage.state == "deleted" and footage.fate not in ELSEWHERE:
        return Cause.EVICTED_BY_RETENTION if footage.fate.startswith("retention") else Cause.REMOVED_BY_PERSON
    return None


def _cause(word: str) -> Cause:
    try:
        return Cause(word)
    except ValueError:
        return Cause.UNKNOWN


def _begin(wishes: Sequence[WishChange], pieces: Sequence[Counted]) -> int | None:
    """The ring reaches back before the first wish, and what was taken over from another recorder much further."""
    return min([*(wish.at for wish in wishes if wish.wanted), *(piece.start for piece in pieces[:1])], default=None)


def _unwanted(wishes: Sequence[WishChange], end: int) -> list[tuple[int, int, Cause]]:
    ordered = sorted(wishes, key=lambda wish: wish.at)
    until = [*(wish.at for wish in ordered[1:]), end]
    spans = [(wish, stop) for wish, stop in zip(ordered, until, strict=False) if not wish.wanted and wish.at < stop]
    return [(wish.at, stop, cause_of_stop(wish.by)) for wish, stop in spans]


# -- the result --------------------------------------------------------------------------------------------


def _unsettled(span: GapSpan, now: int) -> bool:
    return span.derived and span.end == now and span.start >= now - LIVE


def _report(start: UtcNs, end: UtcNs, spans: list[Span]) -> CoverageReport:
    missing = [span for span in spans if isinstance(span, GapSpan)]
    lengths: dict[Cause, int] = {}
    for span in missing:
        lengths[span.cause] = lengths.get(span.cause, 0) + span.end - span.start
    unexplained = lengths.get(Cause.UNKNOWN, 0)
    without = sum(lengths.values())
    bad = [span for span in missing if not span.cause.on_purpose]
    return CoverageReport(
        start=start,
        end=end,
        spans=tuple(spans),
        recorded_s=(end - start - without) / NS_PER_S,
        explained_s=(without - unexplained) / NS_PER_S,
        unexplained_s=unexplained / NS_PER_S,
        causes={cause: length / NS_PER_S for cause, length in sorted(lengths.items())},
        gaps=len(missing),
        worst=max(bad, key=lambda span: span.end - span.start, default=None),
    )
