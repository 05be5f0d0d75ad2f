"""Sample entries: what a decoder must know, as ``stsd`` holds it (ISO/IEC 14496-12, -14, -15)."""

from __future__ import annotations

import struct

from evertape.mp4.boxes import Box, box, box_at, child, children, full_box
from evertape.types import AudioCaps, Codec, VideoCaps

_VIDEO_ENTRY = {Codec.H264: (b"avc1", b"avcC"), Codec.H265: (b"hvc1", b"hvcC")}
_VIDEO_FIXED = 78
_AUDIO_FIXED = 28


def video_entry(caps: VideoCaps) -> bytes:
    """The ``avc1`` or ``hvc1`` box: parameter sets live in the entry, not in the samples."""
    kind, config = _VIDEO_ENTRY[caps.codec]
    fixed = struct.pack(
        ">6xH16xHHIIIH32sHh", 1, caps.width, caps.height, 0x480000, 0x480000, 0, 1, b"\x08Evertape", 24, -1
    )
    return box(kind, fixed, box(config, caps.config))


def audio_entry(caps: AudioCaps) -> bytes:
    """The ``mp4a`` box with its ``esds`` (ISO/IEC 14496-1 7.2.6)."""
    # The rate is 16.16; ISO/IEC 14496-12 12.2.3 lets a higher one be 0, and the decoder config has it anyway.
    rate = caps.rate << 16 if caps.rate < 1 << 16 else 0
    fixed = struct.pack(">6xH8xHHIHH", 1, caps.channels, 16, 0, rate >> 16, rate & 0xFFFF)
    decoder = bytes((0x40, 0x15, 0, 0, 0)) + bytes(8) + _descriptor(0x05, caps.config)
    stream = bytes((0, 0, 0)) + _descriptor(0x04, decoder) + _descriptor(0x06, b"\x02")
    return box(b"mp4a", fixed, full_box(b"esds", 0, 0, _descriptor(0x03, stream)))


def _descriptor(tag: int, body: bytes) -> bytes:
    # Always the four-byte form of the length: one form less to get wrong.
    n = len(body)
    return bytes((tag, 0x80 | n >> 21 & 0x7F, 0x80 | n >> 14 & 0x7F, 0x80 | n >> 7 & 0x7F, n & 0x7F)) + body


def parse_entry(data: bytes, stbl: Box, rate: int) -> VideoCaps | AudioCaps | None:
    """The first sample entry in ``stbl``; ``rate`` is the track's timescale. ``None`` if it is none of ours."""
    stsd = child(data, stbl.body, stbl.end, b"stsd")
    entry = box_at(data, stsd.body + 8, stsd.end) if stsd is not None else None
    if entry is None:
        return None
    for codec, (kind, config) in _VIDEO_ENTRY.items():
        if entry.kind == kind and entry.end - entry.body >= _VIDEO_FIXED:
            width, height = struct.unpack_from(">HH", data, entry.body + 24)
            found = child(data, entry.body + _VIDEO_FIXED, entry.end, config)
            return VideoCaps(codec, data[found.body : found.end], width, height) if found is not None else None
    if entry.kind == b"mp4a" and entry.end - entry.body >= _AUDIO_FIXED:
        (channels,) = struct.unpack_from(">H", data, entry.body + 16)
        esds = next((b for b in children(data, entry.body + _AUDIO_FIXED, entry.end) if b.kind == b"esds"), None)
        found_config = decoder_config(data[esds.body + 4 : esds.end]) if esds is not None else None
        return AudioCaps(Codec.AAC, found_config, rate, channels) if found_config is not None else None
    return None


def decoder_config(data: bytes) -> bytes | None:
    """The DecoderSpecificInfo in an ES descriptor (ISO/IEC 14496-1 7.2.6.5); ``None`` if there is none."""
    for tag, skip in ((0x03, 3), (0x04, 13)):
        body = _read_descriptor(data, tag)
        if body is None:
            return None
        data = body[skip + (_optional(body) if tag == 0x03 else 0) :]
    return _read_descriptor(data, 0x05)


def _optional(body: bytes) -> int:
    """Bytes of an ES descriptor that only some flags bring: another stream it depends on, a URL, a clock."""
    flags = body[2] if len(body) > 2 else 0
    size = 2 if flags & 0x80 else 0
    if flags & 0x40 and len(body) > 3 + size:
        size += 1 + body[3 + size]
    return size + (2 if flags & 0x20 else 0)


def _read_descriptor(data: bytes, tag: int) -> bytes | None:
    if not data or data[0] != tag:
        return None
    length = 0
    for at in range(1, min(5, len(data))):
        length = length << 7 | data[at] & 0x7F
        if not data[at] & 0x80:
            body = data[at + 1 : at + 1 + length]
            return body if len(body) == length else None
    return None
