"""Why a capture session ended, in words that every layer shares.

A session names the kind and what it knows; what to do next (retry now, later, at most once a
minute, tell a person) is decided elsewhere from these values alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from evertape.redact import redact


class FailureKind(StrEnum):
    """What went wrong, told apart by what somebody would do about it."""

    UNREACHABLE = "unreachable"
    """The host is unknown, or there is no route to it."""
    REFUSED = "refused"
    """The host is there, the port is closed: the camera boots, or its RTSP server died."""
    TIMEOUT = "timeout"
    """Nobody answered within the time given: connecting, or waiting for a reply."""
    RESET = "reset"
    """The connection broke in the middle."""
    EOS = "eos"
    """The camera said that the stream is over; from a live camera that is a failure."""
    AUTH_FAILED = "auth_failed"
    """User or password are wrong or missing; repeating it at once locks accounts."""
    NOT_FOUND = "not_found"
    """The camera does not know this path."""
    SERVER_ERROR = "server_error"
    """The camera understood and could not: 5xx, too many clients."""
    PROTOCOL = "protocol"
    """What came is not RTSP, or not in an order that makes sense."""
    CODEC_UNSUPPORTED = "codec_unsupported"
    """The camera offers no video that Evertape stores."""
    TLS = "tls"
    """The encrypted connection could not be made, or its certificate was not accepted."""
    NO_MEDIA = "no_media"
    """Everything was agreed, and no packet ever came."""
    IN_USE = "in_use"
    """Somebody else of this installation has a session with this very stream: no second one is made."""
    INTERNAL = "internal"
    """A mistake of Evertape's own, or something missing on this machine."""


@dataclass(frozen=True, slots=True)
class ErrorDetail:
    """What is known about a failure, for a log and for telling causes apart.

    Args:
        element: who noticed: a GStreamer element's name, or a part of the direct receiver (``connect``, ``DESCRIBE``).
        domain: GStreamer's error domain (``gst-resource-error-quark``), or ``rtsp``, ``socket``, ``tls``.
        code: the code within ``domain``; for GStreamer the enum's number.
        errno: the operating system's number, if it said one.
        rtsp_status: the status of the reply, if that was the trouble.
        debug: one line of free text; passwords in it are masked on the way in.
        ancestry: the names of the element and of the bins around it, innermost first; see ``classify.part_of``.
    """

    element: str = ""
    domain: str = ""
    code: int | None = None
    errno: int | None = None
    rtsp_status: int | None = None
    debug: str = ""
    ancestry: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "debug", redact(self.debug))
