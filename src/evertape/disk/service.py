"""What the disk process does: connections, messages, reports, heartbeat, shutdown.

Threads: the loop's.
"""

from __future__ import annotations

import asyncio
import logging
import os
import resource
import socket
from statistics import median

from evertape.clock import SystemClock
from evertape.disk.busy import Busy
from evertape.disk.fault import VolumeFaultError
from evertape.disk.journal import JournalKeeper
from evertape.disk.journal_client import Journal, JournalClient
from evertape.disk.noticing import KernelLayer
from evertape.disk.probe import Prober
from evertape.disk.sync import SyncLoop
from evertape.disk.upkeep import Upkeep
from evertape.disk.volume import Volume
from evertape.disk.writers import Writers
from evertape.domain.storage_fault import StorageFault
from evertape.domain.volume_state import VolumeStatus
from evertape.ipc.channel import Channel, Listener
from evertape.ipc.events import EventStamp, VolumeStateChanged
from evertape.ipc.messages import (
    PROTOCOL_VERSION,
    Append,
    CloseSegment,
    DiskAssignment,
    DiskBusy,
    EventNews,
    Heartbeat,
    Hello,
    Message,
    OpenSegment,
    ProbeVolume,
    Refused,
    Shutdown,
    VolumeInfo,
    VolumeReport,
    Welcome,
)

log = logging.getLogger(__name__)

HEARTBEAT_S = 1.0
WATCH_S = 0.1
"""How often the loop looks at how long its workers have been busy."""
FIRST_OPEN_S = 1.0
"""How long the first opening may take before we listen all the same."""


