"""The recording retry of one camera: what to do while no volume takes its footage. Pure.

The footage waits in memory meanwhile, and the stream goes on. It never gives up: after ``max_attempts`` a person is
told, and the attempts go on. Times are boot-time nanoseconds.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from evertape.types import NS_PER_S, BootNs, DurationNs

GRACE: DurationNs = DurationNs(NS_PER_S)
"""A volume that says it is well and failed a writer is passed over for a moment (``Suspects``); if that lasts no longer
than this, nobody need hear of a retry."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """``storage.retry_interval`` and ``storage.retry_max``.

    Args:
        interval: between two attempts.
        max_attempts: after so many a person is told.
    """

    interval: DurationNs
    max_attempts: int


@dataclass(frozen=True, slots=True)
class RetryState:
    """Where a camera's retry stands.

    Args:
        trouble_since: when a writer failed, or footage began to wait for which attempts are scheduled; ``None``: all is
            well, or it is too early to say.
        waiting_since: since when nothing takes the footage; ``None``: something does.
        next_at: when the next attempt is due; ``None``: none is scheduled.
        attempt: how many attempts there were in this trouble.
        alerted: a person was told.
    """

    trouble_since: BootNs | None = None
    waiting_since: BootNs | None = None
    next_at: BootNs | None = None
    attempt: int = 0
    alerted: bool = False


# -- events ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Failed:
    """A writer, or the volume under it, failed."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """Footage waits and there is no volume to choose; said once a round.

    ``usable``: one at least says that it is well, or has not been heard of yet.
    """

    usable: bool


@dataclass(frozen=True, slots=True)
class Returned:
    """A volume can be used again."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A file was begun somewhere."""


@dataclass(frozen=True, slots=True)
class Durable:
    """Footage became durable."""


@dataclass(frozen=True, slots=True)
class Idle:
    """Nothing is to be written any more."""


Event = Failed | Waiting | Returned | Opened | Durable | Idle


# -- effects --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Scheduled:
    """Say that attempts will follow."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """Ask every volume for a look, and try to write; ``prompted``: a volume is back, there is nothing to ask."""

    number: int
    prompted: bool = False


@dataclass(frozen=True, slots=True)
class RaiseAlert:
    """Tell a person."""

    attempts: int


@dataclass(frozen=True, slots=True)
class EndAlert:
    """What the person was told is over."""


@dataclass(frozen=True, slots=True)
class Resumed:
    """Say that recording goes on, after so many attempts and so long."""

    attempts: int
    after: DurationNs


Effect = Scheduled | Attempt | RaiseAlert | EndAlert | Resumed

IDLE = RetryState()


def step(state: RetryState, event: Event, now: BootNs, policy: RetryPolicy) -> tuple[RetryState, list[Effect]]:
    """What ``event`` leads to."""
    match event:
        case Failed():
            return (state, []) if state.trouble_since is not None else (replace(state, trouble_since=now), [])
        case Waiting(usable):
            return _wait(state, usable, now, policy)
        case Returned():
            return _attempt(state, now, policy, prompted=True) if state.next_at is not None else (state, [])
        case Opened():
            # Opening a file proves nothing: the attempts are forgotten when footage is durable.
            return replace(state, waiting_since=None), []
        case Durable():
            if state.trouble_since is None:
                return IDLE, []
            resumed = Resumed(state.attempt, DurationNs(now - state.trouble_since))
            return IDLE, [resumed, *([EndAlert()] if state.alerted else [])]
        case Idle():
            return IDLE, [EndAlert()] if state.alerted else []


def _wait(state: RetryState, usable: bool, now: BootNs, policy: RetryPolicy) -> tuple[RetryState, list[Effect]]:
    if state.waiting_since is None:
        state = replace(state, waiting_since=now)
    assert state.waiting_since is not None
    if state.next_at is None:
        if usable and now - state.waiting_since < GRACE:
            return state, []
        since = state.trouble_since if state.trouble_since is not None else state.waiting_since
        state = replace(state, trouble_since=since, next_at=BootNs(now + policy.interval))
        return _tell([Scheduled()], state, policy)
    if now < state.next_at:
        return state, []
    return _attempt(state, now, policy, prompted=False)


def _attempt(state: RetryState, now: BootNs, policy: RetryPolicy, *, prompted: bool) -> tuple[RetryState, list[Effect]]:
    number = state.attempt + 1
    state = replace(state, attempt=number, next_at=BootNs(now + policy.interval))
    return _tell([Attempt(number, prompted)], state, policy)


def _tell(effects: list[Effect], state: RetryState, policy: RetryPolicy) -> tuple[RetryState, list[Effect]]:
    if state.alerted or state.attempt < policy.max_attempts:
        return state, effects
    return replace(state, alerted=True), [*effects, RaiseAlert(state.attempt)]
