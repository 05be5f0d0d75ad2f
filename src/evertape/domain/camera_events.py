"""What happens to a camera's stream, and what its state machine wants done about it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from evertape.domain.cause import Cause
from evertape.domain.failure import ErrorDetail, FailureKind
from evertape.types import BootNs


class StreamStatus(StrEnum):
    """How a stream is. The first line of a picture or a status table; ``Cause`` says why."""

    STOPPED = "stopped"
    """Nobody wants it."""
    CONNECTING = "connecting"
    """A session is being made, the first one since it was wanted."""
    RECEIVING = "receiving"
    """Frames come (and are recorded), but not for long enough to call it well."""
    CONNECTED = "connected"
    """Frames have kept coming."""
    STALLED = "stalled"
    """Frames stopped coming; the session was given up. Waiting for the next attempt."""
    RECONNECTING = "reconnecting"
    """A session is being made again."""
    WAITING = "waiting"
    """The camera cannot be reached. Waiting for the next attempt, or for the camera to answer."""
    DISCONNECTED = "disconnected"
    """As waiting or stalled, but for more than ``max_retries`` attempts; or it was given up, if so configured."""
    AUTH_FAILED = "auth_failed"
    """The camera refused user or password. One attempt a minute at most."""
    ERROR = "error"
    """The camera answers, but what it has cannot be used (``Cause`` says what). Waiting for the next attempt."""

    @property
    def in_session(self) -> bool:
        """A session exists."""
        return self in _IN_SESSION

    @property
    def flowing(self) -> bool:
        """Frames come."""
        return self in (StreamStatus.RECEIVING, StreamStatus.CONNECTED)


_IN_SESSION = frozenset(
    (StreamStatus.CONNECTING, StreamStatus.RECONNECTING, StreamStatus.RECEIVING, StreamStatus.CONNECTED)
)


_NO_DETAIL = ErrorDetail()


# -- events ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Start:
    """The stream is wanted. On a stream that was given up: wanted again."""


@dataclass(frozen=True, slots=True)
class Stop:
    """The stream is no longer wanted."""

    cause: Cause = Cause.STOPPED_BY_PERSON


@dataclass(frozen=True, slots=True)
class SessionOpened:
    """The camera agreed to play; so it took our credentials. No frame has come."""


@dataclass(frozen=True, slots=True)
class UnitsArrived:
    """At least one video access unit came."""


@dataclass(frozen=True, slots=True)
class SessionFailed:
    """The session is over by itself."""

    kind: FailureKind
    detail: ErrorDetail = _NO_DETAIL


@dataclass(frozen=True, slots=True)
class Stalled:
    """The watchdog says that the session yields nothing (or nothing usable); ``text`` says what it saw."""

    text: str = ""


@dataclass(frozen=True, slots=True)
class Tick:
    """Time has passed. Due at ``StreamState.retry_at``; harmless at any time."""


@dataclass(frozen=True, slots=True)
class ProbeAnswered:
    """The camera replied to RTSP ``OPTIONS``, with whatever status."""


@dataclass(frozen=True, slots=True)
class ProbeSilent:
    """It did not. ``certain``: the port is closed or the host unreachable, not merely slow to answer."""

    certain: bool = False


@dataclass(frozen=True, slots=True)
class SettingsChanged:
    """The session's settings changed. ``credentials``: user, password or host did, so that a login may succeed now."""

    credentials: bool = False


CameraEvent = (
    Start
    | Stop
    | SessionOpened
    | UnitsArrived
    | SessionFailed
    | Stalled
    | Tick
    | ProbeAnswered
    | ProbeSilent
    | SettingsChanged
)


# -- effects --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class OpenSession:
    """Make a session. ``number`` counts the attempts since the state was made."""

    number: int


@dataclass(frozen=True, slots=True)
class CloseSession:
    """Let go of the session, also one that failed by itself."""


@dataclass(frozen=True, slots=True)
class RetryAt:
    """The one pending retry is at ``at`` from now on, in place of any earlier one; ``None``: none is pending."""

    at: BootNs | None


@dataclass(frozen=True, slots=True)
class StartProbe:
    """Ask the camera for ``OPTIONS`` at once, then every 0.5 s with a deadline of 1 s.

    Also while the last one is still unanswered: on a dead host it is stuck for its whole deadline.
    """


@dataclass(frozen=True, slots=True)
class StopProbe:
    """Stop asking."""


@dataclass(frozen=True, slots=True)
class Log:
    """A line for the log: its tag without brackets, its text without secrets, its level."""

    tag: str
    text: str
    level: str = "info"


@dataclass(frozen=True, slots=True)
class Changed:
    """Status or reason changed: an event for everybody. The new ones are in the state."""

    old: StreamStatus
    status: StreamStatus
    reason: Cause | None
    detail: ErrorDetail | None = None


@dataclass(frozen=True, slots=True)
class Reconnected:
    """The stream is well again after a failure. ``sessions``: how many attempts that took."""

    sessions: int


Effect = OpenSession | CloseSession | RetryAt | StartProbe | StopProbe | Log | Changed | Reconnected
