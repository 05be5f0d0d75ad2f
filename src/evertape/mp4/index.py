"""What closing a file appends: our table of fragments, and ``mfra`` for everybody else.

Both are pure functions of the fragments, so the disk process can close a file whose
writer is gone, and both go to the end, so a hash can be taken as the bytes pass.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence

from evertape.mp4.boxes import box, full_box, uuid_box
from evertape.mp4.digest import CHECK_SIZE
from evertape.mp4.model import FRAGMENT_BODY, INDEX_UUID, VIDEO_TIMESCALE, FragmentInfo, SegmentHeader

VERSION = 1
_PLACE = struct.Struct(">QI")
ROW = _PLACE.size + FRAGMENT_BODY
"""Bytes per fragment in our table: its offset, the distance of its ``moof``, and its metadata."""
CHECKED_ROW = ROW + CHECK_SIZE
"""The same with the hash of its bytes behind; 0 where it is not known. Files of early versions have the short rows."""
_NO_CHECK = bytes(CHECK_SIZE)
_HEAD = struct.Struct(">BxHI")
_INDEX = struct.Struct(">4xI")
"""The fragment's number within its metadata."""
TABLE_HEAD = 8 + 16 + _HEAD.size
TABLE_TAIL = 8
"""After the rows: CRC-32 of version and rows, then the size of the whole box, to find it from behind."""


def build_index(header: SegmentHeader, fragments: Sequence[FragmentInfo]) -> bytes:
    """The bytes that make an open segment a closed one; they go right behind the last fragment."""
    return build_table(fragments) + _mfra(header.base_dts_ns, fragments)


def build_table(fragments: Sequence[FragmentInfo]) -> bytes:
    """Our own part of it: the whole ``uuid`` box."""
    checked = any(f.check for f in fragments)
    rows = [
        _PLACE.pack(f.offset, f.moof_offset - f.offset) + f.pack() + (f.check or _NO_CHECK if checked else b"")
        for f in fragments
    ]
    content = _HEAD.pack(VERSION, CHECKED_ROW if checked else ROW, len(rows)) + b"".join(rows)
    size = 8 + 16 + len(content) + TABLE_TAIL
    return uuid_box(INDEX_UUID, content, struct.pack(">II", zlib.crc32(content), size))


def _mfra(base_dts_ns: int, fragments: Sequence[FragmentInfo]) -> bytes:
    entries = [
        # time, moof, then traf, trun and sample numbers of one byte each, all 1
        struct.pack(">QQBBB", video_ticks(max(0, f.start_pts_ns - base_dts_ns)), f.moof_offset, 1, 1, 1)
        for f in fragments
        if f.key and f.video is not None
    ]
    table = full_box(b"tfra", 1, 0, struct.pack(">III", 1, 0, len(entries)), *entries)
    size = 8 + len(table) + 16
    return box(b"mfra", table, full_box(b"mfro", 0, 0, struct.pack(">I", size)))


def parse_table(data: bytes) -> list[FragmentInfo] | None:
    """The fragments in a whole table box; ``None`` if it is damaged or of another version.

    Raises ``NotASegmentError`` if what a row says makes no sense.
    """
    if len(data) < TABLE_HEAD + TABLE_TAIL or data[4:24] != b"uuid" + INDEX_UUID:
        return None
    crc, size = struct.unpack_from(">II", data, len(data) - TABLE_TAIL)
    content = data[24:-TABLE_TAIL]
    version, row, count = _HEAD.unpack_from(content)
    if size != len(data) or zlib.crc32(content) != crc or version != VERSION or row < ROW:
        return None
    if len(content) != _HEAD.size + row * count:
        return None
    fragments = []
    for at in range(_HEAD.size, len(content), row):
        offset, distance = _PLACE.unpack_from(content, at)
        check = content[at + ROW : at + CHECKED_ROW] if row >= CHECKED_ROW else b""
        known = check if check != _NO_CHECK else b""
        fragments.append(FragmentInfo.unpack(content, offset, offset + distance, at + _PLACE.size, known))
    return fragments


def table_checks(data: bytes) -> dict[int, bytes]:
    """By fragment, the hashes in a table box; also of a damaged one, as far as its rows can be told apart.

    So a hash that does not fit may be the one that is damaged; see ``build_table``.
    """
    if len(data) < TABLE_HEAD + TABLE_TAIL:
        return {}
    content = data[24:-TABLE_TAIL]
    _version, row, count = _HEAD.unpack_from(content)
    if row < CHECKED_ROW or len(content) != _HEAD.size + row * count:
        return {}
    found = {}
    for at in range(_HEAD.size, len(content), row):
        (index,) = _INDEX.unpack_from(content, at + _PLACE.size)
        found[index] = content[at + ROW : at + CHECKED_ROW]
    return {index: check for index, check in found.items() if check != _NO_CHECK}


def video_ticks(duration_ns: int) -> int:
    """Nanoseconds as ticks of the video track, to the nearest."""
    return (duration_ns * (VIDEO_TIMESCALE // 10_000) + 50_000) // 100_000
