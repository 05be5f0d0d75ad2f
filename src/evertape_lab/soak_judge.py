"""What came of a soak: each missing frame and each gap is held against the faults of its own camera. Pure.

A frame is accounted for by the first of these that fits: a gap of the ledger whose cause is one that a fault of that
camera, at that time, may have; the camera's own word that it never sent it; a packet of it that was damaged on purpose.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from evertape.ipc.events import Event, ProcessDied, SegmentClosed
from evertape.types import NS_PER_S
from evertape_lab.audit import CameraReport, FramesReport
from evertape_lab.findings import GAP_SLACK_S, Figures, Gap, figures_of, gaps_of, p95
from evertape_lab.fleet import NotSent
from evertape_lab.soak_plan import RULES, Fault
from evertape_lab.soak_play import Played

FPS = 25
"""Of the lab's cameras, whose picture ``n`` is due ``n / FPS`` seconds after 1970."""
RECOVERED_P95_S = 2.0
LONGEST_RECOVERY_S = 10.0

_SLACK_NS = int(GAP_SLACK_S * NS_PER_S)
# A wrong sequence number casts doubt on the next picture too.
_REACH = 1
_ALWAYS = ("starting", "service_stopped")
_FAR_FUTURE = 1 << 62


@dataclass(frozen=True, slots=True)
class Window:
    """From when to when which causes are right, by UTC; and whether pictures may be missing that were damaged."""

    start_utc: int
    end_utc: int
    causes: tuple[str, ...]
    is_damage: bool


@dataclass(slots=True)
class Line:
    """A fault in the time line, with what came of it."""

    at_s: float
    camera: str
    fault: str
    row: str
    about: str
    lasted_s: float
    figures: Figures


@dataclass(slots=True)
class Frames:
    """Of all cameras, and of those that are missing how each is accounted for."""

    seen: int = 0
    missing: int = 0
    in_gaps: int = 0
    not_sent: int = 0
    damaged: int = 0
    unexplained: int = 0
    doubled: int = 0


@dataclass(slots=True)
class Verdict:
    """See the module."""

    frames: Frames = field(default_factory=Frames)
    lines: list[Line] = field(default_factory=list)
    gaps: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)


def judge_frames(
    played: Sequence[Played],
    events: Sequence[Event],
    report: FramesReport,
    not_sent: Collection[NotSent],
    hit: Collection[tuple[str, int]],
    margin_s: float,
) -> Verdict:
    """Hold the footage and the ledger against what was done.

    Args:
        played: the faults as they were done.
        events: the journal.
        report: what the files hold.
        not_sent: what cameras left out by their own word.
        hit: camera and number of the pictures of which a packet was damaged.
        margin_s: added to each promised time.
    """
    verdict, gaps = Verdict(), gaps_of(events)
    verdict.gaps = Counter(gap.cause for gap in gaps)
    by_camera = sorted(played, key=lambda one: (one.planned.camera, one.at_s))
    for name, mine in groupby(by_camera, key=lambda one: one.planned.camera):
        faults = list(mine)
        own = [gap for gap in gaps if gap.camera == name]
        left_out = [(first, last) for camera, first, last in not_sent if camera == name]
        damaged = {n for camera, n in hit if camera == name}
        seen = report.cameras.get(name)
        if seen is None:
            verdict.problems.append(f"{name}: not a single frame")
            continue
        windows = windows_of(faults)
        _count(verdict, seen, own, windows, left_out, damaged)
        _judge_ledger(verdict, own, windows, left_out)
        verdict.lines += _lines(faults, events, own, seen)
    verdict.lines.sort(key=lambda line: line.at_s)
    _judge_lines(verdict, margin_s)
    _judge_service(verdict, events)
    return verdict


def windows_of(faults: Iterable[Played]) -> list[Window]:
    """When which causes are right on one camera."""
    return [
        Window(
            one.outage.broke_utc - _SLACK_NS,
            (one.outage.answered_utc or _FAR_FUTURE) + int(one.planned.rule.linger_s * NS_PER_S),
            one.planned.rule.causes,
            one.planned.fault in (Fault.CORRUPTED, Fault.CORRUPTED_HEADERS),
        )
        for one in faults
    ]


def _count(
    verdict: Verdict,
    seen: CameraReport,
    gaps: Sequence[Gap],
    windows: Sequence[Window],
    left_out: Sequence[tuple[int, int]],
    damaged: set[int],
) -> None:
    frames, lost = verdict.frames, []
    frames.seen += seen.count
    frames.doubled += len(seen.doubled)
    if seen.doubled or seen.disordered:
        verdict.problems.append(seen.describe())
    for hole in seen.missing:
        step = (hole.before_utc_ns - hole.after_utc_ns) / (hole.count + 1)
        for n in range(hole.first, hole.last + 1):
            utc = hole.after_utc_ns + round(step * (n - hole.first + 1))
            now = [window for window in windows if window.start_utc <= utc <= window.end_utc]
            right = {cause for window in now for cause in window.causes}
            frames.missing += 1
            if any(gap.cause in right and gap.covers(utc, utc, _SLACK_NS) for gap in gaps):
                frames.in_gaps += 1
            elif any(first <= n <= last for first, last in left_out):
                frames.not_sent += 1
            elif any(window.is_damage for window in now) and damaged & set(range(n - _REACH, n + _REACH + 1)):
                frames.damaged += 1
            else:
                frames.unexplained += 1
                lost.append(n)
    if lost:
        verdict.problems.append(f"{seen.camera}: {len(lost)} frames are missing without a reason: {_spans(lost)}")


