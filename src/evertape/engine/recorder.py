"""The recorder: up to sixteen cameras, their rings, their writers' bytes. No file system, no decoding.

One thread owns everything: it drains all cameras in rounds, hands fragments to the disk processes, and
serves viewers. ``docs/design/overview.md`` says what happens when it dies or hangs.
"""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import Callable, Iterable

from evertape.clock import Clock
from evertape.disk.journal_client import JournalClient
from evertape.domain.cause import Cause
from evertape.domain.volumes import Suspects
from evertape.domain.watchdog import PipelineWatchdog, Trouble
from evertape.engine.camera import CameraWorker, WatchKey
from evertape.engine.disk_link import DiskLink, lost_volumes
from evertape.engine.feed import Feed
from evertape.engine.guard import Guard
from evertape.ipc.channel import Listener
from evertape.ipc.events import AnyEvent, ClockStepped, EventStamp, Notice
from evertape.ipc.messages import (
    CameraCommand,
    CommandDone,
    EventNews,
    Message,
    RecorderAssignment,
    RecorderStatus,
    SetWish,
    VolumeEndpoint,
)
from evertape.media.capture import TranscoderFactory
from evertape.media.ring import Gop, Ring, RingKeeper
from evertape.types import NS_PER_S, BootNs, Stream

log = logging.getLogger(__name__)

