"""What Evertape does, or did, about a gap: the ledger's answer between what happened and what a person can do. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from evertape.domain.cause import Cause


@dataclass(frozen=True, slots=True)
class Deed:
    """One sentence for while it lasts, one for afterwards."""

    lasts: str
    over: str


_CAMERA = Deed(
    "Asks the camera twice a second, and connects as soon as it answers.", "Connected again, and recorded on."
)
_REFUSED = Deed("Tries again, waiting longer each time.", "Tried until it worked, and recorded on.")
_STORAGE = Deed(
    "Keeps what memory can hold, drops the oldest of it, and records as soon as a volume takes footage.",
    "Kept what memory could hold, dropped the oldest of it, and recorded on when a volume took footage again.",
)
_REPLACED = Deed("Replaces the process.", "Replaced the process, and finished its files.")
_NOTHING = Deed("Nothing.", "Nothing.")

_DEEDS: dict[Cause, Deed] = {
    Cause.STARTING: Deed("Waits for the first keyframe.", "Recorded from the first keyframe on."),
    Cause.CAMERA_UNREACHABLE: _CAMERA,
    Cause.STREAM_STALLED: _CAMERA,
    Cause.STREAM_DAMAGED: Deed(
        "Leaves out what cannot be decoded, until the next keyframe.", "Went on with the next keyframe."
    ),
    Cause.AUTH_FAILED: Deed(
        "Tries once a minute, so that the camera does not lock the account, and at once when its entry is changed.",
        "Connected with the right password, and recorded on.",
    ),
    Cause.STREAM_NOT_FOUND: _REFUSED,
    Cause.CODEC_UNSUPPORTED: _REFUSED,
    Cause.CAMERA_ERROR: _REFUSED,
    Cause.STREAM_IN_USE: _REFUSED,
    Cause.STORAGE_MISSING: _STORAGE,
    Cause.STORAGE_WRONG_VOLUME: _STORAGE,
    Cause.STORAGE_FULL: _STORAGE,
    Cause.STORAGE_DENIED: _STORAGE,
    Cause.STORAGE_READ_ONLY: _STORAGE,
    Cause.STORAGE_IO_ERROR: _STORAGE,
    Cause.STORAGE_HUNG: _STORAGE,
    Cause.STORAGE_SLOW: _STORAGE,
    Cause.PROCESS_CRASH: _REPLACED,
    Cause.OUT_OF_MEMORY: _REPLACED,
    Cause.RECORDER_HUNG: _REPLACED,
    Cause.HOST_DOWN: Deed("Nothing, until the machine is back.", "Started with the machine, and finished its files."),
    Cause.SERVICE_STOPPED: Deed("Nothing, until it is started.", "Finished every file before, and recorded on after."),
    Cause.INTERNAL_ERROR: Deed("Leaves out what it cannot write.", "Left out what it could not write, and went on."),
    Cause.CLOCK_JUMP: Deed("Goes on by its own clock.", "Went on by its own clock; no footage is lost."),
    Cause.SETTINGS_CHANGED: Deed("Connects anew.", "Connected anew."),
    Cause.STOPPED_BY_PERSON: Deed("Waits until somebody starts it.", "Recorded on when somebody started it."),
    Cause.NOT_ASKED_FOR: Deed("Waits until somebody asks for it.", "Recorded from when somebody asked for it."),
    Cause.OUTSIDE_SCHEDULE: Deed("Waits for the schedule.", "Recorded on when the schedule said so."),
    Cause.EVICTED_BY_RETENTION: Deed("Deleted the footage.", "Deleted the footage."),
    Cause.REMOVED_BY_PERSON: _NOTHING,
    Cause.FOOTAGE_DAMAGED: Deed(
        "Leaves out what cannot be read; the rest plays.", "Leaves out what cannot be read; the rest plays."
    ),
    Cause.FOOTAGE_MISSING: Deed("Looks again whenever its volume returns.", "Found the footage again."),
    Cause.UNKNOWN: _NOTHING,
}


def deed(cause: Cause, *, over: bool) -> str:
    """What is or was done about gaps of this cause; ``domain.done`` has the figures of a single one."""
    found = _DEEDS[cause]
    return found.over if over else found.lasts
