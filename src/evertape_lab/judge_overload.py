"""Holds what a disk that was too slow has, and what the ledger says it has not, against each other: picture by picture.

Beside ``judge_disks``, which allows gaps a second of slack: there a disk is gone, and nobody knows what it still took.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from evertape.ipc.events import Event, GapClosed
from evertape.types import NS_PER_S
from evertape_lab.audit import CameraReport, FramesReport, Missing
from evertape_lab.script_disks import StorageExpect

if TYPE_CHECKING:
    from evertape_lab.judge import Result
    from evertape_lab.stage import Stage

_CAUSE = "storage_slow"


def judge_overload(
    result: Result, stage: Stage, events: Sequence[Event], report: FramesReport, expect: StorageExpect
) -> None:
    """Fill in how exact the ledger is, and how much of what the disk offered was used."""
    if expect.exact:
        closed = [event for event in events if isinstance(event, GapClosed) and event.cause == _CAUSE]
        errors = [error for camera in report.cameras.values() for error in _judge_camera(result, camera, closed)]
        result.figures["gap_error_ms"] = max(errors, default=None)
        result.figures["holes"] = sum(len(camera.missing) for camera in report.cameras.values())
    if expect.used is not None:
        _judge_use(result, stage, expect.used)


def _judge_camera(result: Result, camera: CameraReport, closed: Sequence[GapClosed]) -> list[float]:
    mine = [gap for gap in closed if gap.camera == camera.camera]
    lost = sum(gap.frames_lost or 0 for gap in mine)
    if lost != camera.missing_count:
        result.problems.append(
            f"{camera.camera}: {camera.missing_count} frames are on no disk, and {lost} are in the ledger as {_CAUSE}"
        )
    errors = []
    for hole in camera.missing:
        within = [gap for gap in mine if gap.start_utc < hole.before_utc_ns and gap.end_utc > hole.after_utc_ns]
        errors += _judge_hole(result, camera.camera, hole, within)
    return errors


def _judge_hole(result: Result, name: str, hole: Missing, gaps: Sequence[GapClosed]) -> list[float]:
    """The errors of both ends in milliseconds; a gap is exact if none reaches half a picture."""
    picture = (hole.before_utc_ns - hole.after_utc_ns) / (hole.count + 1)
    booked = sum(gap.frames_lost or 0 for gap in gaps)
    if booked != hole.count:
        result.problems.append(
            f"{name}: {hole.count} frames from {hole.first} on are missing, {booked} are booked there"
        )
    if not gaps:
        return []
    ends = (
        min(gap.start_utc for gap in gaps) - hole.after_utc_ns - picture,
        max(gap.end_utc for gap in gaps) - hole.before_utc_ns,
    )
    if any(abs(error) >= picture / 2 for error in ends):
        result.problems.append(f"{name}: the gap from frame {hole.first} on is {ends} ns off")
    return [abs(error) / 1e6 for error in ends]


def _judge_use(result: Result, stage: Stage, least: float) -> None:
    """What the files grew by, of what the disk would have taken while it was slow."""
    shares = []
    for trouble in stage.troubles:
        if trouble.mended_boot is None or not trouble.rate:
            continue
        seconds = (trouble.mended_boot - trouble.broke_boot) / NS_PER_S
        shares.append((trouble.mended_bytes - trouble.broke_bytes) / (trouble.rate * seconds))
    result.figures["used_share"] = min(shares, default=None)
    if not shares or min(shares) < least:
        result.problems.append(f"{shares} of what the disk offered was used, {least} is promised")
