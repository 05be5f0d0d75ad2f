"""The tables behind ``classify``: one row per code that GStreamer, RTSP, the kernel and Evertape itself can name."""

from __future__ import annotations

import errno
from dataclasses import dataclass
from enum import StrEnum

from evertape.domain.cause import Cause, cause_of_failure
from evertape.domain.failure import FailureKind
from evertape.domain.storage_fault import StorageFault


class ErrorPriority(StrEnum):
    """How bad it is."""

    CRITICAL = "critical"
    """Out of memory, or a system that is broken: nothing of this part can work."""
    HIGH = "high"
    """No footage, or soon none: network, time-out, storage."""
    MEDIUM = "medium"
    """Decoding, formats, streams."""
    LOW = "low"
    """The rest."""


class Action(StrEnum):
    """What the program does next."""

    RETRY_NOW = "retry_now"
    BACK_OFF = "back_off"
    """Retry after growing waits."""
    PAUSE_UNTIL_CHANGED = "pause_until_changed"
    """Retry rarely, and at once when somebody changed something."""
    DEGRADE = "degrade"
    """Go on without the part that failed."""
    RESTART_PROCESS = "restart_process"
    TELL_A_PERSON = "tell_a_person"
    """Nothing the program does will help."""


class Restart(StrEnum):
    """What is built anew."""

    FULL = "full"
    """The camera's session."""
    PARTIAL = "partial"
    """The part that failed: a writer on the same volume, a decoder, a view."""
    FAILOVER = "failover"
    """A writer on another volume."""
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Classification:
    """The answer; ``cause`` is that of the gap it may open, ``None`` if no footage is missing."""

    priority: ErrorPriority
    action: Action
    restart: Restart
    cause: Cause | None = None


@dataclass(frozen=True, slots=True)
class GstRow:
    """One code of one of GStreamer's error domains; ``name`` as in its enumeration."""

    name: str
    classification: Classification

    @property
    def cause(self) -> Cause | None:
        """The classification's."""
        return self.classification.cause


C, H, M, L = ErrorPriority.CRITICAL, ErrorPriority.HIGH, ErrorPriority.MEDIUM, ErrorPriority.LOW
NOW, BACK, PAUSE = Action.RETRY_NOW, Action.BACK_OFF, Action.PAUSE_UNTIL_CHANGED
LESS, PROCESS, TELL = Action.DEGRADE, Action.RESTART_PROCESS, Action.TELL_A_PERSON
FULL, PART, OVER, NONE = Restart.FULL, Restart.PARTIAL, Restart.FAILOVER, Restart.NONE
_AWAY, _SICK, _ODD, _OWN = (
    Cause.CAMERA_UNREACHABLE,
    Cause.CAMERA_ERROR,
    Cause.CODEC_UNSUPPORTED,
    Cause.INTERNAL_ERROR,
)

DEFAULT = Classification(L, BACK, FULL, Cause.UNKNOWN)
"""What no table knows."""

_DOMAINS = ("resource", "stream", "core", "library")


def domain_name(domain: str) -> str:
    """``resource`` for ``gst-resource-error-quark`` and the like; anything else as it is."""
    short = domain.removeprefix("gst-").removesuffix("-quark").removesuffix("-error")
    return short if short in _DOMAINS else domain


_Row = tuple[str, ErrorPriority, Action, Restart, Cause | None]

