"""Reads Matroska files that others wrote (RFC 9559): H.264, H.265 and AAC. Headers only; no index is needed.

A file whose end is missing, because its writer was killed, is read up to there. Blocks have no decoding times; they
stand in decoding order, so the presentation times in rising order, early enough for every picture, are those.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO, NamedTuple

from evertape.mp4.foreign import ForeignFileError, ForeignMovie, KeptTrack, movie_of
from evertape.mp4.foreign_tables import MOST_SAMPLES, Entry, RawSample, aac_caps, video_entry
from evertape.types import NS_PER_S, AudioCaps, Codec, VideoCaps

MAGIC = b"\x1aE\xdf\xa3"
"""The id of the EBML header, with which every such file begins (RFC 8794 11.2.1)."""
MAX_HEADER = 16 << 20
"""Far above what a description of tracks needs."""

# RFC 9559 5.1; ids are written with their marker bits.
_SEGMENT, _CLUSTER, _INFO, _TRACKS = 0x18538067, 0x1F43B675, 0x1549A966, 0x1654AE6B
_TIMESTAMP, _SIMPLE_BLOCK, _BLOCK_GROUP, _BLOCK, _REFERENCE = 0xE7, 0xA3, 0xA0, 0xA1, 0xFB
_SCALE, _DATE = 0x2AD7B1, 0x4461
_ENTRY, _NUMBER, _TYPE, _CODEC, _PRIVATE, _DELAY, _ENCODINGS = 0xAE, 0xD7, 0x83, 0x86, 0x63A2, 0x56AA, 0x6D80
_VIDEO, _WIDTH, _HEIGHT, _AUDIO, _RATE, _CHANNELS = 0xE0, 0xB0, 0xBA, 0xE1, 0xB5, 0x9F
_ENTERED = frozenset((_SEGMENT, _CLUSTER))
_KEY, _LACING = 0x80, 0x06
_CODECS = {"V_MPEG4/ISO/AVC": Codec.H264, "V_MPEGH/ISO/HEVC": Codec.H265}
_TYPES = {1: "video", 2: "audio", 17: "subtitles"}
# Seconds between 1970-01-01 and 2001-01-01, where Matroska counts dates from.
_EPOCH = 978_307_200


class _Element(NamedTuple):
    """Where one stands; ``end`` may lie beyond the file's."""

    id: int
    body: int
    end: int


@dataclass(slots=True)
class _Track:
    """One track; ``delay_ns`` is what its times are late by."""

    number: int
    entry: Entry
    described: str
    delay_ns: int = 0
    samples: list[RawSample] = field(default_factory=list)

    def kept(self) -> KeptTrack:
        """With decoding times, in nanoseconds."""
        line = sorted(sample.pts for sample in self.samples)
        timed = [sample._replace(dts=dts) for sample, dts in zip(self.samples, line, strict=True)]
        return KeptTrack(self.entry.caps, NS_PER_S, -self.delay_ns, self.entry.length_size, timed)


def is_matroska(file: BinaryIO) -> bool:
    """Whether the file says that it is one."""
    file.seek(0)
    return file.read(len(MAGIC)) == MAGIC


def read_matroska(file: BinaryIO) -> ForeignMovie:
    """Read a file's headers.

    Args:
        file: seekable, opened in binary mode.

    Raises:
        ForeignFileError: it holds nothing that can be kept.
        OSError: from reading.
    """
    size = file.seek(0, os.SEEK_END)
    try:
        return _Reader(file, size).read()
    except (struct.error, IndexError, ValueError, OverflowError) as error:
        raise ForeignFileError(f"its headers make no sense ({error})") from error


