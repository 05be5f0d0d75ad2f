"""Why there is no footage, in words that ledger, status, alerts and people share."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from evertape.domain.failure import FailureKind
from evertape.domain.storage_fault import StorageFault


class Cause(StrEnum):
    """The cause of a gap, and the reason of a camera's state. ``explain`` says each in a sentence."""

    STARTING = "starting"
    CAMERA_UNREACHABLE = "camera_unreachable"
    STREAM_STALLED = "stream_stalled"
    STREAM_DAMAGED = "stream_damaged"
    AUTH_FAILED = "auth_failed"
    STREAM_NOT_FOUND = "stream_not_found"
    CODEC_UNSUPPORTED = "codec_unsupported"
    CAMERA_ERROR = "camera_error"
    STREAM_IN_USE = "stream_in_use"
    STORAGE_MISSING = "storage_missing"
    STORAGE_WRONG_VOLUME = "storage_wrong_volume"
    STORAGE_FULL = "storage_full"
    STORAGE_DENIED = "storage_denied"
    STORAGE_READ_ONLY = "storage_read_only"
    STORAGE_IO_ERROR = "storage_io_error"
    STORAGE_HUNG = "storage_hung"
    STORAGE_SLOW = "storage_slow"
    PROCESS_CRASH = "process_crash"
    OUT_OF_MEMORY = "out_of_memory"
    RECORDER_HUNG = "recorder_hung"
    HOST_DOWN = "host_down"
    SERVICE_STOPPED = "service_stopped"
    INTERNAL_ERROR = "internal_error"
    CLOCK_JUMP = "clock_jump"
    SETTINGS_CHANGED = "settings_changed"
    STOPPED_BY_PERSON = "stopped_by_person"
    OUTSIDE_SCHEDULE = "outside_schedule"
    NOT_ASKED_FOR = "not_asked_for"
    EVICTED_BY_RETENTION = "evicted_by_retention"
    REMOVED_BY_PERSON = "removed_by_person"
    FOOTAGE_MISSING = "footage_missing"
    FOOTAGE_DAMAGED = "footage_damaged"
    UNKNOWN = "unknown"

    @property
    def on_purpose(self) -> bool:
        """Somebody or a rule wanted it so: shown on a time line, no reason for an alert."""
        return self in _ON_PURPOSE


_ON_PURPOSE = frozenset(
    (
        Cause.SERVICE_STOPPED,
        Cause.SETTINGS_CHANGED,
        Cause.STOPPED_BY_PERSON,
        Cause.OUTSIDE_SCHEDULE,
        Cause.NOT_ASKED_FOR,
        Cause.EVICTED_BY_RETENTION,
        Cause.REMOVED_BY_PERSON,
    )
)


@dataclass(frozen=True, slots=True)
class Explanation:
    """A cause for people.

    Args:
        what: what happened, one sentence.
        remedy: what a person can do about it, one sentence.
    """

    what: str
    remedy: str


