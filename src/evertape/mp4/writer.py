"""Turns access units into fragments of a segment. Bytes out, no file: the disk process has those."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping, Sequence
from operator import gt
from typing import NamedTuple

from evertape.mp4.index import build_index
from evertape.mp4.model import (
    FRAGMENT_BODY,
    FRAGMENT_UUID,
    VIDEO_TIMESCALE,
    FragmentInfo,
    SegmentHeader,
    SeqRange,
    pack_fragment,
)
from evertape.mp4.movie import DIFFERENCE_SAMPLE, SYNC_SAMPLE, init_segment
from evertape.types import NS_PER_S, AccessUnit, StreamCaps, Track

VERSION = 1

PRFT = struct.Struct(">I4sIIQQ")
META = struct.Struct(">I4s16sBxxxI")
"""Head of the fragment's ``uuid`` box: version, three spare bytes, CRC-32 of what follows up to the end of ``moof``."""
PRELUDE = PRFT.size + META.size + FRAGMENT_BODY
"""Bytes before ``moof``, unless it is pushed to the next page."""
PAGE = 4096
"""What a power cut, or a disk that fills, cuts a file at: a page of the kernel, a block of the file system."""

_MOOF = struct.Struct(">I4sI4sII")
# traf; tfhd with default-base-is-moof; tfdt of 64 bits; the head of trun with its data offset
_TRAF = struct.Struct(">I4sI4sIII4sIQI4sIIi")
_TRUN_HEAD = 20
_MDAT = struct.Struct(">I4s")
# "The UTC clock is that of capture" (ISO/IEC 14496-12 8.16.5, flags 24), version 1.
_CAPTURE = 1 << 24 | 24
# Seconds between 1900-01-01, where NTP counts from, and 1970-01-01 (RFC 5905).
_NTP_EPOCH = 2_208_988_800
_HALF = NS_PER_S // 2
# A duration has 32 bits; a picture before a pause of a day may say less, the next fragment's own time is right.
_LONGEST = 0x7FFF_FFFF

OFFSET_PRESENT, FIRST_FLAGS, DURATION, SIZE, FLAGS, CTS = 0x1, 0x4, 0x100, 0x200, 0x400, 0x800


class _Run(NamedTuple):
    """One track's part of a fragment: times in ticks, the rows of its ``trun``, bytes of payload."""

    number: int
    start: int
    first_pts: int
    dts_end_ns: int
    flags: int
    rows: bytes
    samples: int
    length: int


