"""The state machine of one camera's stream: one pure step from state and event to state and effects.

Sketch, reasons and the promises it serves: ``docs/design/cameras.md``. Each handler only says what the
next state is; opening, closing, probing and the pending retry follow from comparing the two states, so
that no path can forget one of them.
"""

from __future__ import annotations

from dataclasses import replace

from evertape.domain.backoff import Rng
from evertape.domain.camera_events import (
    CameraEvent,
    Changed,
    CloseSession,
    Effect,
    Log,
    OpenSession,
    ProbeAnswered,
    ProbeSilent,
    Reconnected,
    RetryAt,
    SessionFailed,
    SessionOpened,
    SettingsChanged,
    Stalled,
    Start,
    StartProbe,
    Stop,
    StopProbe,
    StreamStatus,
    Tick,
    UnitsArrived,
)
from evertape.domain.camera_log import no_stream, reconnecting
from evertape.domain.camera_types import StreamPolicy, StreamState
from evertape.domain.cause import Cause, cause_of_failure
from evertape.domain.failure import ErrorDetail, FailureKind
from evertape.types import BootNs, DurationNs

_ANSWERS_BUT_USELESS = frozenset(
    (Cause.STREAM_NOT_FOUND, Cause.CODEC_UNSUPPORTED, Cause.CAMERA_ERROR, Cause.STREAM_IN_USE, Cause.INTERNAL_ERROR)
)
# The camera saw nothing of an attempt that ended so.
_UNSEEN = frozenset((FailureKind.REFUSED, FailureKind.UNREACHABLE, FailureKind.IN_USE))
_AWAY = (_UNSEEN - {FailureKind.IN_USE}) | {FailureKind.TIMEOUT}
# Two, because a busy camera may once be slow to answer.
_SILENT_PROBES = 2
# Every so many retries one is made against all appearances: a camera may have learned to ignore OPTIONS.
_FAITH = 4


Step = tuple[StreamState, tuple[Effect, ...]]


def step(state: StreamState, event: CameraEvent, now: BootNs, policy: StreamPolicy, rng: Rng) -> Step:
    """What ``event`` at ``now`` (boot-time clock) makes of ``state``, and what to do.

    Events that cannot be meant for this state (a late report of a closed session) change nothing.
    """
    new, lines = _next(state, event, now, policy, rng)
    if new is state:
        return state, ()
    if (new.status, new.reason) != (state.status, state.reason):
        new = replace(new, since=now)
    return new, (*_deeds(state, new), *lines, *_news(state, new))


def _next(
    state: StreamState, event: CameraEvent, now: BootNs, policy: StreamPolicy, rng: Rng
) -> tuple[StreamState, tuple[Log, ...]]:
    match event:
        case UnitsArrived():
            return _units(state, now, policy), ()
        case Tick():
            return _tick(state, now, policy, rng)
        case ProbeAnswered():
            return _answered(state, now, policy)
        case ProbeSilent(certain):
            return _silent(state, certain), ()
        case SessionOpened():
            opened = replace(state, auth_hold=BootNs(0), answers=True)
            return (opened if state.status.in_session else state), ()
        case SessionFailed(kind, detail):
            return _failed(state, kind, detail, now, policy, rng)
        case Stalled(text):
            return _failed(state, FailureKind.NO_MEDIA, ErrorDetail(element="watchdog", debug=text), now, policy, rng)
        case Start():
            wanted = state.status is StreamStatus.STOPPED or state.gave_up
            return (_fresh(state, Cause.STARTING, now, policy) if wanted else state), ()
        case Stop(cause):
            return _stopped(state, cause), ()
        case SettingsChanged(credentials):
            if credentials:
                state = replace(state, auth_hold=BootNs(0))
            stopped = state.status is StreamStatus.STOPPED
            return (state if stopped else _fresh(state, Cause.SETTINGS_CHANGED, now, policy)), ()


# -- beginning and ending -------------------------------------------------------------------------------------


def _fresh(state: StreamState, reason: Cause, now: BootNs, policy: StreamPolicy) -> StreamState:
    """Begin at once and without a past, but for credentials that were refused within the last minute."""
    state = replace(state, reason=reason, attempt=0, armed=False, silent=0, quick_left=0, sessions_well=state.sessions)
    if now < state.auth_hold:
        return replace(state, status=StreamStatus.AUTH_FAILED, reason=Cause.AUTH_FAILED, retry_at=state.auth_hold)
    return replace(_open(state, now, policy), status=StreamStatus.CONNECTING, detail=None)


