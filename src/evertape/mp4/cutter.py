"""When a fragment is full: every half second, and before every key unit. Pure.

Whatever the GOP, half a second of footage leaves for the disk every half second, which is
what a power cut can cost; and each key unit begins a fragment, so that a file can be cut,
and played from, there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from evertape.types import NS_PER_MS, AccessUnit, Track


class Cut(NamedTuple):
    """What goes into one fragment.

    Args:
        units: in the order they came.
        next_dts_ns: DTS of the unit that ended the fragment, by its track; empty after ``flush``.
    """

    units: list[AccessUnit]
    next_dts_ns: dict[Track, int]


class FragmentCutter:
    """Collects units in ring order. Not thread-safe.

    Args:
        period_ns: media time after which a fragment is full.
    """

    def __init__(self, period_ns: int = 500 * NS_PER_MS) -> None:
        if period_ns <= 0:
            raise ValueError("a fragment cannot be shorter than nothing")
        self._period = period_ns
        self._units: list[AccessUnit] = []
        # DTS of the first unit that waits, by track.
        self._starts: dict[Track, int] = {}

    @property
    def pending(self) -> int:
        """How many units wait for their fragment to fill."""
        return len(self._units)

    @property
    def deadline_ns(self) -> int | None:
        """Boot-time clock at which ``flush`` is due even if nothing more comes; ``None`` if nothing waits.

        A source that falls silent would otherwise leave its last units unwritten.
        """
        return self._units[0].arrival_ns + 2 * self._period if self._units else None

    def push(self, units: Iterable[AccessUnit]) -> Iterator[Cut]:
        """Take ``units``, yielding each fragment as it fills. Exhaust it: what is not pulled is not taken in."""
        for unit in units:
            if self._units and self._ends_before(unit):
                yield Cut(self._take(), {unit.track: unit.dts_ns})
            self._units.append(unit)
            self._starts.setdefault(unit.track, unit.dts_ns)

    def flush(self) -> Cut | None:
        """Hand out what waits, however little; ``None`` if there is nothing."""
        return Cut(self._take(), {}) if self._units else None

    def _ends_before(self, unit: AccessUnit) -> bool:
        first = self._units[0]
        if unit.key and unit.track is Track.VIDEO and Track.VIDEO in self._starts:
            return True
        if unit.caps_id != first.caps_id or unit.epoch != first.epoch:
            return True
        # Against its own track: audio may run behind video by any constant distance.
        start = self._starts.get(unit.track)
        return start is not None and abs(unit.dts_ns - start) >= self._period

    def _take(self) -> list[AccessUnit]:
        units, self._units, self._starts = self._units, [], {}
        return units