_NOTHING = "Nothing needs to be done."
_EXPLANATIONS: dict[Cause, Explanation] = {
    Cause.STARTING: Explanation(
        "Recording had been asked for and the first picture had not come yet.", "Nothing, unless it lasts."
    ),
    Cause.CAMERA_UNREACHABLE: Explanation(
        "The camera did not answer, or broke the connection.",
        "Check the camera's power, its network cable and its address.",
    ),
    Cause.STREAM_STALLED: Explanation(
        "The connection stood, but no picture came.",
        "Check the network between here and the camera, and restart the camera if it happens again.",
    ),
    Cause.STREAM_DAMAGED: Explanation(
        "Parts of the stream never arrived, and the pictures that needed them were left out.",
        "Look for a weak or overloaded network, or lower the camera's bit rate.",
    ),
    Cause.AUTH_FAILED: Explanation(
        "The camera refused the user name or the password.",
        "Correct them in the camera's entry of the configuration; until then it is asked once a minute at most.",
    ),
    Cause.STREAM_NOT_FOUND: Explanation(
        "The camera answers, but has no stream at this path.", "Correct the path in the camera's URL."
    ),
    Cause.CODEC_UNSUPPORTED: Explanation(
        "The camera offers no video that Evertape stores.", "Set the camera to H.264 or H.265."
    ),
    Cause.CAMERA_ERROR: Explanation(
        "The camera answers, but cannot deliver the stream now.",
        "See whether too many clients are connected to it, and restart it if it happens again.",
    ),
    Cause.STREAM_IN_USE: Explanation(
        "Another camera of this installation is the same stream, under another name of its host.",
        "Take one of the two out of the configuration; their footage would be the same.",
    ),
    Cause.STORAGE_MISSING: Explanation(
        "No volume to record to was there for longer than memory could bridge.",
        "Connect the disk again, or add a spill volume.",
    ),
    Cause.STORAGE_WRONG_VOLUME: Explanation(
        "Another disk is mounted where the volume should be; nothing was written to it.",
        "Mount the right disk, or declare this one as a new volume.",
    ),
    Cause.STORAGE_FULL: Explanation(
        "The volume was full and nothing on it might be deleted.",
        "Free some space, add a volume, or keep footage for a shorter time.",
    ),
    Cause.STORAGE_DENIED: Explanation(
        "The volume may not be written to by the user Evertape runs as.",
        "Give that user the right to write to the volume's folder.",
    ),
    Cause.STORAGE_READ_ONLY: Explanation(
        "The volume is mounted read-only; often the kernel does that when it finds a disk damaged.",
        "Look at the kernel's log, check the file system, and mount it writable again.",
    ),
    Cause.STORAGE_IO_ERROR: Explanation(
        "The disk reported errors.", "Look at the kernel's log and at the disk's health; it may be failing."
    ),
    Cause.STORAGE_HUNG: Explanation(
        "The disk did not answer.", "Check its cable, its power and, on a network share, its server."
    ),
    Cause.STORAGE_SLOW: Explanation(
        "The disk was slower than the cameras for longer than memory could bridge.",
        "Use a faster disk, fewer cameras on it, or lower bit rates.",
    ),
    Cause.PROCESS_CRASH: Explanation(
        "A process of Evertape ended unexpectedly and was replaced.", "Please report it, with the log of that minute."
    ),
    Cause.OUT_OF_MEMORY: Explanation(
        "A process of Evertape ran out of memory and was replaced.",
        "Lower the ring's budget or the number of cameras, or give the machine more memory.",
    ),
    Cause.RECORDER_HUNG: Explanation(
        "A process of Evertape stopped answering and was replaced.", "Please report it, with the log of that minute."
    ),
    Cause.HOST_DOWN: Explanation(
        "The machine was off or restarted without warning.", "Look at its power supply and its system log."
    ),
    Cause.SERVICE_STOPPED: Explanation("Evertape was not running.", "Start it, or have the system start it at boot."),
    Cause.INTERNAL_ERROR: Explanation(
        "Evertape failed at something it should be able to do, or a part of it is not installed.",
        "Run evertape doctor, and report what it does not explain.",
    ),
    Cause.CLOCK_JUMP: Explanation(
        "The wall clock was set; no footage is lost, but these times never passed, or passed twice.",
        "Have the machine's clock kept right over the network.",
    ),
    Cause.SETTINGS_CHANGED: Explanation(
        "The camera was connected anew, because its settings changed or somebody asked for it.", _NOTHING
    ),
    Cause.STOPPED_BY_PERSON: Explanation("Somebody had stopped the recording.", "Start it when it is wanted again."),
    Cause.OUTSIDE_SCHEDULE: Explanation("The schedule did not ask for recording.", _NOTHING),
    Cause.NOT_ASKED_FOR: Explanation(
        "Evertape had not been asked to record this camera yet; what there is came from another recorder.", _NOTHING
    ),
    Cause.EVICTED_BY_RETENTION: Explanation(
        "The footage had reached its age or its space was needed, and it was deleted as the rules say.",
        "Keep footage longer, add space, or protect what must stay.",
    ),
    Cause.REMOVED_BY_PERSON: Explanation("Somebody had deleted the footage, or removed the camera.", _NOTHING),
    Cause.FOOTAGE_DAMAGED: Explanation(
        "Footage had been recorded, and its bytes on the disk are not those that were written.",
        "Check the disk's health, and whether anything else changes its files; a copy of the file brings it back.",
    ),
    Cause.FOOTAGE_MISSING: Explanation(
        "Footage had been recorded, and its file is gone.",
        "Find out who or what else changes files on the volume, and check the disk.",
    ),
    Cause.UNKNOWN: Explanation(
        "There is no footage, and no record says why.", "Run evertape audit, and report what it finds."
    ),
}

_OF_FAILURE: dict[FailureKind, Cause] = {
    FailureKind.UNREACHABLE: Cause.CAMERA_UNREACHABLE,
    FailureKind.REFUSED: Cause.CAMERA_UNREACHABLE,
    FailureKind.TIMEOUT: Cause.CAMERA_UNREACHABLE,
    FailureKind.RESET: Cause.CAMERA_UNREACHABLE,
    # How a killed camera looks through rtspsrc, see its WARNING and EOS; so it cannot be told from a polite end.
    FailureKind.EOS: Cause.CAMERA_UNREACHABLE,
    FailureKind.AUTH_FAILED: Cause.AUTH_FAILED,
    FailureKind.NOT_FOUND: Cause.STREAM_NOT_FOUND,
    FailureKind.SERVER_ERROR: Cause.CAMERA_ERROR,
    FailureKind.PROTOCOL: Cause.CAMERA_ERROR,
    FailureKind.CODEC_UNSUPPORTED: Cause.CODEC_UNSUPPORTED,
    FailureKind.TLS: Cause.CAMERA_ERROR,
    FailureKind.NO_MEDIA: Cause.STREAM_STALLED,
    FailureKind.IN_USE: Cause.STREAM_IN_USE,
    FailureKind.INTERNAL: Cause.INTERNAL_ERROR,
}

_OF_FAULT: dict[StorageFault, Cause] = {
    StorageFault.FULL: Cause.STORAGE_FULL,
    StorageFault.DENIED: Cause.STORAGE_DENIED,
    StorageFault.READ_ONLY: Cause.STORAGE_READ_ONLY,
    StorageFault.MISSING: Cause.STORAGE_MISSING,
    StorageFault.NOT_MOUNTED: Cause.STORAGE_MISSING,
    StorageFault.WRONG_VOLUME: Cause.STORAGE_WRONG_VOLUME,
    StorageFault.IO_ERROR: Cause.STORAGE_IO_ERROR,
    StorageFault.HUNG: Cause.STORAGE_HUNG,
    StorageFault.OTHER: Cause.STORAGE_IO_ERROR,
}


def explain(cause: Cause) -> Explanation:
    """What happened and what a person can do, one plain sentence each."""
    return _EXPLANATIONS[cause]


def cause_of_failure(kind: FailureKind) -> Cause:
    """The cause that a failed capture session stands for."""
    return _OF_FAILURE[kind]


def cause_of_fault(fault: StorageFault | str) -> Cause:
    """The cause that a volume's fault stands for; a word of a newer version counts as an I/O error."""
    try:
        return _OF_FAULT[StorageFault(fault)]
    except ValueError:
        return Cause.STORAGE_IO_ERROR
