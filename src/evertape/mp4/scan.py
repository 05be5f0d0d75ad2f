"""Reads segments back: whole, cut at any byte, or damaged. Reads headers only, never footage.

A file that was closed is known from its own table at the end in three reads. Any other is
walked from fragment to fragment; where a header is damaged, the next one is looked for by
its UUID, and every header is covered by a CRC, so what is returned can be relied on.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import BinaryIO, NamedTuple

from evertape.mp4.boxes import open_box_at
from evertape.mp4.digest import fragment_check
from evertape.mp4.index import TABLE_TAIL, build_index, parse_table
from evertape.mp4.model import (
    FRAGMENT_BODY,
    FRAGMENT_UUID,
    HEADER_UUID,
    INDEX_UUID,
    FragmentInfo,
    HeaderCutError,
    NotASegmentError,
    SegmentHeader,
)
from evertape.mp4.movie import BRAND, parse_header, parse_movie
from evertape.mp4.writer import META, PRFT
from evertape.types import StreamCaps

# Far above what is ever written; a damaged size must not make us read a disk into memory.
MAX_HEAD = 1 << 20
MAX_MOOF = 4 << 20
MAX_TABLE = 64 << 20
_FIRST_READ = 4096
_FTYP = 36
_STEP = 1 << 20


@dataclass(frozen=True, slots=True)
class ScannedSegment:
    """What a file turned out to hold.

    Args:
        header: its metadata.
        caps: its tracks.
        fragments: the whole ones, in file order.
        closed: it ends with its index, as a finished segment does.
        valid_end: bytes up to which the file is worth keeping: all of a closed file,
            otherwise up to the end of the last whole fragment.
        size: bytes of the file.
        head_size: bytes before the first fragment.
        problem: what is wrong, in words; ``None`` also for a file that a killed writer
            left at the end of a fragment.
        sound_head: what comes before the first fragment is as it was written.
    """

    header: SegmentHeader
    caps: StreamCaps
    fragments: list[FragmentInfo]
    closed: bool
    valid_end: int
    size: int
    head_size: int
    problem: str | None
    sound_head: bool = True


class RepairPlan(NamedTuple):
    """Truncate the file to ``truncate_to`` bytes, then append ``append``; afterwards it is closed."""

    truncate_to: int
    append: bytes


def scan(file: BinaryIO, *, trust_index: bool = True) -> ScannedSegment:
    """Find out what ``file`` holds.

    Args:
        file: seekable, opened for reading in binary mode; need not be at its start.
        trust_index: take a closed file's own table for its fragments; ``False`` visits each one.

    Raises:
        NotASegmentError: the file is no Evertape segment.
        HeaderCutError: it is one, but ends before its first fragment could begin.
        OSError: from reading.
    """
    size = file.seek(0, os.SEEK_END)
    header, caps, head_size, sound = _read_head(file, size)
    damage = None if sound else "the file's header is damaged, what it says may be wrong"
    tail = _find_index(file, size, head_size)
    if tail is not None and trust_index:
        fragments = _trusted(tail, head_size)
        if fragments is not None:
            return ScannedSegment(header, caps, fragments, True, size, size, head_size, damage, sound)
    walk = _Walk(file, size if tail is None else tail.start, head_size)
    fragments = list(walk)
    closed = tail is not None
    problem = "; ".join(p for p in (damage, walk.problem) if p) or None
    end = fragments[-1].end if fragments else head_size
    valid = size if closed else end
    return ScannedSegment(header, caps, fragments, closed, valid, size, head_size, problem, sound)


def read_table(file: BinaryIO, scanned: ScannedSegment) -> bytes:
    """Our own table, damaged or not, also if what follows it is; empty if there is none.

    Args:
        file: as for ``scan``.
        scanned: of that file, by visiting each fragment.

    Raises:
        OSError: from reading.
    """
    tail = _find_index(file, scanned.size, scanned.head_size)
    if tail is not None:
        return tail.table
    at = scanned.fragments[-1].end if scanned.fragments else scanned.head_size
    head = _read_at(file, at, 24)
    size = int.from_bytes(head[:4], "big")
    return _read_at(file, at, size) if head[4:] == b"uuid" + INDEX_UUID and size <= MAX_TABLE else b""


def with_checks(file: BinaryIO, fragments: Sequence[FragmentInfo]) -> list[FragmentInfo]:
    """The same, each with the hash of what its bytes are now; one that the disk does not give out gets none."""
    return [fragment if fragment.check else replace(fragment, check=_check(file, fragment)) for fragment in fragments]


def _check(file: BinaryIO, fragment: FragmentInfo) -> bytes:
    try:
        return fragment_check(_read_at(file, fragment.offset, fragment.size))
    except OSError:
        return b""


def repair_plan(scanned: ScannedSegment) -> RepairPlan:
    """How to close a file whose writer could not: cut it behind its last whole fragment, append the index."""
    if scanned.closed:
        return RepairPlan(scanned.size, b"")
    return RepairPlan(scanned.valid_end, build_index(scanned.header, scanned.fragments))


def cut_plan(scanned: ScannedSegment, from_video_seq: int) -> RepairPlan:
    """How to take everything from video unit ``from_video_seq`` on out of a file that another one supersedes.

    Raises:
        ValueError: that unit is not the first of a fragment, so no cut there is possible.
    """
    kept: list[FragmentInfo] = []
    for fragment in scanned.fragments:
        if fragment.video is not None and fragment.video.last >= from_video_seq:
            if fragment.video.first < from_video_seq:
                raise ValueError(f"video unit {from_video_seq} is inside fragment {fragment.index}")
            break
        kept.append(fragment)
    end = kept[-1].end if kept else scanned.head_size
    return RepairPlan(end, build_index(scanned.header, kept))


def _read_at(file: BinaryIO, offset: int, count: int) -> bytes:
    file.seek(offset)
    return file.read(count)


def _read_head(file: BinaryIO, size: int) -> tuple[SegmentHeader, StreamCaps, int, bool]:
    """Header, caps, size of the head, and whether its checksum is right."""
    data = _read_at(file, 0, _FIRST_READ)
    kind = open_box_at(data, 0, len(data))
    if len(data) < _FTYP and b"ftyp".startswith(data[4:8]):
        raise HeaderCutError(f"the file ends after {size} bytes, before it says what it is")
    if kind is None or kind.kind != b"ftyp" or kind.end > 256 or BRAND not in data[kind.body : kind.end]:
        raise NotASegmentError("the file does not begin as an Evertape segment does")
    at, movie = kind.end, None
    while at < MAX_HEAD:
        found = open_box_at(data, at, len(data))
        if found is None or found.end > len(data):
            if len(data) == size:
                raise HeaderCutError(f"the file ends after {size} bytes, before its header does")
            if len(data) > MAX_HEAD or (found is not None and found.end > MAX_HEAD):
                break
            data = _read_at(file, 0, len(data) * 4)
            continue
        if found.kind == b"moov":
            movie = found
        elif found.kind == b"uuid" and data[found.body : found.body + 16] == HEADER_UUID and movie is not None:
            header, sound = parse_header(data, found.body + 16, found.end)
            return header, parse_movie(data, movie.body, movie.end, header.caps_id), found.end, sound
        at = found.end
    raise NotASegmentError("the file's header is damaged")


class _Tail(NamedTuple):
    """A closed file's end: where its table starts, and the table."""

    start: int
    table: bytes


