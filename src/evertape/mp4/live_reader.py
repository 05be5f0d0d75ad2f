"""The other end of ``LiveMuxer``: pictures out of what a hub sends live. Pure."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

from evertape.errors import ProtocolError
from evertape.mp4.boxes import Box, child, children
from evertape.mp4.model import VIDEO_TIMESCALE
from evertape.mp4.movie import DIFFERENCE_SAMPLE, parse_movie
from evertape.types import NS_PER_S, Track, VideoCaps

_U64 = struct.Struct(">Q")
_U32 = struct.Struct(">I")
_RUN = struct.Struct(">IiIi")
_TFHD_FLAGS_AT = 4 + 4 + 4 + 4
"""In ``tfhd`` behind its version: track, default duration, default size."""


class LivePicture(NamedTuple):
    """A picture on the wire's time line, which starts at 0.

    Args:
        pts_ns: when to show it.
        key: a decoder can start here.
        data: NAL units behind 4-byte lengths.
    """

    pts_ns: int
    key: bool
    data: bytes


def live_format(init: bytes) -> VideoCaps:
    """What an initialisation segment describes. Raises ``ProtocolError``."""
    movie = child(init, 0, len(init), b"moov")
    if movie is None:
        raise ProtocolError("an initialisation segment without a movie")
    return parse_movie(init, movie.body, movie.end, 0).video


def live_pictures(data: bytes) -> Iterator[LivePicture]:
    """The pictures in fragments that follow one another; sound is left out. Raises ``ProtocolError``."""
    moof: Box | None = None
    end = 0
    try:
        for found in children(data, 0, len(data)):
            end = found.end
            if found.kind == b"moof":
                moof = found
            elif found.kind == b"mdat" and moof is not None:
                picture = _picture(data, moof, found)
                if picture is not None:
                    yield picture
    except struct.error as error:
        raise ProtocolError(f"a live fragment that cannot be read: {error}") from None
    if end != len(data):
        raise ProtocolError("a live fragment that is not whole")


def _picture(data: bytes, moof: Box, mdat: Box) -> LivePicture | None:
    traf = child(data, moof.body, moof.end, b"traf")
    if traf is None:
        raise ProtocolError("a live fragment without a track")
    boxes = {found.kind: found for found in children(data, traf.body, traf.end)}
    try:
        tfhd, tfdt, trun = boxes[b"tfhd"], boxes[b"tfdt"], boxes[b"trun"]
    except KeyError as missing:
        raise ProtocolError(f"a live fragment without {missing}") from None
    (track,) = _U32.unpack_from(data, tfhd.body + 4)
    if track != Track.VIDEO + 1:
        return None
    (flags,) = _U32.unpack_from(data, tfhd.body + _TFHD_FLAGS_AT)
    (start,) = _U64.unpack_from(data, tfdt.body + 4)
    count, offset, size, shift = _RUN.unpack_from(data, trun.body + 4)
    at = moof.start + offset
    if count != 1 or not mdat.body <= at <= at + size <= mdat.end:
        raise ProtocolError("a live fragment whose picture lies elsewhere")
    return LivePicture((start + shift) * NS_PER_S // VIDEO_TIMESCALE, flags != DIFFERENCE_SAMPLE, data[at : at + size])
