"""The ring: encoded access units in memory, whole GOPs, between the camera and everybody else.

Single-threaded: the recorder's owner fills, reads and evicts. Units are held by reference; a
writer's fragments and a viewer's queue refer to the same bytes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from evertape.domain.replay import GopView
from evertape.types import NS_PER_S, AccessUnit, StreamCaps, Track

# What an access unit costs beside its bytes (the object, its numbers, its place in a list); measured
# with tracemalloc over 100,000 units on CPython 3.11.
UNIT_OVERHEAD = 420

HOLE_NS, HOLE_SHARE = 5 * NS_PER_S, 0.875
"""See ``docs/design/slow-disks.md``: how long a hole is made, and how full of its budget memory stays at least."""


@dataclass(slots=True)
class Gop:
    """A keyframe and everything up to the next one, audio included, in ring order."""

    view: GopView
    caps: StreamCaps
    units: list[AccessUnit] = field(default_factory=list)
    bytes: int = 0

    @property
    def end(self) -> int:
        """Position behind its last unit."""
        return self.view.start + len(self.units)

    @property
    def arrival_ns(self) -> int:
        """Boot-time clock when its newest unit arrived."""
        return self.units[-1].arrival_ns


@dataclass(frozen=True, slots=True)
class VideoMark:
    """What is remembered of a video unit that left the ring before it was durable.

    Args:
        pos: where it was.
        utc_ns: UTC of its presentation.
        end_utc_ns: UTC at which its picture ends.
    """

    pos: int
    utc_ns: int
    end_utc_ns: int


class Ring:
    """One stream's ring; implements ``domain.replay.RingView``."""

    def __init__(self) -> None:
        self._gops: deque[Gop] = deque()
        self._end = 0
        self.bytes = 0
        self.units = 0
        """Video units ever taken in."""

    @property
    def start(self) -> int:
        """Position of the oldest unit held."""
        return self._gops[0].view.start if self._gops else self._end

    @property
    def end(self) -> int:
        """Position of the next unit."""
        return self._end

    def __len__(self) -> int:
        return len(self._gops)

    @property
    def oldest(self) -> Gop | None:
        """The GOP that goes next, unless it is the one being filled."""
        return self._gops[0] if len(self._gops) > 1 else None

    @property
    def newest(self) -> Gop | None:
        """The GOP being filled."""
        return self._gops[-1] if self._gops else None

    @property
    def newest_unit(self) -> AccessUnit | None:
        """The unit that came last."""
        return self._gops[-1].units[-1] if self._gops else None

    def reach_ns(self, now_ns: int) -> int:
        """How far back the ring reaches, in nanoseconds before ``now_ns`` (boot-time clock)."""
        return max(0, now_ns - self._gops[0].units[0].arrival_ns) if self._gops else 0

    def append(self, unit: AccessUnit, caps: StreamCaps) -> bool:
        """Take one unit in.

        Returns:
            False if it was refused: nothing can begin with it, because it is no video keyframe and the
            ring holds none that it belongs to.
        """
        gop = self._gops[-1] if self._gops else None
        if unit.key and unit.track is Track.VIDEO:
            gop = Gop(GopView(self._end, unit.epoch, unit.caps_id, unit.seq), caps)
            self._gops.append(gop)
        elif gop is None or gop.view.epoch != unit.epoch:
            return False
        gop.units.append(unit)
        size = len(unit.data) + UNIT_OVERHEAD
        gop.bytes += size
        self.bytes += size
        self._end += 1
        if unit.track is Track.VIDEO:
            self.units += 1
        return True

    def evict(self) -> Gop:
        """Drop the oldest GOP and return it; raises ``IndexError`` on an empty ring."""
        gop = self._gops.popleft()
        self.bytes -= gop.bytes
        return gop

    def gop_at(self, pos: int) -> GopView | None:
        """See ``RingView.gop_at``."""
        gop = self.find(pos)
        return gop.view if gop is not None else None

    def find(self, pos: int) -> Gop | None:
        """The last held GOP that starts at or before ``pos``."""
        # Nearly always one of the newest two, so walking from the end beats a bisection.
        for gop in reversed(self._gops):
            if gop.view.start <= pos:
                return gop
        return None

    def gops_from(self, pos: int) -> Iterator[Gop]:
        """The held GOPs from the one that contains ``pos`` on, oldest first."""
        behind: list[Gop] = []
        for gop in reversed(self._gops):
            behind.append(gop)
            if gop.view.start <= pos:
                break
        return reversed(behind)

    def clear(self) -> None:
        """Let go of everything; positions count on."""
        self._gops.clear()
        self.bytes = 0


class Held(NamedTuple):
    """A ring, and what is done with it.

    Args:
        ring: it.
        needed: the oldest position that is still needed there; ``ring.end`` if none is.
        handed: up to where its units were handed over to a volume that takes them; ``None``: nobody takes any.
    """

    ring: Ring
    needed: int
    handed: int | None = None


class RingKeeper:
    """Decides what leaves the rings of one recorder: by age, then by the common budget.

    Args:
        keep_ns: what is durable goes when it is older than this.
        budget: bytes for all rings together.
    """

    def __init__(self, keep_ns: int, budget: int) -> None:
        self.keep_ns = keep_ns
        self.budget = budget

    def victims(self, rings: Iterable[Held], now_ns: int) -> Iterator[tuple[Ring, Gop]]:
        """Evict what has to go and yield it, one GOP at a time; ``now_ns`` is of the boot-time clock."""
        held = list(rings)
        for ring, needed, _ in held:
            while (gop := ring.oldest) and gop.end <= needed and now_ns - gop.arrival_ns > self.keep_ns:
                yield ring, ring.evict()
        # What is durable has another home and goes first; of the rest the oldest.
        while self._over(held) and (item := _oldest(one for one in held if _is_durable(one))):
            yield item.ring, item.ring.evict()
        hole_ns: int | None = None
        while self._over(held) and (item := _oldest(held)):
            gop = item.ring.evict()
            if hole_ns is None and item.handed is not None and gop.view.start >= item.handed:
                hole_ns = gop.arrival_ns
            yield item.ring, gop
        if hole_ns is not None:
            yield from self._widen(held, hole_ns + HOLE_NS)

    def _widen(self, held: Sequence[Held], until_ns: int) -> Iterator[tuple[Ring, Gop]]:
        """A hole ends a file: one of some seconds is better than as many of a GOP each, with a file between them."""
        written = [item for item in held if item.handed is not None]
        while (item := _oldest(written)) and item.ring.oldest and item.ring.oldest.arrival_ns <= until_ns:
            if sum(one.ring.bytes for one in held) <= self.budget * HOLE_SHARE:
                break
            yield item.ring, item.ring.evict()

    def _over(self, held: Sequence[Held]) -> bool:
        return sum(item.ring.bytes for item in held) > self.budget


def _is_durable(item: Held) -> bool:
    gop = item.ring.oldest
    return gop is not None and gop.end <= item.needed


def _oldest(held: Iterable[Held]) -> Held | None:
    """The ring whose oldest GOP came first, of those that may let go of it."""
    ready = ((gop.arrival_ns, i, item) for i, item in enumerate(held) if (gop := item.ring.oldest))
    return min(ready, key=lambda entry: entry[:2], default=(0, 0, None))[2]
