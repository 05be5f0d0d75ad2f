"""RTP payloads of H.264 (RFC 6184) and H.265 (RFC 7798) put together to access units. No input, no output.

This runs for every packet of every camera, so it counts instructions: packets are views into the
receive buffer, copied once when a unit is complete or the buffer is about to be used again
(``detach``). No method raises on what a camera sends.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from evertape.media.rtsp.sequence import LATE, LateRun

_PREFIX1 = struct.Struct(">IB")
_PREFIX2 = struct.Struct(">IBB")
_LENGTH = struct.Struct(">I")
# Larger than any picture of 8K; what grows beyond is not a picture.
MAX_UNIT = 16 * 1024 * 1024


class RawUnit(NamedTuple):
    """A picture as it came.

    Args:
        rtp: time stamp, 32 bits.
        data: NAL units with 4-byte lengths, without parameter sets and delimiters.
        key: a decoder can start here.
        sets: the parameter sets that came with it, in order.
    """

    rtp: int
    data: bytes
    key: bool
    sets: tuple[bytes, ...]


class NalDepayloader:
    """What both codecs share: gathering a picture, noticing loss, where a picture ends.

    A picture ends with the marker bit, or where the time stamp changes. One that misses a packet is
    dropped whole and counted in ``damaged``; nothing after it is. Markers are trusted until one turns
    out to be set inside a picture.
    """

    __slots__ = (
        "_broken", "_done_ts", "_fu", "_fu_head", "_fu_kind", "_ignore_marker", "_key", "_late", "_next",
        "_parts", "_picture", "_sets", "_start_seen", "_suspect", "_ts", "damaged", "lost", "units",
    )  # fmt: skip

    def __init__(self) -> None:
        self.units: list[RawUnit] = []
        self.lost = 0
        self.damaged = 0
        self._next = -1
        self._late = LateRun()
        self._ts = -1
        self._done_ts = -1
        self._ignore_marker = False
        self._fu: list[bytes | memoryview] | None = None
        self._fu_head = 0
        self._fu_kind = 0
        self._clear()

    @property
    def next_seq(self) -> int:
        """The sequence number that is expected, or -1 before the first packet."""
        return self._next

    def _clear(self) -> None:
        self._parts: list[bytes | memoryview] = []
        self._sets: list[bytes] = []
        self._picture = False
        self._key = False
        self._broken = False
        self._suspect = False
        self._start_seen = True
        self._fu = None

    def feed(self, view: memoryview, start: int, stop: int, marker: int, seq: int, ts: int) -> None:
        """Take the payload ``view[start:stop]`` of one packet, at least one byte.

        Args:
            view: valid until ``detach()``.
            start: first byte after the RTP header.
            stop: after the last one.
            marker: bit 7 set if the packet ends a picture (the RTP header's second byte will do).
            seq: RTP sequence number.
            ts: RTP time stamp.
        """
        raise NotImplementedError

    def detach(self) -> None:
        """Copy what is still needed of the views; they may be overwritten afterwards."""
        if self._parts:
            self._parts = [b"".join(self._parts)]
            if len(self._parts[0]) > MAX_UNIT:
                self._parts, self._broken = [], True
        if self._fu:
            self._fu = [b"".join(self._fu)]
            if len(self._fu[0]) > MAX_UNIT:
                self._fu, self._broken = None, True

    def _gap(self, seq: int, ts: int) -> bool:
        """A sequence number that was not expected. Returns whether to take the packet."""
        if self._next < 0:
            self._suspect = True
            return True
        missing = (seq - self._next) & 0xFFFF
        if missing >= LATE and not self._late.is_stream(seq, self._next):
            return False  # a repetition, or one that comes late; its picture is gone
        # A jump backwards by a lot is a sender that began again: how many are missing is not known.
        self.lost += missing if missing < 0x8000 else 1
        if self._parts or self._fu is not None or self._broken:
            self._broken = True
        if ts != self._ts:
            self._turn(ts)
        if not self._parts:
            self._suspect = True
        return True

    def _turn(self, ts: int) -> None:
        """The time stamp changed: the picture before it is over, marker or not."""
        if self._picture or self._broken or self._fu is not None:
            self._finish()
        self._ts = ts

    def _marked(self) -> None:
        """The marker bit was set."""
        if not self._ignore_marker:
            self._finish()

    def _finish(self) -> None:
        if self._fu is not None or self._broken:
            self.damaged += 1
            self._clear()
            return
        if not self._picture:
            return  # parameter sets or SEI that came with a marker of their own: part of the next picture
        if self._ts == self._done_ts and not self._start_seen:
            # The marker was set inside a picture. From now on only the time stamp ends one.
            self._ignore_marker = True
            self.damaged += 1
            self._clear()
            return
        self.units.append(RawUnit(self._ts, b"".join(self._parts), self._key, tuple(self._sets)))
        self._done_ts = self._ts
        self._clear()

    def _slice(self, first: int, key: bool) -> None:
        """A coded slice begins; ``first`` has bit 7 set if it is the first of its picture."""
        if not self._picture:
            self._start_seen = first & 0x80 != 0
            if self._suspect and not self._start_seen:
                self._broken = True
            self._picture = True
        if key:
            self._key = True


class H264Depayloader(NalDepayloader):
    """RFC 6184, packetization modes 0 and 1: single NAL units, STAP-A, FU-A."""

    __slots__ = ()

    def feed(self, view: memoryview, start: int, stop: int, marker: int, seq: int, ts: int) -> None:
        """See ``NalDepayloader.feed``."""
        if seq != self._next and not self._gap(seq, ts):
            return
        self._next = (seq + 1) & 0xFFFF
        if ts != self._ts:
            self._turn(ts)
        kind = view[start] & 31
        if kind == 28:
            if stop - start > 2:
                flags = view[start + 1]
                if flags & 0x80:
                    self._fu_start(view[start], flags & 31, view[start + 2])
                fu = self._fu
                if fu is None:
                    self._broken = True
                else:
                    fu.append(view[start + 2 : stop])
                    if flags & 0x40:
                        self._fu_end()
        elif 0 < kind < 24:
            self._nal(view, start, stop)
        elif kind == 24:
            self._stap(view, start + 1, stop)
        else:
            self._broken = True  # interleaved modes and reserved types: never agreed on
        if marker & 0x80:
            self._marked()

    def _fu_start(self, indicator: int, kind: int, first: int) -> None:
        if self._fu is not None:
            self._broken = True  # the one before never ended
        self._fu = []
        self._fu_head = (indicator & 0xE0) | kind
        self._fu_kind = kind
        if 0 < kind < 6:
            self._slice(first, kind == 5)

    def _fu_end(self) -> None:
        fragments, self._fu = self._fu or [], None
        if self._fu_kind in (7, 8):
            self._sets.append(bytes([self._fu_head]) + b"".join(fragments))
        elif self._fu_kind != 9:
            self._parts.append(_PREFIX1.pack(1 + sum(map(len, fragments)), self._fu_head))
            self._parts += fragments

    def _nal(self, view: memoryview, start: int, stop: int) -> None:
        kind = view[start] & 31
        if kind in (7, 8):
            self._sets.append(bytes(view[start:stop]))
        elif kind != 9:
            if 0 < kind < 6:
                self._slice(view[start + 1] if stop - start > 1 else 0, kind == 5)
            self._parts.append(_LENGTH.pack(stop - start))
            self._parts.append(view[start:stop])

    def _stap(self, view: memoryview, start: int, stop: int) -> None:
        while stop - start > 2:
            size = (view[start] << 8) | view[start + 1]
            start += 2
            if size == 0 or start + size > stop:
                self._broken = True
                return
            self._nal(view, start, start + size)
            start += size


class H265Depayloader(NalDepayloader):
    """RFC 7798: single NAL units, AP, FU; no DONL fields (``sprop-max-don-diff`` must be 0)."""

    __slots__ = ()

    def feed(self, view: memoryview, start: int, stop: int, marker: int, seq: int, ts: int) -> None:
        """See ``NalDepayloader.feed``."""
        if seq != self._next and not self._gap(seq, ts):
            return
        self._next = (seq + 1) & 0xFFFF
        if ts != self._ts:
            self._turn(ts)
        kind = (view[start] >> 1) & 63
        if kind == 49:
            if stop - start > 3:
                flags = view[start + 2]
                if flags & 0x80:
                    self._fu_start(view[start], view[start + 1], flags & 63, view[start + 3])
                fu = self._fu
                if fu is None:
                    self._broken = True
                else:
                    fu.append(view[start + 3 : stop])
                    if flags & 0x40:
                        self._fu_end()
        elif kind < 48:
            self._nal(view, start, stop)
        elif kind == 48:
            self._aggregate(view, start + 2, stop)
        else:
            self._broken = True
        if marker & 0x80:
            self._marked()

    def _fu_start(self, high: int, low: int, kind: int, first: int) -> None:
        if self._fu is not None:
            self._broken = True
        self._fu = []
        self._fu_head = ((high & 0x81) | (kind << 1)) << 8 | low
        self._fu_kind = kind
        if kind < 32:
            self._slice(first, 16 <= kind <= 23)

    def _fu_end(self) -> None:
        fragments, self._fu = self._fu or [], None
        high, low = self._fu_head >> 8, self._fu_head & 255
        if self._fu_kind in (32, 33, 34):
            self._sets.append(bytes([high, low]) + b"".join(fragments))
        elif self._fu_kind != 35:
            self._parts.append(_PREFIX2.pack(2 + sum(map(len, fragments)), high, low))
            self._parts += fragments

    def _nal(self, view: memoryview, start: int, stop: int) -> None:
        kind = (view[start] >> 1) & 63
        if kind in (32, 33, 34):
            self._sets.append(bytes(view[start:stop]))
        elif kind != 35 and stop - start > 1:
            if kind < 32:
                self._slice(view[start + 2] if stop - start > 2 else 0, 16 <= kind <= 23)
            self._parts.append(_LENGTH.pack(stop - start))
            self._parts.append(view[start:stop])

    def _aggregate(self, view: memoryview, start: int, stop: int) -> None:
        while stop - start > 2:
            size = (view[start] << 8) | view[start + 1]
            start += 2
            if size == 0 or start + size > stop:
                self._broken = True
                return
            self._nal(view, start, start + size)
            start += size
