"""The ``ftyp`` and ``moov`` at the head of a segment, and reading them back."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence

from evertape.mp4.boxes import box, child, children, full_box, uuid_box
from evertape.mp4.entries import audio_entry, parse_entry, video_entry
from evertape.mp4.model import FORMAT_VERSION, HEADER_UUID, VIDEO_TIMESCALE, NotASegmentError, SegmentHeader, iso_utc
from evertape.types import AudioCaps, StreamCaps, VideoCaps

BRAND = b"evtp"
"""Our own compatible brand: a scanner knows from the first bytes whether a file is worth reading."""

MATRIX = struct.pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
# Seconds between 1904-01-01, where MP4 counts from, and 1970-01-01.
_MP4_EPOCH = 2_082_844_800
MOVIE_TIMESCALE = 1000

SYNC_SAMPLE = 0x0200_0000
DIFFERENCE_SAMPLE = 0x0101_0000
"""Sample flags (ISO/IEC 14496-12 8.8.3.1): depends on no other; depends on others and is no sync sample."""


def init_segment(header: SegmentHeader, caps: StreamCaps) -> bytes:
    """Everything before the first fragment: ``ftyp``, ``moov`` and our own metadata."""
    created = mp4_time(header.start_utc_ns)
    tracks = [track_box(1, created, 0, caps.video, empty_table(video_entry(caps.video)))]
    extends = [full_box(b"trex", 0, 0, struct.pack(">IIIII", 1, 1, 0, 0, DIFFERENCE_SAMPLE))]
    if caps.audio is not None:
        tracks.append(track_box(2, created, 0, caps.audio, empty_table(audio_entry(caps.audio))))
        extends.append(full_box(b"trex", 0, 0, struct.pack(">IIIII", 2, 1, 0, 0, SYNC_SAMPLE)))
    tags = tags_box(header.camera_name, iso_utc(header.start_utc_ns), header.writer, f"camera {header.camera_id}")
    brands = box(b"ftyp", b"iso6", struct.pack(">I", 0), b"iso6iso5isommp41", BRAND)
    moov = box(b"moov", movie_header(created, 0, 3), *tracks, box(b"mvex", *extends), tags)
    text = header.to_bytes()
    crc = zlib.crc32(text, zlib.crc32(brands + moov))
    return brands + moov + uuid_box(HEADER_UUID, struct.pack(">BxxxI", FORMAT_VERSION, crc), text)


def parse_header(data: bytes, start: int, end: int) -> tuple[SegmentHeader, bool]:
    """The header in the body of a ``uuid`` box between ``start`` and ``end`` (after the UUID itself).

    Returns:
        The header, and whether the checksum over all of ``data`` up to ``end`` is right.

    Raises:
        NotASegmentError: it cannot be read.
    """
    if end - start < 8:
        raise NotASegmentError("the segment's metadata is empty")
    (crc,) = struct.unpack_from(">4xI", data, start)
    text = data[start + 8 : end]
    # The box's own size, kind and UUID are not covered: they were right, or this would not be reached.
    whole = zlib.crc32(text, zlib.crc32(data[: start - 24])) == crc
    # Neither is the version before the checksum: it is compared.
    return SegmentHeader.from_bytes(text), whole and data[start : start + 4] == struct.pack(">Bxxx", FORMAT_VERSION)


def mp4_time(utc_ns: int) -> int:
    """``utc_ns`` in whole seconds since 1904, held within 0 and 2**64 - 1."""
    return max(0, utc_ns // 1_000_000_000 + _MP4_EPOCH)


def movie_header(created: int, duration: int, next_track: int) -> bytes:
    """``mvhd``, version 1; ``duration`` in milliseconds."""
    fixed = struct.pack(">QQIQIH10x", created, created, MOVIE_TIMESCALE, duration, 0x10000, 0x0100)
    return full_box(b"mvhd", 1, 0, fixed, MATRIX, bytes(24), struct.pack(">I", next_track))


def track_box(
    number: int,
    created: int,
    duration: int,
    caps: VideoCaps | AudioCaps,
    table: bytes,
    *,
    media_duration: int = 0,
    edits: bytes = b"",
) -> bytes:
    """``trak``; ``duration`` in milliseconds, ``media_duration`` in the track's own ticks."""
    if isinstance(caps, VideoCaps):
        rate, volume, size = VIDEO_TIMESCALE, 0, struct.pack(">II", caps.width << 16, caps.height << 16)
        handler, media_header = b"vide", full_box(b"vmhd", 0, 1, bytes(8))
    else:
        rate, volume, size = caps.rate, 0x0100, bytes(8)
        handler, media_header = b"soun", full_box(b"smhd", 0, 0, bytes(4))
    group = 0 if handler == b"vide" else 1
    fixed = struct.pack(">QQI4xQ8xhhHxx", created, created, number, duration, 0, group, volume)
    # "und", the undetermined language, in three letters of five bits.
    media = struct.pack(">QQIQHxx", created, created, rate, media_duration, 0x55C4)
    return box(
        b"trak",
        full_box(b"tkhd", 1, 3, fixed, MATRIX, size),
        edits,
        box(
            b"mdia",
            full_box(b"mdhd", 1, 0, media),
            full_box(b"hdlr", 0, 0, bytes(4), handler, bytes(12), b"Evertape\0"),
            box(b"minf", media_header, box(b"dinf", full_box(b"dref", 0, 0, _ONE, full_box(b"url ", 0, 1))), table),
        ),
    )


