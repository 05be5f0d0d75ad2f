"""The decoder configurations that MP4 wants (ISO/IEC 14496-15), built from parameter sets. No input, no output."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from evertape.media.rtsp.nal import H265_PPS, H265_SPS, H265_VPS, HIGH_PROFILES, Sps


def build_avcc(sps: Sequence[bytes], pps: Sequence[bytes], parsed: Sps) -> bytes:
    """The body of ``avcC`` (ISO/IEC 14496-15 5.3.3.1) for 4-byte lengths."""
    first = sps[0]
    out = bytes([1, first[1], first[2], first[3], 0xFF, 0xE0 | min(len(sps), 31)])
    out += b"".join(struct.pack(">H", len(nal)) + nal for nal in sps[:31])
    out += bytes([min(len(pps), 255)])
    out += b"".join(struct.pack(">H", len(nal)) + nal for nal in pps[:255])
    if parsed.profile in HIGH_PROFILES:
        out += bytes([0xFC | parsed.chroma, 0xF8 | (parsed.luma_bits - 8), 0xF8 | (parsed.chroma_bits - 8), 0])
    return out


def build_hvcc(vps: Sequence[bytes], sps: Sequence[bytes], pps: Sequence[bytes], parsed: Sps) -> bytes:
    """The body of ``hvcC`` (ISO/IEC 14496-15 8.3.3.1) for 4-byte lengths; array_completeness set, as for ``hvc1``."""
    out = b"\x01" + parsed.tier_level
    out += struct.pack(
        ">HBBBBHBB",
        0xF000,  # min_spatial_segmentation_idc unknown
        0xFC,  # parallelismType unknown
        0xFC | parsed.chroma,
        0xF8 | (parsed.luma_bits - 8),
        0xF8 | (parsed.chroma_bits - 8),
        0,  # avgFrameRate unknown
        (parsed.layers << 3) | (int(parsed.nested) << 2) | 3,
        3,
    )
    for kind, nals in ((H265_VPS, vps), (H265_SPS, sps), (H265_PPS, pps)):
        out += struct.pack(">BH", 0x80 | kind, len(nals))
        out += b"".join(struct.pack(">H", len(nal)) + nal for nal in nals)
    return out
