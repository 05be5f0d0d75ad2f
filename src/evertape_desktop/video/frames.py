"""Pictures on their way from GStreamer's threads to widgets: the newest ones wait, and one wake-up serves all cameras.

Threads: ``FrameSlot.put`` and ``Ticker.wake`` are called by GStreamer's, everything else by the GUI's.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import QObject, Qt, QTimer, Signal

from evertape.media.view.terms import Frame

TICK_S = 1 / 60
"""Widgets are given new pictures at most so often: what screens show."""

LATE_S = 0.04
"""A tick so much later than planned kept a camera of 25 pictures a second from showing one of them."""

DEPTH = 3
"""So many pictures that come at once, because a thread was late, are shown one after the other; a further one takes the
first one's place. A tenth of a second of a camera's, caught up in three ticks."""


class FrameSlot:
    """Where a view's pictures wait.

    Args:
        wake: is called when there is one; on GStreamer's thread, and never after ``close``.
    """

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._lock = threading.Lock()
        self._frames: deque[Frame] = deque()
        self._is_closed = False
        self.decoded = 0
        """How many came."""
        self.replaced = 0
        """How many of them gave way to newer ones before anybody took them."""

    def put(self, frame: Frame) -> None:
        """A new one."""
        with self._lock:
            if self._is_closed:
                return
            self.decoded += 1
            if len(self._frames) >= DEPTH:
                self._frames.popleft()
                self.replaced += 1
            self._frames.append(frame)
            # Within the lock: what is woken may be gone a moment after ``close``, and pipelines end later than views.
            self._wake()

    def take(self) -> tuple[Frame | None, bool]:
        """The next one, and whether another waits."""
        with self._lock:
            frame = self._frames.popleft() if self._frames else None
            return frame, bool(self._frames)

    def close(self) -> None:
        """Take no more, wake nobody any more, and forget those that wait."""
        with self._lock:
            self._is_closed = True
            self._frames.clear()


@dataclass(slots=True)
class TickStats:
    """Counters.

    Args:
        ticks: how often widgets were given pictures.
        late: how many of them came later than planned by more than a frame.
        worst_s: by how much, at most.
    """

    ticks: int = 0
    late: int = 0
    worst_s: float = 0.0


class Ticker(QObject):
    """Calls ``work`` on the GUI's thread soon after ``wake``, at most once per tick.

    Args:
        work: returns whether there is more to do at the next tick.
    """

    _woken = Signal()

    def __init__(self, work: Callable[[], bool], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.stats = TickStats()
        self._work = work
        self._pending = False
        self._wanted_at = 0.0
        self._last = 0.0
        self._timer = QTimer(self, singleShot=True, timerType=Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._tick)
        self._woken.connect(self._plan, Qt.ConnectionType.QueuedConnection)

    def wake(self) -> None:
        """There is something to do; from any thread."""
        if not self._pending:
            self._pending = True
            self._wanted_at = time.monotonic()
            self._woken.emit()

    def _plan(self) -> None:
        if not self._timer.isActive():
            self._timer.start(max(0, round((self._last + TICK_S - time.monotonic()) * 1000)))

    def _tick(self) -> None:
        now = time.monotonic()
        late = now - max(self._wanted_at, self._last + TICK_S)
        self.stats.ticks += 1
        self.stats.late += late > LATE_S
        self.stats.worst_s = max(self.stats.worst_s, late)
        # Before the work: what comes meanwhile wakes again.
        self._last, self._pending = now, False
        if self._work():
            self.wake()
