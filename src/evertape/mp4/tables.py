"""The tables of an ordinary MP4: one track's samples, collected and turned into ``stbl``."""

from __future__ import annotations

import struct
from array import array
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from evertape.mp4.boxes import box, full_box
from evertape.mp4.movie import description_box


class Chunk(NamedTuple):
    """Samples of one track that lie together in a source.

    Args:
        source: a file, or the bytes themselves.
        offset: where in the file; 0 for bytes.
        length: bytes.
        samples: how many samples that is.
        entry: number of their sample description, from 1.
    """

    source: Path | bytes
    offset: int
    length: int
    samples: int
    entry: int


class TrackTable:
    """Samples in decoding order, in a few bytes each; times in ticks of the track."""

    def __init__(self) -> None:
        self.entries: list[bytes] = []
        self.chunks: list[Chunk] = []
        self.times = array("q")
        self.shifts = array("l")
        self.sizes = array("I")
        self.keys = array("I")
        self.end = 0
        """Ticks at which the last sample ends."""

    def entry(self, description: bytes) -> int:
        """The number of a sample description, added if it is new."""
        if description not in self.entries:
            self.entries.append(description)
        return self.entries.index(description) + 1

    def add(self, time: int, shift: int, size: int, key: bool) -> None:
        """Append a sample; its chunk is appended by the caller."""
        self.times.append(time)
        self.shifts.append(shift)
        self.sizes.append(size)
        if key:
            self.keys.append(len(self.times))

    def durations(self) -> Iterator[int]:
        """Each sample lasts until the next one; the last until ``end``."""
        times = self.times
        for at in range(len(times) - 1):
            yield times[at + 1] - times[at]
        if times:
            yield max(0, self.end - times[-1])

    def box(self, chunk_offsets: list[int], *, every_key: bool) -> bytes:
        """``stbl``, for chunks that begin at ``chunk_offsets``; ``every_key`` leaves out ``stss``."""
        sync = b"" if every_key else full_box(b"stss", 0, 0, _count(len(self.keys)), _words(self.keys))
        shifts = b""
        if any(self.shifts):
            shifts = full_box(b"ctts", 1, 0, *_runs(s & 0xFFFF_FFFF for s in self.shifts))
        wide = bool(chunk_offsets) and chunk_offsets[-1] >= 1 << 32
        places = struct.pack(f">{len(chunk_offsets)}{'Q' if wide else 'I'}", *chunk_offsets)
        return box(
            b"stbl",
            description_box(self.entries),
            full_box(b"stts", 0, 0, *_runs(self.durations())),
            shifts,
            sync,
            full_box(b"stsc", 0, 0, *self._chunk_runs()),
            full_box(b"stsz", 0, 0, bytes(4), _count(len(self.sizes)), _words(self.sizes)),
            full_box(b"co64" if wide else b"stco", 0, 0, _count(len(chunk_offsets)), places),
        )

    def _chunk_runs(self) -> Iterator[bytes]:
        rows = []
        first = 1
        for (samples, entry), group in groupby(self.chunks, lambda c: (c.samples, c.entry)):
            rows.append(struct.pack(">III", first, samples, entry))
            first += sum(1 for _ in group)
        yield _count(len(rows))
        yield from rows


def _count(value: int) -> bytes:
    return struct.pack(">I", value)


def _words(values: array[int]) -> bytes:
    return struct.pack(f">{len(values)}I", *values)


def _runs(values: Iterable[int]) -> Iterator[bytes]:
    """A count, then (how often, value) for each run of equal values."""
    rows = [struct.pack(">II", sum(1 for _ in group), value) for value, group in groupby(values)]
    yield _count(len(rows))
    yield from rows
