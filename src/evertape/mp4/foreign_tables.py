"""The tables of one track of somebody else's MP4 (ISO/IEC 14496-12 8.6 to 8.7), within bounds of what is there.

Raises ``ValueError``, ``IndexError`` or ``struct.error`` where they make no sense.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from typing import NamedTuple

from evertape.mp4.boxes import Box, box_at, child, children
from evertape.mp4.entries import decoder_config
from evertape.types import NS_PER_S, AudioCaps, Codec, VideoCaps

MOST_SAMPLES = 1 << 25
"""A week of audio frames; more is damage."""
_VIDEO = {
    b"avc1": (Codec.H264, b"avcC"),
    b"avc3": (Codec.H264, b"avcC"),
    b"hvc1": (Codec.H265, b"hvcC"),
    b"hev1": (Codec.H265, b"hvcC"),
}
_LENGTH_AT = {Codec.H264: 4, Codec.H265: 21}
"""In which byte of the configuration the size of NAL lengths stands, less one, in the lowest two bits."""
_VIDEO_FIXED, _AUDIO_FIXED = 78, 28
_MORE = {0: 0, 1: 16, 2: 36}
"""Bytes that QuickTime's versions of the audio entry have more."""
_RATES = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350)


class RawSample(NamedTuple):
    """One sample in the track's own ticks."""

    dts: int
    pts: int
    key: bool
    offset: int
    size: int


class Entry(NamedTuple):
    """A sample entry: what Evertape makes of it, and its name."""

    caps: VideoCaps | AudioCaps | None
    kind: str
    length_size: int = 4


@dataclass(frozen=True, slots=True, eq=False)
class Trak:
    """One track.

    Args:
        number: its id.
        timescale: ticks per second.
        handler: ``vide``, ``soun`` or another.
        entry: of its first samples.
        shift_ns: what its edit list adds to its times.
        table: its ``stbl``.
    """

    number: int
    timescale: int
    handler: str
    entry: Entry
    shift_ns: int
    table: Box

    @property
    def is_video(self) -> bool:
        """It holds pictures."""
        return self.handler == "vide"

    @property
    def caps(self) -> VideoCaps | AudioCaps | None:
        """What a decoder must know; ``None`` if Evertape does not keep such a track."""
        return self.entry.caps

    @property
    def length_size(self) -> int:
        """Bytes of the lengths before NAL units."""
        return self.entry.length_size

    @property
    def described(self) -> str:
        """In words."""
        kind = {"vide": "video", "soun": "audio"}.get(self.handler, self.handler or "unknown")
        return f"{kind} {self.entry.kind}".strip()


def read_trak(data: bytes, trak: Box, movie_timescale: int) -> Trak:
    """A track's headers; ``data`` is the body of ``moov``."""
    boxes = [child(data, trak.body, trak.end, *path) for path in _NEEDED]
    if any(found is None for found in boxes):
        raise ValueError("a track lacks a box")
    tkhd, mdhd, hdlr, table = (found for found in boxes if found is not None)
    number: int
    timescale: int
    (number,) = struct.unpack_from(">I", data, tkhd.body + (20 if data[tkhd.body] == 1 else 12))
    (timescale,) = struct.unpack_from(">I", data, mdhd.body + (20 if data[mdhd.body] == 1 else 12))
    if not timescale:
        raise ValueError("a track without a clock")
    handler = data[hdlr.body + 8 : hdlr.body + 12].decode("latin-1").strip("\0 ")
    shift = _edits(data, trak, movie_timescale, timescale)
    return Trak(number, timescale, handler, _entry(data, table, timescale), shift, table)


_NEEDED = ((b"tkhd",), (b"mdia", b"mdhd"), (b"mdia", b"hdlr"), (b"mdia", b"minf", b"stbl"))


def _edits(data: bytes, trak: Box, movie_timescale: int, timescale: int) -> int:
    """Of the edit list: how long nothing is shown first, less where in the track it begins then."""
    elst = child(data, trak.body, trak.end, b"edts", b"elst")
    if elst is None:
        return 0
    wide = data[elst.body] == 1
    (count,) = struct.unpack_from(">I", data, elst.body + 4)
    shift = 0
    for at in range(min(count, 100)):
        place = elst.body + 8 + at * (20 if wide else 12)
        duration, start = map(int, struct.unpack_from(">Qq" if wide else ">Ii", data, place))
        if start >= 0:
            return shift - start * NS_PER_S // timescale
        shift += duration * NS_PER_S // movie_timescale
    return shift


def _entry(data: bytes, table: Box, timescale: int) -> Entry:
    stsd = child(data, table.body, table.end, b"stsd")
    entry = box_at(data, stsd.body + 8, stsd.end) if stsd is not None else None
    if entry is None:
        return Entry(None, "")
    kind = entry.kind.decode("latin-1")
    if entry.kind in _VIDEO and entry.end - entry.body >= _VIDEO_FIXED:
        codec, name = _VIDEO[entry.kind]
        width, height = struct.unpack_from(">HH", data, entry.body + 24)
        found = child(data, entry.body + _VIDEO_FIXED, entry.end, name)
        return video_entry(kind, codec, data[found.body : found.end] if found is not None else b"", width, height)
    if entry.kind == b"mp4a" and entry.end - entry.body >= _AUDIO_FIXED:
        return Entry(_audio(data, entry, timescale), kind)
    return Entry(None, kind)


def video_entry(kind: str, codec: Codec, record: bytes, width: int, height: int) -> Entry:
    """What becomes of a track with this ``avcC`` or ``hvcC``."""
    if len(record) <= _LENGTH_AT[codec]:
        return Entry(None, kind)
    config = bytearray(record)
    length_size = (config[_LENGTH_AT[codec]] & 3) + 1
    config[_LENGTH_AT[codec]] |= 3  # lengths have four bytes in our files
    return Entry(VideoCaps(codec, bytes(config), width, height), kind, length_size)


