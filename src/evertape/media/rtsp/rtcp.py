"""RTCP (RFC 3550 6): sender reports and goodbyes in, receiver reports out. No input, no output."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from evertape.types import NS_PER_S

# Seconds from 1900-01-01 to 1970-01-01 (RFC 5905 figure 4).
NTP_UNIX_OFFSET_S = 2_208_988_800
_SR, _RR, _SDES, _BYE = 200, 201, 202, 203
_HEADER = struct.Struct(">BBHI")
_SENDER = struct.Struct(">III")


@dataclass(frozen=True, slots=True)
class SenderReport:
    """The camera's wall clock beside its RTP clock.

    Args:
        ssrc: whose.
        ntp_utc_ns: UTC in nanoseconds since 1970; the era is the one nearest to now (until 2036 the first).
        ntp_middle: the middle 32 bits of the NTP time stamp, for the reply.
        rtp: the RTP time stamp of the same instant.
    """

    ssrc: int
    ntp_utc_ns: int
    ntp_middle: int
    rtp: int


@dataclass(frozen=True, slots=True)
class Goodbye:
    """The sender leaves."""

    ssrc: int


def parse_rtcp(data: bytes | memoryview) -> Iterator[SenderReport | Goodbye]:
    """What matters of a compound packet; stops at the first part that makes no sense."""
    pos, end = 0, len(data)
    while end - pos >= 8:
        first, kind, words, ssrc = _HEADER.unpack_from(data, pos)
        size = 4 * (words + 1)
        if first >> 6 != 2 or pos + size > end:
            return
        if kind == _SR and size >= 28:
            seconds, fraction, rtp = _SENDER.unpack_from(data, pos + 8)
            if seconds:  # zero: the sender has no wall clock (RFC 3550 6.4.1)
                yield SenderReport(ssrc, _unix_ns(seconds, fraction), _middle(seconds, fraction), rtp)
        elif kind == _BYE and first & 31:
            yield Goodbye(ssrc)
        pos += size


def _unix_ns(seconds: int, fraction: int) -> int:
    # NTP seconds wrap in 2036 (era 1); a reading below the middle of era 0 cannot be of our time otherwise.
    era = (1 << 32) if seconds < 0x80000000 else 0
    return (seconds + era - NTP_UNIX_OFFSET_S) * NS_PER_S + (fraction * NS_PER_S >> 32)


def _middle(seconds: int, fraction: int) -> int:
    return ((seconds & 0xFFFF) << 16) | (fraction >> 16)


@dataclass(frozen=True, slots=True)
class Reception:
    """What a receiver report says of one sender.

    Args:
        ssrc: whose packets.
        fraction_lost: of the packets since the last report, in 1/256.
        lost: packets since the beginning.
        highest_seq: extended by the number of wraps.
        last_report: ``ntp_middle`` of the last sender report, 0 if there was none.
        delay_ns: since that report came.
    """

    ssrc: int
    fraction_lost: int
    lost: int
    highest_seq: int
    last_report: int
    delay_ns: int


def build_receiver_report(own_ssrc: int, reception: Reception | None) -> bytes:
    """A compound packet of RR and SDES CNAME (RFC 3550 6.1 asks for both).

    Jitter is said to be 0, because TCP hides it. Without a ``reception`` the report is empty but alive.
    """
    name = b"evertape"
    items = struct.pack(">BB", 1, len(name)) + name
    items += bytes(4 - len(items) % 4)
    description = struct.pack(">BBHI", 0x81, _SDES, 1 + len(items) // 4, own_ssrc) + items
    if reception is None:
        return struct.pack(">BBHI", 0x80, _RR, 1, own_ssrc) + description
    delay = max(0, min(reception.delay_ns * 65536 // NS_PER_S, 0xFFFFFFFF)) if reception.last_report else 0
    block = struct.pack(
        ">IIIIII",
        reception.ssrc,
        (min(reception.fraction_lost, 255) << 24) | min(reception.lost, 0x7FFFFF),
        reception.highest_seq & 0xFFFFFFFF,
        0,
        reception.last_report,
        delay,
    )
    return struct.pack(">BBHI", 0x81, _RR, 7, own_ssrc) + block + description
