"""The words every layer shares: identities, units, codecs, access units.

Standard library only, so that any process may import it at no cost. Durations
are nanoseconds of a monotonic clock, instants are nanoseconds of UTC since the
Unix epoch; a name ending in ``_ns`` says which of the two in its docstring.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import NewType

CameraId = NewType("CameraId", str)
"""The id the configuration gives a camera: ``[a-z0-9][a-z0-9_-]*``, at most 48 characters."""

VolumeId = NewType("VolumeId", str)
"""The UUID in a volume's marker file, 32 hexadecimal digits."""

Epoch = NewType("Epoch", str)
"""One capture session: a UUID, 32 hexadecimal digits. ``seq`` counts from 0 within it, per track."""

SegmentId = NewType("SegmentId", str)
"""One file of footage: a UUID, 32 hexadecimal digits, written into the file itself."""

UtcNs = NewType("UtcNs", int)
"""An instant: nanoseconds of UTC since 1970-01-01."""

BootNs = NewType("BootNs", int)
"""A reading of the boot-time clock (monotonic, counts suspend), in nanoseconds."""

DurationNs = NewType("DurationNs", int)
"""A length of time in nanoseconds; never a difference of two UTC readings."""

MediaNs = NewType("MediaNs", int)
"""A time stamp on an epoch's own media time line, in nanoseconds; the first video unit's DTS is near 0."""

NS_PER_S = 1_000_000_000
NS_PER_MS = 1_000_000


class Stream(StrEnum):
    """Which of a camera's streams; only ``main`` is recorded."""

    MAIN = "main"
    SUB = "sub"


class Track(IntEnum):
    """The kind of access unit; also the MP4 track number minus one."""

    VIDEO = 0
    AUDIO = 1


class Codec(StrEnum):
    """What Evertape stores. G.711 becomes AAC on the way in, because MP4 players expect it."""

    H264 = "h264"
    H265 = "h265"
    AAC = "aac"


class UtcSource(StrEnum):
    """Where an access unit's UTC comes from, best first."""

    RTCP = "rtcp"
    """The camera's RTCP sender reports."""
    ARRIVAL = "arrival"
    """The host's clock when the data arrived, less what the smallest observed delay explains."""


@dataclass(frozen=True, slots=True)
class VideoCaps:
    """What a decoder must know before the first video unit.

    Args:
        codec: ``h264`` or ``h265``.
        config: the body of ``avcC`` (ISO/IEC 14496-15 5.3.3.1) or ``hvcC`` (8.3.3.1).
        width: pixels, after cropping.
        height: pixels, after cropping.
    """

    codec: Codec
    config: bytes
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class AudioCaps:
    """What a decoder must know before the first audio unit.

    Args:
        codec: ``aac``.
        config: the AudioSpecificConfig (ISO/IEC 14496-3 1.6.2.1).
        rate: samples per second.
        channels: 1 or 2, more as the stream says.
    """

    codec: Codec
    config: bytes
    rate: int
    channels: int


@dataclass(frozen=True, slots=True)
class StreamCaps:
    """Everything that must stay the same within one segment; a change starts a new one.

    ``id`` counts from 0 within an epoch and rises by one at each change of either part.
    """

    id: int
    video: VideoCaps
    audio: AudioCaps | None = None


@dataclass(frozen=True, slots=True)
class AccessUnit:
    """One encoded picture, or one audio frame, with its identity and its times.

    ``(camera, stream, epoch, track, seq)`` is the identity; camera and stream are known
    by where the unit is held. Everything else describes it.

    Args:
        epoch: the capture session.
        track: video or audio.
        seq: counts from 0 per track within the epoch, without holes: a unit that the
            network lost before it was assembled never had a number.
        dts_ns: decoding time on the epoch's media time line (``MediaNs``); strictly rising per track.
        pts_ns: presentation time on the same line; ``pts_ns >= dts_ns``.
        arrival_ns: boot-time clock when the unit's last byte was read.
        utc_ns: UTC of presentation, the best estimate at that moment.
        utc_source: where ``utc_ns`` comes from.
        utc_error_ns: its estimated error, one sided.
        key: a decoder can start here (IDR, CRA or BLA for video; always true for audio).
        caps_id: the ``StreamCaps.id`` in force.
        data: the bytes as an MP4 sample holds them: NAL units with 4-byte big-endian
            lengths for video, the raw AAC frame without ADTS for audio.
    """

    epoch: Epoch
    track: Track
    seq: int
    dts_ns: int
    pts_ns: int
    arrival_ns: int
    utc_ns: int
    utc_source: UtcSource
    utc_error_ns: int
    key: bool
    caps_id: int
    data: bytes

    @property
    def size(self) -> int:
        """Bytes of payload."""
        return len(self.data)
