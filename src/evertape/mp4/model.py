"""What a segment says about itself: the header of the file and the facts of each fragment.

Both are written into ``uuid`` boxes (layout: docs/reference/file-format.md), so that a file
explains itself on a machine that knows neither our index nor our configuration.
"""

from __future__ import annotations

import json
import struct
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID

from evertape.errors import ProtocolError
from evertape.types import CameraId, Epoch, SegmentId, Stream, Track, UtcSource

# Chosen at random once; they are part of the format and never change.
HEADER_UUID = UUID("6e0f3c1a-9b1d-4f6e-8a57-65766e740001").bytes
FRAGMENT_UUID = UUID("6e0f3c1a-9b1d-4f6e-8a57-65766e740002").bytes
INDEX_UUID = UUID("6e0f3c1a-9b1d-4f6e-8a57-65766e740003").bytes

FORMAT_VERSION = 1
VIDEO_TIMESCALE = 90_000
"""Ticks per second of the video track: RTP's own clock for video (RFC 6184, RFC 7798)."""

_NONE = 0xFFFF_FFFF_FFFF_FFFF


class NotASegmentError(ProtocolError):
    """The file is not an Evertape segment, or its header is too damaged to say whose it is."""


class HeaderCutError(NotASegmentError):
    """The file ends before its header does, so it holds no footage; it may be deleted."""


class SeqRange(NamedTuple):
    """Sequence numbers of one track, both ends included, without holes."""

    first: int
    last: int

    @property
    def units(self) -> int:
        """How many units that is."""
        return self.last - self.first + 1


@dataclass(frozen=True, slots=True)
class Supersedes:
    """This segment replaces ``segment_id`` from the video unit ``from_video_seq`` on (same epoch)."""

    segment_id: SegmentId
    from_video_seq: int


@dataclass(frozen=True, slots=True)
class SegmentHeader:
    """The metadata of one file, written once at its start.

    Args:
        segment_id: this file, 32 hexadecimal digits.
        camera_id: as configured.
        camera_name: as shown to people.
        stream: which stream of the camera.
        epoch: the capture session all units belong to.
        caps_id: ``StreamCaps.id`` of what the file holds.
        first_video_seq: seq of the first video unit; it is a key unit.
        first_audio_seq: seq of the first audio unit if known when the file was opened.
        base_dts_ns: the epoch's media time that is 0 in the file: the first video unit's DTS.
        start_utc_ns: UTC at which the first video unit is presented.
        start_utc_source: where that comes from.
        start_utc_error_ns: its estimated error, one sided.
        start_boot_ns: boot-time clock when the first video unit arrived.
        generation: counts the writers of this epoch; of two files that hold the same unit
            and do not name each other, the higher one is right.
        supersedes: what this file replaces.
        writer: name and version of the program.
        installation_id: which installation wrote it, or empty.
    """

    segment_id: SegmentId
    camera_id: CameraId
    camera_name: str
    epoch: Epoch
    caps_id: int
    first_video_seq: int
    base_dts_ns: int
    start_utc_ns: int
    start_utc_source: UtcSource
    start_utc_error_ns: int
    start_boot_ns: int
    stream: Stream = Stream.MAIN
    first_audio_seq: int | None = None
    generation: int = 0
    supersedes: tuple[Supersedes, ...] = ()
    writer: str = "evertape"
    installation_id: str = ""

    def to_bytes(self) -> bytes:
        """The JSON text of the ``uuid`` box, with a readable start time for people."""
        doc: dict[str, Any] = {"format": "evertape-segment", "version": FORMAT_VERSION}
        doc.update(asdict(self))
        doc["start"] = iso_utc(self.start_utc_ns)
        return json.dumps(doc, ensure_ascii=False, separators=(",", ":")).encode()

    @classmethod
    def from_bytes(cls, data: bytes | memoryview) -> SegmentHeader:
        """Parse ``to_bytes``; fields that a later version added are ignored.

        Raises:
            NotASegmentError: a field is missing or has the wrong type.
        """
        try:
            doc = json.loads(bytes(data).decode())
            known = {f.name: doc[f.name] for f in fields(cls) if f.name in doc}
            known["stream"] = Stream(known["stream"])
            known["start_utc_source"] = UtcSource(known["start_utc_source"])
            known["supersedes"] = tuple(
                Supersedes(SegmentId(s["segment_id"]), _integer(s["from_video_seq"])) for s in doc["supersedes"]
            )
            for name in _INTEGERS:
                _integer(known[name])
            for name in ("segment_id", "camera_id", "camera_name", "epoch", "writer", "installation_id"):
                if not isinstance(known[name], str):
                    raise TypeError(name)
            if known["first_audio_seq"] is not None:
                _integer(known["first_audio_seq"])
            return cls(**known)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise NotASegmentError(f"the segment's metadata cannot be read ({error!r})") from error


_INTEGERS = (
    "caps_id",
    "first_video_seq",
    "base_dts_ns",
    "start_utc_ns",
    "start_utc_error_ns",
    "start_boot_ns",
    "generation",
)