class _Reader:
    """One pass through a file."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file, self._size = file, size
        self._scale, self._created = 1_000_000, None
        self._tracks: dict[int, _Track] = {}
        self._left_out: list[str] = []
        self._cluster = 0

    _created: int | None

    def read(self) -> ForeignMovie:
        """All of it."""
        for element in self._elements(0, self._size, _ENTERED):
            self._take(element)
        video, audio = (self._first(kind) for kind in (VideoCaps, AudioCaps))
        if video is None:
            found = ", ".join(self._left_out)
            raise ForeignFileError(f"it has no H.264 or H.265 in it ({found or 'no tracks'})")
        others = [track.described for track in self._tracks.values() if track not in (video, audio)]
        sound = audio.kept() if audio is not None else None
        return movie_of(video.kept(), sound, self._size, self._created, (*self._left_out, *others))

    def _first(self, kind: type[VideoCaps] | type[AudioCaps]) -> _Track | None:
        return next((track for track in self._tracks.values() if isinstance(track.entry.caps, kind)), None)

    def _take(self, element: _Element) -> None:
        if element.id == _TIMESTAMP:
            self._cluster = int.from_bytes(self._body(element), "big")
        elif element.id == _SIMPLE_BLOCK:
            self._block(element, None)
        elif element.id == _BLOCK_GROUP:
            inner = list(self._elements(element.body, element.end))
            key = not any(one.id == _REFERENCE for one in inner)
            for one in inner:
                if one.id == _BLOCK:
                    self._block(one, key)
        elif element.id == _INFO:
            self._info(self._body(element))
        elif element.id == _TRACKS:
            self._describe(self._body(element))

    def _block(self, element: _Element, key: bool | None) -> None:
        """One sample; of a group of blocks it is known from outside whether a decoder can start there."""
        self._file.seek(element.body)
        head = self._file.read(12)
        number, at = _vint(head, 0)
        track = self._tracks.get(number)
        if track is None or len(head) < at + 3:
            return
        (after,) = struct.unpack_from(">h", head, at)
        flags = head[at + 2]
        if flags & _LACING:
            self._left_out.append(f"{track.described}, several frames in a block")
            del self._tracks[number]
            return
        if len(track.samples) >= MOST_SAMPLES:
            raise ValueError("more frames than a week has")
        pts = (self._cluster + after) * self._scale
        place = element.body + at + 3
        can_start = track.described.startswith("audio") or (bool(flags & _KEY) if key is None else key)
        track.samples.append(RawSample(pts, pts, can_start, place, element.end - place))

    def _info(self, body: bytes) -> None:
        for one, data in _inner(body):
            if one == _SCALE:
                self._scale = int.from_bytes(data, "big") or self._scale
            elif one == _DATE and len(data) == 8:
                self._created = int.from_bytes(data, "big", signed=True) + _EPOCH * NS_PER_S

    def _describe(self, body: bytes) -> None:
        for one, data in _inner(body):
            if one != _ENTRY:
                continue
            track = _track(dict(_inner(data)))
            if track.entry.caps is None:
                self._left_out.append(track.described)
            else:
                self._tracks.setdefault(track.number, track)

    def _body(self, element: _Element) -> bytes:
        if element.end > self._size or element.end - element.body > MAX_HEADER:
            raise ForeignFileError("its beginning is cut off or damaged")
        self._file.seek(element.body)
        return self._file.read(element.end - element.body)

    def _elements(self, at: int, end: int, entered: frozenset[int] = frozenset()) -> Iterator[_Element]:
        """One behind the other; what is in those that are entered, too, so that it does not matter where they end."""
        while at < min(end, self._size):
            self._file.seek(at)
            head = self._file.read(12)
            kind = _id(head)
            if kind is None:
                return  # zeros, or rubbish: whoever wrote it got so far
            length = (kind.bit_length() + 7) // 8
            try:
                size, body = _vint(head, length)
            except IndexError:
                return
            unknown = size == (1 << 7 * (body - length)) - 1
            if kind not in entered:
                if unknown:
                    return
                yield _Element(kind, at + body, at + body + size)
            at += body + (0 if kind in entered else size)


def _id(head: bytes) -> int | None:
    length = 9 - head[0].bit_length() if head else 0
    return int.from_bytes(head[:length], "big") if 1 <= length <= 4 and len(head) >= length else None


def _vint(data: bytes, at: int) -> tuple[int, int]:
    """A number of variable length, and where it ends (RFC 8794 4). Raises ``IndexError``, ``ValueError``."""
    length = 9 - data[at].bit_length()
    if length > 8:
        raise ValueError("a number that is too long")
    if at + length > len(data):
        raise IndexError("a number that is cut off")
    return int.from_bytes(data[at : at + length], "big") & (1 << 7 * length) - 1, at + length


def _inner(body: bytes) -> Iterator[tuple[int, bytes]]:
    """Ids and contents of what is in an element."""
    at = 0
    while at < len(body):
        kind = _id(body[at : at + 4])
        if kind is None:
            raise ValueError("rubbish in a header")
        size, start = _vint(body, at + (kind.bit_length() + 7) // 8)
        yield kind, body[start : start + size]
        at = start + size


def _track(found: dict[int, bytes]) -> _Track:
    number, kind, delay = (int.from_bytes(found.get(one, b""), "big") for one in (_NUMBER, _TYPE, _DELAY))
    codec = found.get(_CODEC, b"").rstrip(b"\0").decode("latin-1")
    described = f"{_TYPES.get(kind, 'unknown')} {codec}".strip()
    if _ENCODINGS in found:  # compressed or encrypted, or both
        return _Track(number, Entry(None, codec), f"{described}, encoded")
    return _Track(number, _entry(kind, codec, found), described, delay)


def _entry(kind: int, codec: str, found: dict[int, bytes]) -> Entry:
    private = found.get(_PRIVATE, b"")
    if kind == 1 and codec in _CODECS:
        size = dict(_inner(found.get(_VIDEO, b"")))
        width, height = (int.from_bytes(size.get(one, b""), "big") for one in (_WIDTH, _HEIGHT))
        return video_entry(codec, _CODECS[codec], private, width & 0xFFFF, height & 0xFFFF)
    if kind == 2 and codec.startswith("A_AAC"):
        sound = dict(_inner(found.get(_AUDIO, b"")))
        rate = _float(sound.get(_RATE, b""))
        return Entry(aac_caps(private, rate, int.from_bytes(sound.get(_CHANNELS, b"\1"), "big")), codec)
    return Entry(None, codec)


def _float(data: bytes) -> int:
    form = {4: ">f", 8: ">d"}.get(len(data))
    return int(struct.unpack(form, data)[0]) if form else 8000