def _find_index(file: BinaryIO, size: int, head_size: int) -> _Tail | None:
    """From behind: ``mfro`` tells where ``mfra`` starts, the table's last bytes where the table does."""
    end = _read_at(file, max(0, size - 16), 16)
    if len(end) < 16 or end[:12] != b"\0\0\0\x10mfro\0\0\0\0":
        return None
    mfra = size - int.from_bytes(end[12:], "big")
    if not head_size + TABLE_TAIL <= mfra < size:
        return None
    around = _read_at(file, mfra - 4, 12)
    start = mfra - int.from_bytes(around[:4], "big")
    if around[8:12] != b"mfra" or not max(head_size, mfra - MAX_TABLE) <= start < mfra:
        return None
    table = _read_at(file, start, mfra - start)
    return _Tail(start, table) if table[4:24] == b"uuid" + INDEX_UUID else None


def _trusted(tail: _Tail, head_size: int) -> list[FragmentInfo] | None:
    """The table's fragments if they fill the file exactly or at least make sense in it."""
    try:
        fragments = parse_table(tail.table)
    except NotASegmentError:
        return None
    at = head_size
    for fragment in fragments or ():
        if fragment.offset < at or fragment.moof_offset >= fragment.end or fragment.end > tail.start:
            return None
        at = fragment.end
    return fragments


