"""Worker threads for calls that may block for ever: in order within a lane, concurrently between lanes.

Threads: ``Lane.submit``, ``clear`` and everything of ``Lanes`` but ``alive`` are called on the loop's thread; the calls
themselves run on workers, and their outcome comes back as a future on the loop. So the loop answers
while the kernel hangs, and knows for how long it has been hanging.
"""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any, TypeVar

log = logging.getLogger(__name__)

T = TypeVar("T")

THREADS = 8
"""Concurrent ``fdatasync`` share device flushes: 64 files cost 22 concurrently and 128 one by one."""


WRITE = "write"
"""The kind of calls that go into the cache: if one of them waits, it need not be for the device."""
QUEUED_SHARE = 6
"""A call that waits while others of its kind come back is in a queue, and its time counts as a sixth: a slow disk is no
hung one, but a call that never comes back is found all the same."""


class Job:
    """One call and where its outcome goes."""

    __slots__ = ("call", "future", "kind", "what")

    def __init__(self, what: str, call: Callable[[], Any], future: asyncio.Future[Any], kind: str) -> None:
        self.what = what
        self.call = call
        self.future = future
        self.kind = kind


class Lane:
    """An ordered queue of calls; at most one of them runs at a time."""

    def __init__(self, lanes: Lanes) -> None:
        self._lanes = lanes
        self.jobs: deque[Job] = deque()
        self.busy = False

    def submit(
        self, what: str, call: Callable[[], T], *, gather: bool = False, first: bool = False, kind: str = ""
    ) -> asyncio.Future[T]:
        """Run ``call`` on a worker after everything that was submitted to this lane before.

        Args:
            what: names the call when it hangs.
            call: runs on a worker thread.
            gather: it is short: let one worker make all such calls of this turn of the loop, one after the other.
                Waking a thread for each costs more than the calls do.
            first: before what waits in this lane, behind what runs.
            kind: calls that share a queue on the device, such as all writes; see ``Lanes.oldest``.
        """
        future: asyncio.Future[T] = self._lanes.future()
        self._lanes._submit(self, Job(what, call, future, kind), gather=gather, first=first)
        return future

    def clear(self) -> None:
        """Forget what has not begun; its futures are cancelled."""
        self._lanes._clear(self)


