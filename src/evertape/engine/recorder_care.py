"""What a recorder looks after once a round: the wall clock, and the memory that its rings take.

Threads: the owner's loop only.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Protocol

from evertape.clock import Clock
from evertape.engine.alarm import Alarm
from evertape.engine.camera import CameraWorker, WatchKey
from evertape.engine.clock_sync import told_the_time
from evertape.ipc.events import AnyEvent, ClockStepped, EventStamp, Notice
from evertape.media.ring import Gop, Held, Ring, RingKeeper
from evertape.types import NS_PER_S, BootNs, Stream

log = logging.getLogger(__name__)

_STEP_NS = NS_PER_S
"""A wall clock that moves against the boot-time clock by more than this in one round was set; slewing is slower."""

_BEHIND_SHARE, _CALM_SHARE = 0.5, 0.25
"""Of the memory for the rings, taken by what no disk has: a person hears of it, and that it is over."""


class CareHost(Protocol):
    """What the care needs from the recorder."""

    clock: Clock
    stamp: EventStamp
    cameras: dict[str, CameraWorker]
    """Those that stream."""

    def journal(self, event: AnyEvent) -> None:
        """Write an event down."""

    def workers(self) -> Iterable[CameraWorker]:
        """They, and the removed ones whose files are not finished."""


class ClockCare:
    """Notices that the wall clock was set."""

    def __init__(self, host: CareHost, told: Callable[[], bool] = told_the_time) -> None:
        self._host = host
        self._offset: int | None = None
        self._ask, self._told = told, False
        """Whether the kernel has been told the time, since this process looks."""

    def look(self) -> None:
        """Compare the clocks; tell the cameras and the journal of a step."""
        host = self._host
        offset = host.clock.utc_ns() - host.clock.boot_ns()
        known, self._offset = self._offset, offset
        untold = not self._told
        self._told = self._told or self._ask()
        if known is None or abs(offset - known) <= _STEP_NS:
            return
        log.warning("[PROCESS] the wall clock was stepped by %.3f s", (offset - known) / NS_PER_S)
        host.journal(ClockStepped(**host.stamp(), offset=offset - known, untold=untold))
        for worker in host.workers():
            worker.recording.host_clock_stepped(offset - known)


class RingCare:
    """Keeps all rings together within their budget."""

    def __init__(self, host: CareHost) -> None:
        self._host = host
        self._keeper = RingKeeper(60 * NS_PER_S, 1 << 30)
        self._asked: dict[WatchKey, int] = {}
        """The GOPs without an end for which a new session was made."""

        self._behind = Alarm("recording_behind", host)

    @property
    def budget(self) -> int:
        """Bytes for all of them."""
        return self._keeper.budget

    @property
    def used(self) -> int:
        """Bytes in all of them."""
        return sum(held.ring.bytes for held in self._rings())

    def allow(self, keep_ns: int, budget: int) -> None:
        """How long to keep what is durable, and how much memory there is."""
        self._keeper.keep_ns, self._keeper.budget = keep_ns, budget

    def look(self, now: BootNs) -> None:
        """Let go of what is too old or too much; say so before footage is lost by it."""
        self._look_behind()
        for ring, gop in self._keeper.victims(self._rings(), now):
            self._evicted(ring, gop)
        if self.used > self.budget:
            self._ask_for_keyframe()

    def _look_behind(self) -> None:
        used, budget = self.used, self.budget
        if used <= budget * _CALM_SHARE:
            # The usual case, ten times a second.
            self._behind.set(False, over="footage no longer waits in memory")
            return
        waiting = sum(
            gop.bytes for ring, needed, _ in self._rings() for gop in ring.gops_from(needed) if gop.end > needed
        )
        if waiting > budget * _BEHIND_SHARE:
            text = f"footage waits in memory, {waiting >> 20} MiB of {budget >> 20}; the oldest is lost when it is full"
            self._behind.set(True, text, waiting=waiting, budget=budget)
        elif waiting <= budget * _CALM_SHARE:
            self._behind.set(False, over="footage no longer waits in memory")

    def _rings(self) -> Iterable[Held]:
        for worker in self._host.workers():
            recording = worker.recording
            for stream, ring in worker.rings.items():
                if stream is Stream.MAIN:
                    yield Held(ring, recording.needed_from, recording.handed_to)
                else:
                    yield Held(ring, ring.end)

    def _evicted(self, ring: Ring, gop: Gop) -> None:
        for worker in self._host.workers():
            if worker.rings.get(Stream.MAIN) is ring:
                worker.recording.evicted(gop)

    def _ask_for_keyframe(self) -> None:
        """Over budget, and nothing can go: a GOP has no end. A new session begins with a keyframe."""
        rings = [
            (ring, worker, stream)
            for worker in self._host.cameras.values()
            for stream, ring in worker.rings.items()
            if ring.newest
        ]
        ring, worker, stream = max(rings, key=lambda entry: entry[0].bytes, default=(None, None, None))
        if ring is None or worker is None or stream is None or ring.newest is None:
            return
        start = ring.newest.view.start
        if len(ring) > 1 or self._asked.get((worker.settings.id, stream)) == start:
            return
        self._asked[worker.settings.id, stream] = start
        text = "no keyframe for so long that memory runs out; its session is made anew"
        log.warning("[STREAMING] %s: %s", worker.settings.id, text)
        host = self._host
        host.journal(Notice(**host.stamp(), camera=worker.settings.id, text=text, detail={"bytes": ring.bytes}))
        worker.streams[stream].restart()
