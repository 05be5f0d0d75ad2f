"""How much of a recorder's footage may be on its way to one volume, and whether the volume keeps up. Pure.

``docs/design/slow-disks.md`` has the rules and the reasons. Times are boot-time nanoseconds, handed in by the caller.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable
from dataclasses import dataclass

from evertape.types import NS_PER_MS, NS_PER_S

WIDE_BYTES = 32 << 20
"""On its way to a volume that keeps up: a second of 64 cameras of 4 Mbit/s."""
NARROW_BYTES = 256 << 10
"""To one that does not, at least: half a second of a camera of 4 Mbit/s, so that something always goes on."""
STRAINED_NS = 2 * NS_PER_S
"""What takes longer to become durable breaks the power-cut bound: from here on the disk is measured."""
AIM_NS = 4 * NS_PER_S
"""How much work a slow disk is given in advance. Less would starve one whose syncs take long whatever is in them:
what is measured is then what it was given, and would shrink for ever."""
MEASURED_NS = 2 * AIM_NS
"""Over which the disk's rate is measured: what becomes durable comes in lumps."""
TURN_NS = 500 * NS_PER_MS
"""Cameras on a slow disk are so close together."""
_STALE_NS = NS_PER_S
"""Rounds come ten times a second: whoever has not asked for so long wants nothing."""

PATIENCE_NS = 2 * NS_PER_S
"""Held back for less is a moment's jam."""
HOLD_NS, LONGEST_HOLD_NS = 10 * NS_PER_S, 300 * NS_PER_S
"""A volume that did not keep up is said to keep up again after so long; longer if that was said too early."""
AGAIN_NS = 60 * NS_PER_S


@dataclass(slots=True)
class _Given:
    size: int
    at_ns: int


class Window:
    """What was handed over and is not durable yet, and how much more may be. A writer is named by its handle."""

    def __init__(self) -> None:
        self._given: dict[int, deque[_Given]] = {}
        self._counts: dict[int, int] = {}
        """Fragments of each writer that are durable."""
        self._kept: deque[_Given] = deque()
        """What became durable lately."""
        self._busy_ns = 0
        """Since when there has been something to do, with no pause of ``MEASURED_NS``."""
        self._wants: dict[Hashable, tuple[int, int]] = {}
        self._given_ns: int | None = None
        self.bytes = 0
        """On its way."""
        self.strained = False
        """Something took longer than ``STRAINED_NS``, and ``relax`` was not called since."""

    def given(self, writer: int, size: int, now: int) -> None:
        """One more fragment was handed over."""
        self._forget(now)
        if not self.bytes and not self._kept:
            self._busy_ns = now
        self._given_ns = now
        self._given.setdefault(writer, deque()).append(_Given(size, now))
        self.bytes += size

    def durable(self, writer: int, fragments: int, now: int) -> None:
        """The first ``fragments`` fragments of a writer are durable."""
        waiting = self._given.get(writer)
        size = 0
        while waiting and self._counts.get(writer, 0) < fragments:
            self._strain(now - waiting[0].at_ns)
            size += waiting.popleft().size
            self._counts[writer] = self._counts.get(writer, 0) + 1
        self.bytes -= size
        if size:
            self._kept.append(_Given(size, now))

    def ended(self, writer: int) -> None:
        """Nothing more comes of this writer; what was on its way no longer counts."""
        self.bytes -= sum(given.size for given in self._given.pop(writer, ()))
        self._counts.pop(writer, None)

    def relax(self) -> None:
        """The volume keeps up again."""
        self.strained = False

    def oldest_ns(self, now: int) -> int:
        """For how long the oldest fragment has been on its way; 0 if nothing is."""
        return now - min((waiting[0].at_ns for waiting in self._given.values() if waiting), default=now)

    def is_used(self, now: int) -> bool:
        """Something was handed over lately."""
        return self._given_ns is not None and now - self._given_ns <= STRAINED_NS

    def rate(self, now: int) -> float:
        """Bytes that became durable per second, lately."""
        self._forget(now)
        busy = min(MEASURED_NS, max(now - self._busy_ns, NS_PER_S))
        return sum(kept.size for kept in self._kept) * NS_PER_S / busy

    def limit(self, now: int) -> int:
        """Bytes that may be on their way."""
        if not self.strained:
            return WIDE_BYTES
        return min(WIDE_BYTES, max(NARROW_BYTES, int(self.rate(now) * AIM_NS / NS_PER_S)))

    def has_room(self, now: int) -> bool:
        """Whether more may be handed over."""
        self._strain(self.oldest_ns(now))
        return self.bytes < self.limit(now)

    def is_turn(self, who: Hashable, arrival_ns: int, now: int) -> bool:
        """Whether ``who``, whose oldest waiting unit arrived at ``arrival_ns``, is among the furthest behind."""
        if not self.strained:
            self._wants.clear()
            return True
        self._wants[who] = (arrival_ns, now)
        for other in [other for other, (_, at) in self._wants.items() if now - at > _STALE_NS]:
            del self._wants[other]
        return arrival_ns <= min(arrival for arrival, _ in self._wants.values()) + TURN_NS

    def content(self, who: Hashable) -> None:
        """``who`` has nothing that waits."""
        self._wants.pop(who, None)

    def _forget(self, now: int) -> None:
        while self._kept and now - self._kept[0].at_ns > MEASURED_NS:
            self._kept.popleft()

    def _strain(self, took_ns: int) -> None:
        self.strained = self.strained or took_ns > STRAINED_NS


class Congestion:
    """Whether a volume takes footage as fast as it comes; one that catches up does. Without flapping.

    Attributes:
        on: it does not, so another one is better.
        known: it did not, and has not shown since that it does: nobody writes to it, or not for long enough.
    """

    def __init__(self) -> None:
        self.on = self.known = False
        self._since: int | None = None
        """Since when something has been held back and gets no younger."""
        self._lag_ns = 0
        self._calm_since: int | None = None
        self._over_at: int | None = None
        self._hold_ns = HOLD_NS
        self._used_ns = self._looked_ns = 0

    def look(self, held_back_ns: int | None, now: int, *, used: bool = True) -> bool:
        """Take a round in.

        Args:
            held_back_ns: the age of the oldest footage that was not taken in this round; ``None``: all was taken.
            now: boot-time clock.
            used: something is written to it.

        Returns:
            Whether nothing has been held back for a while.
        """
        passed, self._looked_ns = now - self._looked_ns, now
        if held_back_ns is None:
            self._since = None
            self._used_ns += passed if used else 0
            return self._calm(now)
        self._calm_since, self._used_ns = None, 0
        if self._since is None or held_back_ns < self._lag_ns:
            # What gets younger is caught up with; and what was dropped is no longer the oldest.
            self._since, self._lag_ns = now, held_back_ns
        elif now - self._since >= PATIENCE_NS and not self.on:
            self._begin(now)
        return False

    def _begin(self, now: int) -> None:
        again = self._over_at is not None and now - self._over_at < AGAIN_NS
        self._hold_ns = min(LONGEST_HOLD_NS, 2 * self._hold_ns) if again else HOLD_NS
        self.on = self.known = True

    def _calm(self, now: int) -> bool:
        if self._calm_since is None:
            self._calm_since = now
        if now - self._calm_since < (self._hold_ns if self.on else PATIENCE_NS):
            return False
        if self.on:
            self.on, self._over_at = False, now
        if self._used_ns >= HOLD_NS or now - self._calm_since >= LONGEST_HOLD_NS:
            self.known = False
        return True
