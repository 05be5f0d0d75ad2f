"""Fragmented MP4 for browsers (Media Source Extensions): one fragment per picture, nothing of ours in it. Pure.

Source: ISO BMFF Byte Stream Format, W3C, and ISO/IEC 14496-12. Times on the wire start at 0 and never run backwards,
whatever capture sessions come one after the other.
"""

from __future__ import annotations

import struct

from evertape.mp4.boxes import box, full_box
from evertape.mp4.codecs import codec_strings
from evertape.mp4.entries import audio_entry, video_entry
from evertape.mp4.model import VIDEO_TIMESCALE
from evertape.mp4.movie import DIFFERENCE_SAMPLE, SYNC_SAMPLE, empty_table, movie_header, track_box
from evertape.types import NS_PER_S, StreamCaps, Track

_TRAF = struct.Struct(">I4sI4sIIIIII4sIQI4sIIiIi")
_MOOF_HEAD = struct.Struct(">I4sI4sII")
_MDAT = struct.Struct(">I4s")
# tfhd: default-base-is-moof, default duration, size and flags of the one sample; trun: data offset, size, time offset.
_TFHD_FLAGS = 0x02_0000 | 0x8 | 0x10 | 0x20
_TRUN_FLAGS = 1 << 24 | 0x1 | 0x200 | 0x800
_TRAF_SIZE = _TRAF.size
_MOOF_SIZE = _MOOF_HEAD.size + _TRAF_SIZE
_LONGEST = 0x7FFF_FFFF


class LiveMuxer:
    """Muxes one stream of one format.

    Args:
        caps: the format.
    """

    def __init__(self, caps: StreamCaps) -> None:
        self.caps = caps
        self._rates = (VIDEO_TIMESCALE, caps.audio.rate if caps.audio is not None else 0)
        self._count = 0
        self._step = [VIDEO_TIMESCALE // 25, 1024]
        self._last = [-1, -1]

    @property
    def mime(self) -> str:
        """As ``MediaSource.isTypeSupported`` takes it."""
        return f'video/mp4; codecs="{",".join(codec_strings(self.caps))}"'

    def init(self) -> bytes:
        """The initialisation segment."""
        video, audio = self.caps.video, self.caps.audio
        tracks = [track_box(1, 0, 0, video, empty_table(video_entry(video)))]
        extends = [full_box(b"trex", 0, 0, struct.pack(">IIIII", 1, 1, 0, 0, DIFFERENCE_SAMPLE))]
        if audio is not None:
            tracks.append(track_box(2, 0, 0, audio, empty_table(audio_entry(audio))))
            extends.append(full_box(b"trex", 0, 0, struct.pack(">IIIII", 2, 1, 0, 0, SYNC_SAMPLE)))
        brands = box(b"ftyp", b"iso6", struct.pack(">I", 0), b"iso6iso5isom")
        return brands + box(b"moov", movie_header(0, 0, 3), *tracks, box(b"mvex", *extends))

    def fragment(self, track: Track, dts_ns: int, pts_ns: int, key: bool, data: bytes | memoryview) -> bytes:
        """One picture or audio frame.

        Args:
            track: video or audio.
            dts_ns: nanoseconds since the viewer's time 0; what runs backwards is lifted by a tick.
            pts_ns: likewise.
            key: a decoder can start here.
            data: as an MP4 sample holds it.
        """
        rate = self._rates[track]
        start = max(self._last[track] + 1, (dts_ns * rate + NS_PER_S // 2) // NS_PER_S)
        shift = (pts_ns * rate + NS_PER_S // 2) // NS_PER_S - start
        if self._last[track] >= 0:
            # How long this one is shown, only the next one tells; pictures come evenly.
            self._step[track] = min(max(1, start - self._last[track]), rate)
        self._last[track] = start
        self._count += 1
        flags = SYNC_SAMPLE if key or track is Track.AUDIO else DIFFERENCE_SAMPLE
        size = len(data)
        head = _MOOF_HEAD.pack(_MOOF_SIZE, b"moof", 16, b"mfhd", 0, self._count & 0xFFFF_FFFF)
        traf = _TRAF.pack(
            _TRAF_SIZE, b"traf",
            28, b"tfhd", _TFHD_FLAGS, track + 1, self._step[track], size, flags,
            20, b"tfdt", 1 << 24, start,
            28, b"trun", _TRUN_FLAGS, 1, _MOOF_SIZE + _MDAT.size, size, max(-_LONGEST, min(shift, _LONGEST)),
        )  # fmt: skip
        return b"".join((head, traf, _MDAT.pack(_MDAT.size + size, b"mdat"), data))
