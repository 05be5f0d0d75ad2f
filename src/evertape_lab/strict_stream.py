"""What a ``StrictCamera`` sends: its description and its packets, with the peculiarities that cameras have."""

from __future__ import annotations

import base64
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from evertape.types import NS_PER_S, Codec
from evertape_lab.canned import h264_payloads, interleave, rtp, sender_report
from evertape_lab.loop import LoopParams, load_video_loop
from evertape_lab.sei import SeiBuilder

RTP_RATE = 90_000
_REPORT_NS = 2 * NS_PER_S
_SETS = (7, 8)  # SPS, PPS: ITU-T H.264 table 7-1


class Sets(StrEnum):
    """When the parameter sets are told."""

    EVERY_KEY = "every_key"
    """In the description and before each keyframe."""
    ONCE_IN_SDP = "once_in_sdp"
    """In the description, and never in the stream."""
    ONCE_IN_STREAM = "once_in_stream"
    """Before a session's first keyframe, and nowhere else."""


class Stamps(StrEnum):
    """What the RTP time stamps are."""

    RIGHT = "right"
    WRAPS = "wraps"
    """They pass 2^32 one second into each session."""
    MISSING = "missing"
    """Always 0; every packet of a picture but none of the next one is told apart by the marker alone."""


@dataclass(frozen=True, slots=True)
class Habits:
    """How a camera's stream is.

    Args:
        name: in the SEI of each picture.
        bframes: in a row.
        sets: see ``Sets``.
        stamps: see ``Stamps``.
    """

    name: str = "strict_01"
    bframes: int = 0
    sets: Sets = Sets.EVERY_KEY
    stamps: Stamps = Stamps.RIGHT


class Film:
    """The pictures of one camera, by their number; numbers follow UTC, so that none comes twice.

    Args:
        habits: what is peculiar.
    """

    def __init__(self, habits: Habits) -> None:
        self.habits = habits
        params = LoopParams(width=320, height=192, bitrate=256, gop=25, bframes=habits.bframes)
        self._loop = load_video_loop(params)
        self.fps = params.fps
        self._sei = SeiBuilder(Codec.H264, habits.name)
        self.sets = [nal for nal in _nals(self._loop.frames[0].head) if nal[0] & 31 in _SETS]

    def sdp(self) -> bytes:
        """The description."""
        told = ",".join(base64.b64encode(nal).decode() for nal in self.sets)
        more = (
            ""
            if self.habits.sets is Sets.ONCE_IN_STREAM
            else f"a=fmtp:96 packetization-mode=1;sprop-parameter-sets={told}\r\n"
        )
        return (
            "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=strict\r\nt=0 0\r\na=control:*\r\n"
            f"m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/{RTP_RATE}\r\n{more}a=control:track1\r\n"
        ).encode()

    def next_n(self) -> int:
        """The picture that is due next."""
        return time.time_ns() * self.fps // NS_PER_S + 1

    def due_ns(self, n: int) -> int:
        """UTC at which picture ``n`` is sent."""
        return n * NS_PER_S // self.fps

    def is_key(self, n: int) -> bool:
        """Whether a session can begin with it."""
        return self._loop.frames[n % len(self._loop.frames)].key

    def picture(self, n: int, first: bool) -> tuple[list[bytes], int]:
        """The NAL units of picture ``n``, and the number of the moment at which it is shown."""
        index = n % len(self._loop.frames)
        frame = self._loop.frames[index]
        head = _nals(frame.head)
        if self.habits.sets is Sets.ONCE_IN_SDP or (self.habits.sets is Sets.ONCE_IN_STREAM and not first):
            head = [nal for nal in head if nal[0] & 31 not in _SETS]
        shown = n - index + frame.display
        return [*head, self._sei.nal(n, self.due_ns(shown)), *_nals(frame.tail)], shown


class Packets:
    """One session's packets, from its first keyframe on.

    Args:
        film: whose pictures.
        channel: of the RTP; its RTCP is on the next one.
    """

    def __init__(self, film: Film, channel: int) -> None:
        self._film = film
        self._channel = channel
        self._seq = random.getrandbits(16)
        self._first: int | None = None
        self._base = random.getrandbits(30)
        self._reported_ns = 0

    def of(self, n: int) -> bytes:
        """Everything that is sent for picture ``n``; nothing before the first keyframe."""
        if self._first is None and not self._film.is_key(n):
            return b""
        if self._first is None:
            self._first = n
            if self._film.habits.stamps is Stamps.WRAPS:
                self._base = (1 << 32) - RTP_RATE
        nals, shown = self._film.picture(n, n == self._first)
        return b"".join(self._packets(nals, shown, self._first))

    def _packets(self, nals: list[bytes], shown: int, first: int) -> Iterator[bytes]:
        stamped = self._rtp_time(shown - first)
        now = self._film.due_ns(shown)
        if now - self._reported_ns >= _REPORT_NS:
            self._reported_ns = now
            if self._film.habits.stamps is not Stamps.MISSING:
                yield interleave(sender_report(now, stamped), self._channel + 1)
        payloads = h264_payloads(nals)
        for number, payload in enumerate(payloads):
            yield interleave(rtp(payload, self._seq, stamped, marker=number == len(payloads) - 1), self._channel)
            self._seq = (self._seq + 1) & 0xFFFF

    def _rtp_time(self, frames: int) -> int:
        if self._film.habits.stamps is Stamps.MISSING:
            return 0
        return (self._base + frames * RTP_RATE // self._film.fps) & 0xFFFFFFFF


def _nals(sized: bytes) -> list[bytes]:
    found, pos = [], 0
    while pos < len(sized):
        size = int.from_bytes(sized[pos : pos + 4], "big")
        found.append(sized[pos + 4 : pos + 4 + size])
        pos += 4 + size
    return found
