"""What a demo recorded, counted from the files and from what the service said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evertape.cli.status_view import main_stream
from evertape.cli.wording import plural, size_text, span_text
from evertape.disk.journal_reader import Position, read_from
from evertape.domain.cause import Cause
from evertape.ipc.events import AnyEvent, GapClosed, GapOpened, SegmentClosed
from evertape.types import NS_PER_S
from evertape_lab.audit import FramesReport, Missing, audit_files
from evertape_lab.fleet import NotSent

if TYPE_CHECKING:
    from evertape.engine.supervisor import Supervisor


@dataclass(frozen=True, slots=True)
class Take:
    """What is known when a demo has ended.

    Args:
        supervisor: ended.
        clean: every file was finished.
        first_frame_s: from the start of the process until the first frame was on the disk.
        hub: where the page was; empty: there was none.
        not_sent: frames that the cameras say they left out.
        kept: the files stay.
    """

    supervisor: Supervisor
    clean: bool
    first_frame_s: float | None
    hub: str
    not_sent: Sequence[NotSent]
    kept: bool


@dataclass(slots=True)
class CameraSummary:
    """One camera. ``received`` and ``recorded`` are video frames; ``gaps`` those that nobody wanted."""

    id: str
    received: int = 0
    recorded: int = 0
    lost: int = 0
    segments: int = 0
    bytes: int = 0
    recorded_s: float = 0.0
    missing: int = 0
    doubled: int = 0
    gaps: list[dict[str, Any]] = field(default_factory=list)
    files: list[str] = field(default_factory=list)


@dataclass(slots=True)
class DemoSummary:
    """All of it; ``problems`` says in words why it is not ``ok``."""

    data: Path
    kept: bool
    clean: bool
    first_frame_s: float | None
    hub: str
    cameras: list[CameraSummary]
    problems: list[str]

    @property
    def ok(self) -> bool:
        """Every camera was recorded, and every frame between its first and its last is there exactly once."""
        return not self.problems

    def as_json(self) -> dict[str, Any]:
        """For a program."""
        from dataclasses import asdict

        return {
            "ok": self.ok,
            "problems": self.problems,
            "first_frame_s": None if self.first_frame_s is None else round(self.first_frame_s, 3),
            "hub": self.hub,
            "clean": self.clean,
            "data": str(self.data),
            "kept": self.kept,
            "cameras": [asdict(camera) for camera in self.cameras],
            "files": sum(len(camera.files) for camera in self.cameras),
            "bytes": sum(camera.bytes for camera in self.cameras),
            "audit": {
                "missing": sum(camera.missing for camera in self.cameras),
                "doubled": sum(camera.doubled for camera in self.cameras),
            },
        }

    def text(self) -> str:
        """For a person."""
        lines = [
            f"{camera.id}: {camera.recorded} frames ({span_text(camera.recorded_s)}) in "
            f"{plural(len(camera.files), 'file')}, {size_text(camera.bytes)}, {camera.missing} missing, "
            f"{camera.doubled} doubled"
            for camera in self.cameras
        ]
        lines += [f"! {problem}" for problem in self.problems]
        files = [file for camera in self.cameras for file in camera.files]
        if self.kept and files:
            lines.append(f"The files stay in {self.data}; any player opens them, such as {files[0]}")
        elif files:
            lines.append("The files were removed; --data DIR or --keep keeps them.")
        return "\n".join(lines)


def summarise(take: Take) -> DemoSummary:
    """Count what was recorded in this run. Reads all of its files."""
    supervisor = take.supervisor
    events = _events(supervisor.data.journal, supervisor.service)
    cameras = {name: CameraSummary(name) for name in supervisor.placed}
    for name, info in supervisor.status.cameras.items():
        stream, summary = main_stream(info), cameras[name]
        summary.received = stream.units if stream is not None else 0
        summary.lost = info.recording.frames_lost
    _count_segments(cameras, events, _roots(supervisor))
    _count_gaps(cameras, events)
    problems = _audit(cameras, take.not_sent)
    if not take.clean:
        problems.append("the service did not finish every file in time")
    for summary in cameras.values():
        if not summary.recorded:
            problems.append(f"nothing of {summary.id} was recorded")
        problems += [f"{summary.id} has a gap of {gap['seconds']} s ({gap['cause']})" for gap in summary.gaps]
    return DemoSummary(
        supervisor.data.root, take.kept, take.clean, take.first_frame_s, take.hub, list(cameras.values()), problems
    )


def _events(folder: Path, service: str) -> list[AnyEvent]:
    """The events of this run."""
    found: list[AnyEvent] = []
    position, more = Position(), True
    while more:
        read = read_from(folder, *position)
        found += [event for event in read.events if event.service == service]
        position, more = read.position, read.more
    return found


def _roots(supervisor: Supervisor) -> dict[str, Path]:
    return {info.volume_id: Path(info.path) for info in supervisor.status.volumes.values() if info.volume_id}


def _count_segments(cameras: dict[str, CameraSummary], events: Sequence[AnyEvent], roots: dict[str, Path]) -> None:
    for event in events:
        if isinstance(event, SegmentClosed) and event.camera in cameras and event.volume in roots:
            summary = cameras[event.camera]
            summary.segments += 1
            summary.recorded += event.last_video - event.first_video + 1
            summary.bytes += event.bytes
            summary.recorded_s += event.duration / NS_PER_S
            summary.files.append(str(roots[event.volume] / event.path))


def _count_gaps(cameras: dict[str, CameraSummary], events: Sequence[AnyEvent]) -> None:
    """Gaps that nobody wanted; the wait for the first picture is none of them."""
    gaps: dict[str, GapOpened | GapClosed] = {}
    for event in events:
        if isinstance(event, GapOpened | GapClosed):
            gaps[event.gap] = event
    for gap in gaps.values():
        if gap.camera not in cameras or gap.cause == Cause.STARTING or Cause(gap.cause).on_purpose:
            continue
        end = gap.end_utc if isinstance(gap, GapClosed) else None
        seconds = None if end is None else round((end - gap.start_utc) / NS_PER_S, 3)
        cameras[gap.camera].gaps.append(
            {"cause": gap.cause, "start_utc": gap.start_utc, "end_utc": end, "seconds": seconds}
        )


def _audit(cameras: dict[str, CameraSummary], not_sent: Sequence[NotSent]) -> list[str]:
    """Look for every numbered frame in the files; returns what is wrong, in words."""
    report: FramesReport = audit_files(file for summary in cameras.values() for file in summary.files)
    problems = []
    for name, found in report.cameras.items():
        found.missing = [hole for hole in found.missing if not _excused(name, hole, not_sent)]
        if name in cameras:
            cameras[name].missing, cameras[name].doubled = found.missing_count, len(found.doubled)
        if not found.ok:
            problems.append(found.describe())
    return problems


def _excused(camera: str, hole: Missing, not_sent: Sequence[NotSent]) -> bool:
    return any(name == camera and first <= hole.first and hole.last <= last for name, first, last in not_sent)
