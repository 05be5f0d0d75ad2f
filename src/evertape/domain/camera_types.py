"""A camera stream's state, and how patient to be with it."""

from __future__ import annotations

from dataclasses import dataclass

from evertape.domain.backoff import ExponentialBackoff
from evertape.domain.camera_events import StreamStatus
from evertape.domain.cause import Cause
from evertape.domain.failure import ErrorDetail
from evertape.types import NS_PER_S, BootNs, DurationNs

_BACKOFF = ExponentialBackoff()
_ONE_S = DurationNs(NS_PER_S)
_STABLE = DurationNs(3 * NS_PER_S)
_MINUTE = DurationNs(60 * NS_PER_S)
_QUICK = (_ONE_S, DurationNs(2 * NS_PER_S), DurationNs(4 * NS_PER_S))
_LONG_AGO = BootNs(0)


@dataclass(frozen=True, slots=True)
class StreamPolicy:
    """How patient to be with one camera; lengths in nanoseconds.

    Args:
        backoff: the waits between attempts.
        stable_after: how long frames must keep coming before the camera is well and the backoff starts over.
        give_up: stop after ``backoff.max_retries``.
        auth_interval: between attempts once the camera has refused the credentials, because cameras lock accounts.
        quick: the waits after attempts that fail though the camera has just come back; it may still be booting.
        silent_wait: after a session that yielded nothing, which was wait enough.
        spacing: between the starts of two attempts that the camera sees.
    """

    backoff: ExponentialBackoff = _BACKOFF
    stable_after: DurationNs = _STABLE
    give_up: bool = False
    auth_interval: DurationNs = _MINUTE
    quick: tuple[DurationNs, ...] = _QUICK
    silent_wait: DurationNs = _ONE_S
    spacing: DurationNs = _ONE_S


@dataclass(frozen=True, slots=True)
class StreamState:
    """Everything there is to know about a stream between two events; times are boot-time nanoseconds.

    Args:
        status: see ``StreamStatus``.
        reason: why it is not well; ``None`` while frames come.
        detail: what is known about the latest failure.
        since: when ``status`` or ``reason`` last changed.
        attempt: the waits since the stream was last well; 0 after ``connected``.
        retry_at: the one pending retry.
        sessions: how many were opened so far.
        sessions_well: the value of ``sessions`` when the stream was last well.
        opened_at: when the latest session was begun.
        first_unit_at: since when frames have kept coming in this session.
        last_unit_at: when the latest came; not kept up to date once connected.
        armed: the camera was seen to be away, so its next answer to a probe ends the wait.
        was_away: it was still away when the latest session was begun.
        silent: probes in a row that ran into their deadline, up to two.
        answers: it has answered before, so its silence means something.
        quick_left: how many of the quick retries are left.
        not_before: no attempt earlier than this (spacing).
        auth_hold: no attempt earlier than this (refused credentials).
    """

    status: StreamStatus = StreamStatus.STOPPED
    reason: Cause | None = None
    detail: ErrorDetail | None = None
    since: BootNs = _LONG_AGO
    attempt: int = 0
    retry_at: BootNs | None = None
    sessions: int = 0
    sessions_well: int = 0
    opened_at: BootNs = _LONG_AGO
    first_unit_at: BootNs = _LONG_AGO
    last_unit_at: BootNs = _LONG_AGO
    armed: bool = False
    was_away: bool = False
    silent: int = 0
    answers: bool = False
    quick_left: int = 0
    not_before: BootNs = _LONG_AGO
    auth_hold: BootNs = _LONG_AGO

    @property
    def probing(self) -> bool:
        """The camera is being asked for ``OPTIONS``. Not after a refused login: an answer would not help."""
        return self.retry_at is not None and self.status is not StreamStatus.AUTH_FAILED

    @property
    def gave_up(self) -> bool:
        """Wanted, but no attempt will be made any more."""
        return self.status is not StreamStatus.STOPPED and not self.status.in_session and self.retry_at is None
