"""Holds what disks did to the recording against what was promised of storage.

From the journal, the log, the files on the disks, and from who watched meanwhile.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from evertape.ipc.events import Alert, Event, GapOpened, SegmentDeleted, SegmentOpened, VolumeStateChanged
from evertape_lab.audit import FramesReport, audit_files
from evertape_lab.findings import Gap, p95
from evertape_lab.judge_overload import judge_overload
from evertape_lab.script_disks import StorageExpect
from evertape_lab.stage_disks import Counted, Trouble, footage, seconds

if TYPE_CHECKING:
    from evertape_lab.judge import Result
    from evertape_lab.stage import Stage

_FRAGMENT_S = 0.5
OPENING_FAILED = re.compile(r"writer of \S+ failed at C[2-5]")
"""A file that could not be begun; to be refused by the check before it (C1) is no error."""
WRITING_FAILED = re.compile(r"writer of \S+ failed at [WS]\d")
UNUSABLE = "volume_unusable"
"""The kind of alert that says that a volume cannot be used."""
_ON_PURPOSE = ("starting", "service_stopped")
"""How every scenario begins and ends."""
_MISTAKES = ("a mistake in", "a step failed in a way nobody foresaw", "Traceback")


@dataclass(slots=True)
class DiskFigures:
    """One volume, broken once; ``None`` where there is nothing to measure."""

    volume: str
    noticed_after_s: float | None = None
    layer: str = ""
    state: str = ""
    spilled_after_s: float | None = None
    back_after_s: float | None = None


def judge_disks(
    result: Result,
    stage: Stage,
    events: Sequence[Event],
    report: FramesReport,
    gaps: Sequence[Gap],
    margin_s: float,
) -> None:
    """Fill in what concerns disks; nothing if the scenario has none."""
    if not stage.bays:
        return
    expect = stage.script.expect.storage
    found = [_figures(trouble, events) for trouble in stage.troubles]
    for figures, trouble in zip(found, stage.troubles, strict=True):
        if stage.bays[trouble.volume].about.role != "primary" or _again(trouble, stage.troubles, figures.back_after_s):
            figures.back_after_s = None
    result.disks = found
    _judge_times(result, stage, found, margin_s)
    _judge_frames(result, stage, report)
    result.figures["beneath_bytes"] = stage.beneath
    if stage.beneath:
        result.problems.append(f"{stage.beneath} bytes lie beneath mount points")
    causes = [gap.cause for gap in gaps if gap.cause not in _ON_PURPOSE]
    result.figures["ledger"] = {cause: causes.count(cause) for cause in sorted(set(causes))}
    _judge_live(result, stage)
    _judge_log(result, stage, expect)
    judge_alerts(result, events, expect)
    _judge_telling(result, stage, found, events, margin_s)
    _judge_volumes(result, stage, events, expect)
    _judge_meters(result, stage, expect, margin_s)
    judge_overload(result, stage, events, report, expect)


def _figures(trouble: Trouble, events: Sequence[Event]) -> DiskFigures:
    figures, ours = DiskFigures(trouble.volume), f"disk-{trouble.volume}"
    after = [event for event in events if event.boot >= trouble.broke_boot]
    for event in after:
        if isinstance(event, VolumeStateChanged) and event.volume == trouble.volume and event.state in trouble.states:
            figures.noticed_after_s = seconds(event.boot, trouble.broke_boot)
            figures.layer, figures.state = event.layer, event.state
            break
    opened = [event for event in after if isinstance(event, SegmentOpened)]
    there = {e.camera: e.source == ours for e in events if isinstance(e, SegmentOpened) and e.boot < trouble.broke_boot}
    elsewhere: dict[str, int] = {}
    for event in opened:
        if event.source != ours and there.get(event.camera):
            elsewhere.setdefault(event.camera, event.boot)
    if elsewhere and (trouble.mended_boot is None or max(elsewhere.values()) < trouble.mended_boot):
        figures.spilled_after_s = seconds(max(elsewhere.values()), trouble.broke_boot)
    if (mended := trouble.mended_boot) is not None:
        back = next((event for event in opened if event.source == ours and event.boot >= mended), None)
        figures.back_after_s = None if back is None else seconds(back.boot, mended)
    return figures


def _again(trouble: Trouble, troubles: Sequence[Trouble], back_after_s: float | None) -> bool:
    """Whether the volume was broken once more before it was recorded to."""
    mended = trouble.mended_boot
    if mended is None or back_after_s is None:
        return False
    later = (t.broke_boot for t in troubles if t.volume == trouble.volume and t.broke_boot > mended)
    return any(seconds(at, mended) < back_after_s for at in later)


def _judge_times(result: Result, stage: Stage, found: Sequence[DiskFigures], margin_s: float) -> None:
    expect, shown = stage.script.expect.storage, result.figures
    noticed = [figures.noticed_after_s for figures in found if figures.noticed_after_s is not None]
    back = [figures.back_after_s for figures in found if figures.back_after_s is not None]
    spilled = [figures.spilled_after_s for figures in found if figures.spilled_after_s is not None]
    shown["disks_noticed_after_s"] = max(noticed, default=None)
    shown["by_layer"] = "+".join(sorted({figures.layer for figures in found if figures.layer}))
    shown["disks_back_after_s"] = max(back, default=None)
    shown["disks_back_after_p95_s"] = p95(back) if len(back) > 1 else None
    shown["spilled_after_s"] = max(spilled, default=None)
    mended = sum(
        trouble.mended_boot is not None
        and stage.bays[trouble.volume].about.role == "primary"
        and not _again(trouble, stage.troubles, math.inf)
        for trouble in stage.troubles
    )
    for what, times, most, want in (
        ("noticed", noticed, expect.noticed_within_s, len(found)),
        ("back", back, expect.back_within_s, mended),
        ("recording elsewhere", spilled, expect.spilled_within_s, len(found)),
    ):
        if most is None:
            continue
        if len(times) < want:
            result.problems.append(f"{want - len(times)} times nothing was {what} of a disk")
        if max(times, default=0.0) > most + margin_s:
            result.problems.append(f"a disk: {what} after {max(times):.3f} s, {most} s are promised")
    strange = {figures.layer for figures in found if figures.layer} - set(expect.layers or ())
    if expect.layers and strange:
        result.problems.append(f"noticed by {', '.join(strange)}, not by {', '.join(expect.layers)}")


def _judge_frames(result: Result, stage: Stage, report: FramesReport) -> None:
    every = audit_files(stage.rig.files()).cameras.values()
    at_end = Counted(
        sum(camera.count for camera in every),
        sum(camera.missing_count for camera in every),
        sum(len(camera.doubled) for camera in every),
    )
    for moment, counted in {**stage.counted, "at the end": at_end}.items():
        result.figures[f"missing, doubled {moment}"] = [counted.missing, counted.doubled]
    if at_end.doubled and not stage.script.expect.storage.doubled:
        result.problems.append(f"{at_end.doubled} frames lie on the disks twice")
    result.problems += [
        f"{camera.camera}: {len(camera.doubled)} frames count twice"
        for camera in report.cameras.values()
        if camera.doubled
    ]


def _judge_live(result: Result, stage: Stage) -> None:
    missed = {name: watcher.missing for name, watcher in stage.watchers.items()}
    result.figures["live_missed"] = sum(missed.values()) if missed else None
    if not stage.script.expect.storage.live:
        return
    if not missed:
        result.problems.append("nobody watched")
    result.problems += [f"who watched {name} missed {count} pictures" for name, count in missed.items() if count]


def _judge_log(result: Result, stage: Stage, expect: StorageExpect) -> None:
    log = stage.chronicle
    errors = [line for line in log.lines if OPENING_FAILED.search(line.text)]
    mistakes = [line for line in log.lines if any(word in line.text for word in _MISTAKES)]
    if stage.rotations:
        result.figures["rotations"] = stage.rotations
        result.figures["rotation_errors"] = len(errors) + len(mistakes)
    result.problems += [f"the log says: {line.text.splitlines()[0]}" for line in mistakes[:3]]
    if lost := log.out_of_order(expect.log):
        result.problems.append(f"the log does not say, or too early: {lost}")
    result.problems += [f"the log says: {log.said(part)[0].text}" for part in expect.never_log if log.said(part)]
    told = [line.text for line in log.lines if "[STORAGE] Notifying" in line.text]
    result.problems += [f"nobody was shown {label}" for label in expect.labels if not any(label in t for t in told)]
    if expect.told is not None:
        for camera in stage.cameras:
            times = len(log.said(f"[STORAGE] Calling storage error callback for {camera}"))
            if times != expect.told:
                result.problems.append(f"{camera} was told {times} times of an error, not {expect.told}")


def judge_alerts(result: Result, events: Sequence[Event], expect: StorageExpect) -> None:
    """Each alert that is promised was raised once and is over once, or as often as it is promised."""
    alerts = [event for event in events if isinstance(event, Alert)]
    kinds = {state: [e.kind for e in alerts if e.state == state] for state in ("raised", "ended")}
    raised = kinds["raised"]
    result.figures["alerts"] = {kind: raised.count(kind) for kind in sorted(set(raised))} or None
    for kind in sorted(set(expect.alerts)):
        for state, found in kinds.items():
            if (times := found.count(kind)) != (want := expect.alerts.count(kind)):
                result.problems.append(f"alerts of {kind} that were {state}: {times}, not {want}")
    lost = min((e.boot for e in events if isinstance(e, GapOpened) and e.cause.startswith("storage")), default=None)
    first = min((event.boot for event in alerts if event.state == "raised"), default=None)
    if expect.alert_first and lost is not None:
        if first is None or first > lost:
            result.problems.append("a frame was lost before anybody was warned")
        else:
            result.figures["warned_s_before_loss"] = seconds(lost, first)


def _judge_telling(
    result: Result, stage: Stage, found: Sequence[DiskFigures], events: Sequence[Event], margin_s: float
) -> None:
    """How soon a person was told that a disk cannot be used, after it was noticed; shown from the break."""
    raised = [e for e in events if isinstance(e, Alert) and e.kind == UNUSABLE and e.state == "raised"]
    told: list[float] = []
    for alert in raised:
        before = [
            (trouble, figures)
            for trouble, figures in zip(stage.troubles, found, strict=True)
            if trouble.volume == alert.volume and trouble.broke_boot <= alert.boot
        ]
        if not before:
            result.problems.append(f"an alert of {UNUSABLE} was raised though nobody had broken {alert.volume}")
            continue
        trouble, figures = before[-1]
        told.append(seconds(alert.boot, trouble.broke_boot))
        late = told[-1] - (figures.noticed_after_s or 0.0)
        if late > stage.script.expect.storage.told_within_s + margin_s:
            result.problems.append(f"{alert.volume}: a person was told {late:.1f} s after it was noticed")
    result.figures["person_told_after_s"] = max(told, default=None)


def _judge_volumes(result: Result, stage: Stage, events: Sequence[Event], expect: StorageExpect) -> None:
    for name, bay in stage.bays.items():
        files = footage(bay.point)
        if name in expect.empty and files:
            result.problems.append(f"{len(files)} files of footage are left on {name}")
        if name in expect.holds and not files:
            result.problems.append(f"there is no footage on {name}")
    for name in {trouble.volume for trouble in stage.troubles}:
        changes = [e.state for e in events if isinstance(e, VolumeStateChanged) and e.volume == name]
        result.figures[f"states of {name}"] = " ".join(changes) if len(changes) <= 12 else len(changes)
        if expect.changes is not None and len(changes) > expect.changes:
            result.problems.append(f"the state of {name} changed {len(changes)} times: {' '.join(changes)}")
    deleted = [event for event in events if isinstance(event, SegmentDeleted) and event.reason.startswith("retention")]
    result.figures["deleted"] = len(deleted) or None
    if expect.deleted_oldest_first:
        _judge_order(result, deleted, events)


def _judge_order(result: Result, deleted: Sequence[SegmentDeleted], events: Sequence[Event]) -> None:
    """What was deleted has to be the oldest; in which order those of one batch went, microseconds apart, is nothing."""
    starts = {event.segment: event.start_utc for event in events if isinstance(event, SegmentOpened)}
    if not deleted:
        result.problems.append("nothing was deleted")
    gone = {event.segment for event in events if isinstance(event, SegmentDeleted)}
    left = min((at for segment, at in starts.items() if segment not in gone), default=None)
    newest = max((starts[event.segment] for event in deleted if event.segment in starts), default=0)
    if left is not None and left < newest:
        result.problems.append("something older than what was deleted is still there")


def _judge_meters(result: Result, stage: Stage, expect: StorageExpect, margin_s: float) -> None:
    meter = stage.disk_meter
    gap = max(meter.beat_gap_s.values(), default=0.0)
    result.figures["beat_gap_s"] = gap
    if expect.beat_gap_s is not None and gap > expect.beat_gap_s + margin_s:
        slow = max(meter.beat_gap_s, key=lambda name: meter.beat_gap_s[name])
        result.problems.append(f"{slow} gave no sign of life for {gap:.2f} s")
    if meter.still_s:
        waited = max(meter.still_s.values()) - _FRAGMENT_S
        result.figures["other_writers_waited_s"] = max(0.0, waited)
        if expect.other_writers_wait_s is not None and waited > expect.other_writers_wait_s + margin_s:
            result.problems.append(f"a writer on another disk waited {waited:.2f} s")
    elif expect.other_writers_wait_s is not None:
        result.problems.append("nobody followed how other files grow")
    before, after = stage.before, stage.after
    if expect.memory_mb is not None and before is not None and after is not None:
        grown = (after.resident - before.resident) / 1e6
        result.figures["memory_grown_mb"] = grown
        if grown > expect.memory_mb:
            result.problems.append(f"the recorders took {grown:.0f} MB more, {expect.memory_mb:g} are allowed")
