"""Holds what came of a scenario against what was promised.

Everything comes from the journal, from the files, and from what the lab itself counted; nothing from the service's own
idea of how it is doing.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from evertape.ipc.events import Alert, CameraStateChanged, Event, Notice, SegmentClosed
from evertape.types import NS_PER_S
from evertape_lab.audit import FramesReport, Missing, audit_files
from evertape_lab.findings import (
    Figures,
    Gap,
    counts,
    figures_of,
    gaps_of,
    p95,
    rounded,
    total,
    unexplained,
    worst_camera,
)
from evertape_lab.fleet import NotSent
from evertape_lab.judge_crashes import catch_up, judge_crashes, ledger
from evertape_lab.judge_disks import DiskFigures, judge_disks
from evertape_lab.sound import Sound, read_sound
from evertape_lab.stage import Stage

_LEAK_BYTES = 24 << 20
# Threads of a resolver or a pool come and go; a leak of one per outage is more.
_LEAK_COUNT = 4
_TOLD_S = 5.0


@dataclass(slots=True)
class Result:
    """What came of one scenario."""

    row: str
    title: str
    quick: bool
    ok: bool = False
    problems: list[str] = field(default_factory=list)
    figures: dict[str, Any] = field(default_factory=dict)
    outages: list[Figures] = field(default_factory=list)
    disks: list[DiskFigures] = field(default_factory=list)
    events: dict[str, int] = field(default_factory=dict)

    def json(self) -> dict[str, Any]:
        """For a file."""
        plain: dict[str, Any] = rounded(asdict(self))
        return plain

    def line(self) -> str:
        """For people."""
        shown = ", ".join(f"{key} {value}" for key, value in rounded(self.figures).items() if value is not None)
        return f"{self.row:4} {'ok' if self.ok else 'FAILED'}: {shown}" + "".join(f"\n     {p}" for p in self.problems)


def judge(result: Result, stage: Stage, margin_s: float) -> None:
    """Fill in ``result``; ``margin_s`` is added to each promised time."""
    events = stage.rig.events()
    report = audit_files(stage.rig.ranges())
    gaps = gaps_of(events)
    if stage.script.keeper or stage.script.served:
        catch_up(stage)
    if stage.crashes or (stage.bays and stage.script.keeper):
        gaps = ledger(stage)
    result.events = counts(events)
    for outage in stage.outages:
        for camera in outage.cameras:
            figures = figures_of(outage, camera, events, gaps, report.cameras.get(camera))
            result.outages.append(figures)
            result.problems += figures.problems
    _judge_frames(result, stage, report, gaps)
    _judge_times(result, stage, margin_s)
    _judge_requests(result, stage)
    _judge_events(result, stage, events, gaps)
    _judge_use(result, stage)
    judge_crashes(result, stage, events, margin_s)
    judge_disks(result, stage, events, report, gaps, margin_s)
    if stage.script.expect.playable or stage.script.expect.audio is not None or stage.script.expect.segments > 1:
        _judge_files(result, stage)
    if stage.rig.clean is False:
        result.problems.append("the service did not stop cleanly")


def _judge_frames(result: Result, stage: Stage, report: FramesReport, gaps: list[Gap]) -> None:
    expect, problems = stage.script.expect, result.problems
    right = {cause for outage in stage.outages for cause in outage.causes} | set(expect.also)
    not_sent = [entry for group in stage.groups for entry in group.lab.not_sent]
    hit = _pictures_hit(stage) if expect.damaged_only else set()
    lost = {
        name: unexplained(camera, [gap for gap in gaps if gap.cause in right], not_sent, hit)
        for name, camera in report.cameras.items()
    }
    result.figures["frames"] = sum(camera.count for camera in report.cameras.values())
    result.figures["frames_missing"] = total(report)
    result.figures["frames_unexplained"] = sum(lost.values())
    if damaged := sum(group.proxy.damage.packets for group in stage.groups if group.proxy):
        result.figures["damaged_packets"] = damaged
    problems += [f"{name}: {count} frames are missing without a reason" for name, count in lost.items() if count]
    if expect.no_frame_missing:
        problems += [
            camera.describe()
            for camera in report.cameras.values()
            if any(not _left_out(camera.camera, hole, not_sent) for hole in camera.missing)
        ]
    for name in stage.cameras:
        seen = report.cameras.get(name)
        if seen is None or seen.count < expect.frames:
            problems.append(f"{name}: {seen.count if seen else 0} frames, {expect.frames} or more are expected")
        elif seen.doubled or seen.disordered:
            problems.append(seen.describe())


def _left_out(camera: str, hole: Missing, not_sent: Sequence[NotSent]) -> bool:
    return any(name == camera and first <= hole.first and hole.last <= last for name, first, last in not_sent)


def _pictures_hit(stage: Stage) -> set[tuple[str, int]]:
    reach = stage.script.expect.damaged_reach
    hit = (picture for group in stage.groups if group.proxy for picture in group.proxy.damage.pictures_hit())
    return {(camera, n + by) for camera, n in hit for by in range(-reach, reach + 1)}


def _judge_times(result: Result, stage: Stage, margin_s: float) -> None:
    expect = stage.script.expect
    detected = [f.detected_after_s for f in result.outages if f.detected_after_s is not None]
    recovered = [f.recovered_after_s for f in result.outages if f.recovered_after_s is not None]
    result.figures["detected_after_s"] = max(detected, default=None)
    result.figures["recovered_after_s"] = p95(recovered)
    result.figures["recovered_after_max_s"] = max(recovered, default=None)
    result.figures["attempts"] = max((f.attempts for f in result.outages), default=0)
    if expect.detected_within_s is not None:
        if len(detected) < len(result.outages):
            result.problems.append(f"{len(result.outages) - len(detected)} outages were never noticed")
        _no_later(result, "noticed", max(detected, default=0.0), expect.detected_within_s, margin_s)
    if expect.recovered_within_s is not None:
        if len(recovered) < len(result.outages):
            result.problems.append(f"{len(result.outages) - len(recovered)} cameras did not come back")
        _no_later(result, "recovered (p95)", p95(recovered) or 0.0, expect.recovered_within_s, margin_s)


def _no_later(result: Result, what: str, measured: float, promised: float, margin_s: float) -> None:
    if measured > promised + margin_s:
        result.problems.append(f"{what} after {measured:.2f} s, {promised} s are promised")


def _judge_requests(result: Result, stage: Stage) -> None:
    expect = stage.script.expect
    asked = [request for group in stage.groups for request in group.lab.asked]
    for method, most in (("OPTIONS", expect.options_per_s), ("DESCRIBE", expect.attempts_per_s)):
        worst = worst_camera(asked, method)
        if most is not None:
            result.figures[f"{method.lower()}_per_s"] = worst
            if worst > most:
                result.problems.append(f"a camera saw {worst} {method} in a second, {most} are allowed")


def _judge_events(result: Result, stage: Stage, events: Sequence[Event], gaps: list[Gap]) -> None:
    expect = stage.script.expect
    notices = {event.text for event in events if isinstance(event, Notice)}
    result.problems += [f"no notice says {text}" for text in expect.notices if text not in notices]
    result.problems += [f"no event is a {kind}" for kind in expect.events if kind not in result.events]
    _judge_alerts(result, stage, events)
    result.problems += _strange_segments(events)
    for name in stage.cameras if expect.connects is not None else ():
        times = sum(isinstance(e, CameraStateChanged) and e.camera == name and e.state == "connected" for e in events)
        if expect.connects is not None and times > expect.connects:
            result.problems.append(f"{name} became connected {times} times, {expect.connects} are expected")
    causes = {gap.cause for gap in gaps}
    result.problems += [f"the ledger has no {cause}" for cause in expect.causes if cause not in causes]
    allowed = {"starting", *expect.also, *(cause for outage in stage.outages for cause in outage.causes)}
    bad = {server.camera for server in stage.script.servers}
    for gap in gaps:
        # What a stopped service leaves open is on purpose.
        if gap.camera not in bad and gap.cause not in allowed and gap.cause != "service_stopped":
            result.problems.append(f"{gap.camera}: a gap of {gap.cause} that nobody caused")
    if not expect.gaps:
        after = [gap for gap in gaps if gap.camera not in bad and gap.cause not in ("starting", "service_stopped")]
        result.problems += [f"{gap.camera}: a gap of {gap.cause}" for gap in after]


def _judge_alerts(result: Result, stage: Stage, events: Sequence[Event]) -> None:
    expect = stage.script.expect.alerts
    alerts = [event for event in events if isinstance(event, Alert) and event.camera in stage.cameras]
    if expect is None:
        return
    for state in ("raised", "ended"):
        found = sorted(alert.kind for alert in alerts if alert.state == state)
        if found != sorted(expect):
            result.problems.append(f"alerts {state}: {', '.join(found) or 'none'}, not {', '.join(expect) or 'none'}")
    lost = [e for e in events if isinstance(e, CameraStateChanged) and e.state in ("auth_failed", "error", "waiting")]
    raised = [alert.boot for alert in alerts if alert.state == "raised"]
    if raised and lost:
        result.figures["person_told_after_s"] = late = (min(raised) - lost[0].boot) / NS_PER_S
        if late > _TOLD_S:
            result.problems.append(f"a person was told {late:.1f} s after it was noticed, {_TOLD_S} s are promised")


def _judge_use(result: Result, stage: Stage) -> None:
    expect, meter = stage.script.expect, stage.meter
    result.figures["cpu_cores_max"] = max(meter.cpu, default=None)
    if expect.cpu_cores is not None and max(meter.cpu, default=0.0) > expect.cpu_cores:
        result.problems.append(f"{max(meter.cpu):.2f} cores were used, {expect.cpu_cores} are allowed")
    if expect.durable_age_s is not None:
        age = max(meter.ages.values(), default=0.0)
        result.figures["durable_age_s"] = age
        if age > expect.durable_age_s:
            result.problems.append(f"footage became {age:.2f} s old before it was on disk")
    before, after = stage.before, stage.after
    if before is None or after is None:
        return
    result.figures["threads"] = [before.threads, after.threads]
    result.figures["descriptors"] = [before.descriptors, after.descriptors]
    result.figures["resident_mb"] = [round(before.resident / 1e6, 1), round(after.resident / 1e6, 1)]
    if expect.no_leaks:
        for name, more, most in (
            ("threads", after.threads - before.threads, _LEAK_COUNT),
            ("descriptors", after.descriptors - before.descriptors, _LEAK_COUNT),
            ("bytes", after.resident - before.resident, _LEAK_BYTES),
        ):
            if more > most:
                result.problems.append(f"the recorders hold {more} {name} more than before")


def _strange_segments(events: Sequence[Event]) -> list[str]:
    """Files that say of themselves that they are negative, empty, or longer than the scenario."""
    closed = [event for event in events if isinstance(event, SegmentClosed)]
    longest = max((e.boot for e in events), default=0) - min((e.boot for e in events), default=0) + NS_PER_S
    return [
        f"{e.path}: {e.duration / NS_PER_S:.2f} s long, from {e.start_utc} to {e.end_utc}"
        for e in closed
        if not (0 < e.duration <= longest and 0 < e.end_utc - e.start_utc <= longest)
    ]


def _judge_files(result: Result, stage: Stage) -> None:
    expect = stage.script.expect
    per_camera: dict[str, int] = {}
    sounds: dict[str, list[Sound]] = {}
    for path in stage.rig.files():
        found = list(audit_files([path]).cameras.values())
        if not found:
            continue
        name = found[0].camera
        per_camera[name] = per_camera.get(name, 0) + 1
        if expect.playable:
            pictures, words = decode(path)
            if words or pictures != found[0].count:
                result.problems.append(f"{path.name}: ffprobe reads {pictures} of {found[0].count}; {words[:300]}")
        if expect.audio is not None:
            sounds.setdefault(name, []).append(read_sound(path))
    result.figures["segments"] = per_camera
    result.problems += [
        f"{name}: {per_camera.get(name, 0)} files, {expect.segments} or more are expected"
        for name in stage.cameras
        if per_camera.get(name, 0) < expect.segments
    ]
    for name, heard in sounds.items():
        _judge_sound(result, name, heard, expect.audio or (), expect.audio_holes)


def _judge_sound(result: Result, name: str, heard: Sequence[Sound], wanted: Sequence[str], holes: int) -> None:
    frames = sum(sound.frames for sound in heard)
    found = [hole for sound in heard for hole in sound.holes]
    result.figures.setdefault("sound", {})[name] = {"frames": frames, "holes_s": found}
    if (frames > 0) != (name in wanted):
        result.problems.append(f"{name}: {frames} frames of sound")
    if len(found) > holes:
        result.problems.append(f"{name}: the sound has holes of {rounded(found)} s, {holes} are expected")


def decode(path: Path) -> tuple[int, str]:
    """Pictures decoded, and what ``ffprobe`` complained about."""
    command = ["ffprobe", "-v", "warning", "-count_frames", "-select_streams", "v", "-of", "json", "-show_entries"]
    done = subprocess.run(
        [*command, "stream=nb_read_frames", str(path)], capture_output=True, text=True, check=False, timeout=120
    )
    streams = json.loads(done.stdout or "{}").get("streams", [])
    return sum(int(stream.get("nb_read_frames", 0)) for stream in streams), done.stderr.strip()
