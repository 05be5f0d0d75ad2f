"""The ring: encoded access units in memory, whole GOPs, between the camera and everybody else.

Single-threaded: the recorder's owner fills, reads and evicts. Units are held by reference; a
writer's fragments and a viewer's queue refer to the same bytes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from evertape.domain.replay import GopView
from evertape.types import AccessUnit, StreamCaps, Track

# What an access unit costs beside its bytes (the object, its numbers, its place in a list); measured
# with tracemalloc over 100,000 units on CPython 3.11.
UNIT_OVERHEAD = 420


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


class RingKeeper:
    """Decides what leaves the rings of one recorder: by age, then by the common budget.

    Args:
        keep_ns: what is durable goes when it is older than this.
        budget: bytes for all rings together.
    """

    def __init__(self, keep_ns: int, budget: int) -> None:
        self.keep_ns = keep_ns
        self.budget = budget

    def victims(self, rings: Iterable[tuple[Ring, int]], now_ns: int) -> Iterator[tuple[Ring, Gop]]:
        """Evict what has to go and yield it, one GOP at a time.

        Args:
            rings: each ring with the oldest position that is still needed there (``ring.end`` if none is).
            now_ns: boot-time clock.
        """
        held = list(rings)
        for ring, needed in held:
            while (gop := ring.oldest) and gop.end <= needed and now_ns - gop.arrival_ns > self.keep_ns:
                yield ring, ring.evict()
        total = sum(ring.bytes for ring, _ in held)
        # What is durable has another home and goes first; of the rest the oldest.
        for durable in (True, False):
            while total > self.budget:
                candidates = [
                    (gop.arrival_ns, i)
                    for i, (ring, needed) in enumerate(held)
                    if (gop := ring.oldest) and (not durable or gop.end <= needed)
                ]
                if not candidates:
                    break
                ring = held[min(candidates)[1]][0]
                gop = ring.evict()
                total -= gop.bytes
                yield ring, gop
