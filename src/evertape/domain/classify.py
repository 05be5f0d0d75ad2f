"""What an error means: how bad it is, what to do, what to restart, and which cause it has.

By domain, code, place in the pipeline, RTSP status and ``errno``; never by text, which is translated and
reworded. The whole table is in ``docs/reference/errors.md``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from evertape.domain.cause import Cause, cause_of_fault
from evertape.domain.error_table import (
    DEFAULT,
    ERRNO,
    EXHAUSTED,
    FAULTS,
    GST,
    GST_FILE,
    KINDS,
    RTSP,
    RTSP_CLASSES,
    Action,
    Classification,
    ErrorPriority,
    Restart,
    domain_name,
)
from evertape.domain.failure import ErrorDetail, FailureKind
from evertape.domain.storage_fault import StorageFault, fault_of_errno

__all__ = [
    "Action",
    "Classification",
    "ErrorPriority",
    "Failure",
    "Part",
    "Restart",
    "classify_error",
    "classify_fault",
    "part_of",
]


class Part(StrEnum):
    """Which part of the work an element does; the same code means another thing in each."""

    SOURCE = "source"
    """Receiving from the camera; the default."""
    AUDIO = "audio"
    """Anything done to audio. It never disturbs video."""
    VIEW = "view"
    """Decoding and showing. Recording does not know that it exists."""
    FILE = "file"
    """Writing and reading files."""


_NO_DETAIL = ErrorDetail()
_PROCESS_WIDE = {("core", 6), ("core", 13)}
"""``GstCoreError``: THREAD and CLOCK. Its others are one element's trouble, however bad for that element."""


@dataclass(frozen=True, slots=True)
class Failure:
    """An error to be classified.

    Args:
        kind: what a capture session said, if it was one; it has looked closer than the table can.
        detail: everything known.
        part: where it happened, see ``part_of``.
    """

    kind: FailureKind | None = None
    detail: ErrorDetail = _NO_DETAIL
    part: Part = Part.SOURCE


# How the names of elements and bins begin, the program's own and those that GStreamer's factories give.
_PARTS: dict[str, Part] = {
    "audio": Part.AUDIO,
    "aac": Part.AUDIO,
    "avenc_aac": Part.AUDIO,
    "fdkaac": Part.AUDIO,
    "voaacenc": Part.AUDIO,
    "mulawdec": Part.AUDIO,
    "alawdec": Part.AUDIO,
    "view": Part.VIEW,
    "decode": Part.VIEW,
    "avdec_": Part.VIEW,
    "vah26": Part.VIEW,
    "vaapi": Part.VIEW,
    "v4l2": Part.VIEW,
    "nvh26": Part.VIEW,
    "videoconvert": Part.VIEW,
    "videoscale": Part.VIEW,
    "file": Part.FILE,
    "splitmux": Part.FILE,
    "mp4mux": Part.FILE,
    "source": Part.SOURCE,
    "rtspsrc": Part.SOURCE,
}


def part_of(ancestry: Iterable[str]) -> Part:
    """The part that an element belongs to, by its name and its ancestors' names, innermost first.

    The first name that says something decides; if none does, it is the source's.
    """
    for name in ancestry:
        for prefix, part in _PARTS.items():
            if name.startswith(prefix):
                return part
    return Part.SOURCE


def classify_error(failure: Failure) -> Classification:
    """What ``failure`` means. One that no table knows is of low priority and is retried."""
    found = _look_up(failure)
    if failure.part in (Part.SOURCE, Part.FILE) or _is_everybodys(failure.detail):
        return found
    # Without audio or a picture on the screen nothing is missing from the footage.
    return replace(found, action=Action.DEGRADE, restart=Restart.PARTIAL, cause=None)


def classify_fault(fault: StorageFault | str) -> Classification:
    """What a volume's fault means to a writer."""
    try:
        known = StorageFault(fault)
    except ValueError:
        known = StorageFault.OTHER
    return replace(FAULTS[known], cause=cause_of_fault(known))


def _is_everybodys(detail: ErrorDetail) -> bool:
    """The whole process ran out of something, whoever noticed it."""
    return detail.errno in EXHAUSTED or (domain_name(detail.domain), detail.code) in _PROCESS_WIDE


def _look_up(failure: Failure) -> Classification:
    detail = failure.detail
    found: Classification | None
    if detail.errno in EXHAUSTED:
        # Whoever noticed it: the whole process is short of it.
        found = ERRNO[detail.errno]
    elif failure.part is Part.FILE:
        found = _by_errno(detail.errno) or _by_gst(detail, file=True)
    elif failure.kind is not None:
        found = KINDS[failure.kind]
    else:
        found = _by_rtsp(detail.rtsp_status) or _by_gst(detail, file=False)
    return found or DEFAULT


def _by_errno(number: int | None) -> Classification | None:
    if not number:
        return None
    return ERRNO.get(number) or classify_fault(fault_of_errno(number))


def _by_rtsp(status: int | None) -> Classification | None:
    if status is None or status < 300:
        return None
    return RTSP.get(status) or RTSP_CLASSES.get(status // 100)


def _by_gst(detail: ErrorDetail, *, file: bool) -> Classification | None:
    if detail.code is None:
        return None
    key = (domain_name(detail.domain), detail.code)
    row = (GST_FILE.get(key) if file else None) or GST.get(key)
    if row is None:
        return None
    # A cause that speaks of the camera is never that of a file.
    if file and key not in GST_FILE and row.cause is not None:
        return replace(row.classification, restart=Restart.FAILOVER, cause=Cause.STORAGE_IO_ERROR)
    return row.classification
