"""Whether a camera is meant to be recorded: what the configuration says, what its schedule says, what people said.

Pure. What a person says counts for good, or, where there is a schedule, until its next change.
"""

from __future__ import annotations

from dataclasses import dataclass

from evertape.domain.cause import Cause
from evertape.domain.schedule import Schedule, next_change, wanted_at
from evertape.types import UtcNs

BY_SCHEDULE = "schedule"
"""Who wishes what the schedule says; anybody else is a person, a program or ``BY_CONFIGURATION``."""
BY_CONFIGURATION = "configuration"
BY_REBUILD, BY_ADOPT = "rebuild", "adopt"
"""Who ends the wish of cameras whose disks alone are known: until a service wishes it again."""
FOR_GOOD = UtcNs(2**63 - 1)
"""The end of what a person said against a schedule that never changes."""


def cause_of_stop(by: str) -> Cause:
    """Why a camera is not meant to be recorded, by who says so."""
    if by in (BY_REBUILD, BY_ADOPT):
        return Cause.SERVICE_STOPPED
    return Cause.OUTSIDE_SCHEDULE if by == BY_SCHEDULE else Cause.STOPPED_BY_PERSON


@dataclass(frozen=True, slots=True)
class Said:
    """What a person said.

    Args:
        wanted: record, or do not.
        until: UTC ns until which it counts; ``None``: for good.
    """

    wanted: bool
    until: UtcNs | None = None


@dataclass(frozen=True, slots=True)
class Terms:
    """What the configuration says of a camera.

    Args:
        record: without being told to.
        schedule: when; ``None``: always. Counts only with ``record``.
    """

    record: bool = True
    schedule: Schedule | None = None

    @property
    def scheduled(self) -> Schedule | None:
        """The schedule that counts."""
        return self.schedule if self.record else None


@dataclass(frozen=True, slots=True)
class Wish:
    """What holds now.

    Args:
        wanted: record.
        by: ``BY_SCHEDULE``, ``BY_CONFIGURATION``, or ``person``.
        until: when that is to be looked at again; ``None``: never by itself.
    """

    wanted: bool
    by: str
    until: UtcNs | None = None


def wish(terms: Terms, said: Said | None, now: UtcNs) -> Wish:
    """What holds at ``now``, and until when."""
    schedule = terms.scheduled
    if schedule is None:
        # What was said until a change of a schedule that is no more is over with it.
        if said is not None and said.until is None:
            return Wish(said.wanted, "person")
        return Wish(terms.record, BY_CONFIGURATION)
    if said is not None and said.until is not None and now < said.until:
        return Wish(said.wanted, "person", said.until)
    return Wish(wanted_at(schedule, now), BY_SCHEDULE, next_change(schedule, now))


def said_now(terms: Terms, wanted: bool, now: UtcNs) -> Said:
    """What a person says at ``now``, with how long it counts."""
    schedule = terms.scheduled
    if schedule is None:
        return Said(wanted)
    change = next_change(schedule, now)
    # A schedule that never changes has nothing that could end it but somebody's word.
    return Said(wanted, change if change is not None else FOR_GOOD)
