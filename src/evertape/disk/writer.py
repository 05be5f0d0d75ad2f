"""One segment being written: what the loop knows of it, and its blocking steps, which run on workers."""

from __future__ import annotations

import time

from evertape.disk.fault import VolumeFaultError, step
from evertape.disk.paths import remove_file
from evertape.disk.segment_file import SegmentFile, parse_head
from evertape.disk.volume import Session
from evertape.domain.storage_fault import StorageFault
from evertape.ipc.channel import Channel
from evertape.ipc.messages import OpenSegment, WriterFailed


class Writer:
    """One segment being written, as the loop sees it.

    Attributes:
        file: there once created.
        written: fragments the file has taken.
        durable: fragments a completed sync covers.
        syncing: a sync is under way or queued.
        sync_began_ns: since when, or when the last one was asked for; monotonic clock.
        slow: the last one took longer than the interval between two.
        over: failed or closing; later messages for it are dropped.
        failed: its recorder was told ``WriterFailed``, and hears nothing more of it.
        fault: the first step that failed.
    """

    def __init__(self, channel: Channel, want: OpenSegment, session: Session) -> None:
        self.channel = channel
        self.want = want
        self.session = session
        self.lane = session.lanes.lane()
        self.file: SegmentFile | None = None
        self.written = 0
        self.durable = 0
        self.syncing = False
        self.sync_began_ns = 0
        self.slow = False
        self.over = False
        self.failed = False
        self.fault: VolumeFaultError | None = None


def create(writer: Writer, need_free: int | None, head: bytes) -> SegmentFile:
    """C1 to C5; without ``need_free`` C2 to C5."""
    writer.session.guard()
    want = writer.want
    header = parse_head(head).header
    told = (header.segment_id, header.camera_id, header.epoch, header.generation, header.first_video_seq)
    if told != (want.segment, want.camera, want.epoch, want.generation, want.first_video):
        text = "the message and the file's header name different segments"
        raise VolumeFaultError(StorageFault.OTHER, text, step="C4")
    # Set here and not by the loop: the next call in the lane may come before the loop has heard of this one.
    writer.file = SegmentFile.create(writer.session.handle, need_free, head, want.start_utc, want.file_time)
    return writer.file


def append(writer: Writer, payload: bytes, given_ns: int) -> tuple[float, float]:
    """W1; returns the milliseconds it took, and those since the fragment was given to us (monotonic clock)."""
    writer.session.guard()
    if writer.file is None:
        raise VolumeFaultError(StorageFault.OTHER, "the segment was not opened", step="W1")
    began = time.monotonic_ns()
    writer.file.append(payload, writer.session.lanes.alive)
    now = time.monotonic_ns()
    return (now - began) / 1e6, (now - given_ns) / 1e6


def finish(writer: Writer) -> tuple[VolumeFaultError | None, int]:
    """L1 and L2; returns the earlier error in spite of which the file could be closed, and its size."""
    writer.session.guard()
    if writer.file is None:
        return None, 0
    broken = writer.file.broken
    return broken, writer.file.finish()


def release(writer: Writer) -> None:
    """Let go of the file as it is."""
    if writer.file is not None:
        writer.file.release()


def unlink(session: Session, path: str) -> None:
    """D2 and D3."""
    session.guard()
    with step("D2"):
        remove_file(session.handle.root, path.split("/"))


def failed_message(writer: int, fault: VolumeFaultError, path: str = "") -> WriterFailed:
    """The message that tells a recorder."""
    return WriterFailed(
        writer=writer, fault=fault.fault.value, errno=fault.number, step=fault.step, path=path, text=fault.what
    )
