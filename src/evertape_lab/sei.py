"""The number on every picture: an SEI message that survives any container.

A *user data unregistered* SEI message (payload type 5; ITU-T H.264 D.1.7, H.265 D.2.7) holds a
fixed UUID and one line of ASCII::

    name=cam_01 n=000044100000123 utc=1764000000040000000

The digits have a fixed width and neither they nor the UUID contain a zero byte, so the NAL
unit has a constant size per camera and never needs emulation prevention: what the camera
wrote is, byte for byte, what lies in the file, and a file is audited by searching its bytes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from evertape.types import Codec

LAB_UUID = bytes.fromhex("e7e27a9e5ca14fd1a3b76c1ad8f29b45")
"""Marks our messages; random, without a zero byte."""

N_DIGITS = 15
"""Width of the counter: 240 frames per second since 1970 take 12 digits."""

UTC_DIGITS = 19
"""Width of the time: nanoseconds since 1970 have 19 digits from 2001 until 2286."""

_USER_DATA_UNREGISTERED = 5
_NAME = re.compile(r"[A-Za-z0-9_./-]{1,64}")
_MESSAGE = re.compile(
    re.escape(LAB_UUID) + rb"name=([A-Za-z0-9_./-]{1,64}) n=(\d{%d}) utc=(\d{%d})" % (N_DIGITS, UTC_DIGITS)
)
# Header of the SEI NAL unit: H.264 type 6 (nal_ref_idc 0); H.265 PREFIX_SEI_NUT 39, layer 0, temporal id 0.
_NAL_HEADER = {Codec.H264: b"\x06", Codec.H265: bytes([39 << 1, 1])}


@dataclass(frozen=True, slots=True)
class SeenFrame:
    """One message as found: camera name, frame counter, UTC in nanoseconds, offset of its UUID in the bytes."""

    camera: str
    n: int
    utc_ns: int
    offset: int


class SeiBuilder:
    """Makes the SEI NAL units of one camera; the constant parts are built once. Safe from any thread.

    Args:
        codec: ``h264`` or ``h265``.
        camera: 1 to 64 of the characters ``A-Za-z0-9_./-``.

    Raises:
        ValueError: another codec or another kind of name.
    """

    def __init__(self, codec: Codec, camera: str) -> None:
        if codec not in _NAL_HEADER:
            raise ValueError(f"no SEI message exists in {codec}")
        if not _NAME.fullmatch(camera):
            raise ValueError(f"{camera!r} cannot be a lab camera's name")
        name = f"name={camera} ".encode("ascii")
        payload_size = len(LAB_UUID) + len(name) + len(stamp(0, 0))
        self._prefix = _NAL_HEADER[codec] + bytes([_USER_DATA_UNREGISTERED, payload_size]) + LAB_UUID + name
        self.size = len(self._prefix) + len(stamp(0, 0)) + 1
        """Bytes of the NAL unit, without start code or length."""
        self._length = self.size.to_bytes(4, "big")

    def nal(self, n: int, utc_ns: int) -> bytes:
        """The bare NAL unit for frame ``n`` of ``utc_ns``."""
        return self._prefix + stamp(n, utc_ns) + b"\x80"

    def sized(self, stamp_text: bytes) -> bytes:
        """The NAL unit behind its 4-byte length, from a ready ``stamp``; the quick way for many cameras."""
        return self._length + self._prefix + stamp_text + b"\x80"


def stamp(n: int, utc_ns: int) -> bytes:
    """The part of the line that all cameras share in a frame: ``n=… utc=…``."""
    return b"n=%0*d utc=%0*d" % (N_DIGITS, n, UTC_DIGITS, utc_ns)


def find_frames(data: bytes, start: int = 0, end: int | None = None) -> Iterator[SeenFrame]:
    """Yield every message that lies wholly within ``data[start:end]``, in the order of the bytes."""
    for found in _MESSAGE.finditer(data, start, len(data) if end is None else end):
        yield SeenFrame(found[1].decode("ascii"), int(found[2]), int(found[3]), found.start())