def edit_box(edits: Sequence[tuple[int, int]]) -> bytes:
    """``edts``: each edit's duration in milliseconds and where in the track it starts, in ticks (-1: nothing)."""
    rows = [struct.pack(">QqI", duration, start, 0x10000) for duration, start in edits]
    return box(b"edts", full_box(b"elst", 1, 0, struct.pack(">I", len(rows)), *rows))


_ONE = struct.pack(">I", 1)


def description_box(entries: list[bytes]) -> bytes:
    """``stsd``."""
    return full_box(b"stsd", 0, 0, struct.pack(">I", len(entries)), *entries)


def empty_table(entry: bytes) -> bytes:
    """``stbl`` of a track whose samples are in fragments."""
    none = bytes(4)
    return box(
        b"stbl",
        description_box([entry]),
        full_box(b"stts", 0, 0, none),
        full_box(b"stsc", 0, 0, none),
        full_box(b"stsz", 0, 0, none, none),
        full_box(b"stco", 0, 0, none),
    )


def tags_box(title: str, date: str, tool: str, comment: str) -> bytes:
    """``udta`` with the tags that ordinary players show."""
    items = (("nam", title), ("day", date), ("too", tool), ("cmt", comment))
    listed = b"".join(
        box(b"\xa9" + name.encode(), box(b"data", struct.pack(">II", 1, 0), text.encode())) for name, text in items
    )
    handler = full_box(b"hdlr", 0, 0, bytes(4), b"mdir", b"appl", bytes(8), b"\0")
    return box(b"udta", full_box(b"meta", 0, 0, handler, box(b"ilst", listed)))


def parse_movie(data: bytes, start: int, end: int, caps_id: int) -> StreamCaps:
    """The caps in a ``moov`` whose body lies between ``start`` and ``end``.

    Raises:
        NotASegmentError: there is no video track in it that Evertape could have written.
    """
    video: VideoCaps | None = None
    audio: AudioCaps | None = None
    for trak in (b for b in children(data, start, end) if b.kind == b"trak"):
        mdhd = child(data, trak.body, trak.end, b"mdia", b"mdhd")
        table = child(data, trak.body, trak.end, b"mdia", b"minf", b"stbl")
        if mdhd is None or table is None or mdhd.end - mdhd.body < 24:
            continue
        (rate,) = struct.unpack_from(">I", data, mdhd.body + 20)
        found = parse_entry(data, table, rate)
        if isinstance(found, VideoCaps) and rate == VIDEO_TIMESCALE:
            video = found
        elif isinstance(found, AudioCaps) and rate > 0:
            audio = found
    if video is None:
        raise NotASegmentError("the file has no video track that can be read")
    return StreamCaps(caps_id, video, audio)
