"""When a person hears that a volume cannot be used, and that it can again. Pure; times are boot-time nanoseconds.

Once per outage, whatever its disk does meanwhile: a loose plug that makes contact now and then is one outage, and a
cable that is put right within a second is none (the journal has each of its states). A volume that fails again and
again has to be well for longer and longer before its outage is over.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from evertape.domain.volume_state import VolumeState
from evertape.types import NS_PER_S, BootNs, DurationNs

GRACE: DurationNs = DurationNs(NS_PER_S)
"""An outage that is over sooner rings no bell. Alerts are to leave within 5 s of noticing; this leaves 4 of them."""
SETTLED: DurationNs = DurationNs(3 * NS_PER_S)
"""A volume that was well for so long is well again …"""
LONGEST: DurationNs = DurationNs(60 * NS_PER_S)
"""… or for up to so long, doubling, each time that it fails again within ``SOON`` of being well."""
SOON: DurationNs = DurationNs(60 * NS_PER_S)


@dataclass(frozen=True, slots=True)
class Outage:
    """Where it stands.

    Args:
        since: when the volume became unusable for the first time since it was last well for long; ``None``: it is well.
        well_since: since when it is usable again, which may be too short to count; ``None``: it is not.
        told: a person has to know.
        settles: for how long it has to be well before this outage is over.
        over_at: when the latest outage that a person was told of was over.
    """

    since: BootNs | None = None
    well_since: BootNs | None = None
    told: bool = False
    settles: DurationNs = SETTLED
    over_at: BootNs | None = None


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
        outage = _begun(outage, now) if outage.since is None else outage
        assert outage.since is not None
        return replace(outage, well_since=None, told=outage.told or now - outage.since >= GRACE)
    if outage.since is None:
        return outage
    if outage.well_since is None:
        return replace(outage, well_since=now)
    if now - outage.well_since < outage.settles:
        return outage
    return Outage(settles=outage.settles, over_at=now if outage.told else outage.over_at)


def _begun(well: Outage, now: BootNs) -> Outage:
    again = well.over_at is not None and now - well.over_at < SOON
    return replace(well, since=now, settles=DurationNs(min(2 * well.settles, LONGEST)) if again else SETTLED)