_STATUS_S = 1.0
_SOON_S = 0.05
_PAUSE_S = 0.002
_SHORTEST_S = 0.02
"""No camera, however fast it sends, makes rounds shorter than that."""
_STEP_NS = NS_PER_S
"""A wall clock that moves against the boot-time clock by more than this in one round was set; slewing is slower."""
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
    """

    def __init__(
        self,
        name: str,
        service: str,
        clock: Clock,
        report: Report,
        feed_socket: str = "",
        transcoder: TranscoderFactory | None = None,
    ) -> None:
        self.name = name
        self.clock = clock
        self.transcoder = transcoder
        self.stamp = EventStamp(name, service, clock)
        self.links: dict[str, DiskLink] = {}
        self.suspects = Suspects()
        self.watchdog: PipelineWatchdog[WatchKey] = PipelineWatchdog()
        self.cameras: dict[str, CameraWorker] = {}
        self._report = report
        self._loop = asyncio.get_running_loop()
        self._feed = Feed(name, self.cameras.get, clock.boot_ns)
        self._listener = Listener(feed_socket, self._feed.connected) if feed_socket else None
        self._journal: JournalClient | None = None
        self._early: list[AnyEvent] = []
        self._assignment: RecorderAssignment | None = None
        self._keeper = RingKeeper(60 * NS_PER_S, 1 << 30)
        self._leaving: list[CameraWorker] = []
        self._status_timer: asyncio.TimerHandle | None = None
        self._status_at = 0.0
        self._round_timer: asyncio.TimerHandle | None = None
        self._guard = Guard(f"rounds of {name}")
        self._clock_offset: int | None = None
        self._asked: dict[WatchKey, int] = {}
        """The GOPs without an end for which a new session was made."""
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
            case CameraCommand(request=request, camera=name, command=command):
                self._report(self._command(request, name, command))
            case _:
                log.debug("[IPC] the supervisor said %s", type(message).__name__)

    def assign(self, new: RecorderAssignment) -> None:
        """Take over an assignment, touching only what it changes."""
        first = self._assignment is None
        self._assignment = new
        self._keeper.keep_ns, self._keeper.budget = new.ring_ns, new.ring_budget
        if self._journal is None and new.journal_socket:
            self._journal = JournalClient(new.journal_socket, self.stamp)
            for event in self._early:
                self._journal.put(event)
            self._early.clear()
        self._assign_volumes(new.volumes)
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
                worker.recording.stop(by)
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
            self._look_at_clock()
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

    def _look_at_clock(self) -> None:
        offset = self.clock.utc_ns() - self.clock.boot_ns()
        known, self._clock_offset = self._clock_offset, offset
        if known is None or abs(offset - known) <= _STEP_NS:
            return
        log.warning("[PROCESS] the wall clock was stepped by %.3f s", (offset - known) / NS_PER_S)
        self.journal(ClockStepped(**self.stamp(), offset=offset - known))
        for worker in (*self.cameras.values(), *self._leaving):
            worker.recording.host_clock_stepped(offset - known)

    def _look_after(self, now: BootNs, hung_after_ns: int) -> None:
        for verdict in self.watchdog.due(now):
            name, stream = verdict.stream
            log.warning("[STREAMING] %s: %s", name, verdict.text)
            camera = self.cameras.get(name)
            if verdict.trouble is Trouble.STALLED and camera is not None and stream in camera.streams:
                camera.streams[stream].stalled(verdict.text)
        self._look_at_volumes(now, hung_after_ns)
        for ring, gop in self._keeper.victims(self._rings(), now):
            self._evicted(ring, gop)
        if sum(ring.bytes for ring, _ in self._rings()) > self._keeper.budget:
            self._ask_for_keyframe()

    def _ask_for_keyframe(self) -> None:
        """Over budget, and nothing can go: a GOP has no end. A new session begins with a keyframe."""
        rings = [(ring, w, stream) for w in self.cameras.values() for stream, ring in w.rings.items() if ring.newest]
        ring, worker, stream = max(rings, key=lambda entry: entry[0].bytes, default=(None, None, None))
        if ring is None or worker is None or stream is None or ring.newest is None:
            return
        start = ring.newest.view.start
        if len(ring) > 1 or self._asked.get((worker.settings.id, stream)) == start:
            return
        self._asked[worker.settings.id, stream] = start
        text = "no keyframe for so long that memory runs out; its session is made anew"
        log.warning("[STREAMING] %s: %s", worker.settings.id, text)
        self.journal(Notice(**self.stamp(), camera=worker.settings.id, text=text, detail={"bytes": ring.bytes}))
        worker.streams[stream].restart()

    def _look_at_volumes(self, now: BootNs, hung_after_ns: int) -> None:
        for link in self.links.values():
            link.look(now)
        for link in lost_volumes(list(self.links.values()), now, hung_after_ns):
            waited = link.waited_ns(now) / NS_PER_S
            self.suspects.failed(link.endpoint.name, now)
            link.give_up("hung", f"no answer for {waited:.1f} s")

    def _rings(self) -> Iterable[tuple[Ring, int]]:
        for worker in (*self.cameras.values(), *self._leaving):
            for stream, ring in worker.rings.items():
                yield ring, worker.recording.needed_from if stream is Stream.MAIN else ring.end

    def _evicted(self, ring: Ring, gop: Gop) -> None:
        for worker in (*self.cameras.values(), *self._leaving):
            if worker.rings.get(Stream.MAIN) is ring:
                worker.recording.evicted(gop)

    # -- volumes --------------------------------------------------------------------------------------------

    def _assign_volumes(self, volumes: Iterable[VolumeEndpoint]) -> None:
        wanted = {volume.name: volume for volume in volumes}
        for name, link in list(self.links.items()):
            endpoint = wanted.get(name)
            if endpoint is not None and (endpoint.socket, endpoint.path) == (link.endpoint.socket, link.endpoint.path):
                # Another place in the order, or another role: whoever chooses next obeys it.
                link.endpoint = endpoint
                continue
            del self.links[name]
            for worker in (*self.cameras.values(), *self._leaving):
                worker.recording.volume_failed(link, "other")
            link.shutdown()
            self.suspects.forget(name)
        for name, endpoint in wanted.items():
            if name not in self.links:
                self.links[name] = DiskLink(endpoint, self.name, self.clock, self._volume_changed)

    def _volume_changed(self, link: DiskLink) -> None:
        if link.usable:
            self.suspects.returned(link.endpoint.name)
        elif link.state != "full":
            # A full volume may still take what is under way; its writers say so themselves if not.
            for worker in (*self.cameras.values(), *self._leaving):
                worker.recording.volume_failed(link, link.state)
        if link.usable and self._assignment is not None:
            now = self.clock.boot_ns()
            for worker in (*self.cameras.values(), *self._leaving):
                worker.recording.pump(now)
        self.status_changed()

    # -- status and commands --------------------------------------------------------------------------------

    def _send_status(self) -> None:
        self._status_timer = None
        if self._closed:
            return
        now = self.clock.boot_ns()
        self._report(
            RecorderStatus(
                cameras=tuple(worker.info(now) for worker in self.cameras.values()),
                ring_bytes=sum(ring.bytes for ring, _ in self._rings()),
                ring_budget=self._keeper.budget,
            )
        )
        self._status_at = self._loop.time() + _STATUS_S
        self._status_timer = self._loop.call_at(self._status_at, self._send_status)

    def _command(self, request: int, name: str, command: str) -> CommandDone:
        worker = self.cameras.get(name)
        if worker is None:
            return CommandDone(request=request, ok=False, text=f"there is no camera {name}")
        if command == "restart":
            worker.restart()
            return CommandDone(request=request, ok=True, text="session restarted")
        done = {"split": worker.recording.split, "restart-writer": worker.recording.restart_writer}.get(command)
        if done is None:
            return CommandDone(request=request, ok=False, text=f"a camera cannot {command}")
        if not done():
            return CommandDone(request=request, ok=False, text=f"{name} is not being recorded at the moment")
        return CommandDone(request=request, ok=True, text=command)

    # -- leaving --------------------------------------------------------------------------------------------

    async def close(self, deadline_s: float) -> bool:
        """Finish every file; False if the time was not enough for all of them."""
        deadline = self._loop.time() + deadline_s
        if self._round_timer is not None:
            self._round_timer.cancel()
        now = self.clock.boot_ns()
        for worker in self.cameras.values():
            with worker.guard:
                worker.drain(now)
            with worker.guard:
                worker.stop(Cause.SERVICE_STOPPED)
        workers = [*self.cameras.values(), *self._leaving]
        while self._loop.time() < deadline and not all(worker.recording.idle for worker in workers):
            now = self.clock.boot_ns()
            for worker in workers:
                with worker.guard:
                    worker.recording.pump(now)
            with self._guard:
                self._look_at_volumes(now, self._hung_at_exit())
            await asyncio.sleep(0.01)
        done = all(worker.recording.idle for worker in workers)
        if self._status_timer is not None:
            self._status_timer.cancel()
        self._send_status()
        self._closed = True
        for link in self.links.values():
            link.shutdown()
        self._feed.close()
        if self._listener is not None:
            self._listener.close()
        if self._journal is not None:
            await self._journal.close(max(0.1, deadline - self._loop.time()))
        return done

    def _hung_at_exit(self) -> int:
        usual = self._assignment.hung_after_ns if self._assignment is not None else 0
        others = sum(link.usable for link in self.links.values()) > 1
        return min(usual, _HUNG_AT_EXIT_NS) if others else usual
