"""When a person hears that a volume cannot be used, and that it can again. Pure; times are boot-time nanoseconds.

Once per outage, whatever its disk does meanwhile: a loose plug that makes contact now and then is one outage, and a
cable that is put right within a second is none (the journal has each of its states).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from evertape.domain.volume_state import VolumeState
from evertape.types import NS_PER_S, BootNs, DurationNs

GRACE: DurationNs = DurationNs(NS_PER_S)
"""An outage that is over sooner rings no bell. Alerts are to leave within 5 s of noticing; this leaves 4 of them."""
SETTLED: DurationNs = DurationNs(3 * NS_PER_S)
"""A volume that was well for so long is well again."""


@dataclass(frozen=True, slots=True)
class Outage:
    """Where it stands.

    Args:
        since: when the volume became unusable for the first time since it was last well for long; ``None``: it is well.
        well_since: since when it is usable again, which may be too short to count; ``None``: it is not.
        told: a person has to know.
    """

    since: BootNs | None = None
    well_since: BootNs | None = None
    told: bool = False


WELL = Outage()


def is_unusable(state: str) -> bool | None:
    """Whether a volume in this state has a trouble of its own that a person should hear of; ``None``: nobody knows.

    A full one has not: whether that needs a person, retention finds out (the alert ``volume_full``).
    """
    if state == VolumeState.UNKNOWN:
        return None
    try:
        known = VolumeState(state)
    except ValueError:
        return True  # a word of a newer version: nothing is written there
    return not known.usable and known is not VolumeState.FULL


def step(outage: Outage, unusable: bool | None, now: BootNs) -> Outage:
    """What is known ``now`` of a volume that is, or is not, ``unusable``; ``None`` changes only what time changes."""
    if unusable is None:
        unusable = outage.since is not None and outage.well_since is None
    if unusable:
        since = now if outage.since is None else outage.since
        return Outage(since, None, outage.told or now - since >= GRACE)
    if outage.since is None:
        return WELL
    if outage.well_since is None:
        return replace(outage, well_since=now)
    return WELL if now - outage.well_since >= SETTLED else outage