class Lanes:
    """A pool of daemon threads that serves lanes. Daemons, so that one stuck in the kernel does not hold the process.

    Args:
        threads: how many calls may run at a time; threads start when first needed.
        name: prefix of the threads' names.
    """

    def __init__(self, threads: int = THREADS, name: str = "disk") -> None:
        self._loop = asyncio.get_running_loop()
        self._limit = threads
        self._name = name
        self._lock = threading.Lock()
        self._ready: queue.SimpleQueue[list[Lane] | None] = queue.SimpleQueue()
        self._gathered: list[Lane] = []
        self._done: list[tuple[Job, Any, BaseException | None]] = []
        self._threads = 0
        self._busy = 0
        self._running: dict[int, tuple[int, str, str]] = {}
        """By thread: since when, which call, of which kind."""
        self._started: dict[int, int] = {}
        """The same, whatever the call said meanwhile."""
        self._came_back: dict[str, int] = {}
        """When the last call of each kind succeeded."""
        self._moved = 0
        """When the device itself was last seen to get on."""
        self._said = 0
        """When a call last said that it gets on."""
        self._open = 0
        self._drained: asyncio.Future[None] | None = None
        self._stopped = False

    def lane(self) -> Lane:
        """A new lane; it needs no closing."""
        return Lane(self)

    def oldest(self) -> tuple[int, str]:
        """For how long the kernel owes an answer (ns), and to which running call; ``(0, "")`` if none is running.

        While others of its kind come back, or the device that it waits for gets on, a share of its time counts.
        """
        now = time.monotonic_ns()
        with self._lock:
            return max((self._owed(now, *call) for call in self._running.values()), default=(0, ""))

    def _owed(self, now: int, began: int, what: str, kind: str) -> tuple[int, str]:
        last = self._came_back.get(kind, 0) if kind else 0
        if kind != WRITE:
            last = max(last, self._moved)
        return max(now - max(began, last), (now - began) // QUEUED_SHARE), what

    def longest(self) -> int:
        """For how long the oldest running call has been running (ns), whatever comes back or is said meanwhile."""
        now = time.monotonic_ns()
        with self._lock:
            return max((now - started for started in self._started.values()), default=0)

    @property
    def progressed(self) -> int:
        """When a call last came back, or said that it gets on, or the device was seen to; monotonic clock."""
        with self._lock:
            return max(self._moved, self._said, *self._came_back.values())

    def device_moved(self) -> None:
        """The device behind the calls completed something."""
        with self._lock:
            self._moved = time.monotonic_ns()

    def alive(self) -> None:
        """Called by a call that takes long and gets on: the kernel answers, so its time begins anew. Any thread."""
        me = threading.get_ident()
        with self._lock:
            if me in self._running:
                _, what, kind = self._running[me]
                self._said = time.monotonic_ns()
                self._running[me] = (self._said, what, kind)

    async def drained(self) -> None:
        """Wait until every call has been made and its outcome delivered."""
        while self._open:
            if self._drained is None or self._drained.done():
                self._drained = self._loop.create_future()
            await asyncio.shield(self._drained)

    def stop(self) -> None:
        """Let the threads end as soon as they are free."""
        self._stopped = True
        for _ in range(self._threads):
            self._ready.put(None)

    # -- the loop's side

    def future(self) -> asyncio.Future[Any]:
        """One for the outcome of a call."""
        return self._loop.create_future()

    def _submit(self, lane: Lane, job: Job, *, gather: bool, first: bool) -> None:
        self._open += 1
        with self._lock:
            if first:
                lane.jobs.appendleft(job)
            else:
                lane.jobs.append(job)
            idle = not lane.busy
            lane.busy = True
        if idle and not gather:
            self._wake([lane])
        elif idle:
            if not self._gathered:
                self._loop.call_soon(self._wake_gathered)
            self._gathered.append(lane)

    def _wake_gathered(self) -> None:
        lanes, self._gathered = self._gathered, []
        self._wake(lanes)

    def _wake(self, lanes: list[Lane]) -> None:
        """Have a worker look after these lanes, one after the other."""
        with self._lock:
            self._busy += 1
            grow = self._busy > self._threads and self._threads < self._limit
            self._threads += grow
        self._ready.put(lanes)
        if grow:
            threading.Thread(target=self._work, name=f"{self._name}-{self._threads}", daemon=True).start()

    def _clear(self, lane: Lane) -> None:
        with self._lock:
            dropped = list(lane.jobs)
            lane.jobs.clear()
        for job in dropped:
            job.future.cancel()
            self._settled()

    def _settled(self) -> None:
        self._open -= 1
        if not self._open and self._drained is not None and not self._drained.done():
            self._drained.set_result(None)

    def _deliver(self) -> None:
        """Hand out what has been done since the workers last called."""
        with self._lock:
            done, self._done = self._done, []
        for job, result, error in done:
            if not job.future.done():
                if error is None:
                    job.future.set_result(result)
                else:
                    job.future.set_exception(error)
            self._settled()

    # -- the workers' side

    def _work(self) -> None:
        me = threading.get_ident()
        while (lanes := self._ready.get()) is not None:
            while lanes:
                lane = lanes.pop(0)
                with self._lock:
                    job = lane.jobs.popleft() if lane.jobs else None
                    if job is not None:
                        self._started[me] = time.monotonic_ns()
                        self._running[me] = (self._started[me], job.what, job.kind)
                if job is not None:
                    self._run(job)
                with self._lock:
                    again = lane.busy = bool(lane.jobs)
                    others = bool(lanes) or not self._ready.empty()
                    self._busy += again and others
                if again and others:
                    self._ready.put([lane])  # they have waited longer
                elif again:
                    lanes.append(lane)
                del job, lane  # an idle thread must not keep a fragment alive
            with self._lock:
                self._busy -= 1
        with self._lock:
            self._threads -= 1

    def _run(self, job: Job) -> None:
        result: Any = None
        problem: BaseException | None = None
        try:
            result = job.call()
        except BaseException as error:  # noqa: BLE001 - handed to whoever awaits it, with its traceback
            problem = error
        with self._lock:  # before anybody hears that it is done
            del self._running[threading.get_ident()], self._started[threading.get_ident()]
            if job.kind and problem is None:
                self._came_back[job.kind] = time.monotonic_ns()
            # One call for all that is done before the loop gets round to it.
            call = not self._done
            self._done.append((job, result, problem))
        if not call:
            return
        try:
            self._loop.call_soon_threadsafe(self._deliver)
        except RuntimeError:
            log.debug("[DISK] %s ended after the loop did", job.what)
