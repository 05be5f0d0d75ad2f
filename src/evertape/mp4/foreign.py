"""Reads MP4 files that others wrote (ISO/IEC 14496-12, -15): index in front or behind, or fragmented. Headers only.

What comes out has the times of the file's own presentation, edit lists applied. Tracks that Evertape does not keep
(anything but the first H.264 or H.265 and the first AAC) are named, not read.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, NamedTuple

from evertape.errors import ProtocolError
from evertape.mp4.boxes import Box, child, children
from evertape.mp4.foreign_fragments import fragment_samples, track_defaults
from evertape.mp4.foreign_tables import RawSample, Trak, read_trak, table_samples
from evertape.types import NS_PER_S, AudioCaps, StreamCaps, VideoCaps

MAX_MOOV = 512 << 20
"""Far above what a day of pictures needs; a damaged size must not make us read a disk into memory."""
# Seconds between 1904-01-01, where MP4 counts from, and 1970-01-01.
_MP4_EPOCH = 2_082_844_800
_HEAD = struct.Struct(">I4s")


class ForeignFileError(ProtocolError):
    """There is nothing in the file that could be taken; the text says why."""


class ForeignSample(NamedTuple):
    """One picture or one audio frame of such a file.

    Args:
        dts_ns: decoding time; the first picture's is 0.
        pts_ns: presentation time on the same line.
        key: a decoder can start here.
        offset: bytes from the start of the file.
        size: bytes.
    """

    dts_ns: int
    pts_ns: int
    key: bool
    offset: int
    size: int


@dataclass(frozen=True, slots=True)
class ForeignMovie:
    """What a file holds.

    Args:
        caps: of what can be kept.
        video: its pictures in decoding order, from the first keyframe on.
        audio: its audio frames in order.
        length_size: bytes of the length before each NAL unit; Evertape's files have 4.
        created_utc: when it was made, as it says itself (UTC ns); ``None`` if it does not.
        left_out: what else is in it, in words.
        cut: samples that the index has and the file does not: it ends before them.
    """

    caps: StreamCaps
    video: list[ForeignSample]
    audio: list[ForeignSample]
    length_size: int
    created_utc: int | None
    left_out: tuple[str, ...]
    cut: int

    @property
    def duration_ns(self) -> int:
        """From the first picture to the end of the last one."""
        step = self.video[-1].dts_ns - self.video[-2].dts_ns if len(self.video) > 1 else 40_000_000
        return max(sample.pts_ns for sample in self.video) - self.video[0].pts_ns + step


def read_foreign(file: BinaryIO) -> ForeignMovie:
    """Read a file's headers.

    Args:
        file: seekable, opened in binary mode.

    Raises:
        ForeignFileError: it is no MP4, was never finished, or holds nothing that can be kept.
        OSError: from reading.
    """
    size = file.seek(0, os.SEEK_END)
    tops = list(_tops(file, size))
    place = next((top for top in tops if top.kind == b"moov"), None)
    if place is None:
        raise ForeignFileError(_without_index(tops))
    moov = _read(file, place, size)
    try:
        return _movie(file, moov, [top for top in tops if top.kind == b"moof"], size)
    except (struct.error, IndexError, ValueError, OverflowError) as error:
        raise ForeignFileError(f"its index makes no sense ({error})") from error


def _without_index(tops: list[Box]) -> str:
    if any(top.kind in (b"ftyp", b"mdat", b"wide", b"free") for top in tops):
        return "it has no index (moov): whoever wrote it never finished it"
    return "it is no MP4"


def _tops(file: BinaryIO, size: int) -> Iterator[Box]:
    """The boxes of the file itself; the last one may reach beyond its end."""
    at = 0
    while at + 8 <= size:
        file.seek(at)
        head = file.read(16)
        length, kind = _HEAD.unpack_from(head)
        body = at + 8
        if length == 1 and len(head) == 16:
            length, body = int.from_bytes(head[8:], "big"), at + 16
        end = size if length == 0 else at + length
        if end < body or not kind.isascii():
            return
        yield Box(kind, at, body, end)
        at = end


def _read(file: BinaryIO, top: Box, size: int) -> bytes:
    """The body of a box."""
    if top.end > size or top.end - top.body > MAX_MOOV:
        raise ForeignFileError("its index is cut off: whoever wrote it never finished it")
    file.seek(top.body)
    return file.read(top.end - top.body)


def _movie(file: BinaryIO, moov: bytes, moofs: list[Box], size: int) -> ForeignMovie:
    created, timescale = _header(moov)
    traks = [read_trak(moov, box, timescale) for box in children(moov, 0, len(moov)) if box.kind == b"trak"]
    video = next((trak for trak in traks if trak.is_video and isinstance(trak.caps, VideoCaps)), None)
    audio = next((trak for trak in traks if isinstance(trak.caps, AudioCaps)), None)
    kept = [trak for trak in (video, audio) if trak is not None]
    left_out = tuple(trak.described for trak in traks if trak not in kept)
    if video is None:
        raise ForeignFileError(f"it has no H.264 or H.265 in it ({', '.join(left_out) or 'no tracks'})")
    raw = {trak.number: table_samples(moov, trak) for trak in kept}
    defaults = track_defaults(moov)
    for moof in moofs:
        if moof.end <= size:
            for number, samples in fragment_samples(_read(file, moof, size), moof.start, defaults, raw).items():
                raw[number] += samples
    sound = KeptTrack.of(audio, raw[audio.number]) if audio is not None else None
    return movie_of(KeptTrack.of(video, raw[video.number]), sound, size, created, left_out)


class KeptTrack(NamedTuple):
    """A track that is taken, with its samples.

    Args:
        caps: what a decoder must know.
        timescale: ticks per second of its samples.
        shift_ns: what is added to their times.
        length_size: bytes of the lengths before NAL units.
        samples: in decoding order.
    """

    caps: VideoCaps | AudioCaps | None
    timescale: int
    shift_ns: int
    length_size: int
    samples: list[RawSample]

    @classmethod
    def of(cls, trak: Trak, samples: list[RawSample]) -> KeptTrack:
        """Of a track in an MP4."""
        return cls(trak.caps, trak.timescale, trak.shift_ns, trak.length_size, samples)


def movie_of(
    video: KeptTrack, audio: KeptTrack | None, size: int, created: int | None, left_out: tuple[str, ...]
) -> ForeignMovie:
    """Put together what was found in a file of ``size`` bytes.

    Raises:
        ForeignFileError: there is no keyframe in it.
    """
    pictures, cut = _within(video.samples, size)
    sound, cut_sound = _within(audio.samples, size) if audio is not None else ([], 0)
    line = _times(video, pictures)
    first = next((n for n, sample in enumerate(line) if sample.key), None)
    if first is None:
        raise ForeignFileError("it has no keyframe in it")
    assert isinstance(video.caps, VideoCaps)
    shift = line[first].dts_ns
    heard = _times(audio, sound) if audio is not None else []
    sound_caps = audio.caps if heard and audio is not None and isinstance(audio.caps, AudioCaps) else None
    return ForeignMovie(
        StreamCaps(0, video.caps, sound_caps),
        [_moved(sample, shift) for sample in line[first:]],
        [_moved(sample, shift) for sample in heard],
        video.length_size,
        created,
        left_out,
        cut + cut_sound,
    )


def _header(moov: bytes) -> tuple[int | None, int]:
    """When it says it was made (UTC ns), and ticks per second of edit lists."""
    mvhd = child(moov, 0, len(moov), b"mvhd")
    if mvhd is None:
        raise ValueError("no mvhd")
    form = ">4xQQI" if moov[mvhd.body] == 1 else ">4xIII"
    created, _, timescale = struct.unpack_from(form, moov, mvhd.body)
    # 0 stands for "not known", and so does what is before there were such files.
    known = created - _MP4_EPOCH
    return (known * NS_PER_S if known > 365 * 86_400 else None), max(1, timescale)


def _within(samples: list[RawSample], size: int) -> tuple[list[RawSample], int]:
    # What follows a missing one would be numbered as if nothing were missing.
    first_missing = next((n for n, s in enumerate(samples) if s.offset + s.size > size), len(samples))
    kept = samples[:first_missing]
    return kept, len(samples) - len(kept)


def _times(trak: KeptTrack, samples: list[RawSample]) -> list[ForeignSample]:
    """In nanoseconds of the movie's time line, decoding times rising and never behind the presentation."""
    if not samples:
        return []
    late = max(0, *(sample.dts - sample.pts for sample in samples))
    line, before = [], None
    for sample in samples:
        dts, pts = (trak.shift_ns + _ns(ticks, trak.timescale) for ticks in (sample.dts - late, sample.pts))
        if before is not None and dts <= before:
            dts = before + 1
        before = dts
        line.append(ForeignSample(dts, max(pts, dts), sample.key, sample.offset, sample.size))
    return line


def _ns(ticks: int, rate: int) -> int:
    return (ticks * NS_PER_S + rate // 2) // rate


def _moved(sample: ForeignSample, shift: int) -> ForeignSample:
    return sample._replace(dts_ns=sample.dts_ns - shift, pts_ns=sample.pts_ns - shift)
