"""What came of a scenario: figures from the journal and from the frames on disk, nothing from the service's memory."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from evertape.ipc.events import CameraStateChanged, Event, GapClosed, GapOpened, ProcessDied
from evertape.types import NS_PER_S
from evertape_lab.audit import CameraReport, FramesReport, Missing
from evertape_lab.fleet import NotSent, SeenRequest
from evertape_lab.stage import Outage

GAP_SLACK_S = 1.0
"""How far a gap's ends may lie from the frames it explains."""

_FLOWING = ("receiving", "connected")
_NOT_LOST = (*_FLOWING, "stopped")
_WINDOW_NS = NS_PER_S
_FAR_FUTURE = 1 << 62


@dataclass(frozen=True, slots=True)
class Gap:
    """A gap of the ledger; ``end_utc`` is ``None`` while it is open. ``opened_boot``: when it was written down."""

    camera: str
    cause: str
    start_utc: int
    end_utc: int | None
    opened_boot: int

    def covers(self, start_utc: int, end_utc: int, slack_ns: int) -> bool:
        """Whether the span lies in it."""
        end = _FAR_FUTURE if self.end_utc is None else self.end_utc
        return self.start_utc - slack_ns <= start_utc and end_utc <= end + slack_ns

    def overlap_ns(self, start_utc: int, end_utc: int) -> int:
        """How much of a span lies in it."""
        end = _FAR_FUTURE if self.end_utc is None else self.end_utc
        return max(0, min(end, end_utc) - max(self.start_utc, start_utc))


@dataclass(slots=True)
class Figures:
    """One camera in one outage; ``None`` where there is nothing to measure."""

    camera: str
    causes: tuple[str, ...]
    detected_after_s: float | None = None
    recovered_after_s: float | None = None
    lost_before_s: float | None = None
    frames_missing: int = 0
    gap: tuple[str, ...] = ()
    gap_start_error_s: float | None = None
    gap_end_error_s: float | None = None
    attempts: int = 0
    problems: list[str] = field(default_factory=list)


def gaps_of(events: Iterable[Event]) -> list[Gap]:
    """The ledger as the journal has it, in the order of the entries; the wall clock may have been set in between."""
    gaps: dict[str, Gap] = {}
    for event in events:
        if isinstance(event, GapOpened):
            gaps[event.gap] = Gap(event.camera, event.cause, event.start_utc, None, event.boot)
        elif isinstance(event, GapClosed):
            opened = gaps[event.gap].opened_boot if event.gap in gaps else event.boot
            gaps[event.gap] = Gap(event.camera, event.cause, event.start_utc, event.end_utc, opened)
    return list(gaps.values())


def figures_of(
    outage: Outage, camera: str, events: Sequence[Event], gaps: Sequence[Gap], report: CameraReport | None
) -> Figures:
    """Measure one camera in one outage, and name what is wrong with its gap."""
    figures = Figures(camera, outage.causes)
    states = [e for e in events if isinstance(e, CameraStateChanged) and e.camera == camera and e.stream == "main"]
    end_boot = _FAR_FUTURE if outage.answered_boot is None else outage.answered_boot
    lost = [e.boot for e in states if e.boot >= outage.broke_boot and e.old in _FLOWING and e.state not in _NOT_LOST]
    lost += [e.boot for e in events if isinstance(e, ProcessDied) and e.boot >= outage.broke_boot]
    if lost:
        figures.detected_after_s = (min(lost) - outage.broke_boot) / NS_PER_S
    figures.attempts = sum(e.state == "reconnecting" and outage.broke_boot <= e.boot < end_boot for e in states)
    hole = _hole(outage, report)
    if hole is not None:
        figures.frames_missing = hole.count
        figures.lost_before_s = max(0.0, (outage.broke_utc - hole.after_utc_ns) / NS_PER_S)
        mine = [gap for gap in gaps if gap.camera == camera and gap.opened_boot >= outage.broke_boot]
        _judge_gap(figures, hole, mine)
    if outage.answered_utc is not None and report is not None:
        first = hole.before_utc_ns if hole is not None else report.first_utc_ns
        if first > outage.answered_utc or hole is not None:
            figures.recovered_after_s = (first - outage.answered_utc) / NS_PER_S
        if report.last_utc_ns < outage.answered_utc:
            figures.problems.append(f"{camera}: no frame after the outage")
            figures.recovered_after_s = None
    return figures


