"""Which stretches of this boot went by a wall clock that was wrong, and by how much. Pure. ``docs/design/time.md``.

A box without a battery-backed clock boots in the past, records, and minutes later hears from a time server. A step
alone proves nothing: a person may set a right clock wrong, and a paused virtual machine wakes up with a step though its
clock was right before. Two things do prove it: the clock stood before something that had happened already, or the
kernel had never been told the time, and has been since.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise

from evertape.types import NS_PER_S

RELEASED = int(datetime(2025, 1, 1, tzinfo=UTC).timestamp()) * NS_PER_S
"""There was no Evertape before: no clock of a machine that runs it can rightly stand there."""
LEAST_NS = 10 * NS_PER_S
"""A clock that is put right by less than this moves no footage: what lies a little beside its place is still found."""
MARGIN_NS = NS_PER_S
"""A step is noticed within a second: so much may belong to the stretch beside it."""


@dataclass(frozen=True, slots=True)
class Reading:
    """Both clocks at one moment, in nanoseconds.

    Args:
        boot: the boot-time clock.
        utc: the wall clock.
        untold: until then the kernel had never been told the time, as far as anybody saw.
    """

    boot: int
    utc: int
    untold: bool = False

    @property
    def offset(self) -> int:
        """What the wall clock is ahead of the boot-time clock."""
        return self.utc - self.boot


@dataclass(frozen=True, slots=True)
class Correction:
    """What bears a time in ``[start, end)`` by the old clock happened ``offset`` nanoseconds later."""

    start: int
    end: int
    offset: int
    why: str


def corrections(readings: Sequence[Reading], now: Reading, floor: int, told: bool) -> list[Correction]:
    """Every stretch to be moved, in order. Only forward: where a time passes twice, nothing tells which one is meant.

    Args:
        readings: of this boot, in any order: at each start of the service, and right after each step.
        now: both clocks now.
        floor: the latest instant on record from before this boot, UTC ns.
        told: whether the kernel has been told the time by now.
    """
    floor = max(floor, RELEASED)
    ordered = sorted(readings, key=lambda reading: reading.boot)
    stretches: list[Reading] = []
    for reading in ordered:
        if not stretches or abs(reading.offset - stretches[-1].offset) > LEAST_NS:
            stretches.append(reading)
    found = []
    for old, new in pairwise([*stretches, now]):
        offset = now.offset - old.offset
        why = _why(old, new, floor if now.utc >= floor else 0, told)
        if why and offset > LEAST_NS:
            found.append(Correction(old.utc - MARGIN_NS, new.boot + old.offset + MARGIN_NS, offset, why))
    return found


def _why(old: Reading, new: Reading, floor: int, told: bool) -> str:
    if old.utc < floor:
        return "it stood before what had happened already"
    return "the machine had not been told the time" if new.untold and told else ""
