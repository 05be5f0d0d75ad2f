"""One sync loop for the volume: the steps S1 to S3 of ``docs/design/durability.md``, all files at once.

Threads: the loop's. Each file syncs in its own lane, behind the write under way; the lanes' threads make the syncs
concurrent, which lets the kernel share device flushes between them.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from functools import partial
from statistics import median

from evertape.disk.fault import VolumeFaultError, as_fault
from evertape.disk.volume import Session, Volume
from evertape.disk.writer import Writer
from evertape.disk.writers import Writers
from evertape.domain.storage_fault import StorageFault
from evertape.domain.volume_state import SLOW_MS, Observation, VolumeState
from evertape.ipc.messages import Durable

AGAIN_SHARE = 5
"""A file that took longer to sync than the interval waits a fifth of it only: ``docs/design/slow-disks.md``."""
REMEMBERED = 5
"""Rounds whose median is reported: 2.5 s at the default interval, so one slow round is no alarm."""


class SyncLoop:
    """Syncs what grew, every ``sync_ns`` of the volume's assignment.

    Args:
        volume: whose files.
        writers: the open ones.
    """

    def __init__(self, volume: Volume, writers: Writers) -> None:
        self._volume = volume
        self._writers = writers
        self._rounds: deque[float] = deque(maxlen=REMEMBERED)
        self._pending: set[asyncio.Future[tuple[int, int]]] = set()
        self._began = 0
        self._slowest_ms = 0.0
        """Of the rounds that were over since the last tick."""
        self._checking = False

    @property
    def median_ms(self) -> float:
        """Median duration of the latest rounds, from their start until the last file was synced.

        Or how long fragments waited to be written meanwhile, if that is longer.
        """
        return median(self._rounds) if self._rounds else 0.0

    @property
    def judged_ms(self) -> float:
        """What the volume is judged by: the median; the slowest of them, while it is slow, so that it does not flap."""
        slow = self._volume.status.state is VolumeState.SLOW
        return max(self._rounds, default=0.0) if slow else self.median_ms

    async def run(self) -> None:
        """Never ends; cancel it."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            interval = self._volume.assignment.sync_ns / 1e9
            due = max(due + interval, loop.time())
            while any(writer.slow for writer in self._writers) and due - loop.time() > interval / AGAIN_SHARE:
                await asyncio.sleep(interval / AGAIN_SHARE)
                self.hurry()
            await asyncio.sleep(due - loop.time())
            self.tick()

    def tick(self) -> None:
        """One round."""
        session = self._volume.session
        if session is None:
            return
        if "kernel" in self._volume.assignment.layers and not self._checking:
            self._checking = True
            check = session.checks.submit("reading the mount table", session.handle.is_attached)
            check.add_done_callback(partial(self._checked, session))
        self._measure()
        for writer in self._writers:
            if writer.written > writer.durable and not writer.syncing:
                self._sync(writer)

    def hurry(self) -> None:
        """Between two rounds: the files that are slow to sync, so that a slow disk does not wait for the next round."""
        if self._volume.session is None:
            return
        for writer in self._writers:
            if writer.slow and writer.written > writer.durable and not writer.syncing:
                self._sync(writer)

    def _sync(self, writer: Writer) -> None:
        assert writer.file is not None
        writer.syncing = True
        writer.sync_began_ns = time.monotonic_ns()
        if not self._pending:
            self._began = writer.sync_began_ns
        # Before the fragments that wait, or with a slow disk nothing would be durable until all of them are written.
        what = f"syncing a segment of {writer.want.camera}"
        job = writer.lane.submit(what, writer.file.sync, first=True, kind="sync")
        self._pending.add(job)
        job.add_done_callback(partial(self._synced, writer))

    def _synced(self, writer: Writer, job: asyncio.Future[tuple[int, int]]) -> None:
        writer.syncing = False
        writer.slow = time.monotonic_ns() - writer.sync_began_ns > self._volume.assignment.sync_ns
        self._pending.discard(job)
        if job.cancelled():
            return
        error = job.exception()
        if error is not None:
            self._writers.failed_step(writer, as_fault(error))
            return
        fragments, size = job.result()
        if not writer.session.lost and not writer.failed:
            writer.durable = fragments
            writer.channel.send(Durable(writer=writer.want.writer, fragments=fragments, bytes=size))
        if not self._pending and not writer.failed:
            self._slowest_ms = max(self._slowest_ms, self._took_ms())

    def _took_ms(self) -> float:
        return (time.monotonic_ns() - self._began) / 1e6

    def _measure(self) -> None:
        """Once a tick: the slowest of what was done since the last one, or still is not."""
        if self._volume.hung:
            self._rounds.clear()  # how long it hung is no measure of what it does afterwards
            return
        # A sync says nothing of what waits to be written, perhaps to a file that is closing, and is no safer than that.
        slowest_ms, self._slowest_ms = max(self._slowest_ms, self._writers.longest_wait_ms()), 0.0
        if self._pending and (took_ms := self._took_ms()) > SLOW_MS:
            # On a slow disk one round runs into the next, and none is ever over.
            slowest_ms = max(slowest_ms, took_ms)
        if slowest_ms:
            self._rounds.append(slowest_ms)
        elif self._rounds and not self._pending and self._writers.idle:
            self._rounds.popleft()  # nothing is to be done, so nothing is slow any more
        else:
            return
        state = self._volume.status.state
        if state.usable and (self.median_ms > SLOW_MS or state is VolumeState.SLOW):
            self._volume.see(Observation(layer="deadline", sync_ms=self.judged_ms))

    def _checked(self, session: Session, check: asyncio.Future[bool]) -> None:
        self._checking = False
        if self._volume.session is session and not check.cancelled() and not check.result():
            text = f"{session.handle.path} is no longer mounted"
            self._volume.lose(VolumeFaultError(StorageFault.MISSING, text, step="S1"), "kernel")