def _open(state: StreamState, now: BootNs, policy: StreamPolicy) -> StreamState:
    # Refused once, the credentials count as wrong until the camera has taken them: every attempt starts a new minute.
    hold = BootNs(now + policy.auth_interval) if state.auth_hold else state.auth_hold
    return replace(
        state,
        status=StreamStatus.RECONNECTING,
        retry_at=None,
        sessions=state.sessions + 1,
        opened_at=now,
        auth_hold=hold,
        armed=False,
        was_away=state.armed,
        silent=0,
    )


def _stopped(state: StreamState, cause: Cause) -> StreamState:
    return replace(state, status=StreamStatus.STOPPED, reason=cause, detail=None, attempt=0, retry_at=None)


def _tick(state: StreamState, now: BootNs, policy: StreamPolicy, rng: Rng) -> tuple[StreamState, tuple[Log, ...]]:
    if state.retry_at is None or now < state.retry_at:
        return state, ()
    silent = state.probing and state.answers and state.silent >= _SILENT_PROBES
    if silent and state.attempt % _FAITH:
        # An attempt would hang in connecting, and still hang when the camera is back. The probe is quicker.
        return _retry(state, False, policy.backoff.delay(state.attempt + 1, rng), now, policy)
    return _open(state, now, policy), ()


# -- frames ---------------------------------------------------------------------------------------------------


def _units(state: StreamState, now: BootNs, policy: StreamPolicy) -> StreamState:
    # Ten times a second and camera: the usual case first, and without a new object.
    if state.status is StreamStatus.CONNECTED or not state.status.in_session:
        return state
    if state.status is not StreamStatus.RECEIVING:
        state = replace(
            state,
            status=StreamStatus.RECEIVING,
            reason=None,
            detail=None,
            first_unit_at=now,
            last_unit_at=now,
            auth_hold=BootNs(0),
        )
    elif now - state.last_unit_at > policy.stable_after:
        # A pause this long is not "kept coming".
        state = replace(state, first_unit_at=now, last_unit_at=now)
    else:
        state = replace(state, last_unit_at=now)
    if now - state.first_unit_at < policy.stable_after:
        return state
    return replace(state, status=StreamStatus.CONNECTED, attempt=0, quick_left=0, sessions_well=state.sessions)


# -- failure --------------------------------------------------------------------------------------------------


def _failed(
    state: StreamState, kind: FailureKind, detail: ErrorDetail, now: BootNs, policy: StreamPolicy, rng: Rng
) -> tuple[StreamState, tuple[Log, ...]]:
    if not state.status.in_session:
        return state, ()
    was_well = state.status is StreamStatus.CONNECTED
    cause = _cause(state, kind)
    # A camera that stays away is worth one line, not one per attempt.
    lost = no_stream(kind, detail, "debug" if cause is state.reason else "warning")
    not_before = state.not_before if kind in _UNSEEN else BootNs(state.opened_at + policy.spacing)
    state = replace(
        state,
        reason=cause,
        detail=detail,
        # Begun while the camera was away, and ended otherwise: it came back under the attempt, which nobody answered.
        armed=was_well or kind in _AWAY or state.was_away,
        silent=_SILENT_PROBES if kind is FailureKind.TIMEOUT else 0,
        not_before=not_before,
        auth_hold=BootNs(now + policy.auth_interval) if kind is FailureKind.AUTH_FAILED else state.auth_hold,
    )
    quick, wait = _wait(state, kind, was_well, policy, rng)
    state, lines = _retry(state, quick, wait, now, policy)
    return state, (lost, *lines)


def _retry(
    state: StreamState, quick: bool, wait: DurationNs, now: BootNs, policy: StreamPolicy
) -> tuple[StreamState, tuple[Log, ...]]:
    """The next retry is ``wait`` from now, or when it may be; a quick one does not count."""
    quick_left, attempt = (state.quick_left - 1, state.attempt) if quick else (state.quick_left, state.attempt + 1)
    state = replace(state, quick_left=quick_left, attempt=attempt)
    exhausted = policy.backoff.exhausted(state.attempt)
    state = replace(state, status=_waiting_status(state.reason, exhausted))
    lines: list[Log] = []
    if exhausted and state.attempt == policy.backoff.max_retries + 1 and not quick:
        lines.append(Log("RECONNECT", "Max retries reached", "warning"))
    if exhausted and policy.give_up:
        return replace(state, retry_at=None), tuple(lines)
    at = _clamp(state, BootNs(now + wait))
    lines.append(reconnecting(at - now, state.attempt, policy.backoff.max_retries))
    return replace(state, retry_at=at), tuple(lines)


