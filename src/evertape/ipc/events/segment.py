"""What happens to a file of footage."""

from __future__ import annotations

import msgspec

from evertape.ipc.events.base import Event


class Supersedes(msgspec.Struct, frozen=True, kw_only=True):
    """From video unit ``from_seq`` on, this segment holds what ``segment`` may hold as well; this one counts."""

    segment: str
    from_seq: int


class SegmentOpened(Event, frozen=True, kw_only=True, tag="segment_opened", omit_defaults=True):
    """A file was created and its directory entry synced."""

    segment: str
    camera: str
    stream: str = "main"
    volume: str
    """The volume's id (UUID), not its name."""
    path: str
    """Relative to the volume, with forward slashes."""
    epoch: str
    generation: int
    first_video: int
    first_audio: int | None = None
    start_utc: int
    utc_source: str
    utc_error: int
    codec: str
    width: int
    height: int
    audio: str = ""
    supersedes: tuple[Supersedes, ...] = ()
    spill: bool = False
    """On a volume that takes footage while no primary does."""


class SegmentClosed(Event, frozen=True, kw_only=True, tag="segment_closed", omit_defaults=True):
    """A file got its index and was synced; it will not change any more, unless it is cut (see ``SegmentCut``).

    Repeats what ``SegmentOpened`` said, so that one surviving record is enough.
    """

    segment: str
    camera: str
    stream: str = "main"
    volume: str
    path: str
    epoch: str
    generation: int
    first_video: int
    last_video: int
    first_audio: int | None = None
    last_audio: int | None = None
    start_utc: int
    end_utc: int
    """UTC at which the last unit's picture ends."""
    duration: int
    """Nanoseconds of media time from the first to the end of the last video unit."""
    utc_source: str
    utc_error: int
    codec: str
    width: int
    height: int
    audio: str = ""
    bytes: int
    fragments: int
    reason: str
    """``rotate, stop, shutdown, caps, epoch, failover, home, split, move, evicted, writer_gone, recovered`` or
    ``adopted``."""
    supersedes: tuple[Supersedes, ...] = ()
    hash: str = ""
    """Of all the file's bytes, such as ``blake3:1f…``: computed as they were written, or when the file was recovered or
    adopted, as they were read. Empty if they could not be read, or were written by an older program."""
    spill: bool = False
    """On a volume that takes footage while no primary does."""


class SegmentCut(Event, frozen=True, kw_only=True, tag="segment_cut", omit_defaults=True):
    """A superseded tail was cut off: the file now ends before video unit ``from_seq``."""

    segment: str
    volume: str
    path: str
    from_seq: int
    last_video: int
    last_audio: int | None = None
    end_utc: int
    duration: int
    bytes: int
    fragments: int
    by: str
    """The segment that holds the rest."""
    hash: str = ""
    """Of the bytes that are left."""


class SegmentMissing(Event, frozen=True, kw_only=True, tag="segment_missing", omit_defaults=True):
    """A file that should be there is not, though its volume is."""

    segment: str
    volume: str
    path: str


class SegmentDeleted(Event, frozen=True, kw_only=True, tag="segment_deleted", omit_defaults=True):
    """A file was removed on purpose, and why."""

    segment: str
    camera: str
    volume: str
    path: str
    bytes: int
    reason: str


class SegmentMoved(Event, frozen=True, kw_only=True, tag="segment_moved", omit_defaults=True):
    """A file came home: the same bytes lie on another volume now, synced, and count there; the old file goes next."""

    segment: str
    camera: str
    from_volume: str
    from_path: str
    volume: str
    path: str
    bytes: int
    hash: str
    """Of all bytes, as they were read from the old place and again from the new one."""


class SegmentChecked(Event, frozen=True, kw_only=True, tag="segment_checked", omit_defaults=True):
    """Every byte of a finished file was read, and is as it was written; or its first hash was made on this occasion."""

    segment: str
    volume: str
    hash: str
    """Of all bytes, as they were read."""


class DamagedSpan(msgspec.Struct, frozen=True, kw_only=True):
    """Footage of a segment that cannot be read: ``[start_utc, end_utc)``, and its video units, inclusive."""

    start_utc: int
    end_utc: int
    first_video: int
    last_video: int


class SegmentDamaged(Event, frozen=True, kw_only=True, tag="segment_damaged", omit_defaults=True):
    """A finished file is not as it was written. What of it cannot be read is in the ledger, as ``footage_damaged``."""

    segment: str
    camera: str
    volume: str
    path: str
    problem: str
    hash: str = ""
    """Of all bytes, as they were read; empty if they could not be."""
    spans: tuple[DamagedSpan, ...] = ()
    """What is lost, as far as the file itself tells."""
    located: bool = False
    """That is all, and maybe nothing: the bytes of every other picture are those that were written. False without any
    ``spans``: nobody knows where the damage is."""


class SegmentClock(Event, frozen=True, kw_only=True, tag="segment_clock", omit_defaults=True):
    """Better knowledge of when a segment's first video unit was; replaces start and moves the end with it."""

    segment: str
    start_utc: int
    utc_source: str
    utc_error: int