def _judge_ledger(
    verdict: Verdict, gaps: Sequence[Gap], windows: Sequence[Window], left_out: Sequence[tuple[int, int]]
) -> None:
    """Each gap has to be somebody's doing: a fault's, or the camera's that says it sent nothing then."""
    pauses = [(first * NS_PER_S // FPS - _SLACK_NS, last * NS_PER_S // FPS + _SLACK_NS) for first, last in left_out]
    for gap in gaps:
        if gap.cause in _ALWAYS:
            continue
        end = gap.end_utc
        if end is None:
            verdict.problems.append(f"{gap.camera}: a gap of {gap.cause} was never closed")
            continue
        fits = any(w.start_utc <= gap.start_utc and end <= w.end_utc and gap.cause in w.causes for w in windows)
        paused = any(start <= gap.start_utc and end <= until + 2 * _SLACK_NS for start, until in pauses)
        if not fits and not (paused and gap.cause == "stream_stalled"):
            length = (end - gap.start_utc) / NS_PER_S
            verdict.problems.append(
                f"{gap.camera}: a gap of {gap.cause}, {length:.2f} s at {gap.start_utc}, that nobody caused"
            )


def _lines(faults: Sequence[Played], events: Sequence[Event], gaps: Sequence[Gap], seen: CameraReport) -> list[Line]:
    lines = []
    ends = [one.outage.broke_boot for one in faults[1:]] + [_FAR_FUTURE]
    for one, end in zip(faults, ends, strict=True):
        planned, outage = one.planned, one.outage
        mine = [event for event in events if outage.broke_boot <= event.boot < end]
        figures = Figures(planned.camera, planned.rule.causes)
        if planned.rule.noticed_s is not None:
            figures = figures_of(outage, planned.camera, mine, gaps, seen)
        if not planned.rule.way_back:
            figures.recovered_after_s = None
        lasted = ((outage.answered_boot or outage.broke_boot) - outage.broke_boot) / NS_PER_S
        lines.append(Line(one.at_s, planned.camera, planned.fault, planned.rule.row, planned.about, lasted, figures))
        if outage.answered_boot is None:
            figures.problems.append(f"{planned.camera}: {planned.fault} was never ended")
    return lines


def _judge_lines(verdict: Verdict, margin_s: float) -> None:
    recovered = [line.figures.recovered_after_s for line in verdict.lines if line.figures.recovered_after_s is not None]
    if (most := p95(recovered) or 0.0) > RECOVERED_P95_S + margin_s:
        verdict.problems.append(f"recovered (p95) after {most:.2f} s, {RECOVERED_P95_S} s are promised")
    for line in verdict.lines:
        where, promised = f"{line.camera}, {line.fault} at {line.at_s:.1f} s", RULES[Fault(line.fault)].noticed_s
        verdict.problems += [f"{where}: {problem}" for problem in line.figures.problems]
        if (after := line.figures.recovered_after_s) is not None and after > LONGEST_RECOVERY_S:
            verdict.problems.append(f"{where}: recovered after {after:.2f} s")
        if promised is None:
            continue
        noticed = line.figures.detected_after_s
        if noticed is None and (line.lasted_s > promised + margin_s or not RULES[Fault(line.fault)].lasts):
            verdict.problems.append(f"{where}: never noticed")
        elif noticed is not None and noticed > promised + margin_s:
            verdict.problems.append(f"{where}: noticed after {noticed:.2f} s, {promised} s are promised")


def _judge_service(verdict: Verdict, events: Sequence[Event]) -> None:
    verdict.problems += [f"{event.process} ended: {event.how}" for event in events if isinstance(event, ProcessDied)]
    longest = max((e.boot for e in events), default=0) - min((e.boot for e in events), default=0) + NS_PER_S
    verdict.problems += [
        f"{e.path}: {e.duration / NS_PER_S:.2f} s long, from {e.start_utc} to {e.end_utc}"
        for e in events
        if isinstance(e, SegmentClosed) and not (0 < e.duration <= longest and 0 < e.end_utc - e.start_utc <= longest)
    ]


def _spans(numbers: Sequence[int]) -> str:
    spans: list[list[int]] = []
    for n in numbers:
        if spans and n == spans[-1][1] + 1:
            spans[-1][1] = n
        else:
            spans.append([n, n])
    return ", ".join(f"{first} to {last}" for first, last in spans[:5]) + (" …" if len(spans) > 5 else "")