class DiskService:
    """One disk process.

    Args:
        supervisor: the connected socket to the supervisor.
        path: the socket to listen on.
        name: of this process.
    """

    def __init__(self, supervisor: socket.socket, path: str, name: str) -> None:
        self._clock = SystemClock()
        self._name = name
        self._path = path
        self._loop = asyncio.get_running_loop()
        self._stop: asyncio.Future[float] = self._loop.create_future()
        self._assigned: asyncio.Future[DiskAssignment] = self._loop.create_future()
        self._peers: set[Channel] = set()
        self._reports = 0
        self._tasks: list[asyncio.Task[None]] = []
        self._supervisor = Channel(supervisor, self._from_supervisor, lambda _: self._ask_to_stop(4.0))
        self._supervisor.peer = "the supervisor"
        self._supervisor.send(Hello(role="disk", name=name, pid=os.getpid()))

    async def run(self) -> bool:
        """Serve until told to stop; whether every file was finished in time."""
        beat = asyncio.ensure_future(self._heartbeat())
        await asyncio.wait((self._assigned, self._stop), return_when=asyncio.FIRST_COMPLETED)
        clean = True
        if self._assigned.done():
            await self._begin(self._assigned.result())
            deadline_s = await self._stop
            clean = await self._end(deadline_s)
        beat.cancel()
        self._supervisor.close()
        return clean

    # -- life

    async def _begin(self, want: DiskAssignment) -> None:
        self._stamp = EventStamp(self._name, want.service, self._clock)
        self._volume = Volume(
            want, self._clock, on_lost=self._lost, on_change=self._state_changed, on_report=self._report
        )
        self._keeper = JournalKeeper(self._volume) if want.role == "data" else None
        self._journal: Journal = self._keeper or JournalClient(want.journal_socket, self._stamp)
        self._prober = Prober(self._volume, lambda: self._sync.judged_ms)
        self._writers = Writers(self._volume, self._journal, self._stamp, self._prober.nudge)
        self._sync = SyncLoop(self._volume, self._writers)
        self._upkeep = Upkeep(self._volume, self._writers, self._journal, self._stamp, lambda: self._sync.median_ms)
        self._kernel = KernelLayer(self._volume, self._writers, self._prober)
        self._busy = Busy(self._volume, self._say_busy)
        if "kernel" in want.layers:
            self._kernel.start()
        opening = asyncio.ensure_future(self._volume.open())
        await asyncio.wait((opening,), timeout=FIRST_OPEN_S)
        self._listener = Listener(self._path, self._connected)
        self._tasks = [asyncio.ensure_future(work) for work in (self._prober.run(), self._sync.run(), self._watch())]
        for task in self._tasks:
            task.add_done_callback(self._task_ended)

    async def _end(self, deadline_s: float) -> bool:
        self._listener.close()
        for task in self._tasks:
            task.cancel()
        self._kernel.stop()
        clean = True
        try:
            async with asyncio.timeout(deadline_s):
                await self._writers.finish_all("shutdown")
                await self._upkeep.finish()
                if self._keeper is not None:
                    await self._keeper.finish()
                for peer in list(self._peers):
                    await peer.drained(0.5)
                if isinstance(self._journal, JournalClient):
                    await self._close_journal(self._journal)
                await self._volume.close()
        except TimeoutError:
            log.error("[DISK] not everything was finished within %.1f s", deadline_s)
            clean = False
        for peer in list(self._peers):
            peer.close()
        return clean

    async def _close_journal(self, journal: JournalClient) -> None:
        if not await journal.close(1.0):
            # Not lost for good: recovery finds the files finished and says so again.
            log.warning("[DISK] the journal did not confirm the last %d events", journal.unconfirmed)

    def _ask_to_stop(self, deadline_s: float) -> None:
        if not self._stop.done():
            self._stop.set_result(deadline_s)

    def _task_ended(self, task: asyncio.Task[None]) -> None:
        # These run for ever; if one ends by itself, that is a bug, and a replaced process is better than half a one.
        if not task.cancelled():
            log.critical("[DISK] a loop of %s ended", self._name, exc_info=task.exception())
            os._exit(70)

    async def _heartbeat(self) -> None:
        page = resource.getpagesize()
        while True:
            with open("/proc/self/statm", "rb") as file:
                pages = int(file.read().split()[1])
            used = os.times()
            self._supervisor.send(
                Heartbeat(boot=self._clock.boot_ns(), rss=pages * page, cpu_s=round(used.user + used.system, 3))
            )
            await asyncio.sleep(HEARTBEAT_S)

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(WATCH_S)
            self._kernel.tick()
            self._busy.tick()
            if self._volume.check_deadline():
                if self._volume.hung:
                    reason = self._volume.status.reason
                    self._writers.fail_all(VolumeFaultError(StorageFault.HUNG, reason, step="W1"), salvage=True)
                else:
                    self._prober.nudge()

    def _say_busy(self) -> None:
        for peer in self._peers:
            peer.send(DiskBusy())

    # -- the volume

    def _lost(self, fault: VolumeFaultError) -> None:
        self._writers.fail_all(fault, salvage=False)
        if self._keeper is not None:
            self._keeper.lost()
        self._prober.nudge()

    def _state_changed(self, old: VolumeStatus, new: VolumeStatus) -> None:
        event = VolumeStateChanged(
            **self._stamp(),
            volume=self._volume.assignment.volume,
            volume_id=self._volume.volume_id,
            old=old.state.value,
            state=new.state.value,
            reason=new.reason,
            layer=new.layer,
            free=new.free,
            total=new.total,
            errno=new.errno,
        )
        self._journal.put(event)
        # Those who look at a window see it as soon as it is known, not with their next look at the state.
        self._supervisor.send(EventNews(events=(event,)))

    def _report(self) -> None:
        self._reports += 1
        report = self._current()
        self._supervisor.send(report)
        for peer in self._peers:
            peer.send(report)

    def _current(self) -> VolumeReport:
        want, status = self._volume.assignment, self._volume.status
        written = self._writers.write_ms
        info = VolumeInfo(
            name=want.volume,
            volume_id=self._volume.volume_id,
            role=want.role,
            path=self._volume.path,
            declared=want.path if self._volume.path != want.path else "",
            state=status.state.value,
            reason=status.reason,
            since_utc=status.since_utc,
            free=status.free,
            total=status.total,
            write_ms=round(median(written), 3) if written else 0.0,
            sync_ms=round(self._sync.median_ms, 3),
            open_files=len(self._writers),
            layer=status.layer,
            errno=status.errno,
            is_mount=want.is_mount,
            was_usable=status.was_usable,
        )
        return VolumeReport(volume=info, report=self._reports)

    # -- connections

    def _connected(self, sock: socket.socket) -> None:
        Channel(sock, self._from_peer, self._peer_gone, gather=True)

    def _peer_gone(self, channel: Channel) -> None:
        self._peers.discard(channel)
        self._writers.channel_closed(channel)

    def _from_supervisor(self, channel: Channel, message: Message, payload: bytes) -> None:
        if isinstance(message, DiskAssignment):
            if not self._assigned.done():
                self._assigned.set_result(message)
            else:
                self._reassign(message)
        elif isinstance(message, Shutdown):
            self._ask_to_stop(message.deadline_s)
        elif isinstance(message, ProbeVolume) and self._tasks:
            self._prober.nudge()
        elif self._tasks and self._keeper is not None:
            self._keeper.handle(channel, message, payload)

    def _from_peer(self, channel: Channel, message: Message, payload: bytes) -> None:
        if channel not in self._peers:
            self._greet(channel, message)
        elif isinstance(message, ProbeVolume):
            self._prober.nudge()
        elif self._keeper is not None:
            if not self._keeper.handle(channel, message, payload):
                self._not_for_us(channel, message)
        elif isinstance(message, Append):
            self._writers.append(channel, message, payload)
        elif isinstance(message, OpenSegment):
            self._writers.open(channel, message, payload)
        elif isinstance(message, CloseSegment):
            self._writers.close(channel, message)
        elif not self._upkeep.handle(channel, message, payload):
            self._not_for_us(channel, message)

    def _not_for_us(self, channel: Channel, message: Message) -> None:
        log.warning("[IPC] %s sent a %s, which is not for us", channel.peer, type(message).__name__)

    def _reassign(self, want: DiskAssignment) -> None:
        if self._tasks:
            self._volume.reassign(want)
            if self._kernel.running is not ("kernel" in want.layers):
                self._kernel.stop()
                self._kernel = KernelLayer(self._volume, self._writers, self._prober)
                if "kernel" in want.layers:
                    self._kernel.start()
            self._prober.nudge()
        else:  # still opening
            self._loop.call_later(FIRST_OPEN_S, self._reassign, want)

    def _greet(self, channel: Channel, message: Message) -> None:
        if not isinstance(message, Hello) or message.version != PROTOCOL_VERSION:
            channel.send(Refused(reason=f"the first message must be Hello of version {PROTOCOL_VERSION}"))
            channel.close()
            return
        channel.peer = message.name
        channel.send(Welcome(role="disk", name=self._name, pid=os.getpid()))
        self._peers.add(channel)
        channel.send(self._current())
