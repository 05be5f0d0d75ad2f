"""The recorder: up to sixteen cameras, their rings, their writers' bytes. No file system, no decoding.

One thread owns everything: it drains all cameras in rounds, hands fragments to the disk processes, and
serves viewers. ``docs/design/overview.md`` says what happens when it dies or hangs.
"""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import Callable

from evertape.clock import Clock
from evertape.disk.journal_client import JournalClient
from evertape.domain.cause import Cause
from evertape.domain.recording_retry import RetryPolicy
from evertape.domain.watchdog import PipelineWatchdog, Trouble
from evertape.domain.wish import cause_of_stop
from evertape.engine.camera import CameraWorker, WatchKey
from evertape.engine.camera_command import answer
from evertape.engine.feed import Feed
from evertape.engine.guard import Guard
from evertape.engine.recorder_care import ClockCare, RingCare
from evertape.engine.recorder_volumes import RecorderVolumes
from evertape.engine.storage_service import StorageConsumers
from evertape.ipc.channel import Listener
from evertape.ipc.events import AnyEvent, EventStamp, Notice
from evertape.ipc.messages import (
    CameraCommand,
    EventNews,
    Message,
    RecorderAssignment,
    RecorderStatus,
    SetWish,
)
from evertape.media.capture import TranscoderFactory, pipelines_left
from evertape.types import NS_PER_S, BootNs, DurationNs, Stream

log = logging.getLogger(__name__)

_STATUS_S = 1.0
_SOON_S = 0.05
_PAUSE_S = 0.002
_SHORTEST_S = 0.02
"""No camera, however fast it sends, makes rounds shorter than that."""
_HUNG_AT_EXIT_NS = NS_PER_S
"""When leaving, a volume that owes an answer for so long is passed over, if another one can take what is left."""

Report = Callable[[Message], None]