def _integer(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{value!r} is not an integer")
    return value


def iso_utc(utc_ns: int) -> str:
    """``utc_ns`` as ISO 8601 with microseconds, for people; empty if out of range."""
    try:
        return datetime.fromtimestamp(utc_ns // 1_000_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%S.") + (
            f"{utc_ns % 1_000_000_000 // 1000:06d}Z"
        )
    except (ValueError, OverflowError, OSError):
        return ""


# flags, UTC source, two spare bytes, index, video first/last, audio first/last, UTC, error, PTS, DTS from/to,
# audio's first DTS, bytes
_FRAGMENT = struct.Struct(">BBxxIQQQQqQqqqqQ")
_KEY = 1
_SOURCES = (UtcSource.RTCP, UtcSource.ARRIVAL)


@dataclass(frozen=True, slots=True)
class FragmentInfo:
    """One fragment, as its ``uuid`` box and the file's own index tell it.

    Args:
        index: counts from 0 within the segment.
        video: the video units inside, or ``None``.
        audio: the audio units inside, or ``None``.
        start_utc_ns: UTC at which the fragment's first unit (video before audio) is presented.
        utc_source: where that comes from.
        utc_error_ns: its estimated error, one sided.
        start_pts_ns: PTS of that same unit on the epoch's media time line.
        dts_start_ns: DTS of that unit (``MediaNs``).
        dts_end_ns: DTS of the same track's next unit, as far as it was known (``MediaNs``).
        key: the first video unit is a key unit, so a decoder can start here.
        offset: bytes from the start of the file.
        size: bytes, all boxes of the fragment included.
        moof_offset: bytes from the start of the file to the ``moof`` box.
        audio_dts_ns: DTS of the first audio unit (``MediaNs``), exact also where the file's own time
            line had to start later; ``None`` without audio.
        check: hash of the fragment's bytes (``digest.fragment_check``), empty if it is not known: it stands only in
            the table of a closed file.
    """

    index: int
    video: SeqRange | None
    audio: SeqRange | None
    start_utc_ns: int
    utc_source: UtcSource
    utc_error_ns: int
    start_pts_ns: int
    dts_start_ns: int
    dts_end_ns: int
    key: bool
    offset: int
    size: int
    moof_offset: int
    audio_dts_ns: int | None = None
    check: bytes = field(default=b"", compare=False)

    @property
    def end(self) -> int:
        """Bytes from the start of the file to the end of the fragment."""
        return self.offset + self.size

    def seqs(self, track: Track) -> SeqRange | None:
        """The range of ``track``."""
        return self.video if track is Track.VIDEO else self.audio

    def pack(self) -> bytes:
        """The fixed-size body of the fragment's ``uuid`` box; the offsets are not in it."""
        return pack_fragment(
            self.index,
            self.video,
            self.audio,
            self.start_utc_ns,
            self.utc_source,
            self.utc_error_ns,
            self.start_pts_ns,
            self.dts_start_ns,
            self.dts_end_ns,
            self.audio_dts_ns,
            self.key,
            self.size,
        )

    @classmethod
    def unpack(
        cls, data: bytes | memoryview, offset: int, moof_offset: int, at: int = 0, check: bytes = b""
    ) -> FragmentInfo:
        """The reverse of ``pack`` at byte ``at``; later versions may append fields, which are ignored.

        Raises:
            NotASegmentError: the values make no sense.
        """
        try:
            flags, source, index, v0, v1, a0, a1, utc, error, pts, dts, dts_end, audio_dts, size = (
                _FRAGMENT.unpack_from(data, at)
            )
            video, audio = _seq_range(v0, v1), _seq_range(a0, a1)
            return cls(
                index, video, audio, utc, _SOURCES[source], error, pts, dts, dts_end, bool(flags & _KEY),
                offset, size, moof_offset, audio_dts if audio is not None else None, check,
            )  # fmt: skip
        except (struct.error, IndexError, ValueError) as problem:
            raise NotASegmentError(f"the fragment at byte {offset} has unreadable metadata ({problem})") from problem


FRAGMENT_BODY = _FRAGMENT.size


def pack_fragment(
    index: int,
    video: SeqRange | None,
    audio: SeqRange | None,
    start_utc_ns: int,
    utc_source: UtcSource,
    utc_error_ns: int,
    start_pts_ns: int,
    dts_start_ns: int,
    dts_end_ns: int,
    audio_dts_ns: int | None,
    key: bool,
    size: int,
) -> bytes:
    """``FragmentInfo.pack`` before there is a ``FragmentInfo``; see its fields."""
    v0, v1 = video or (_NONE, _NONE)
    a0, a1 = audio or (_NONE, _NONE)
    return _FRAGMENT.pack(
        _KEY if key else 0, 0 if utc_source is UtcSource.RTCP else 1, index, v0, v1, a0, a1,
        start_utc_ns, utc_error_ns, start_pts_ns, dts_start_ns, dts_end_ns,
        audio_dts_ns or 0, size,
    )  # fmt: skip


def _seq_range(first: int, last: int) -> SeqRange | None:
    if first == _NONE and last == _NONE:
        return None
    # 2**24 units are days of footage; more in one fragment is damage, and would cost memory to list.
    if not 0 <= last - first < 1 << 24:
        raise ValueError(f"sequence numbers {first} to {last}")
    return SeqRange(first, last)
