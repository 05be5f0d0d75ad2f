"""The samples in one ``moof`` of somebody else's fragmented MP4 (ISO/IEC 14496-12 8.8)."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import NamedTuple

from evertape.mp4.boxes import Box, child, children
from evertape.mp4.foreign_tables import MOST_SAMPLES, RawSample
from evertape.mp4.writer import CTS, DURATION, FIRST_FLAGS, FLAGS, OFFSET_PRESENT, SIZE

_NOT_SYNC = 0x1_0000
_BASE, _ENTRY, _DURATION, _SIZE, _FLAGS, _FROM_MOOF = 0x1, 0x2, 0x8, 0x10, 0x20, 0x2_0000
"""Flags of ``tfhd`` (8.8.7.1)."""


class Defaults(NamedTuple):
    """What holds for samples that do not say it themselves."""

    duration: int = 0
    size: int = 0
    flags: int = 0


def track_defaults(moov: bytes) -> dict[int, Defaults]:
    """By track, from ``mvex``."""
    found = {}
    mvex = child(moov, 0, len(moov), b"mvex")
    for trex in children(moov, mvex.body, mvex.end) if mvex is not None else ():
        if trex.kind == b"trex":
            number, _, duration, size, flags = struct.unpack_from(">4xIIIII", moov, trex.body)
            found[number] = Defaults(duration, size, flags)
    return found


def fragment_samples(
    moof: bytes, start: int, defaults: Mapping[int, Defaults], before: Mapping[int, list[RawSample]]
) -> dict[int, list[RawSample]]:
    """What a fragment adds to the tracks in ``before``.

    Args:
        moof: the body of the box.
        start: where the box begins in the file.
        defaults: see ``track_defaults``.
        before: the samples so far; only tracks that are in it are read.

    Raises ``ValueError`` or ``struct.error`` where it makes no sense.
    """
    found: dict[int, list[RawSample]] = {}
    at = start
    for traf in (box for box in children(moof, 0, len(moof)) if box.kind == b"traf"):
        number, samples, at = _track(moof, traf, start, at, defaults, before)
        if number in before:
            found.setdefault(number, []).extend(samples)
    return found


def _track(
    moof: bytes, traf: Box, start: int, at: int, defaults: Mapping[int, Defaults], before: Mapping[int, list[RawSample]]
) -> tuple[int, list[RawSample], int]:
    """One ``traf``: its track, its samples, and where the data of a next one would begin."""
    tfhd = child(moof, traf.body, traf.end, b"tfhd")
    if tfhd is None:
        raise ValueError("a track fragment without a header")
    number, base, own = _header(moof, tfhd, start, at, defaults)
    samples: list[RawSample] = []
    time = _begin(moof, traf, before.get(number, []))
    place = base
    for trun in (box for box in children(moof, traf.body, traf.end) if box.kind == b"trun"):
        run, time, place = _run(moof, trun, own, base, place, time)
        samples += run
    return number, samples, place


def _header(moof: bytes, tfhd: Box, start: int, at: int, defaults: Mapping[int, Defaults]) -> tuple[int, int, Defaults]:
    word, number = struct.unpack_from(">II", moof, tfhd.body)
    place = tfhd.body + 8
    base = start if word & _FROM_MOOF else at
    if word & _BASE:
        (base,) = struct.unpack_from(">Q", moof, place)
        place += 8
    place += 4 if word & _ENTRY else 0
    own = defaults.get(number, Defaults())._asdict()
    for flag, name in ((_DURATION, "duration"), (_SIZE, "size"), (_FLAGS, "flags")):
        if word & flag:
            (own[name],) = struct.unpack_from(">I", moof, place)
            place += 4
    return number, base, Defaults(**own)


def _begin(moof: bytes, traf: Box, before: list[RawSample]) -> int:
    tfdt = child(moof, traf.body, traf.end, b"tfdt")
    if tfdt is not None:
        return int(struct.unpack_from(">4xQ" if moof[tfdt.body] == 1 else ">4xI", moof, tfdt.body)[0])
    step = before[-1].dts - before[-2].dts if len(before) > 1 else 0
    return before[-1].dts + step if before else 0


def _run(moof: bytes, trun: Box, own: Defaults, base: int, place: int, time: int) -> tuple[list[RawSample], int, int]:
    """One ``trun``: its samples, and time and place behind them."""
    word, count = struct.unpack_from(">II", moof, trun.body)
    at = trun.body + 8
    if word & OFFSET_PRESENT:
        place = base + struct.unpack_from(">i", moof, at)[0]
        at += 4
    first = own.flags
    if word & FIRST_FLAGS:
        (first,) = struct.unpack_from(">I", moof, at)
        at += 4
    columns = [flag for flag in (DURATION, SIZE, FLAGS, CTS) if word & flag]
    if count > MOST_SAMPLES or at + 4 * len(columns) * count > trun.end:
        raise ValueError("a run is shorter than it says")
    samples = []
    for n in range(count):
        row = dict(zip(columns, struct.unpack_from(f">{len(columns)}I", moof, at), strict=True))
        at += 4 * len(columns)
        shift = row.get(CTS, 0)
        shift -= shift >> 31 << 32
        flags = row.get(FLAGS, first if n == 0 else own.flags)
        size = row.get(SIZE, own.size)
        samples.append(RawSample(time, time + shift, not flags & _NOT_SYNC, place, size))
        time += row.get(DURATION, own.duration)
        place += size
    return samples, time, place
