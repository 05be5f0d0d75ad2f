"""When a person hears that a camera refuses us, has no such stream, or is not recorded; and when that is over. Pure.

Once per outage, whatever happens meanwhile: a refused password stays refused while the camera is tried once a minute or
reboots, and a camera that comes for two seconds at a time is not back. Times are boot-time nanoseconds.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from evertape.domain.camera_events import StreamStatus
from evertape.domain.cause import Cause
from evertape.types import NS_PER_S, BootNs, DurationNs

GRACE = DurationNs(3 * NS_PER_S)
"""A shorter outage rings no bell; most cameras that break their connection are back by then. Alerts are to leave within
5 s of noticing; this leaves 2 of them."""
PATIENCE = DurationNs(15 * NS_PER_S)
"""The same while a session is made for the first time, or on purpose: the first keyframe may take a while."""
SETTLED = DurationNs(5 * NS_PER_S)
"""A camera that was recorded for so long is recorded again."""

_ON_ITS_WAY = frozenset((Cause.STARTING, Cause.SETTINGS_CHANGED))


class CameraAlert(StrEnum):
    """What a person is told of a camera; the kinds of ``Alert``."""

    LOGIN_REFUSED = "camera_login_refused"
    NOT_FOUND = "camera_not_found"
    NOT_RECORDING = "camera_not_recording"


REFUSALS = frozenset((CameraAlert.LOGIN_REFUSED, CameraAlert.NOT_FOUND))
_NONE: frozenset[CameraAlert] = frozenset()


@dataclass(frozen=True, slots=True)
class CameraFacts:
    """What is known of a camera.

    Args:
        wanted: somebody, or its schedule, wants it recorded now.
        recorded: its footage is being written.
        cause: why it is not.
        status: of its main stream.
        reason: of that status.
    """

    wanted: bool
    recorded: bool
    cause: Cause = Cause.UNKNOWN
    status: StreamStatus | None = None
    reason: Cause | None = None


@dataclass(frozen=True, slots=True)
class CameraOutage:
    """Where it stands.

    Args:
        told: what a person has been told, and what is not over.
        since: when it was not recorded though it should be, for the first time since it was last recorded for long.
        well_since: since when it is recorded again, which may be too short to count.
    """

    told: frozenset[CameraAlert] = _NONE
    since: BootNs | None = None
    well_since: BootNs | None = None


WELL = CameraOutage()


def step(outage: CameraOutage, facts: CameraFacts, now: BootNs) -> CameraOutage:
    """What is to be told ``now``."""
    outage = _settle(outage, _refusals(outage.told, facts))
    if not facts.wanted:
        return replace(outage, told=outage.told - {CameraAlert.NOT_RECORDING}, since=None, well_since=None)
    return _recorded(outage, now) if facts.recorded else _missing(outage, facts, now)


def changed(outage: CameraOutage) -> CameraOutage:
    """Somebody changed what it is asked for, or as whom: what it answered to that is of no more interest."""
    return _settle(outage, outage.told - REFUSALS)


def _settle(outage: CameraOutage, told: frozenset[CameraAlert]) -> CameraOutage:
    """With the last refusal, its time is over: what is still amiss is another trouble, and is given time of its own."""
    fresh = outage.told and not told
    return CameraOutage() if fresh else replace(outage, told=told)


def _refusals(told: frozenset[CameraAlert], facts: CameraFacts) -> frozenset[CameraAlert]:
    if facts.status is StreamStatus.AUTH_FAILED:
        return (told - REFUSALS) | {CameraAlert.LOGIN_REFUSED}
    if facts.status is StreamStatus.ERROR and facts.reason is Cause.STREAM_NOT_FOUND:
        return (told - REFUSALS) | {CameraAlert.NOT_FOUND}
    over = facts.status is not None and (facts.status.flowing or facts.status is StreamStatus.STOPPED)
    # Being tried again, or away, it says nothing new of either.
    return told - REFUSALS if over else told


def _recorded(outage: CameraOutage, now: BootNs) -> CameraOutage:
    if outage.since is None and CameraAlert.NOT_RECORDING not in outage.told:
        return outage
    if outage.well_since is None:
        return replace(outage, well_since=now)
    if now - outage.well_since < SETTLED:
        return outage
    return CameraOutage(outage.told - {CameraAlert.NOT_RECORDING})


def _missing(outage: CameraOutage, facts: CameraFacts, now: BootNs) -> CameraOutage:
    since = now if outage.since is None else outage.since
    outage = replace(outage, since=since, well_since=None)
    # One alert is enough where the camera itself says what is wrong.
    if outage.told or now - since < (PATIENCE if facts.cause in _ON_ITS_WAY else GRACE):
        return outage
    return replace(outage, told=outage.told | {CameraAlert.NOT_RECORDING})
