"""The one typed event stream: what the journal holds and ledger, status and page read.

An event is a fact that has happened. It is written once, never changed, and applying it
twice does nothing the second time (``Event.id`` is unique). Unknown fields are ignored on
reading, so that an older program can read a newer journal; a field is never given another
meaning, a new one gets a default.
"""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Iterator
from typing import Annotated, Any

import msgspec

from evertape.clock import Clock


class Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag=True, omit_defaults=True):
    """What all events have.

    Args:
        id: ``{source uuid}-{counter}``, unique for ever.
        at: UTC in nanoseconds at which it happened.
        boot: the boot-time clock at that moment, in nanoseconds.
        source: the process that says so, such as ``recorder-0`` or ``disk-usb1``.
        service: the run of the service it belongs to (a UUID per start of the supervisor).
    """

    id: str
    at: int
    boot: int
    source: str
    service: str = ""


class ServiceStarted(Event, frozen=True, kw_only=True, tag="service_started", omit_defaults=True):
    """The supervisor came up; footage of the time since the last durable unit is ``host_down`` or ``process_crash``."""

    version: str
    host_boot: str = ""
    """The kernel's boot id, to tell a restarted service from a restarted machine."""


class ServiceStopped(Event, frozen=True, kw_only=True, tag="service_stopped", omit_defaults=True):
    """The supervisor went down on purpose, all files finished."""

    reason: str = ""


class ProcessStarted(Event, frozen=True, kw_only=True, tag="process_started", omit_defaults=True):
    """A child process was started or replaced; ``generation`` counts from 0."""

    process: str
    pid: int
    generation: int


class ProcessDied(Event, frozen=True, kw_only=True, tag="process_died", omit_defaults=True):
    """A child process ended though nobody had asked it to, or was ended because it hung."""

    process: str
    pid: int
    how: str
    """``exit N``, ``signal N``, ``hung``, ``out of memory``; further words in brackets."""


class CameraStateChanged(Event, frozen=True, kw_only=True, tag="camera_state", omit_defaults=True):
    """A camera's stream went from one state to another, with the reason."""

    camera: str
    stream: str = "main"
    old: str
    state: str
    reason: str = ""
    attempt: int = 0
    retry_in_s: float | None = None
    detail: dict[str, Any] = msgspec.field(default_factory=dict)
    """``element, domain, code, errno, rtsp_status, debug`` of the error, ``priority``, ``action``, as far as known."""


class RecordingStateChanged(Event, frozen=True, kw_only=True, tag="recording_state", omit_defaults=True):
    """``recording``, ``waiting`` (wished for, not possible now, the reason says why) or ``stopped``."""

    camera: str
    old: str
    state: str
    reason: str = ""
    volume: str = ""


class RecordWish(Event, frozen=True, kw_only=True, tag="record_wish", omit_defaults=True):
    """A person or a schedule wants a camera recorded, or no longer."""

    camera: str
    wanted: bool
    by: str


class VolumeStateChanged(Event, frozen=True, kw_only=True, tag="volume_state", omit_defaults=True):
    """A volume went from one state to another."""

    volume: str
    volume_id: str = ""
    old: str
    state: str
    reason: str = ""
    layer: str = ""
    """What noticed it: ``kernel, probe, precheck, errno, deadline``."""
    free: int = 0
    total: int = 0


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


class ProtectionAdded(Event, frozen=True, kw_only=True, tag="protection_added", omit_defaults=True):
    """A person keeps a camera's footage of ``[start_utc, end_utc)`` from being deleted."""

    protection: str
    camera: str
    start_utc: int
    end_utc: int
    who: str = ""
    why: str = ""


class ProtectionRemoved(Event, frozen=True, kw_only=True, tag="protection_removed", omit_defaults=True):
    """A protection is over; what it kept is subject to the rules again."""

    protection: str
    camera: str
    who: str = ""


class RetentionPass(Event, frozen=True, kw_only=True, tag="retention_pass", omit_defaults=True):
    """A volume was gone through for what is too old, over a quota or in the way. Each deletion has its own record."""

    volume: str
    volume_id: str
    why: str
    """``interval``; ``low``, ``full``: its space ran out; ``person``: somebody asked for it."""
    files: int = 0
    bytes: int = 0
    failed: int = 0
    """Files that could not be deleted; they are tried again in the next pass."""
    protected: int = 0
    """Files that would have gone, were they not protected."""
    young: int = 0
    """The same for ``min_age``."""
    missing_bytes: int = 0
    """What is still to be freed, and cannot be."""
    free_before: int = 0
    free_after: int = 0
    took: int = 0
    """Nanoseconds."""
    indexed: bool = True
    """False: the index could not be asked; the order of the folders decided."""


class GapOpened(Event, frozen=True, kw_only=True, tag="gap_opened", omit_defaults=True):
    """From ``start_utc`` on there is no footage of a camera that should record; opened the moment it begins."""

    gap: str
    camera: str
    cause: str
    start_utc: int
    evidence: str = ""


