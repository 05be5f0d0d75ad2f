"""Keeper and disk: the care of files that are there."""

from __future__ import annotations

import msgspec

from evertape.ipc.events import DamagedSpan
from evertape.ipc.messages.base import Message


class RecoverSegment(Message, frozen=True, kw_only=True, omit_defaults=True):
    """Keeper to disk: this file was open when its writer went; close it at its last whole fragment.

    The disk process answers ``JobDone`` and puts ``SegmentClosed`` (``recovered``) or ``SegmentMissing``
    into the journal. Refused for a file that a living writer has open.
    """

    request: int
    segment: str
    path: str


class ListSegments(Message, frozen=True, kw_only=True, omit_defaults=True):
    """Keeper to disk: describe the files of these day folders (``YYYYMMDD``; empty: all), in parts."""

    request: int
    days: tuple[str, ...] = ()


class ListOldest(Message, frozen=True, kw_only=True, omit_defaults=True):
    """Keeper to disk: about ``most`` files, by the order of the day folders, the oldest first; ``SegmentList`` answers.

    Only folders' names are looked at, and the files of as many days as it takes.
    """

    request: int
    most: int


class FoundFile(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One file on a volume."""

    path: str
    bytes: int
    open: bool = False
    """A living writer has it."""


class SegmentList(Message, frozen=True, kw_only=True, omit_defaults=True):
    """Disk to keeper; ``last`` marks the final part."""

    request: int
    files: tuple[FoundFile, ...]
    last: bool = False


class AdoptSegment(Message, frozen=True, kw_only=True, omit_defaults=True):
    """Keeper to disk: a file nobody knows; scan it, close it if need be, journal ``SegmentClosed`` (``adopted``)."""

    request: int
    path: str


class CutSegment(Message, frozen=True, kw_only=True, omit_defaults=True):
    """Keeper to disk: cut a superseded tail off; journals ``SegmentCut``."""

    request: int
    segment: str
    path: str
    from_seq: int
    by: str


class DeleteSegment(Message, frozen=True, kw_only=True, omit_defaults=True):
    """Keeper to disk: remove a file; journals ``SegmentDeleted``."""

    request: int
    segment: str
    """Empty: whatever segment lies there, by its own header."""
    camera: str
    path: str
    reason: str


class FindSegment(Message, frozen=True, kw_only=True, omit_defaults=True):
    """Keeper to disk: which segment lies at ``path``, by its own header? ``JobDone.text`` says; empty: none."""

    request: int
    path: str


class ExamineSegment(Message, frozen=True, kw_only=True, omit_defaults=True):
    """Keeper to disk: which fragments of a finished file cannot be read? Answered by ``SegmentExamined``."""

    request: int
    segment: str
    path: str
    payload: bool = False
    """Read every byte, and hold it against the hashes in the file's own table, where there are any."""


class FindGroup(Message, frozen=True, kw_only=True, omit_defaults=True):
    """Keeper to disk: where does the group of pictures lie that holds this video unit? Answered by ``GroupFound``."""

    request: int
    segment: str
    path: str
    unit: int


class GroupFound(Message, frozen=True, kw_only=True, omit_defaults=True):
    """Disk to keeper: the first ``head`` bytes and ``size`` bytes from ``offset`` on are a small file of it.

    ``size`` is 0 if there is none. Times are by the file's own clock, UTC ns.
    """

    request: int
    head: int = 0
    offset: int = 0
    size: int = 0
    first_video: int = 0
    last_video: int = 0
    start_utc: int = 0
    end_utc: int = 0
    file_start_utc: int = 0
    """Of the file."""


class SegmentExamined(Message, frozen=True, kw_only=True, omit_defaults=True):
    """Disk to keeper. Times are by the file's own clock, UTC ns."""

    request: int
    problem: str
    """In words; empty: none."""
    lost: tuple[DamagedSpan, ...] = ()
    start_utc: int
    """Of the file; 0 if its header is damaged."""
    end_utc: int
    """Of the last fragment that can be read; 0: of none."""
    last_video: int
    compared: bool = False
    """The bytes of every fragment that is not lost are those that were written."""


class JobDone(Message, frozen=True, kw_only=True, omit_defaults=True):
    """Disk to keeper: the request's outcome."""

    request: int
    ok: bool
    errno: int = 0
    text: str = ""
