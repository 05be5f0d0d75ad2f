"""Recorder and disk: writing footage."""

from __future__ import annotations

from evertape.ipc.events import Supersedes
from evertape.ipc.messages.base import Message


class OpenSegment(Message, frozen=True, kw_only=True, omit_defaults=True):
    """Recorder to disk: check the volume, create the file, write the payload (``ftyp`` + ``moov`` + metadata).

    Appends may follow at once; if opening fails they are dropped and ``WriterFailed`` comes back.
    """

    writer: int
    """Chosen by the recorder, unique per connection."""
    camera: str
    stream: str = "main"
    segment: str
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
    audio_rate: int = 0
    file_time: str = "utc"
    supersedes: tuple[Supersedes, ...] = ()


class Append(Message, frozen=True, kw_only=True, omit_defaults=True):
    """Recorder to disk: one whole fragment as payload, and what is in it."""

    writer: int
    index: int
    """Counts from 0 within the segment."""
    key: bool
    first_video: int | None = None
    last_video: int | None = None
    first_audio: int | None = None
    last_audio: int | None = None
    start_utc: int
    end_utc: int
    utc_source: str
    utc_error: int
    dts_start: int
    """Nanoseconds on the segment's media time line (0 = its first video unit) of the first video unit, or unit."""
    dts_end: int
    """The same for the end of the last video unit, or of the last unit."""


class CloseSegment(Message, frozen=True, kw_only=True, omit_defaults=True):
    """Recorder to disk: append the index, sync, close. ``start_utc`` is the best estimate by now."""

    writer: int
    reason: str
    start_utc: int
    end_utc: int
    utc_source: str
    utc_error: int
    superseded: bool = False
    """What has not been written yet need not be: it is written elsewhere."""


class SegmentIsOpen(Message, frozen=True, kw_only=True, omit_defaults=True):
    """Disk to recorder."""

    writer: int
    path: str


class Durable(Message, frozen=True, kw_only=True, omit_defaults=True):
    """Disk to recorder: the first ``fragments`` fragments survive a power cut from now on."""

    writer: int
    fragments: int
    bytes: int


class SegmentIsClosed(Message, frozen=True, kw_only=True, omit_defaults=True):
    """Disk to recorder: index written, everything synced; implies ``Durable`` of all fragments."""

    writer: int
    path: str
    fragments: int
    bytes: int


class DiskBusy(Message, frozen=True, kw_only=True, omit_defaults=True):
    """Disk to recorder, once a second while calls take long: some came back meanwhile, or the device writes."""


class WriterFailed(Message, frozen=True, kw_only=True, omit_defaults=True):
    """Disk to recorder: this writer is over; nothing beyond the last ``Durable`` is promised."""

    writer: int
    fault: str
    """``full, denied, read_only, missing, not_mounted, wrong_volume, io_error, hung, other``."""
    errno: int = 0
    step: str = ""
    """The durability step that failed, as numbered in ``docs/design/durability.md``."""
    path: str = ""
    text: str = ""