class FragmentWriter:
    """Writes one segment, fragment by fragment. Not thread-safe; lives once and is thrown away.

    Time stamps in the file come from the true DTS of each unit less ``header.base_dts_ns``,
    each rounded on its own, so errors never add up.

    Args:
        header: the segment's metadata.
        caps: what the segment holds.
    """

    def __init__(self, header: SegmentHeader, caps: StreamCaps) -> None:
        self._header = header
        self._base = header.base_dts_ns
        self._init = init_segment(header, caps)
        self._rates = (VIDEO_TIMESCALE, caps.audio.rate if caps.audio is not None else 0)
        self._offset = len(self._init)
        self._count = 0
        # Nanoseconds from a unit to the next, for a track of which no second unit was seen yet.
        self._step = [NS_PER_S // 25, NS_PER_S * 1024 // (self._rates[1] or 48_000)]
        # Decoding times in a file may not be negative nor run backwards (ticks, per track).
        self._floor = [0, 0]

    def init_segment(self) -> bytes:
        """The head of the file; goes first."""
        return self._init

    @property
    def offset(self) -> int:
        """Bytes made so far: where the next fragment will start."""
        return self._offset

    def fragment(
        self, units: Sequence[AccessUnit], next_dts_ns: Mapping[Track, int] | None = None
    ) -> tuple[FragmentInfo, list[bytes]]:
        """Make the next fragment.

        Args:
            units: at least one; each track's in order of seq without holes; tracks may be interleaved
                in any way, and one may be missing.
            next_dts_ns: per track the DTS of the unit that follows, as far as known; otherwise the
                last distance is taken, and the next fragment's own time corrects it.

        Returns:
            What was written, and the buffers to write one after the other: the headers, then each
            unit's own ``data`` (not copied), video first.

        Raises:
            ValueError: no units, a hole in the seq, or audio that the caps do not know.
        """
        if not units:
            raise ValueError("a fragment needs at least one access unit")
        video = [u for u in units if not u.track]
        audio = [u for u in units if u.track] if len(video) != len(units) else []
        if audio and not self._rates[1]:
            raise ValueError("audio units in a segment without an audio track")
        following = next_dts_ns or {}
        runs = [
            self._run(track, run, following.get(track))
            for track, run in ((Track.VIDEO, video), (Track.AUDIO, audio))
            if run
        ]
        moof = self._moof(runs)
        mdat_size = _MDAT.size + sum([run.length for run in runs])
        moof_offset = _place_moof(self._offset + PRELUDE, len(moof))
        size = moof_offset - self._offset + len(moof) + mdat_size
        info = self._info(video, audio, runs[0].dts_end_ns, moof_offset, size)
        head = _prelude(info, runs[0], moof) + moof + _MDAT.pack(mdat_size, b"mdat")
        self._offset += info.size
        self._count += 1
        return info, [head, *[u.data for u in video], *[u.data for u in audio]]

    def index(self, fragments: Sequence[FragmentInfo]) -> bytes:
        """What closes the file; see ``build_index``."""
        return build_index(self._header, fragments)

    def _run(self, track: Track, units: list[AccessUnit], next_dts_ns: int | None) -> _Run:
        base, rate, count = self._base, self._rates[track], len(units)
        if units[-1].seq - units[0].seq + 1 != count:
            raise ValueError(f"{track.name.lower()} units {units[0].seq} to {units[-1].seq} are not {count}")
        ticks = [((u.dts_ns - base) * rate + _HALF) // NS_PER_S for u in units]
        if ticks[0] < self._floor[track] or any(map(gt, ticks, ticks[1:])):
            ticks = _lift(self._floor[track], ticks)
        self._floor[track] = ticks[-1] + 1
        offsets = None
        if track is Track.VIDEO and any([u.pts_ns != u.dts_ns for u in units]):  # noqa: C419 - a third faster than a generator
            # Differences of rounded times, so that a PTS is as exact as a DTS.
            offsets = [((u.pts_ns - base) * rate + _HALF) // NS_PER_S - t for u, t in zip(units, ticks, strict=True)]
        if next_dts_ns is None:
            if count > 1:
                self._step[track] = units[-1].dts_ns - units[-2].dts_ns
            next_dts_ns = units[-1].dts_ns + self._step[track]
        end = min(max(ticks[-1], ((next_dts_ns - base) * rate + _HALF) // NS_PER_S), ticks[-1] + _LONGEST)
        sizes = [len(u.data) for u in units]
        flags, rows = _rows(track, units, ticks, end, sizes, offsets)
        first_pts = ticks[0] + (offsets[0] if offsets is not None else 0)
        return _Run(track + 1, ticks[0], first_pts, next_dts_ns, flags, rows, count, sum(sizes))

    def _moof(self, runs: list[_Run]) -> bytes:
        size = _MOOF.size + sum([_TRAF.size + len(run.rows) for run in runs])
        parts = [_MOOF.pack(size, b"moof", 16, b"mfhd", 0, self._count + 1)]
        data_at = size + _MDAT.size
        for run in runs:
            rows = len(run.rows)
            parts.append(
                _TRAF.pack(
                    _TRAF.size + rows, b"traf",
                    16, b"tfhd", 0x02_0000, run.number,
                    20, b"tfdt", 1 << 24, run.start,
                    _TRUN_HEAD + rows, b"trun", run.flags, run.samples, data_at,
                )
            )  # fmt: skip
            parts.append(run.rows)
            data_at += run.length
        return b"".join(parts)

    def _info(
        self, video: list[AccessUnit], audio: list[AccessUnit], dts_end_ns: int, moof_offset: int, size: int
    ) -> FragmentInfo:
        lead = (video or audio)[0]
        return FragmentInfo(
            index=self._count,
            video=SeqRange(video[0].seq, video[-1].seq) if video else None,
            audio=SeqRange(audio[0].seq, audio[-1].seq) if audio else None,
            start_utc_ns=lead.utc_ns,
            utc_source=lead.utc_source,
            utc_error_ns=lead.utc_error_ns,
            start_pts_ns=lead.pts_ns,
            dts_start_ns=lead.dts_ns,
            dts_end_ns=dts_end_ns,
            key=bool(video) and lead.key,
            offset=self._offset,
            size=size,
            moof_offset=moof_offset,
            audio_dts_ns=audio[0].dts_ns if audio else None,
        )


def _place_moof(at: int, size: int) -> int:
    """Where a ``moof`` that could start at ``at`` does start: never across a page's edge if it fits a page.

    Cut anywhere else, a file still plays up to there; cut within ``moof``, FFmpeg refuses all of it
    (measured: docs/design/muxer.md).
    """
    room = PAGE - at % PAGE
    return at + room if room < size <= PAGE else at


def _lift(floor: int, ticks: list[int]) -> list[int]:
    """Decoding times of at least ``floor``, rising by a tick where they did not rise.

    Audio comes later than the pictures of the same moment, so a segment's first audio units may be from
    before its first picture, and ``tfdt`` has no negative times: they are squeezed into the file's first
    ticks, and the true time stands in our own box. What was worse (docs/design/muxer.md): negative
    composition offsets and an edit list both make FFmpeg shift or lengthen the whole track.
    """
    lifted = []
    for tick in ticks:
        floor = max(floor, tick)
        lifted.append(floor)
        floor += 1
    return lifted


def _rows(
    track: Track, units: list[AccessUnit], ticks: list[int], end: int, sizes: list[int], offsets: list[int] | None
) -> tuple[int, bytes]:
    """Flags and per-sample fields of one ``trun``, whose columns go as few as possible."""
    columns = [[b - a for a, b in zip(ticks, [*ticks[1:], end], strict=True)], sizes]
    flags = OFFSET_PRESENT | DURATION | SIZE
    first = b""
    if track is Track.VIDEO:
        if any([u.key for u in units[1:]]):  # noqa: C419
            flags |= FLAGS
            columns.append([SYNC_SAMPLE if u.key else DIFFERENCE_SAMPLE for u in units])
        elif units[0].key:
            flags |= FIRST_FLAGS
            first = SYNC_SAMPLE.to_bytes(4, "big")
    if offsets is not None:
        flags |= CTS | 1 << 24
        columns.append([o & 0xFFFF_FFFF for o in offsets])
    width, count = len(columns), len(units)
    flat = [0] * (width * count)
    for at, column in enumerate(columns):
        flat[at::width] = column
    return flags, first + struct.pack(f">{width * count}I", *flat)


def _prelude(info: FragmentInfo, lead: _Run, moof: bytes) -> bytes:
    ntp_s = (info.start_utc_ns // NS_PER_S + _NTP_EPOCH) & 0xFFFF_FFFF
    ntp = ntp_s << 32 | (info.start_utc_ns % NS_PER_S << 32) // NS_PER_S
    body = pack_fragment(
        info.index, info.video, info.audio, info.start_utc_ns, info.utc_source, info.utc_error_ns,
        info.start_pts_ns, info.dts_start_ns, info.dts_end_ns, info.audio_dts_ns,
        info.key, info.size,
    ) + bytes(info.moof_offset - info.offset - PRELUDE)  # fmt: skip
    return b"".join(
        (
            PRFT.pack(PRFT.size, b"prft", _CAPTURE, lead.number, ntp, max(0, lead.first_pts)),
            META.pack(META.size + len(body), b"uuid", FRAGMENT_UUID, VERSION, zlib.crc32(moof, zlib.crc32(body))),
            body,
        )
    )