class _Walk:
    """Iterates over the whole fragments from ``at`` to ``limit`` and notes what was wrong on the way."""

    def __init__(self, file: BinaryIO, limit: int, at: int) -> None:
        self._file = file
        self._limit = limit
        self._at = at
        self.problem: str | None = None

    def __iter__(self) -> Iterator[FragmentInfo]:
        while self._at < self._limit:
            fragment = read_fragment(self._file, self._at, self._limit)
            if fragment is None:
                found = self._search(self._at + 1)
                self._note(found)
                if found is None:
                    return
                self._at = found
                continue
            self._at = fragment.end
            yield fragment

    def _note(self, found: int | None) -> None:
        if found is None:
            text = f"{self._limit - self._at} bytes from byte {self._at} on are not a whole fragment"
        else:
            text = f"{found - self._at} bytes at byte {self._at} are damaged"
        self.problem = text if self.problem is None else f"{self.problem}; {text}"

    def _search(self, at: int) -> int | None:
        """Where the next readable fragment starts, by its UUID."""
        overlap = len(FRAGMENT_UUID) - 1
        while at < self._limit:
            data = _read_at(self._file, at, min(_STEP + overlap, self._limit - at))
            if not data:
                return None
            place = data.find(FRAGMENT_UUID)
            while place >= 0:
                start = at + place - 8 - PRFT.size
                if start > self._at and read_fragment(self._file, start, self._limit) is not None:
                    return start
                place = data.find(FRAGMENT_UUID, place + 1)
            at += _STEP
        return None


def read_fragment(file: BinaryIO, offset: int, limit: int) -> FragmentInfo | None:
    """The fragment at ``offset`` if it is whole before ``limit`` and its headers are undamaged."""
    data = _read_at(file, offset, min(_FIRST_READ, limit - offset))
    meta_end = PRFT.size + META.size + FRAGMENT_BODY
    if len(data) < meta_end + 8 or data[4:8] != b"prft":
        return None
    meta_size, kind, uuid, version, crc = META.unpack_from(data, PRFT.size)
    moof = PRFT.size + meta_size
    if kind != b"uuid" or uuid != FRAGMENT_UUID or version < 1 or not meta_end <= moof <= MAX_MOOF:
        return None
    if moof + 8 > len(data):
        data = _read_at(file, offset, min(moof + _FIRST_READ, limit - offset))
    if data[moof + 4 : moof + 8] != b"moof":
        return None
    end = moof + int.from_bytes(data[moof : moof + 4], "big")
    if end - moof > MAX_MOOF or offset + end + 8 > limit:
        return None
    if end + 8 > len(data):
        data = _read_at(file, offset, end + 8)
    if zlib.crc32(memoryview(data)[PRFT.size + META.size : end]) != crc:
        return None
    try:
        info = FragmentInfo.unpack(data, offset, offset + moof, PRFT.size + META.size)
    except NotASegmentError:
        return None
    mdat_size, mdat = struct.unpack_from(">I4s", data, end)
    return info if mdat == b"mdat" and end + mdat_size == info.size and info.end <= limit else None
