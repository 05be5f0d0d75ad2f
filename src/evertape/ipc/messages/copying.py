"""Keeper and disk: reading a file in pieces, copying it to another volume, and the mirror of the journal."""

from __future__ import annotations

from evertape.ipc.messages.base import Message


class ReadSegment(Message, frozen=True, kw_only=True, omit_defaults=True):
    """Keeper to disk: a piece of a file (M1, M2); answered by ``SegmentPiece``."""

    request: int
    segment: str
    path: str = ""
    """Empty: of the unfinished copy of ``segment``."""
    offset: int
    size: int
    fresh: bool = False
    """From the disk, not from what the system remembers having written."""


class SegmentPiece(Message, frozen=True, kw_only=True, omit_defaults=True):
    """Disk to keeper: the piece is the payload; an empty one means that the file ends before it."""

    request: int
    total: int
    """Bytes of the file."""
    sync_ms: float = 0.0
    """How long recording's syncs take on this volume lately; 0 while nothing is recorded."""


class BeginCopy(Message, frozen=True, kw_only=True, omit_defaults=True):
    """Keeper to disk: remove unfinished copies, begin one of ``segment``, which is to be called ``path``.

    ``JobDone.text``: the path at which it lies already, if it does; then none is begun. Refused without room for it.
    """

    request: int
    segment: str = ""
    """Empty: only clear up."""
    path: str = ""
    bytes: int = 0


class AppendCopy(Message, frozen=True, kw_only=True, omit_defaults=True):
    """Keeper to disk: the payload goes on the copy (M1); answered by ``CopyTaken``. ``sync``: and sync it."""

    request: int
    segment: str
    offset: int
    sync: bool = False


class CopyTaken(Message, frozen=True, kw_only=True, omit_defaults=True):
    """Disk to keeper: the piece was written. ``sync_ms`` as in ``SegmentPiece``."""

    request: int
    sync_ms: float = 0.0


class PlaceCopy(Message, frozen=True, kw_only=True, omit_defaults=True):
    """Keeper to disk: the copy is whole, give it its name (M3). ``JobDone.text``: the path it got."""

    request: int
    segment: str
    path: str


class MirrorQuery(Message, frozen=True, kw_only=True, omit_defaults=True):
    """Keeper to disk: how much of the journal does the volume's mirror hold?"""

    request: int


class MirrorState(Message, frozen=True, kw_only=True, omit_defaults=True):
    """Disk to keeper: bytes per journal file in the mirror."""

    request: int
    files: dict[str, int]


class MirrorAppend(Message, frozen=True, kw_only=True, omit_defaults=True):
    """Keeper to disk: the payload belongs at ``offset`` of ``file`` in the mirror."""

    request: int
    file: str
    offset: int
