"""A camera's recording: the wish, the runs that fulfil it, the gaps in it.

Recording is a wish, apart from streaming: it survives outages, and the stream goes on without it.
Threads: the owner's loop only.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

import msgspec

from evertape.domain.cause import Cause
from evertape.domain.recording_retry import Idle, Opened, Returned, Waiting
from evertape.engine.disk_link import DiskLink
from evertape.engine.gap_book import GapBook
from evertape.engine.guard import Guard
from evertape.engine.recording_commands import RecordingCommands
from evertape.engine.recording_count import FileStarts, RecordingCount
from evertape.engine.recording_host import RecordingHost
from evertape.engine.recording_run import RecordingRun
from evertape.engine.recording_state import RecordingStatus
from evertape.engine.recording_storage import RecordingStorage
from evertape.engine.segment_writer import SegmentWriter, SentFragment
from evertape.engine.storage_notice import StorageNotice
from evertape.ipc.messages import CameraSettings, RecordingInfo
from evertape.media.ring import Gop, Ring

log = logging.getLogger(__name__)


class RecordingBranch:
    """See the module.

    Args:
        settings: the camera.
        ring: where its units are.
        host: the recorder.
    """

    def __init__(self, settings: CameraSettings, ring: Ring, host: RecordingHost) -> None:
        self.settings = settings
        self.ring = ring
        self.wanted = False
        self.flowing = False
        """Frames come."""
        self._host = host
        self._runs: list[RecordingRun] = []
        self.guard = Guard(f"recording of {settings.id}", self._mend)
        """Whatever works on the runs does it inside."""
        self._book_guard = Guard(f"bookkeeping of {settings.id}")
        self._mended_at: int | None = None
        self._gaps = GapBook(settings.id, ring, host)
        self._generation = 0
        self._recorded_to = 0
        self._lost_to = 0
        """Ring position behind what was lost last: what becomes durable from there on ends the gap."""
        self._from = 0
        self._active: RecordingRun | None = None
        self._storage = RecordingStorage(settings.id, host)
        self._count = RecordingCount()
        self._starts = FileStarts(host)
        self._status = RecordingStatus(settings.id, host)
        self.commands = RecordingCommands(self, self._storage, host)
        host.storage.register_storage_error_callback(settings.id, self.storage_notice)

    # -- the wish -------------------------------------------------------------------------------------------

    def start(self, by: str) -> None:
        """Record from the last keyframe in the ring on, or from the next one to come."""
        if self.wanted:
            return
        self.wanted = True
        # What an earlier run holds is not recorded a second time, and what the ring still has of an
        # earlier session is not what is meant by "now".
        newest = self.ring.newest
        fresh = self.flowing and newest is not None and newest.view.start >= self._recorded_to
        self._from = newest.view.start if newest is not None and fresh else self.ring.end
        log.info("[RECORDING] %s: recording is wanted (%s)", self.settings.id, by)
        self._begin_run()
        with self._book_guard:
            self._gaps.note_held()
            self._gaps.wish_on()
        self._host.storage.camera_records(self.settings.id)
        self.pump(self._host.clock.boot_ns())

    def stop(self, by: str, cause: Cause = Cause.STOPPED_BY_PERSON) -> None:
        """End the file at the last unit there is; no new one is begun. What came until now is still written."""
        if not self.wanted:
            return
        now = self._host.clock.boot_ns()
        self.pump(now)
        self.wanted = False
        self._recorded_to = self.ring.end
        run, self._active = self._active, None
        if run is not None:
            with self.guard:
                run.stop(self.ring.end)
        log.info("[RECORDING] %s: recording is no longer wanted (%s)", self.settings.id, by)
        with self._book_guard:
            self._gaps.wish_off(cause)
        self.pump(now)

    # -- the round ------------------------------------------------------------------------------------------

    def pump(self, now_ns: int) -> None:
        """Hand over what has come. Once per round, after the ring was filled."""
        if self.wanted:
            self._begin_run()
            with self._book_guard:
                self._gaps.note_held()
        for run in list(self._runs):
            with self.guard:
                run.pump(now_ns)
        if any(run.finished for run in self._runs):
            self._runs = [run for run in self._runs if not run.finished]
        with self._book_guard:
            self._judge()
            self._starts.settle(self.ring.newest_unit)

    @property
    def needed_from(self) -> int:
        """The oldest ring position that may still have to be written."""
        return min((run.needed_from for run in self._runs), default=self.ring.end)

    @property
    def handed_to(self) -> int | None:
        """Up to which ring position units were handed over to a file that takes more; ``None`` if there is none."""
        return next((run.replay.cursor for run in reversed(self._runs) if run.writer is not None), None)

    def evicted(self, gop: Gop) -> None:
        """The ring dropped ``gop``."""
        for run in list(self._runs):
            with self.guard:
                run.evicted(gop)

    def volume_failed(self, link: DiskLink, fault: str) -> None:
        """A volume cannot be used any more; what was under way to it is written again elsewhere."""
        in_flight = False
        for run in list(self._runs):
            with self.guard:
                in_flight |= run.volume_failed(link)
        self._storage.volume_failed(link, fault, in_flight=in_flight)

    def storage_notice(self, notice: StorageNotice) -> None:
        """The service tells of a volume that went or returned: a ``StorageCallback``."""
        link = self._host.links.get(notice.volume)
        if link is None:
            return
        if not notice.is_error:
            self._storage.retry.tell(Returned())
        elif notice.state != "full":
            self.volume_failed(link, notice.state)
        else:
            # It may still take what is under way; its writers say so themselves if not.
            writer = self.writer
            self._storage.volume_filled(link, is_written_to=writer is not None and writer.link is link)
        self.pump(self._host.clock.boot_ns())

    # -- the stream -----------------------------------------------------------------------------------------

    def capture_back(self) -> None:
        """Frames come again."""
        self.flowing = True
        with self._book_guard:
            self._gaps.capture_back()

    def capture_lost(self, cause: Cause, evidence: str = "") -> None:
        """Frames no longer come, or still do not but for another cause; ``evidence`` is an event's id."""
        self.flowing = False
        with self._book_guard:
            self._gaps.capture_lost(cause, evidence)

    def stream_damaged(self) -> None:
        """The session noticed that something of the stream never came."""
        self._gaps.damaged()

    def camera_clock(self, offset_ns: int) -> None:
        """The camera's own clock is so far ahead of ours; 0: it agrees."""
        with self._book_guard:
            self._gaps.camera_clock(offset_ns)

    def host_clock_stepped(self, offset_ns: int) -> None:
        """The host's wall clock was stepped by ``offset_ns``."""
        with self._book_guard:
            self._gaps.host_clock_stepped(offset_ns)

    # -- what a run asks and tells (RunOwner) ---------------------------------------------------------------

    def choose_link(self) -> DiskLink | None:
        """The volume to write to now; one that keeps up, if there is one."""
        return self._storage.choose()

    def next_generation(self) -> int:
        """A number higher than every one before."""
        self._generation += 1
        return self._generation - 1

    def replaces(self, why: str, writer: SegmentWriter) -> None:
        """This writer is about to be replaced by another one."""
        self._storage.replaces(why, writer.link.endpoint.name)

    def accepted(self, run: RecordingRun, writer: SegmentWriter) -> None:
        """A file exists."""
        if writer is run.writer:
            self._storage.accepted(writer.link, writer.id)

    def opened(self, run: RecordingRun, writer: SegmentWriter) -> None:
        """A segment was begun."""
        self._storage.retry.tell(Opened())
        self._count.segments += 1
        self._host.status_changed()
        log.info("[RECORDING] %s: writing to %s", self.settings.id, writer.link.endpoint.name)

    def durable(self, run: RecordingRun, writer: SegmentWriter, done: Sequence[SentFragment]) -> None:
        """Footage became durable."""
        if not done:
            return
        if self._count.newest is None:
            self._host.status_changed()
        self._count.durable(done)
        self._storage.durable(writer.link)
        if done[-1].end > self._lost_to:
            with self._book_guard:
                self._gaps.storage_back()

    def failed(self, run: RecordingRun, writer: SegmentWriter, fault: str, errno: int, text: str) -> None:
        """A writer failed; what was not durable is written again."""
        self._storage.writer_failed(writer.link, fault, errno, text)

    def closed(self, run: RecordingRun, writer: SegmentWriter) -> None:
        """A file is finished; its start in UTC may still become known better."""
        self._starts.closed(writer)

    def lost(self, run: RecordingRun, frames: int, start_utc_ns: int, end_utc_ns: int, cause: Cause | None) -> None:
        """Video units left the ring without having become durable."""
        self._count.frames_lost += frames
        self._lost_to = self.ring.start
        why = cause or self._storage.cause
        what = "given up" if cause else "lost, no volume took them"
        log.error("[RECORDING] %s: %d frames %s (%s)", self.settings.id, frames, what, why)
        with self._book_guard:
            self._gaps.lost(start_utc_ns, end_utc_ns, frames, why)

    # -- status ---------------------------------------------------------------------------------------------

    def info(self, now_ns: int) -> RecordingInfo:
        """What it looks like right now."""
        retry = self._storage.retry
        return msgspec.structs.replace(
            self._count.info(now_ns, self.writer),
            wanted=self.wanted,
            state=self.state,
            reason=self.reason,
            pending_bytes=sum(run.pending_bytes for run in self._runs),
            attempt=retry.attempt,
            retry_max=self._host.retry.max_attempts,
            retry_in_s=retry.retry_in_s(now_ns),
        )

    @property
    def idle(self) -> bool:
        """Everything that was to be kept is kept or booked as lost, and every file is closed."""
        return not self._runs

    @property
    def mistakes(self) -> int:
        """How often an exception of our own was kept in."""
        return self.guard.mistakes + self._book_guard.mistakes

    @property
    def run(self) -> RecordingRun | None:
        """The run that goes on."""
        return self._active

    @property
    def writer(self) -> SegmentWriter | None:
        """The segment that takes units now."""
        return self._active.writer if self._active is not None else None

    @property
    def state(self) -> str:
        """As in ``RecordingInfo``."""
        return self._status.state

    @property
    def reason(self) -> str:
        """As in ``RecordingInfo``."""
        return self._status.reason

    def forget(self) -> None:
        """The camera was removed: nobody tells it of storage any more; what is pending is still written."""
        self._host.storage.unregister_storage_error_callback(self.settings.id, self.storage_notice)

    # -- inside ---------------------------------------------------------------------------------------------

    def _begin_run(self) -> None:
        if self._active is not None:
            return
        gop = next((gop for gop in self.ring.gops_from(self._from) if gop.view.start >= self._from), None)
        if gop is not None:
            self._active = RecordingRun(self, gop.view.start)
            self._runs.append(self._active)
            self._gaps.run_begins(gop.view.start)

    def _mend(self) -> None:
        """After a mistake in a run: write anew what is not durable; if that does not help, go on without it."""
        reached = min((run.replay.watermark for run in self._runs), default=self.ring.end)
        again, self._mended_at = reached == self._mended_at, reached
        for run in list(self._runs):
            if not again:
                run.restart_writers()
                continue
            run.abandon(Cause.INTERNAL_ERROR)
            if run is self._active:
                self._active, self._from = None, self.ring.end
                self.capture_lost(Cause.INTERNAL_ERROR)
                self.flowing = True
            self._runs.remove(run)

    def _judge(self) -> None:
        """Bring the state people see, and the retry, up to date."""
        writer, run, retry = self.writer, self._active, self._storage.retry
        # One that only waits for room on a slow disk is being recorded: its footage is on its way.
        starved = run is not None and run.waits and run.replay.wants_writer(self.ring)
        self._status.judge(
            self.wanted,
            self._gaps.waits_for,
            writer.link.endpoint.name if writer is not None else "",
            self._storage.cause if starved else None,
        )
        if any(run.waits for run in self._runs):
            retry.tell(Waiting(self._storage.usable))
        elif not self._runs:
            retry.tell(Idle())