class GapClosed(Event, frozen=True, kw_only=True, tag="gap_closed", omit_defaults=True):
    """Footage is back from ``end_utc`` on; repeats what ``GapOpened`` said."""

    gap: str
    camera: str
    cause: str
    start_utc: int
    end_utc: int
    frames_lost: int | None = None
    done: str = ""


class WriterReplaced(Event, frozen=True, kw_only=True, tag="writer_replaced", omit_defaults=True):
    """A camera's writer was replaced while its capture and its viewers went on, and the new one was accepted."""

    camera: str
    why: str
    """``restart-writer, split, move``: asked for; ``home``: a better volume is back; else the fault."""
    old_volume: str = ""
    volume: str
    segment: str
    """The one that was begun."""
    took: int
    """Nanoseconds from the request, or from the news of the fault, until the new file existed on the disk."""


class Alert(Event, frozen=True, kw_only=True, tag="alert", omit_defaults=True):
    """Something that a person should hear of began, or is over; both carry the same ``alert``."""

    alert: str
    """Names this one occurrence."""
    kind: str
    """``recording_retry``: no volume takes a camera's footage, for as many attempts as ``storage.retry_max`` says;
    ``recording_behind``: footage waits in memory, half of which it fills; ``volume_slow``: a disk does not keep up;
    ``volume_full``: a volume is full, and nothing on it may be deleted;
    ``footage_damaged``: a file is not as it was written."""
    state: str
    """``raised`` or ``ended``."""
    camera: str = ""
    volume: str = ""
    text: str = ""
    detail: dict[str, Any] = msgspec.field(default_factory=dict)


class ClockStepped(Event, frozen=True, kw_only=True, tag="clock_stepped", omit_defaults=True):
    """The host's or a camera's wall clock moved against the monotonic one by ``offset`` nanoseconds."""

    camera: str = ""
    offset: int
    untold: bool = False
    """Until then the kernel had not been told the time by a time server, as far as the process saw."""


class ClockCorrected(Event, frozen=True, kw_only=True, tag="clock_corrected", omit_defaults=True):
    """The host's clock had been wrong: what these runs put into ``[from_utc, to_utc)`` belongs ``offset`` ns later.

    That is footage and ledger in the index. Files keep what they say of themselves.
    """

    services: tuple[str, ...]
    from_utc: int
    to_utc: int
    offset: int
    why: str = ""


class ConfigApplied(Event, frozen=True, kw_only=True, tag="config_applied", omit_defaults=True):
    """A configuration came into force; ``changed`` names keys, never values."""

    changed: tuple[str, ...] = ()


class ConfigRefused(Event, frozen=True, kw_only=True, tag="config_refused", omit_defaults=True):
    """A changed configuration has errors; the old one stays in force."""

    problems: tuple[str, ...] = ()


class Notice(Event, frozen=True, kw_only=True, tag="notice", omit_defaults=True):
    """Something worth remembering that changes no state."""

    camera: str = ""
    volume: str = ""
    text: str
    detail: dict[str, Any] = msgspec.field(default_factory=dict)


AnyEvent = Annotated[
    ServiceStarted
    | ServiceStopped
    | ProcessStarted
    | ProcessDied
    | CameraStateChanged
    | RecordingStateChanged
    | RecordWish
    | VolumeStateChanged
    | SegmentOpened
    | SegmentClosed
    | SegmentCut
    | SegmentMissing
    | SegmentDeleted
    | SegmentMoved
    | SegmentChecked
    | SegmentDamaged
    | SegmentClock
    | ProtectionAdded
    | ProtectionRemoved
    | RetentionPass
    | GapOpened
    | GapClosed
    | WriterReplaced
    | Alert
    | ClockStepped
    | ClockCorrected
    | ConfigApplied
    | ConfigRefused
    | Notice,
    msgspec.Meta(description="any event of the journal"),
]

EVENT_TYPES: tuple[type[Event], ...] = (
    ServiceStarted, ServiceStopped, ProcessStarted, ProcessDied, CameraStateChanged, RecordingStateChanged, RecordWish,
    VolumeStateChanged, SegmentOpened, SegmentClosed, SegmentCut, SegmentMissing, SegmentDeleted, SegmentMoved,
    SegmentChecked, SegmentDamaged, SegmentClock, ProtectionAdded, ProtectionRemoved, RetentionPass, GapOpened,
    GapClosed, WriterReplaced, Alert, ClockStepped, ClockCorrected, ConfigApplied, ConfigRefused, Notice,
)  # fmt: skip


class EventStamp:
    """Gives events of one process their identity and time. Not thread-safe: the owner's thread only."""

    def __init__(self, source: str, service: str, clock: Clock) -> None:
        self.source = source
        self.service = service
        self._clock = clock
        self._prefix = uuid.uuid4().hex[:12]
        self._count: Iterator[int] = itertools.count()

    def __call__(self) -> dict[str, Any]:
        """The common fields of the next event: ``SegmentOpened(**stamp(), segment=…)``."""
        return {
            "id": f"{self._prefix}-{next(self._count)}",
            "at": int(self._clock.utc_ns()),
            "boot": int(self._clock.boot_ns()),
            "source": self.source,
            "service": self.service,
        }