# In a receiving pipeline. Numbers count from 1 in the order of GStreamer's headers (gsterror.h, 1.22).
_RESOURCE: tuple[_Row, ...] = (
    ("FAILED", H, BACK, FULL, _SICK),
    ("TOO_LAZY", L, BACK, FULL, Cause.UNKNOWN),
    ("NOT_FOUND", H, BACK, FULL, Cause.STREAM_NOT_FOUND),
    ("BUSY", H, BACK, FULL, _SICK),
    ("OPEN_READ", H, BACK, FULL, _AWAY),
    ("OPEN_WRITE", H, BACK, FULL, _AWAY),
    ("OPEN_READ_WRITE", H, BACK, FULL, _AWAY),  # rtspsrc: refused, unknown host
    ("CLOSE", L, BACK, FULL, _AWAY),
    ("READ", H, BACK, FULL, _AWAY),  # rtspsrc: what a dying camera posts
    ("WRITE", H, BACK, FULL, _AWAY),  # rtspsrc: a request that could not be sent
    ("SEEK", L, BACK, FULL, _SICK),
    ("SYNC", H, BACK, FULL, _SICK),
    ("SETTINGS", M, TELL, FULL, _SICK),
    ("NO_SPACE_LEFT", H, TELL, FULL, _OWN),  # a receiving pipeline writes nothing, so somebody's /tmp is full
    ("NOT_AUTHORIZED", H, PAUSE, FULL, Cause.AUTH_FAILED),
)
_STREAM: tuple[_Row, ...] = (
    ("FAILED", M, BACK, FULL, _SICK),  # follows on nearly every other error of a source
    ("TOO_LAZY", L, BACK, FULL, Cause.UNKNOWN),
    ("NOT_IMPLEMENTED", M, TELL, FULL, _ODD),
    ("TYPE_NOT_FOUND", M, BACK, FULL, _ODD),
    ("WRONG_TYPE", M, BACK, FULL, _ODD),
    ("CODEC_NOT_FOUND", M, TELL, FULL, _ODD),
    ("DECODE", M, LESS, PART, None),
    ("ENCODE", M, LESS, PART, None),  # only audio is ever encoded
    ("DEMUX", M, BACK, FULL, _SICK),
    ("MUX", M, NOW, PART, None),  # a writer is thrown away and its units are replayed
    ("FORMAT", M, BACK, FULL, _ODD),
    ("DECRYPT", M, BACK, FULL, _SICK),
    ("DECRYPT_NOKEY", M, PAUSE, FULL, _SICK),
)
_CORE: tuple[_Row, ...] = (
    ("FAILED", C, PROCESS, FULL, _OWN),
    ("TOO_LAZY", L, BACK, FULL, Cause.UNKNOWN),
    ("NOT_IMPLEMENTED", C, TELL, FULL, _OWN),
    ("STATE_CHANGE", M, BACK, FULL, _OWN),
    ("PAD", M, BACK, FULL, _OWN),
    ("THREAD", C, PROCESS, FULL, _OWN),  # no more threads or no memory for their stacks
    ("NEGOTIATION", M, BACK, FULL, _ODD),
    ("EVENT", M, BACK, FULL, _OWN),
    ("SEEK", L, BACK, FULL, _SICK),
    ("CAPS", M, BACK, FULL, _ODD),
    ("TAG", L, LESS, NONE, None),
    ("MISSING_PLUGIN", C, TELL, FULL, _OWN),
    ("CLOCK", C, PROCESS, FULL, _OWN),
    ("DISABLED", C, TELL, FULL, _OWN),
)
_LIBRARY: tuple[_Row, ...] = (
    ("FAILED", M, BACK, FULL, _OWN),
    ("TOO_LAZY", L, BACK, FULL, Cause.UNKNOWN),
    ("INIT", C, TELL, FULL, _OWN),
    ("SHUTDOWN", L, BACK, FULL, _OWN),
    ("SETTINGS", M, TELL, FULL, _OWN),
    ("ENCODE", M, LESS, PART, None),
)
GST: dict[tuple[str, int], GstRow] = {
    (domain, number): GstRow(row[0], Classification(*row[1:]))
    for domain, rows in zip(_DOMAINS, (_RESOURCE, _STREAM, _CORE, _LIBRARY), strict=True)
    for number, row in enumerate(rows, start=1)
}
"""By ``(domain, number)``, in a pipeline that receives."""

_FILE: dict[int, tuple[Action, Restart, Cause]] = {
    3: (BACK, OVER, Cause.STORAGE_MISSING),
    4: (BACK, OVER, Cause.STORAGE_DENIED),
    5: (BACK, OVER, Cause.STORAGE_MISSING),
    6: (BACK, OVER, Cause.STORAGE_MISSING),  # filesink: the directory is gone, or permission; errno says which
    7: (BACK, OVER, Cause.STORAGE_MISSING),
    8: (BACK, OVER, Cause.STORAGE_IO_ERROR),
    9: (BACK, OVER, Cause.STORAGE_IO_ERROR),
    10: (BACK, OVER, Cause.STORAGE_IO_ERROR),
    11: (BACK, OVER, Cause.STORAGE_IO_ERROR),
    12: (BACK, OVER, Cause.STORAGE_IO_ERROR),
    14: (BACK, OVER, Cause.STORAGE_FULL),
    15: (PAUSE, OVER, Cause.STORAGE_DENIED),
}
GST_FILE: dict[tuple[str, int], GstRow] = {
    ("resource", number): GstRow(GST["resource", number].name, Classification(H, *rest))
    for number, rest in _FILE.items()
}
"""What differs in a pipeline that ends in a file."""