def _hole(outage: Outage, report: CameraReport | None) -> Missing | None:
    """The hole that the outage left: of those that touch it, the one that begins nearest to the break."""
    if report is None:
        return None
    end = _FAR_FUTURE if outage.answered_utc is None else outage.answered_utc + 5 * NS_PER_S
    touching = [
        hole for hole in report.missing if hole.before_utc_ns > outage.broke_utc - NS_PER_S and hole.after_utc_ns < end
    ]
    return min(touching, key=lambda hole: abs(hole.after_utc_ns - outage.broke_utc), default=None)


def _judge_gap(figures: Figures, hole: Missing, gaps: Sequence[Gap]) -> None:
    # A neighbour's slack is no part of it; but a hole of one frame is shorter than that.
    least = min(NS_PER_S // 10, (hole.before_utc_ns - hole.after_utc_ns) // 4)
    within = [gap for gap in gaps if gap.overlap_ns(hole.after_utc_ns, hole.before_utc_ns) > least]
    if not within:
        figures.problems.append(f"{figures.camera}: {hole.count} frames are missing and no gap says so")
        return
    figures.gap = tuple(dict.fromkeys(gap.cause for gap in within))
    figures.gap_start_error_s = (within[0].start_utc - hole.after_utc_ns) / NS_PER_S
    if (end := within[-1].end_utc) is not None:
        figures.gap_end_error_s = (end - hole.before_utc_ns) / NS_PER_S
    else:
        figures.problems.append(f"{figures.camera}: the gap was never closed")
    wrong = [cause for cause in figures.gap if cause not in figures.causes]
    if wrong:
        figures.problems.append(f"{figures.camera}: cause {wrong}, not {figures.causes}")
    for error in (figures.gap_start_error_s, figures.gap_end_error_s):
        if error is not None and abs(error) > GAP_SLACK_S:
            figures.problems.append(f"{figures.camera}: an end of the gap is {error:+.2f} s off")


def unexplained(
    report: CameraReport, gaps: Iterable[Gap], not_sent: Iterable[NotSent], hit: set[tuple[str, int]]
) -> int:
    """Frames that are missing though no gap has their time.

    Args:
        report: of one camera.
        gaps: with a cause that is right here.
        not_sent: what the cameras say that they left out: no recorder can be asked for these.
        hit: camera and number of frames that were damaged on purpose.
    """
    slack = int(GAP_SLACK_S * NS_PER_S)
    mine = [gap for gap in gaps if gap.camera == report.camera]
    left_out = [(first, last) for name, first, last in not_sent if name == report.camera]
    count = 0
    for hole in report.missing:
        step = (hole.before_utc_ns - hole.after_utc_ns) / (hole.count + 1)
        for n in range(hole.first, hole.last + 1):
            utc = hole.after_utc_ns + round(step * (n - hole.first + 1))
            explained = any(gap.covers(utc, utc, slack) for gap in mine)
            excused = any(first <= n <= last for first, last in left_out) or (report.camera, n) in hit
            count += not explained and not excused
    return count


def busiest_second(boots: Iterable[int]) -> int:
    """The most requests within one second."""
    times = sorted(boots)
    best = start = 0
    for end, at in enumerate(times):
        while at - times[start] >= _WINDOW_NS:
            start += 1
        best = max(best, end - start + 1)
    return best


def worst_camera(asked: Iterable[SeenRequest], method: str) -> int:
    """The most requests of one kind that any camera saw within one second."""
    by_camera: dict[str, list[int]] = {}
    for request in asked:
        if request.method == method:
            by_camera.setdefault(request.camera, []).append(request.boot_ns)
    return max((busiest_second(boots) for boots in by_camera.values()), default=0)


def p95(values: Sequence[float]) -> float | None:
    """95 of 100 are no higher (nearest rank); ``None`` of nothing."""
    return sorted(values)[math.ceil(0.95 * len(values)) - 1] if values else None


def counts(events: Iterable[Event]) -> dict[str, int]:
    """How often each type of event is in the journal."""
    found: Counter[str] = Counter(str(type(event).__struct_config__.tag) for event in events)
    return dict(sorted(found.items()))


def rounded(value: Any) -> Any:
    """For people: three decimals."""
    if isinstance(value, float):
        return round(value, 3)
    if isinstance(value, dict):
        return {key: rounded(inner) for key, inner in value.items()}
    return [rounded(inner) for inner in value] if isinstance(value, list | tuple) else value


def total(report: FramesReport) -> int:
    """Frames missing of all cameras."""
    return sum(camera.missing_count for camera in report.cameras.values())
