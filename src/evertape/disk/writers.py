"""The recorders' side of the disk process: their open segments, from ``OpenSegment`` to the journal.

Threads: the loop's; each segment's blocking steps run in a lane of their own (``SegmentFile``).
A writer is thrown away at its first error, never repaired.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from evertape.disk import records
from evertape.disk import writer as steps
from evertape.disk.fault import VolumeFaultError, as_fault
from evertape.disk.journal_client import Journal
from evertape.disk.segment_file import SegmentFile
from evertape.disk.volume import Volume, forget
from evertape.disk.writer import Writer
from evertape.domain.storage_fault import StorageFault
from evertape.ipc.channel import Channel
from evertape.ipc.events import EventStamp, SegmentClosed, SegmentDeleted, SegmentMissing, SegmentOpened
from evertape.ipc.messages import (
    Append,
    CloseSegment,
    OpenSegment,
    SegmentIsClosed,
    SegmentIsOpen,
)

log = logging.getLogger(__name__)

HIGH_WATER, LOW_WATER = 64 << 20, 32 << 20
"""Bytes of one connection that wait for the disk: above the first we stop reading, and the recorder's queue grows."""


class Writers:
    """All segments that are being written on this volume.

    Args:
        volume: where to.
        journal: where ``segment_opened`` and ``segment_closed`` go.
        stamp: gives events their identity.
        nudge: asks for a probe now, because a writer failed or found no volume.
    """

    def __init__(self, volume: Volume, journal: Journal, stamp: EventStamp, nudge: Callable[[], None]) -> None:
        self._volume = volume
        self._journal = journal
        self._stamp = stamp
        self._nudge = nudge
        self._writers: dict[tuple[Channel, int], Writer] = {}
        self._waiting: dict[Channel, int] = {}
        self._closing: set[asyncio.Task[None]] = set()
        self.write_ms: list[float] = []
        self._waited_ms = 0.0

    def __len__(self) -> int:
        return len(self._writers)

    def __iter__(self) -> Any:
        return iter(list(self._writers.values()))

    def open_paths(self) -> set[str]:
        """The files that a living writer has."""
        return {writer.file.path for writer in self._writers.values() if writer.file is not None}

    # -- messages

    def open(self, channel: Channel, want: OpenSegment, head: bytes) -> None:
        """``OpenSegment``: C1 to C5 in the new writer's lane."""
        session = self._volume.session
        if session is None or self._volume.hung:
            channel.send(steps.failed_message(want.writer, self._volume.fault()))
            self._nudge()
            return
        if (channel, want.writer) in self._writers:
            fault = VolumeFaultError(StorageFault.OTHER, f"writer {want.writer} is open already", step="C1")
            channel.send(steps.failed_message(want.writer, fault))
            return
        writer = Writer(channel, want, session)
        self._writers[channel, want.writer] = writer
        need_free = self._volume.need_free if self._pre_check else None
        create = partial(steps.create, writer, need_free, head)
        job = writer.lane.submit(f"opening a segment of {want.camera}", create, kind="sync")
        self._track(writer, len(head), job, self._opened)

    def append(self, channel: Channel, want: Append, payload: bytes) -> None:
        """``Append``: W1, behind whatever the lane still has to do."""
        writer = self._writers.get((channel, want.writer))
        if writer is None:
            return
        name = f"writing to a segment of {writer.want.camera}"
        # Gathered: a round of the recorder brings several, and each only goes into the cache.
        job = writer.lane.submit(
            name, partial(steps.append, writer, payload, time.monotonic_ns()), gather=True, kind="write"
        )
        self._track(writer, len(payload), job, self._appended)

    def close(self, channel: Channel, want: CloseSegment) -> None:
        """``CloseSegment``: L1 to L3, of what the file has by now if the rest is written elsewhere."""
        writer = self._writers.get((channel, want.writer))
        if writer is not None:
            if want.superseded:
                writer.lane.clear()
            times = {name: getattr(want, name) for name in ("start_utc", "end_utc", "utc_source", "utc_error")}
            self._finish(writer, want.reason, times)

    def channel_closed(self, channel: Channel) -> None:
        """The recorder is gone: close its files at their last whole fragments."""
        for writer in self:
            if writer.channel is channel:
                self._finish(writer, "writer_gone", {})
        self._waiting.pop(channel, None)

    # -- the volume's fate

    def fail_all(self, fault: VolumeFaultError, *, salvage: bool) -> None:
        """Every writer is over; with ``salvage`` the files are closed as soon as the kernel answers."""
        for writer in self:
            self.fail(writer, fault, salvage=salvage)

    async def finish_all(self, reason: str) -> None:
        """Close every file and wait until all are closed."""
        for writer in self:
            self._finish(writer, reason, {})
        while self._closing:
            await asyncio.wait(set(self._closing))

    def fail(self, writer: Writer, fault: VolumeFaultError, *, salvage: bool = False) -> None:
        """This writer is over; tells its recorder at once, without waiting for the kernel."""
        if writer.over:
            return
        self._drop(writer)
        writer.failed = True
        writer.lane.clear()
        path = writer.file.path if writer.file is not None else ""
        log.warning("[STORAGE] writer of %s failed at %s: %s", writer.want.camera, fault.step, fault.what)
        writer.channel.send(steps.failed_message(writer.want.writer, fault, path))
        if salvage:
            self._spawn(self._close_file(writer, "failover", {}, tell=False))
        else:
            self._let_go(writer)

    def failed_step(self, writer: Writer, fault: VolumeFaultError) -> None:
        """A step of this writer failed: throw it away, and tell the volume what that says about it."""
        writer.fault = writer.fault or fault
        if writer.over:
            return
        self.fail(writer, fault, salvage=writer.file is not None and writer.file.salvageable)
        if fault.step == "C1" and self._pre_check:
            self._volume.see_check(fault, "precheck")
        else:
            self._volume.see_error(fault)
        self._nudge()

    # -- outcomes

    @property
    def _pre_check(self) -> bool:
        """Layer 3 is on: the volume is looked at before each new file."""
        return "precheck" in self._volume.assignment.layers

    def _opened(self, writer: Writer, file: SegmentFile) -> None:
        if writer.session.lost:
            return
        if not writer.failed:
            writer.channel.send(SegmentIsOpen(writer=writer.want.writer, path=file.path))
        header = file.header
        self._journal.put(
            SegmentOpened(
                **self._stamp(),
                **records.identity_fields(header),
                **records.caps_fields(file.caps),
                **records.clock_fields(header),
                volume=self._volume.volume_id,
                path=file.path,
                first_audio=header.first_audio_seq,
                spill=self._volume.spill,
            )
        )

    @property
    def idle(self) -> bool:
        """Nothing waits to be written."""
        return not any(self._waiting.values())

    def longest_wait_ms(self) -> float:
        """How long a fragment waited to be written, at most, since this was asked last."""
        waited, self._waited_ms = self._waited_ms, 0.0
        return waited

    def _appended(self, writer: Writer, took: tuple[float, float]) -> None:
        took_ms, waited_ms = took
        writer.written += 1
        if not writer.failed:  # that it was given up says how long it took
            self._waited_ms = max(self._waited_ms, waited_ms)
        self.write_ms.append(took_ms)
        del self.write_ms[:-64]

    def _finish(self, writer: Writer, reason: str, times: dict[str, Any]) -> None:
        self._drop(writer)
        self._spawn(self._close_file(writer, reason, times, tell=True))

    async def _close_file(self, writer: Writer, reason: str, times: dict[str, Any], *, tell: bool) -> None:
        """L1 to L3; an error here leaves the file to recovery."""
        name = f"closing a segment of {writer.want.camera}"
        try:
            broken, size = await writer.session.call(writer.lane, name, partial(steps.finish, writer), kind="sync")
        except Exception as error:  # noqa: BLE001 - the request's edge; logged in as_fault
            self._close_failed(writer, as_fault(error), tell=tell)
            self._let_go(writer)
            return
        file = writer.file
        if file is None:
            if writer.fault is not None and tell:
                self._close_failed(writer, writer.fault, tell=True)
            return
        if broken is not None and tell:
            self._close_failed(writer, broken, tell=True)
        if records.has_video(file.fragments):
            self._journal.put(self._closed_event(file, "failover" if broken else reason, {} if broken else times, size))
            if file.deleted:
                volume, segment = self._volume.volume_id, file.header.segment_id
                self._journal.put(SegmentMissing(**self._stamp(), segment=segment, volume=volume, path=file.path))
        else:
            await self._remove_empty(writer, file)
            size = 0
        if tell and broken is None:
            count = len(file.fragments)
            done = SegmentIsClosed(writer=writer.want.writer, path=file.path, fragments=count, bytes=size)
            writer.channel.send(done)

    def _close_failed(self, writer: Writer, fault: VolumeFaultError, *, tell: bool) -> None:
        log.warning("[STORAGE] closing a segment of %s failed at %s: %s", writer.want.camera, fault.step, fault.what)
        if tell:
            path = writer.file.path if writer.file is not None else ""
            writer.channel.send(steps.failed_message(writer.want.writer, fault, path))
        self._volume.see_error(fault)
        self._nudge()

    def _closed_event(self, file: SegmentFile, reason: str, times: dict[str, Any], size: int) -> SegmentClosed:
        fields = (
            records.identity_fields(file.header)
            | records.caps_fields(file.caps)
            | records.clock_fields(file.header)
            | records.extent_fields(file.header, file.fragments)
            | times
        )
        return SegmentClosed(
            **self._stamp(),
            **fields,
            volume=self._volume.volume_id,
            path=file.path,
            first_audio=records.first_audio(file.header, file.fragments),
            bytes=size,
            hash=file.hash,
            reason=reason,
            spill=self._volume.spill,
        )

    async def _remove_empty(self, writer: Writer, file: SegmentFile) -> None:
        """A file without footage: nobody needs it, and the journal says so (D)."""
        event = SegmentDeleted(
            **self._stamp(),
            segment=file.header.segment_id,
            camera=file.header.camera_id,
            volume=self._volume.volume_id,
            path=file.path,
            bytes=file.bytes,
            reason="empty",
        )
        if not await self._journal.durable(event):
            return  # recovery will find it empty again
        try:
            unlink = partial(steps.unlink, writer.session, file.path)
            await writer.session.call(writer.lane, "removing an empty segment", unlink)
        except VolumeFaultError as fault:
            log.warning("[DISK] could not remove the empty %s: %s", file.path, fault.what)

    def _let_go(self, writer: Writer) -> None:
        """Close the descriptor when the kernel lets us; nobody waits for it."""
        writer.lane.submit("letting go of a segment", partial(steps.release, writer)).add_done_callback(forget)

    # -- bookkeeping

    def _drop(self, writer: Writer) -> None:
        writer.over = True
        self._writers.pop((writer.channel, writer.want.writer), None)

    def _spawn(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    def _track(
        self, writer: Writer, size: int, job: asyncio.Future[Any], on_done: Callable[[Writer, Any], None]
    ) -> None:
        """Count the bytes that wait for the disk, and take the outcome in."""
        channel = writer.channel
        self._waiting[channel] = self._waiting.get(channel, 0) + size
        if self._waiting[channel] > HIGH_WATER:
            channel.pause()

        def settled(done: asyncio.Future[Any]) -> None:
            if channel in self._waiting:
                self._waiting[channel] -= size
                if self._waiting[channel] < LOW_WATER:
                    channel.resume()
            if done.cancelled():
                return
            error = done.exception()
            if error is None:
                on_done(writer, done.result())
            else:
                self.failed_step(writer, as_fault(error))

        job.add_done_callback(settled)