class Recorder:
    """See the module.

    Args:
        name: this process, ``recorder-0``.
        service: the run of the service.
        clock: both clocks.
        report: where status, news and answers go: the supervisor, or whoever embeds the engine.
        feed_socket: where viewers connect; empty: nowhere.
        transcoder: encodes G.711.
        consumers: whom else to tell about the storage of cameras that record.
    """

    def __init__(
        self,
        name: str,
        service: str,
        clock: Clock,
        report: Report,
        feed_socket: str = "",
        transcoder: TranscoderFactory | None = None,
        consumers: StorageConsumers | None = None,
    ) -> None:
        self.name = name
        self.clock = clock
        self.transcoder = transcoder
        self.stamp = EventStamp(name, service, clock)
        self._volumes = RecorderVolumes(name, self, consumers)
        self.links = self._volumes.links
        self.storage = self._volumes.service
        self.retry = RetryPolicy(DurationNs(6 * NS_PER_S), 20)
        self.suspects = self._volumes.suspects
        self.watchdog: PipelineWatchdog[WatchKey] = PipelineWatchdog()
        self.cameras: dict[str, CameraWorker] = {}
        self._report = report
        self._loop = asyncio.get_running_loop()
        self._feed = Feed(name, self.cameras.get, clock.boot_ns)
        self._listener = Listener(feed_socket, self._feed.connected) if feed_socket else None
        self._journal: JournalClient | None = None
        self._early: list[AnyEvent] = []
        self._assignment: RecorderAssignment | None = None
        self._leaving: list[CameraWorker] = []
        self._status_timer: asyncio.TimerHandle | None = None
        self._status_at = 0.0
        self._round_timer: asyncio.TimerHandle | None = None
        self._guard = Guard(f"rounds of {name}")
        self._clock_care = ClockCare(self)
        self._ring_care = RingCare(self)
        self._closed = False

    # -- what the supervisor says ---------------------------------------------------------------------------

    def message(self, message: Message) -> None:
        """Do what it says."""
        match message:
            case RecorderAssignment():
                self.assign(message)
            case SetWish(cameras=names, wanted=wanted, by=by):
                for name in names:
                    self.set_wish(name, wanted, by)
            case CameraCommand(camera=name):
                self._report(answer(self.cameras.get(name), message))
            case _:
                log.debug("[IPC] the supervisor said %s", type(message).__name__)

    def assign(self, new: RecorderAssignment) -> None:
        """Take over an assignment, touching only what it changes."""
        first = self._assignment is None
        self._assignment = new
        self._ring_care.allow(new.ring_ns, new.ring_budget)
        if self._journal is None and new.journal_socket:
            self._journal = JournalClient(new.journal_socket, self.stamp)
            for event in self._early:
                self._journal.put(event)
            self._early.clear()
        self.retry = RetryPolicy(DurationNs(new.retry_interval_ns), new.retry_max)
        self._volumes.assign(new.volumes)
        wanted = {settings.id: settings for settings in new.cameras}
        for name in [name for name in self.cameras if name not in wanted]:
            worker = self.cameras.pop(name)
            for stream in list(worker.streams):
                self.feed_ends(worker, stream)
            worker.stop(Cause.REMOVED_BY_PERSON)
            self._leaving.append(worker)
        for name, settings in wanted.items():
            known = self.cameras.get(name)
            if known is None:
                worker = self.cameras[name] = CameraWorker(settings, self)
                with worker.guard:
                    worker.start(new.wishes.get(name, False))
                continue
            if known.settings != settings:
                with known.guard:
                    known.update(settings)
            if known.recording.wanted != new.wishes.get(name, known.recording.wanted):
                self.set_wish(name, new.wishes[name], "the wish on record")
        if first:
            # Everything that lives for ever is there by now; a collection need not look at it again.
            gc.collect()
            gc.freeze()
            self._round()
        self.status_changed()

    def set_wish(self, name: str, wanted: bool, by: str) -> None:
        """Record this camera from now on, or no longer."""
        worker = self.cameras.get(name)
        if worker is None:
            return
        with worker.recording.guard:
            if wanted:
                worker.recording.start(by)
            else:
                worker.recording.stop(by, cause_of_stop(by))
        self.status_changed()

    # -- what cameras need (CameraHost) ---------------------------------------------------------------------

    def journal(self, event: AnyEvent) -> None:
        """Write an event down, and tell the supervisor."""
        if self._journal is not None:
            self._journal.put(event)
        else:
            self._early.append(event)
        self._report(EventNews(events=(event,)))

    def status_changed(self) -> None:
        """Send the status soon."""
        due = self._loop.time() + _SOON_S
        if self._status_timer is None or self._status_at > due:
            if self._status_timer is not None:
                self._status_timer.cancel()
            self._status_at = due
            self._status_timer = self._loop.call_at(due, self._send_status)

    def feed(self, camera: CameraWorker, stream: Stream) -> None:
        """Serve this stream's viewers."""
        self._feed.serve(camera.settings.id, stream)

    @property
    def leaving(self) -> frozenset[str]:
        """The removed cameras whose files are not finished."""
        return frozenset(worker.settings.id for worker in self._leaving)

    def feed_ends(self, camera: CameraWorker, stream: Stream) -> None:
        """There is no such stream any more: tell its viewers."""
        self._feed.ends(camera.settings.id, stream, f"the stream {stream} of camera {camera.settings.id} was removed")

    # -- the round ------------------------------------------------------------------------------------------

    def _round(self) -> None:
        if self._closed or self._assignment is None:
            return
        assignment = self._assignment
        began = self._loop.time()
        period = (assignment.drain_viewed_ns if self._feed.watched else assignment.drain_ns) / NS_PER_S
        now = self.clock.boot_ns()
        with self._guard:
            self._clock_care.look()
        for worker in list(self.cameras.values()):
            with worker.guard:
                worker.drain(now)
        for worker in list(self._leaving):
            with worker.guard:
                worker.recording.pump(now)
            if worker.recording.idle:
                self._leaving.remove(worker)
        with self._guard:
            self._look_after(BootNs(now), assignment.hung_after_ns)
        # From the beginning of this round, so that the work does not stretch the period; never without a pause,
        # so that the sockets get their turn.
        pause = began + period - self._loop.time()
        with self._guard:
            pause = min(pause, self._until_due())
        self._round_timer = self._loop.call_later(max(pause, _PAUSE_S), self._round)

    def _until_due(self) -> float:
        """Seconds until some camera's socket may be half full: then it has to be read, or the camera waits for us."""
        now = self.clock.boot_ns()
        waits = [due - now for worker in self.cameras.values() if (due := worker.due_ns) is not None]
        return max(min(waits, default=NS_PER_S) / NS_PER_S, _SHORTEST_S)

    def _look_after(self, now: BootNs, hung_after_ns: int) -> None:
        for verdict in self.watchdog.due(now):
            name, stream = verdict.stream
            log.warning("[STREAMING] %s: %s", name, verdict.text)
            camera = self.cameras.get(name)
            if camera is None or stream not in camera.streams:
                continue
            if verdict.trouble is Trouble.STALLED:
                camera.streams[stream].stalled(verdict.text)
            else:
                detail = {"stream": str(stream), "text": verdict.text}
                self.journal(Notice(**self.stamp(), camera=name, text=str(verdict.trouble), detail=detail))
        self._volumes.look(now, hung_after_ns)
        self._ring_care.look(now)

    def workers(self) -> list[CameraWorker]:
        """All cameras, the removed ones included whose files are not finished."""
        return [*self.cameras.values(), *self._leaving]

    # -- status and commands --------------------------------------------------------------------------------

    def _send_status(self) -> None:
        self._status_timer = None
        if self._closed:
            return
        now = self.clock.boot_ns()
        self._report(
            RecorderStatus(
                cameras=tuple(worker.info(now) for worker in self.cameras.values()),
                ring_bytes=self._ring_care.used,
                ring_budget=self._ring_care.budget,
                pipelines=pipelines_left(),
            )
        )
        self._status_at = self._loop.time() + _STATUS_S
        self._status_timer = self._loop.call_at(self._status_at, self._send_status)

    # -- leaving --------------------------------------------------------------------------------------------

    async def close(self, deadline_s: float, cause: Cause = Cause.SERVICE_STOPPED) -> bool:
        """Finish every file; False if the time was not enough for all of them. ``cause`` is that of the gap then."""
        deadline = self._loop.time() + deadline_s
        if self._round_timer is not None:
            self._round_timer.cancel()
        now = self.clock.boot_ns()
        for worker in self.cameras.values():
            with worker.guard:
                worker.drain(now)
            with worker.guard:
                worker.stop(cause)
        workers = self.workers()
        while self._loop.time() < deadline and not all(worker.recording.idle for worker in workers):
            now = self.clock.boot_ns()
            for worker in workers:
                with worker.guard:
                    worker.recording.pump(now)
            with self._guard:
                self._volumes.look(BootNs(now), self._hung_at_exit())
            await asyncio.sleep(0.01)
        done = all(worker.recording.idle for worker in workers)
        if self._status_timer is not None:
            self._status_timer.cancel()
        self._send_status()
        self._closed = True
        self._volumes.close()
        self._feed.close()
        if self._listener is not None:
            self._listener.close()
        if self._journal is not None:
            await self._journal.close(max(0.1, deadline - self._loop.time()))
        return done

    def _hung_at_exit(self) -> int:
        usual = self._assignment.hung_after_ns if self._assignment is not None else 0
        return min(usual, _HUNG_AT_EXIT_NS) if self._volumes.usable > 1 else usual
