"""Notices streams that stopped yielding pictures, by their access units and by nothing else.

A pipeline that lost its camera still says PLAYING, so its state is no evidence. All cameras of a process
share one structure; feeding it touches one record, and a camera is looked at once per time-out, not once
per tick: the heap holds deadlines that may be outdated, and one that comes up too early is put back.
"""

from __future__ import annotations

import heapq
from collections.abc import Hashable
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

from evertape.types import NS_PER_S, BootNs, DurationNs

K = TypeVar("K", bound=Hashable)


class Trouble(StrEnum):
    """What the watchdog sees."""

    STALLED = "stalled"
    """No unit for ``stall_timeout``, or no first unit at all. The stream is not watched any more."""
    NO_KEYFRAME = "no_keyframe"
    """Units come, but none that a decoder could start at. Said once until a keyframe comes."""
    CLOCK_STANDS = "clock_stands"
    """Units come, but their time stamps hardly advance. Said once until they do."""
    RATE_LOW = "rate_low"
    """Fewer than half as many units as in the long run. Said once until ``RATE_BACK``."""
    RATE_BACK = "rate_back"
    """The rate is normal again."""


@dataclass(frozen=True, slots=True)
class Verdict(Generic[K]):
    """One finding about one stream; ``text`` is for a log."""

    stream: K
    trouble: Trouble
    text: str


_STALL = DurationNs(4 * NS_PER_S)
_FIRST = DurationNs(20 * NS_PER_S)
_KEY = DurationNs(60 * NS_PER_S)
_CLOCK = DurationNs(4 * NS_PER_S)
_RATE = DurationNs(10 * NS_PER_S)


@dataclass(frozen=True, slots=True)
class WatchdogPolicy:
    """Lengths in nanoseconds.

    Args:
        stall_timeout: silence after a unit.
        first_unit: silence after the session was opened. Units begin with a keyframe, and cameras that save bits
            send one every ten seconds or more; no packet at all is noticed earlier, by the session.
        key_timeout: units without a keyframe; at least three times the longest distance seen before counts.
        clock_window: over this length time stamps must advance by at least a tenth of it.
        rate_window: over this length units are counted.
    """

    stall_timeout: DurationNs = _STALL
    first_unit: DurationNs = _FIRST
    key_timeout: DurationNs = _KEY
    clock_window: DurationNs = _CLOCK
    rate_window: DurationNs = _RATE


# The long-time mean follows the camera with this weight per window, so with a memory of some thirty windows, and
# is believed once it has seen three. A sagging rate moves it too: a camera that was set to fewer pictures is not
# in trouble for ever.
_MEAN_WEIGHT = 1 / 32
_MEAN_WINDOWS = 3
_LOW_SHARE, _BACK_SHARE = 0.5, 0.7
_CLOCK_SHARE = 10


class _Watched:
    """One stream's record. Times are boot-time nanoseconds."""

    __slots__ = (
        "clock_at", "clock_pts", "clock_said", "count", "flowing", "key_at", "key_said", "last_at", "longest_gop",
        "mean", "pts", "rate_at", "rate_said", "serial", "units_at_clock", "windows",
    )  # fmt: skip

    def __init__(self, now: BootNs, serial: int) -> None:
        self.serial = serial
        self.flowing = False
        self.last_at: int = now
        self.key_at: int = now
        self.key_said = False
        self.longest_gop = 0
        self.pts = 0
        self.clock_at: int = now
        self.clock_pts = 0
        self.clock_said = False
        self.units_at_clock = 0
        self.rate_at: int = now
        self.rate_said = False
        self.count = 0
        self.mean = 0.0
        self.windows = 0


