"""Whether the wall clock may be trusted with deleting by age: one that is a month ahead would delete everything. Pure.

Whether it is right nobody can know; whether it has just been set, or the machine has just been started, one can.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from evertape.types import NS_PER_S

STEP_NS = 60 * NS_PER_S
"""Clocks that are kept right over the network are moved by less."""
DISTRUST_NS = 3600 * NS_PER_S


@dataclass(frozen=True, slots=True)
class ClockTrust:
    """Times are nanoseconds.

    Args:
        offset: UTC less the boot-time clock, when it was last looked at.
        not_before: on the boot-time clock: ages do not count before.
    """

    offset: int
    not_before: int

    def trusted(self, boot: int) -> bool:
        """Whether ages count at this moment of the boot-time clock."""
        return boot >= self.not_before


def begin(utc: int, boot: int, settle: int) -> ClockTrust:
    """A process has started; ages count after ``settle``."""
    return ClockTrust(utc - boot, boot + settle)


def look(trust: ClockTrust, utc: int, boot: int) -> ClockTrust:
    """The trust after a look at both clocks: none for an hour once the wall clock has jumped."""
    offset = utc - boot
    if abs(offset - trust.offset) > STEP_NS:
        return ClockTrust(offset, max(trust.not_before, boot + DISTRUST_NS))
    return replace(trust, offset=offset)
