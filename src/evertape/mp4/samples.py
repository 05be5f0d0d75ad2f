"""The samples of one fragment, as its ``moof`` lists them."""

from __future__ import annotations

import struct
from typing import BinaryIO, NamedTuple

from evertape.errors import ProtocolError
from evertape.mp4.boxes import Box, child, children
from evertape.mp4.model import VIDEO_TIMESCALE, FragmentInfo
from evertape.mp4.scan import MAX_MOOF, ScannedSegment
from evertape.mp4.writer import CTS, DURATION, FIRST_FLAGS, FLAGS, OFFSET_PRESENT, SIZE
from evertape.types import NS_PER_S, Track

_NOT_SYNC = 0x1_0000


class Sample(NamedTuple):
    """One access unit as the file holds it.

    Args:
        track: video or audio.
        seq: its number within the segment's epoch.
        dts_ns: decoding time on the epoch's media time line (``MediaNs``), to half a tick.
        pts_ns: presentation time on the same line.
        key: a decoder can start here.
        offset: bytes from the start of the file.
        size: bytes.
        data: the payload, if it was asked for.
    """

    track: Track
    seq: int
    dts_ns: int
    pts_ns: int
    key: bool
    offset: int
    size: int
    data: bytes = b""


def read_samples(file: BinaryIO, scanned: ScannedSegment, fragment: FragmentInfo) -> list[Sample]:
    """List ``fragment``'s samples, video first, without reading their payload.

    Raises:
        ProtocolError: the ``moof`` does not fit what the fragment says of itself.
    """
    file.seek(fragment.moof_offset)
    limit = min(fragment.end - fragment.moof_offset, MAX_MOOF)
    size = int.from_bytes(file.read(4), "big")
    if not 8 <= size <= limit:
        raise _damaged(fragment)
    file.seek(fragment.moof_offset)
    data = file.read(size)
    samples: list[Sample] = []
    try:
        for traf in (b for b in children(data, 8, size) if b.kind == b"traf"):
            samples += _track_samples(data, traf, scanned, fragment)
    except (struct.error, ValueError, IndexError) as error:
        raise _damaged(fragment) from error
    if any(s.offset < fragment.moof_offset + size or s.offset + s.size > fragment.end for s in samples):
        raise _damaged(fragment)
    expected = sum(r.units for r in (fragment.video, fragment.audio) if r is not None)
    if len(samples) != expected:
        raise _damaged(fragment)
    return samples


def read_units(file: BinaryIO, scanned: ScannedSegment, fragment: FragmentInfo) -> list[Sample]:
    """As ``read_samples``, with the payload.

    Raises:
        ProtocolError: as ``read_samples``, or the file is shorter than it was when scanned.
    """
    samples = read_samples(file, scanned, fragment)
    if not samples:
        return []
    start = min(s.offset for s in samples)
    end = max(s.offset + s.size for s in samples)
    file.seek(start)
    data = file.read(end - start)
    if len(data) != end - start:
        raise _damaged(fragment)
    return [s._replace(data=data[s.offset - start : s.offset - start + s.size]) for s in samples]


def _damaged(fragment: FragmentInfo) -> ProtocolError:
    return ProtocolError(f"fragment {fragment.index} at byte {fragment.offset} is damaged")


def _track_samples(data: bytes, traf: Box, scanned: ScannedSegment, fragment: FragmentInfo) -> list[Sample]:
    tfhd, tfdt, trun = (child(data, traf.body, traf.end, kind) for kind in (b"tfhd", b"tfdt", b"trun"))
    if tfhd is None or tfdt is None or trun is None:
        raise ValueError("a track fragment lacks a box")
    number = int.from_bytes(data[tfhd.body + 4 : tfhd.body + 8], "big")
    track = Track(number - 1)
    seqs = fragment.seqs(track)
    audio = scanned.caps.audio
    if seqs is None or (track is Track.AUDIO and audio is None):
        raise ValueError("a track that should not be there")
    rate = VIDEO_TIMESCALE if track is Track.VIDEO or audio is None else audio.rate
    columns = _columns(data, trun, seqs.units)
    start = int.from_bytes(data[tfdt.body + 4 : tfdt.body + 12], "big")
    ticks = []
    for duration in columns.durations:
        ticks.append(start)
        start += duration
    base = scanned.header.base_dts_ns
    times = [base + _ns(t, rate) for t in ticks]
    if track is Track.AUDIO and fragment.audio_dts_ns is not None:
        times = _unsqueeze(times, ticks, fragment.audio_dts_ns, rate)
    samples = []
    offset = fragment.moof_offset + columns.data_offset
    for i, (time, size) in enumerate(zip(times, columns.sizes, strict=True)):
        shift = columns.offsets[i] if columns.offsets else 0
        pts = base + _ns(ticks[i] + shift, rate) if shift else time
        key = track is Track.AUDIO or not columns.flags[i] & _NOT_SYNC
        samples.append(Sample(track, seqs.first + i, time, pts, key, offset, size))
        offset += size
    return samples


def _ns(ticks: int, rate: int) -> int:
    return (ticks * NS_PER_S + rate // 2) // rate


def _unsqueeze(times: list[int], ticks: list[int], true_start: int, rate: int) -> list[int]:
    """Undo the writer's squeezing of audio from before the segment's first picture (``writer._lift``).

    The squeezed units stand one tick apart; their true times lie evenly between the known first
    one and the first that was not squeezed.
    """
    if abs(times[0] - true_start) <= NS_PER_S // rate:
        return times
    squeezed = next((i for i, t in enumerate(ticks) if t - ticks[0] != i), len(ticks))
    whole = squeezed == len(ticks)
    step = 1024 * NS_PER_S // rate if whole else (times[squeezed] - true_start) // squeezed
    return [true_start + i * step for i in range(squeezed)] + times[squeezed:]


class _Columns(NamedTuple):
    data_offset: int
    durations: list[int]
    sizes: list[int]
    flags: list[int]
    offsets: list[int]


def _columns(data: bytes, trun: Box, expected: int) -> _Columns:
    """The fields of one ``trun`` that has at least durations, sizes and a data offset, as ours do."""
    word, count, data_offset = struct.unpack_from(">IIi", data, trun.body)
    flags = word & 0xFF_FFFF
    needed = OFFSET_PRESENT | DURATION | SIZE
    if flags & needed != needed or count != expected:
        raise ValueError("an unknown form of trun")
    at = trun.body + 12
    first = 0x0101_0000
    if flags & FIRST_FLAGS:
        (first,) = struct.unpack_from(">I", data, at)
        at += 4
    width = 2 + bool(flags & FLAGS) + bool(flags & CTS)
    if at + 4 * width * count != trun.end:
        raise ValueError("trun has the wrong size")
    rows = struct.unpack_from(f">{width * count}I", data, at)
    marks = list(rows[2::width]) if flags & FLAGS else [first, *[0x0101_0000] * (count - 1)]
    shifts = [s - (s >> 31 << 32) for s in rows[width - 1 :: width]] if flags & CTS else []
    return _Columns(data_offset, list(rows[0::width]), list(rows[1::width]), marks, shifts)