def _audio(data: bytes, entry: Box, timescale: int) -> AudioCaps | None:
    version, channels = struct.unpack_from(">8xH6xH", data, entry.body)
    begin = entry.body + _AUDIO_FIXED + _MORE.get(version, 0)
    esds = next((box for box in children(data, begin, entry.end) if box.kind == b"esds"), None)
    if esds is None and (wave := child(data, begin, entry.end, b"wave")) is not None:
        esds = child(data, wave.body, wave.end, b"esds")  # QuickTime's
    config = decoder_config(data[esds.body + 4 : esds.end]) if esds is not None else None
    return aac_caps(config or b"", timescale, channels)


def aac_caps(config: bytes, rate: int, channels: int) -> AudioCaps | None:
    """What a decoder must know of AAC with this AudioSpecificConfig; rate and channels where that does not say."""
    if len(config) < 2:
        return None
    index = (config[0] & 7) << 1 | config[1] >> 7
    rate = _RATES[index] if index < len(_RATES) else rate
    return AudioCaps(Codec.AAC, config, rate, (config[1] >> 3 & 0xF) or channels)


def table_samples(data: bytes, trak: Trak) -> list[RawSample]:
    """The samples in ``stbl``; none in a fragmented file."""
    sizes = _sizes(data, trak.table)
    if not sizes:
        return []
    durations = _runs(data, trak.table, b"stts", ">II")
    times = [0, *accumulate(_spread(durations, len(sizes)))][: len(sizes)]
    shifts = list(_spread(_runs(data, trak.table, b"ctts", ">Ii"), len(sizes)))
    keys = _keys(data, trak.table)
    places = _places(data, trak.table, sizes)
    return [
        RawSample(time, time + shift, keys is None or number + 1 in keys, place, size)
        for number, (time, shift, place, size) in enumerate(zip(times, shifts, places, sizes, strict=True))
    ]


def _box(data: bytes, table: Box, kind: bytes) -> Box | None:
    return child(data, table.body, table.end, kind)


def _count(data: bytes, box: Box, at: int, width: int) -> int:
    """Rows in a table, held against the box they are in."""
    (count,) = struct.unpack_from(">I", data, at)
    if count > MOST_SAMPLES or at + 4 + count * width > box.end:
        raise ValueError(f"{box.kind.decode('latin-1')} is shorter than it says")
    return int(count)


def _sizes(data: bytes, table: Box) -> list[int]:
    stsz = _box(data, table, b"stsz")
    if stsz is not None:
        (same,) = struct.unpack_from(">I", data, stsz.body + 4)
        count = _count(data, stsz, stsz.body + 8, 0 if same else 4)
        return [same] * count if same else list(struct.unpack_from(f">{count}I", data, stsz.body + 12))
    if (stz2 := _box(data, table, b"stz2")) is None:
        return []
    width = data[stz2.body + 7]
    if width not in (8, 16):
        raise ValueError("sample sizes of half a byte")
    count = _count(data, stz2, stz2.body + 8, width // 8)
    return list(struct.unpack_from(f">{count}{'B' if width == 8 else 'H'}", data, stz2.body + 12))


def _runs(data: bytes, table: Box, kind: bytes, form: str) -> list[tuple[int, int]]:
    """Rows of a count and a value; of ``ctts`` values are taken as signed, as version 1 has them and 0 means them."""
    box = _box(data, table, kind)
    if box is None:
        return []
    count = _count(data, box, box.body + 4, 8)
    return list(struct.iter_unpack(form, data[box.body + 8 : box.body + 8 + 8 * count]))


def _spread(runs: list[tuple[int, int]], count: int) -> Iterator[int]:
    """One value for each sample; the last one goes on if there are too few."""
    given, value = 0, 0
    for length, value in runs:
        for _ in range(min(length, count - given)):
            yield value
        given += min(length, count - given)
    for _ in range(count - given):
        yield value


def _keys(data: bytes, table: Box) -> frozenset[int] | None:
    """Numbers of the samples that a decoder can start at, from 1; ``None``: all."""
    stss = _box(data, table, b"stss")
    if stss is None:
        return None
    count = _count(data, stss, stss.body + 4, 4)
    return frozenset(struct.unpack_from(f">{count}I", data, stss.body + 8))


def _places(data: bytes, table: Box, sizes: list[int]) -> Iterator[int]:
    """Where each sample lies: chunks, and how many samples are in each."""
    wide = _box(data, table, b"co64")
    chunks = wide if wide is not None else _box(data, table, b"stco")
    stsc = _box(data, table, b"stsc")
    if chunks is None or stsc is None:
        raise ValueError("it does not say where its samples are")
    count = _count(data, chunks, chunks.body + 4, 8 if wide is not None else 4)
    offsets = struct.unpack_from(f">{count}{'Q' if wide is not None else 'I'}", data, chunks.body + 8)
    rows = list(
        struct.iter_unpack(">III", data[stsc.body + 8 : stsc.body + 8 + 12 * _count(data, stsc, stsc.body + 4, 12)])
    )
    if len({entry for _, _, entry in rows}) > 1:
        raise ValueError("its format changes within it")
    sample = 0
    for number, (first, each, _) in enumerate(rows):
        until = rows[number + 1][0] if number + 1 < len(rows) else count + 1
        for chunk in range(first - 1, until - 1):
            at = offsets[chunk]
            for _ in range(each):
                if sample == len(sizes):
                    return
                yield at
                at += sizes[sample]
                sample += 1