FAULTS: dict[StorageFault, Classification] = {
    StorageFault.FULL: Classification(H, BACK, OVER),
    StorageFault.DENIED: Classification(H, PAUSE, OVER),
    StorageFault.READ_ONLY: Classification(H, PAUSE, OVER),
    StorageFault.MISSING: Classification(H, BACK, OVER),
    StorageFault.NOT_MOUNTED: Classification(H, BACK, OVER),
    StorageFault.WRONG_VOLUME: Classification(H, PAUSE, OVER),
    StorageFault.IO_ERROR: Classification(H, BACK, OVER),
    StorageFault.HUNG: Classification(H, BACK, OVER),
    StorageFault.OTHER: Classification(H, BACK, OVER),
}
"""What is wrong with a volume; the causes are ``cause_of_fault``'s."""

ERRNO: dict[int, Classification] = {
    errno.ENOMEM: Classification(C, PROCESS, FULL, Cause.OUT_OF_MEMORY),
    errno.EMFILE: Classification(C, PROCESS, FULL, _OWN),
    errno.ENFILE: Classification(C, TELL, FULL, _OWN),  # the whole machine is out of files
    errno.EINTR: Classification(L, NOW, NONE),
    errno.EAGAIN: Classification(L, NOW, NONE),
    errno.EFBIG: Classification(M, NOW, PART),  # the next file begins at zero
    errno.EBADF: Classification(M, NOW, PART, _OWN),
}
"""Numbers of the kernel that say nothing about the volume; all others are those of ``fault_of_errno``."""

EXHAUSTED = frozenset((errno.ENOMEM, errno.EMFILE, errno.ENFILE))

KINDS: dict[FailureKind, Classification] = {
    kind: Classification(*row, cause_of_failure(kind))
    for kind, row in {
        FailureKind.UNREACHABLE: (H, BACK, FULL),
        FailureKind.REFUSED: (H, BACK, FULL),
        FailureKind.TIMEOUT: (H, BACK, FULL),
        FailureKind.RESET: (H, BACK, FULL),
        FailureKind.EOS: (H, BACK, FULL),
        FailureKind.AUTH_FAILED: (H, PAUSE, FULL),
        FailureKind.NOT_FOUND: (H, BACK, FULL),
        FailureKind.SERVER_ERROR: (H, BACK, FULL),
        FailureKind.PROTOCOL: (M, BACK, FULL),
        FailureKind.CODEC_UNSUPPORTED: (M, PAUSE, FULL),
        FailureKind.TLS: (H, BACK, FULL),
        FailureKind.NO_MEDIA: (H, NOW, FULL),
        FailureKind.IN_USE: (M, BACK, FULL),
        FailureKind.INTERNAL: (C, TELL, FULL),
    }.items()
}
"""What a capture session says by itself. That a camera answers again always cuts a wait short."""

RTSP: dict[int, Classification] = {
    401: KINDS[FailureKind.AUTH_FAILED],
    403: KINDS[FailureKind.AUTH_FAILED],
    407: KINDS[FailureKind.AUTH_FAILED],
    404: KINDS[FailureKind.NOT_FOUND],
    410: KINDS[FailureKind.NOT_FOUND],
    408: KINDS[FailureKind.TIMEOUT],
    415: KINDS[FailureKind.CODEC_UNSUPPORTED],
    429: KINDS[FailureKind.SERVER_ERROR],
    453: KINDS[FailureKind.SERVER_ERROR],  # not enough bandwidth: how cameras say "too many clients"
    454: KINDS[FailureKind.EOS],  # session not found: it forgot ours
}
RTSP_CLASSES: dict[int, Classification] = {
    3: KINDS[FailureKind.PROTOCOL],
    4: KINDS[FailureKind.PROTOCOL],
    5: KINDS[FailureKind.SERVER_ERROR],
}
"""RTSP status by its first digit, where ``RTSP`` has no row."""
