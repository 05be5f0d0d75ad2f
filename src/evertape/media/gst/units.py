"""What a depayloader hands over, made into what the time line takes. Pure.

``rtph264depay`` and ``rtph265depay`` put pictures out as MP4 holds them (NAL units behind 4-byte lengths) and their
parameter sets beside them, as the body of ``avcC`` or ``hvcC``.
"""

from __future__ import annotations

from collections.abc import Iterator

from evertape.errors import ProtocolError
from evertape.media.rtsp.depay import RawUnit
from evertape.media.rtsp.nal import H264_AUD, H264_PPS, H264_SPS, H265_AUD, H265_PPS, H265_SPS, H265_VPS
from evertape.types import Codec

_H264_SETS = frozenset({H264_SPS, H264_PPS})
_H265_SETS = frozenset({H265_VPS, H265_SPS, H265_PPS})


class DamagedUnitError(ProtocolError):
    """A picture or a configuration is not what its format says. Leave it out."""


def sets_of_config(codec: Codec, config: bytes) -> tuple[bytes, ...]:
    """The parameter sets in the body of an ``avcC`` or ``hvcC`` (ISO/IEC 14496-15 5.3.3.1, 8.3.3.1).

    Raises:
        DamagedUnitError: it ends early, or has lengths of other than 4 bytes.
    """
    try:
        if config[4 if codec is Codec.H264 else 21] & 3 != 3:
            raise DamagedUnitError("NAL units behind lengths of other than 4 bytes")
        return tuple(_avcc_sets(config) if codec is Codec.H264 else _hvcc_sets(config))
    except IndexError as error:
        raise DamagedUnitError("a decoder configuration ends early") from error


def _avcc_sets(config: bytes) -> Iterator[bytes]:
    pos = 5
    for mask in (31, 255):
        count, pos = config[pos] & mask, pos + 1
        for _ in range(count):
            item, pos = _sized(config, pos)
            yield item


def _hvcc_sets(config: bytes) -> Iterator[bytes]:
    arrays, pos = config[22], 23
    for _ in range(arrays):
        kind = config[pos] & 63
        count, pos = config[pos + 1] << 8 | config[pos + 2], pos + 3
        for _ in range(count):
            item, pos = _sized(config, pos)
            if kind in _H265_SETS:  # SEI messages may stand here too
                yield item


def _sized(config: bytes, pos: int) -> tuple[bytes, int]:
    end = pos + 2 + (config[pos] << 8 | config[pos + 1])
    if end > len(config):
        raise DamagedUnitError("a decoder configuration ends early")
    return config[pos + 2 : end], end


def read_unit(codec: Codec, data: bytes, rtp: int) -> RawUnit:
    """Take parameter sets and delimiters out of a picture and see whether a decoder can start with it.

    Args:
        codec: ``h264`` or ``h265``.
        data: NAL units behind 4-byte lengths.
        rtp: its time stamp, passed on.

    Raises:
        DamagedUnitError: the lengths make no sense, there is no slice, or the first slice is not the picture's first.
    """
    h264 = codec is Codec.H264
    sets: list[bytes] = []
    kept: list[bytes] = []
    kept_from = pos = 0
    picture = key = False
    end = len(data)
    while pos + 4 < end:
        start = pos + 4
        after = start + int.from_bytes(data[pos:start], "big")
        if after <= start or after > end:
            raise DamagedUnitError("a NAL unit is longer than its picture")
        kind = data[start] & 31 if h264 else data[start] >> 1 & 63
        if 0 < kind < 6 if h264 else kind < 32:
            if not picture:
                _check_first(data, start + (1 if h264 else 2), after)
            picture = True
            key = key or (kind == 5 if h264 else 16 <= kind <= 23)
        elif kind in (_H264_SETS if h264 else _H265_SETS) or kind == (H264_AUD if h264 else H265_AUD):
            if kind not in (H264_AUD, H265_AUD):
                sets.append(data[start:after])
            kept.append(data[kept_from:pos])
            kept_from = after
        pos = after
    if pos != end or not picture:
        raise DamagedUnitError("a picture without a slice")
    return RawUnit(rtp, b"".join((*kept, data[kept_from:])) if kept else data, key, tuple(sets))


def _check_first(data: bytes, pos: int, after: int) -> None:
    # first_mb_in_slice is ue(v), 0 is a single set bit (H.264 7.3.3); first_slice_segment_in_pic_flag (H.265 7.3.6.1).
    if pos >= after or not data[pos] & 0x80:
        raise DamagedUnitError("the beginning of a picture is missing")
