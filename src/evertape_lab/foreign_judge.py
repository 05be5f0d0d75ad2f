"""What came of recording a server that is not ours: by what is on disk, session by session, and by the ledger.

Such a server begins a film anew for each client, or when it is started; so pictures are counted within a session, not
over all of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from evertape.ipc.events import CameraStateChanged, Event, ProcessDied
from evertape.types import NS_PER_S
from evertape_lab.audit import audit_files
from evertape_lab.findings import GAP_SLACK_S, gaps_of
from evertape_lab.footage import ScannedFile, logical_ranges, scan_files
from evertape_lab.judge import decode

RECOVERED_S = 2.0
DETECTED_S = 1.0
_FLOWING = ("receiving", "connected")


@dataclass(frozen=True, slots=True)
class Return:
    """A server's death and its first answer afterwards, each by the boot-time clock and in UTC."""

    broke: tuple[int, int]
    answered: tuple[int, int]


@dataclass(slots=True)
class Stored:
    """One session of one camera on disk.

    Args:
        start_utc: of its first picture.
        end_utc: of the end of its last one.
        start_boot: boot-time clock when its first picture arrived.
    """

    epoch: str
    start_utc: int
    end_utc: int
    start_boot: int
    files: list[Path] = field(default_factory=list)


def stored_sessions(paths: Iterable[Path]) -> dict[str, list[Stored]]:
    """The sessions of each camera, oldest first."""
    by_camera: dict[str, dict[str, Stored]] = {}
    for item in scan_files(paths):
        spans = [fragment.video for fragment in item.segment.fragments if fragment.video is not None]
        if not spans:
            continue
        header = item.segment.header
        start, end = _span(item)
        sessions = by_camera.setdefault(str(header.camera_id), {})
        boot = header.start_boot_ns
        session = sessions.setdefault(str(header.epoch), Stored(str(header.epoch), start, end, boot))
        session.start_utc, session.end_utc = min(session.start_utc, start), max(session.end_utc, end)
        session.start_boot = min(session.start_boot, boot)
        session.files.append(item.path)
    return {name: sorted(found.values(), key=lambda one: one.start_utc) for name, found in by_camera.items()}


def _span(item: ScannedFile) -> tuple[int, int]:
    pictures = [fragment for fragment in item.segment.fragments if fragment.video is not None]
    first, last = pictures[0], pictures[-1]
    return first.start_utc_ns, last.start_utc_ns + last.dts_end_ns - last.dts_start_ns


def judge_camera(
    name: str,
    sessions: Sequence[Stored],
    events: Sequence[Event],
    back: Return | None,
    margin_s: float,
    *,
    ends: bool,
) -> tuple[dict[str, Any], list[str]]:
    """Figures and problems of one camera."""
    problems = [f"{event.process} ended: {event.how}" for event in events if isinstance(event, ProcessDied)]
    frames, wrong = _count(sessions)
    problems += wrong
    files, words = _play(sessions)
    problems += words
    problems += _unexplained(name, sessions, events)
    figures: dict[str, Any] = {"sessions": len(sessions), "files": files, "frames": frames}
    if ends and len(sessions) < 3:
        problems.append(f"{len(sessions)} sessions of a film that ends again and again")
    if ends:
        figures["begun_anew_after_s"] = max(_pauses(sessions, back), default=None)
    if back is None:
        problems.append("the server did not come back")
    else:
        problems += _judge_return(name, sessions, events, back, margin_s, figures)
    return figures, problems


def _count(sessions: Sequence[Stored]) -> tuple[int, list[str]]:
    frames, problems = 0, []
    for session in sessions:
        report = audit_files(logical_ranges(session.files))
        frames += sum(camera.count for camera in report.cameras.values())
        if not report.ok:
            problems.append(f"session {session.epoch[:8]}: {report.describe()}")
    return frames, problems if sessions else ["nothing is on disk"]


def _play(sessions: Sequence[Stored]) -> tuple[int, list[str]]:
    """What ffprobe says of every file."""
    problems, count = [], 0
    for path in (path for session in sessions for path in session.files):
        count += 1
        pictures, words = decode(path)
        there = sum(camera.count for camera in audit_files([path]).cameras.values())
        if words or pictures != there:
            problems.append(f"{path.name}: ffprobe reads {pictures} of {there}; {words[:300]}")
    return count, problems


def _unexplained(name: str, sessions: Sequence[Stored], events: Sequence[Event]) -> list[str]:
    """Times between two sessions that no gap of the ledger covers."""
    gaps = [gap for gap in gaps_of(events) if gap.camera == name and gap.cause == "camera_unreachable"]
    slack = int(GAP_SLACK_S * NS_PER_S)
    return [
        f"{(after.start_utc - before.end_utc) / NS_PER_S:.2f} s without pictures and without an entry in the ledger"
        for before, after in pairwise(sessions)
        if not any(gap.covers(before.end_utc + slack, after.start_utc - slack, 2 * slack) for gap in gaps)
    ]


def _pauses(sessions: Sequence[Stored], back: Return | None) -> list[float]:
    """Seconds between two sessions where only the film had ended."""
    return [
        (after.start_utc - before.end_utc) / NS_PER_S
        for before, after in pairwise(sessions)
        if back is None or not before.end_utc - 2 * NS_PER_S <= back.broke[1] <= after.start_utc
    ]


def _judge_return(
    name: str,
    sessions: Sequence[Stored],
    events: Sequence[Event],
    back: Return,
    margin_s: float,
    figures: dict[str, Any],
) -> list[str]:
    problems = []
    states = [event for event in events if isinstance(event, CameraStateChanged) and event.camera == name]
    lost = [e.boot for e in states if e.boot >= back.broke[0] and e.old in _FLOWING and e.state not in _FLOWING]
    if lost:
        figures["detected_after_s"] = (lost[0] - back.broke[0]) / NS_PER_S
    later = [session for session in sessions if session.start_boot >= back.broke[0]]
    if not later:
        return ["nothing was recorded after the server had come back"]
    figures["recovered_after_s"] = (later[0].start_boot - back.answered[0]) / NS_PER_S
    if figures["recovered_after_s"] > RECOVERED_S + margin_s:
        problems.append(
            f"recorded {figures['recovered_after_s']:.2f} s after it answered, {RECOVERED_S} s are promised"
        )
    if figures.get("detected_after_s", 99.0) > DETECTED_S + margin_s:
        problems.append(f"noticed after {figures.get('detected_after_s')} s, {DETECTED_S} s are promised")
    return problems
