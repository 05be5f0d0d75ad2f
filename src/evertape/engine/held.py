"""What a running service says of the newest footage: up to where open files reach, and what is in memory only. Pure.

The index and the files cannot tell: a file on a disk that is away cannot be read, and memory is no file.
"""

from __future__ import annotations

from collections.abc import Iterable

from evertape.domain.cause import Cause
from evertape.domain.coverage import LIVE, Held
from evertape.ipc.messages import CameraInfo
from evertape.store.rows import SegmentRow
from evertape.types import NS_PER_S


def open_until(cameras: Iterable[CameraInfo], unfinished: Iterable[SegmentRow]) -> dict[str, int]:
    """Up to when open segments hold footage, UTC ns, as far as the recorders know it.

    While a camera has no file, its newest durable footage lies in the newest of its files that nobody could finish.

    Args:
        cameras: as they report.
        unfinished: the segments that the index calls open.
    """
    reach: dict[str, int] = {}
    rows = list(unfinished)
    for camera in cameras:
        durable = camera.recording.durable_utc
        if not durable:
            continue
        mine = [row for row in rows if row.camera == camera.id and row.start_utc < durable]
        if camera.recording.segment:
            reach[camera.recording.segment] = durable
        elif mine:
            reach[max(mine, key=lambda row: row.start_utc).id] = durable
    return reach


def held(cameras: Iterable[CameraInfo], now: int) -> dict[str, Held]:
    """Which cameras have footage in memory that no disk has taken for a while, since when, and why.

    Args:
        cameras: as they report.
        now: UTC ns.
    """
    found = {}
    for camera in cameras:
        recording = camera.recording
        main = next((stream for stream in camera.streams if stream.stream == "main"), None)
        if main is None or not recording.pending_bytes:
            continue
        # Memory holds no more than the ring reaches back, whatever was durable last.
        since = max(recording.durable_utc, now - round(main.ring_s * NS_PER_S) - LIVE)
        if now - since > LIVE:
            found[camera.id] = Held(since, _why(recording.state, recording.reason))
    return found


def _why(state: str, reason: str) -> Cause:
    if state == "recording":
        return Cause.STORAGE_SLOW
    try:
        cause = Cause(reason)
    except ValueError:
        return Cause.STORAGE_MISSING
    return cause if cause.value.startswith("storage_") else Cause.STORAGE_MISSING
