"""How much comes in on one stream, for people to look at."""

from __future__ import annotations

from collections import deque

from evertape.types import NS_PER_MS, NS_PER_S, AccessUnit


class Rate:
    """Frames and bits per second over the last three seconds, and the GOP's length."""

    _WINDOW = 3 * NS_PER_S

    def __init__(self) -> None:
        self._rounds: deque[tuple[int, int, int]] = deque()
        self.gop_ns = 0
        """Between the last two keyframes, in nanoseconds; 0 before there were two."""
        self.frame_ns = 40 * NS_PER_MS
        """Between the last two pictures; what a picture is taken to last that has no successor yet."""
        self.last: AccessUnit | None = None
        """The video unit that came last."""
        self._key: AccessUnit | None = None

    def frame(self, unit: AccessUnit) -> None:
        """A video unit came."""
        last = self.last
        if last is not None and last.epoch == unit.epoch and unit.dts_ns > last.dts_ns:
            self.frame_ns = unit.dts_ns - last.dts_ns
        self.last = unit
        if unit.key:
            if self._key is not None and self._key.epoch == unit.epoch:
                self.gop_ns = unit.pts_ns - self._key.pts_ns
            self._key = unit

    def count(self, now_ns: int, frames: int, size: int) -> None:
        """A round at ``now_ns`` (boot-time clock) brought so many video units, and so many bytes of all tracks."""
        self._rounds.append((now_ns, frames, size))
        while len(self._rounds) > 2 and self._rounds[0][0] < now_ns - self._WINDOW:
            self._rounds.popleft()

    def value(self, now_ns: int) -> tuple[float, float]:
        """Video units and bits per second; zeros while nothing comes."""
        if len(self._rounds) < 2:
            return 0.0, 0.0
        # What came with the oldest round came before the window.
        first = self._rounds[0][0]
        last = self._rounds[-1][0]
        if now_ns - last > self._WINDOW or last <= first:
            return 0.0, 0.0
        span = (last - first) / NS_PER_S
        rounds = list(self._rounds)[1:]
        return sum(r[1] for r in rounds) / span, 8 * sum(r[2] for r in rounds) / span

    def reset(self) -> None:
        """A session ended: what comes next is counted afresh."""
        self._rounds.clear()
