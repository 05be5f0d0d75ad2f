"""The bytes that a camera sends over an RTSP connection, cut into packets and messages; and how to damage some of them.

Pure: no input, no output. Used by the proxy, on its thread.
"""

from __future__ import annotations

import random
import re
from collections import deque
from enum import StrEnum

from evertape_lab.sei import find_frames

_LENGTH = re.compile(rb"content-length:\s*(\d+)", re.IGNORECASE)
_RTP_HEADER = 12
_ON_THEIR_WAY = 64


class Where(StrEnum):
    """Which bytes of a packet may be hit."""

    PAYLOAD = "payload"
    """Behind the RTP header: what a bad sensor, encoder or memory does."""
    HEADER = "header"
    """The RTP header and the two bytes behind it, which say how a picture is cut: what a receiver works by."""
    FRAMING = "framing"
    """The four bytes before the packet, which TCP's own checksum keeps whole in real life."""


def packet_of(item: bytes | bytearray) -> bool:
    """Whether ``item`` is an interleaved packet (RFC 2326 10.12), not an RTSP message."""
    return item[:1] == b"$"


class Cutter:
    """Cuts a stream into whole packets and messages, whatever pieces it comes in."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """The items that are complete by now, in order; joined they are what was fed."""
        self._rest += data
        items, pos = [], 0
        while (size := self._size(pos)) and pos + size <= len(self._rest):
            items.append(bytes(self._rest[pos : pos + size]))
            pos += size
        del self._rest[:pos]
        return items

    def _size(self, pos: int) -> int:
        """Bytes of the item that begins at ``pos``; 0 if that is not known yet."""
        rest = self._rest
        if len(rest) - pos < 4:
            return 0
        if rest[pos] == 0x24:
            return 4 + int.from_bytes(rest[pos + 2 : pos + 4], "big")
        end = rest.find(b"\r\n\r\n", pos)
        if end < 0:
            return 0
        length = _LENGTH.search(rest, pos, end)
        return end + 4 - pos + (int(length[1]) if length else 0)


class Damage:
    """Damages a share of the RTP packets that pass, and knows which pictures were hit. It begins with none."""

    def __init__(self) -> None:
        self.packets = 0
        """Packets that were damaged."""
        self._share = 0.0
        self._where = Where.PAYLOAD
        self._rng = random.Random(0)
        self._pictures: dict[bytes, tuple[str, int]] = {}
        # Of the time when nothing is damaged only these are kept: a picture that is on its way may still be hit.
        self._latest: deque[tuple[bytes, tuple[str, int]]] = deque(maxlen=_ON_THEIR_WAY)
        self._hit: set[bytes] = set()

    def begin(self, share: float, where: Where = Where.PAYLOAD, seed: int = 1) -> None:
        """From now on damage this share of the packets (0 to 1); the same seed and packets give the same damage."""
        self._share, self._where, self._rng = share, where, random.Random(seed)
        self._pictures.update(self._latest)

    def pass_on(self, item: bytes) -> bytes:
        """``item``, or what is left of it."""
        if not packet_of(item) or item[1] % 2 or len(item) <= 4 + _RTP_HEADER:
            return item
        stamp = item[8:12]
        for frame in find_frames(item):
            if self._share:
                self._pictures[stamp] = (frame.camera, frame.n)
            else:
                self._latest.append((stamp, (frame.camera, frame.n)))
        if self._rng.random() >= self._share:
            return item
        self.packets += 1
        self._hit.add(stamp)
        broken = bytearray(item)
        first, end = {
            Where.PAYLOAD: (4 + _RTP_HEADER, len(item)),
            Where.HEADER: (4, 4 + _RTP_HEADER + 2),
            Where.FRAMING: (0, 4),
        }[self._where]
        for _ in range(self._rng.randint(1, 8)):
            broken[self._rng.randrange(first, min(end, len(broken)))] ^= self._rng.randint(1, 255)
        return bytes(broken)

    def pictures_hit(self) -> set[tuple[str, int]]:
        """Camera and number of every picture of which a packet was damaged, as far as its number was seen."""
        return {self._pictures[stamp] for stamp in self._hit if stamp in self._pictures}