class PipelineWatchdog(Generic[K]):
    """Watches the streams of one process. Not thread-safe: the owner's thread only.

    The owner feeds what it has drained *before* it asks what is due; else its own delay looks like a stall.

    Args:
        policy: for streams that do not bring their own.
    """

    def __init__(self, policy: WatchdogPolicy | None = None) -> None:
        self._policy = policy or WatchdogPolicy()
        self._own: dict[K, WatchdogPolicy] = {}
        self._watched: dict[K, _Watched] = {}
        self._heap: list[tuple[int, int, K]] = []
        self._serial = 0

    def opened(self, stream: K, now: BootNs, policy: WatchdogPolicy | None = None) -> None:
        """A session for ``stream`` was opened: watch it from ``now`` on, without a past."""
        self._serial += 1
        self._watched[stream] = watched = _Watched(now, self._serial)
        if policy is not None:
            self._own[stream] = policy
        heapq.heappush(self._heap, (self._deadline(stream, watched), self._serial, stream))

    def closed(self, stream: K) -> None:
        """Its session is gone; stop watching. Unknown streams are fine."""
        self._watched.pop(stream, None)
        self._own.pop(stream, None)

    def feed(self, stream: K, now: BootNs, units: int, *, key: bool, pts_ns: int) -> None:
        """``units`` video units came since the last call; streams that are not watched are fine.

        Args:
            stream: whose.
            now: boot-time clock, of the drain.
            units: how many; 0 does nothing.
            key: a keyframe was among them.
            pts_ns: the highest presentation time stamp among them, in nanoseconds.
        """
        watched = self._watched.get(stream)
        if watched is None or units <= 0:
            return
        if not watched.flowing:
            watched.flowing = True
            watched.key_at = watched.clock_at = watched.rate_at = now
            watched.clock_pts = watched.pts = pts_ns
            # Its first deadline is the grace for the first unit; the others may come earlier.
            heapq.heappush(self._heap, (self._deadline(stream, watched), watched.serial, stream))
        watched.last_at = now
        watched.pts = max(watched.pts, pts_ns)
        watched.count += units
        watched.units_at_clock += units
        if key:
            watched.longest_gop = max(watched.longest_gop, now - watched.key_at)
            watched.key_at = now
            watched.key_said = False

    def next_deadline(self) -> BootNs | None:
        """When to ask ``due`` again at the latest; ``None`` while nothing is watched. May be earlier than needed."""
        while self._heap and self._stale(self._heap[0]):
            heapq.heappop(self._heap)
        return BootNs(self._heap[0][0]) if self._heap else None

    def due(self, now: BootNs) -> list[Verdict[K]]:
        """What is wrong as of ``now``, each finding once."""
        verdicts: list[Verdict[K]] = []
        while self._heap and self._heap[0][0] <= now:
            entry = heapq.heappop(self._heap)
            if self._stale(entry):
                continue
            stream = entry[2]
            watched = self._watched[stream]
            if now >= self._stall_at(stream, watched):
                verdicts.append(self._stalled(stream, watched, now))
                self.closed(stream)
                continue
            verdicts += self._judge(stream, watched, now)
            heapq.heappush(self._heap, (self._deadline(stream, watched), watched.serial, stream))
        return verdicts

    def _stale(self, entry: tuple[int, int, K]) -> bool:
        watched = self._watched.get(entry[2])
        return watched is None or watched.serial != entry[1]

    def _of(self, stream: K) -> WatchdogPolicy:
        return self._own.get(stream, self._policy)

    def _stall_at(self, stream: K, watched: _Watched) -> int:
        policy = self._of(stream)
        return watched.last_at + (policy.stall_timeout if watched.flowing else policy.first_unit)

    def _key_at(self, stream: K, watched: _Watched) -> int:
        return watched.key_at + max(self._of(stream).key_timeout, 3 * watched.longest_gop)

    def _deadline(self, stream: K, watched: _Watched) -> int:
        stall = self._stall_at(stream, watched)
        if not watched.flowing:
            return stall
        policy = self._of(stream)
        windows = min(watched.clock_at + policy.clock_window, watched.rate_at + policy.rate_window)
        return min(stall, windows) if watched.key_said else min(stall, windows, self._key_at(stream, watched))

    def _stalled(self, stream: K, watched: _Watched, now: BootNs) -> Verdict[K]:
        silence = (now - watched.last_at) / NS_PER_S
        what = "no picture" if watched.flowing else "no first picture"
        return Verdict(stream, Trouble.STALLED, f"{what} for {silence:.1f} s")

    def _judge(self, stream: K, watched: _Watched, now: BootNs) -> list[Verdict[K]]:
        policy = self._of(stream)
        found: list[tuple[Trouble, str] | None] = []
        if watched.flowing and not watched.key_said and now >= self._key_at(stream, watched):
            watched.key_said = True
            found.append((Trouble.NO_KEYFRAME, f"no keyframe for {(now - watched.key_at) / NS_PER_S:.1f} s"))
        if watched.flowing and now >= watched.clock_at + policy.clock_window:
            found.append(_judge_clock(watched, now))
        if watched.flowing and now >= watched.rate_at + policy.rate_window:
            found.append(_judge_rate(watched, now))
        return [Verdict(stream, *finding) for finding in found if finding]


def _judge_clock(watched: _Watched, now: BootNs) -> tuple[Trouble, str] | None:
    advance, length = watched.pts - watched.clock_pts, now - watched.clock_at
    stands = watched.units_at_clock > 1 and advance * _CLOCK_SHARE < length
    news = stands and not watched.clock_said
    watched.clock_said = stands
    watched.clock_at, watched.clock_pts, watched.units_at_clock = now, watched.pts, 0
    if not news:
        return None
    return Trouble.CLOCK_STANDS, f"time stamps advanced by {advance / NS_PER_S:.2f} s in {length / NS_PER_S:.1f} s"


def _judge_rate(watched: _Watched, now: BootNs) -> tuple[Trouble, str] | None:
    rate = watched.count * NS_PER_S / (now - watched.rate_at)
    mean, known = watched.mean, watched.windows >= _MEAN_WINDOWS
    # A plain mean of the first windows, then a sliding one.
    watched.windows += 1
    watched.mean += (rate - mean) * max(_MEAN_WEIGHT, 1 / watched.windows)
    watched.rate_at, watched.count = now, 0
    if known and not watched.rate_said and rate < mean * _LOW_SHARE:
        watched.rate_said = True
        return Trouble.RATE_LOW, f"{rate:.1f} pictures per second instead of {mean:.1f}"
    if watched.rate_said and rate >= mean * _BACK_SHARE:
        watched.rate_said = False
        return Trouble.RATE_BACK, f"{rate:.1f} pictures per second"
    return None