def _cause(state: StreamState, kind: FailureKind) -> Cause:
    """A stalled camera that goes on saying nothing is still the same trouble, not a second one."""
    still = state.status is StreamStatus.RECONNECTING and state.reason is Cause.STREAM_STALLED
    silence = kind in (FailureKind.TIMEOUT, FailureKind.UNREACHABLE)
    return Cause.STREAM_STALLED if still and silence else cause_of_failure(kind)


def _wait(
    state: StreamState, kind: FailureKind, was_well: bool, policy: StreamPolicy, rng: Rng
) -> tuple[bool, DurationNs]:
    """Whether this is a quick retry, and the wait before it."""
    if kind is FailureKind.AUTH_FAILED:
        return False, policy.auth_interval
    if kind is FailureKind.NO_MEDIA and not was_well:
        return False, policy.silent_wait
    if state.quick_left > 0:
        return True, policy.quick[len(policy.quick) - state.quick_left]
    if kind is FailureKind.CODEC_UNSUPPORTED:
        return False, policy.backoff.cap
    return False, policy.backoff.delay(state.attempt + 1, rng)


def _waiting_status(cause: Cause | None, exhausted: bool) -> StreamStatus:
    if cause is Cause.AUTH_FAILED:
        return StreamStatus.AUTH_FAILED
    if cause in _ANSWERS_BUT_USELESS:
        return StreamStatus.ERROR
    if exhausted:
        return StreamStatus.DISCONNECTED
    return StreamStatus.STALLED if cause is Cause.STREAM_STALLED else StreamStatus.WAITING


def _clamp(state: StreamState, at: BootNs) -> BootNs:
    return max(at, state.not_before, state.auth_hold)


# -- the answer probe -----------------------------------------------------------------------------------------


def _answered(state: StreamState, now: BootNs, policy: StreamPolicy) -> tuple[StreamState, tuple[Log, ...]]:
    """An answer is news only from a camera that was away; one that answers while its sessions fail is not."""
    if not state.probing:
        return state, ()
    state = replace(state, silent=0, answers=True)
    if not state.armed:
        return state, ()
    state = replace(state, armed=False, quick_left=len(policy.quick))
    line = Log("RECONNECT", "The camera answers again")
    at = _clamp(state, now)
    if at <= now:
        return _open(state, now, policy), (line,)
    return replace(state, retry_at=at), (line,)


def _silent(state: StreamState, certain: bool) -> StreamState:
    if not state.probing:
        return state
    silent = 0 if certain else min(state.silent + 1, _SILENT_PROBES)
    armed = state.armed or certain or silent >= _SILENT_PROBES
    # Twice a second and camera that is away: nothing new is nothing to copy.
    known = (silent, armed) == (state.silent, state.armed)
    return state if known else replace(state, silent=silent, armed=armed)


# -- what follows from two states -----------------------------------------------------------------------------


def _deeds(old: StreamState, new: StreamState) -> list[Effect]:
    deeds: list[Effect] = []
    another = new.sessions != old.sessions
    if old.status.in_session and (another or not new.status.in_session):
        deeds.append(CloseSession())
    if old.probing and not new.probing:
        deeds.append(StopProbe())
    if new.retry_at != old.retry_at:
        deeds.append(RetryAt(new.retry_at))
    if new.probing and not old.probing:
        deeds.append(StartProbe())
    if another:
        deeds.append(OpenSession(new.sessions))
    return deeds


def _news(old: StreamState, new: StreamState) -> list[Effect]:
    news: list[Effect] = []
    if new.status is StreamStatus.CONNECTED and old.status is not StreamStatus.CONNECTED and old.attempt:
        news.append(Log("RECONNECT", "Reconnected successfully"))
        news.append(Reconnected(new.sessions - old.sessions_well))
    if (new.status, new.reason) != (old.status, old.reason):
        news.append(Changed(old.status, new.status, new.reason, new.detail))
    return news
