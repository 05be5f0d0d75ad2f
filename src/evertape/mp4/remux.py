"""Somebody else's MP4 as a segment: its samples as they are, in our fragments. No picture is decoded or changed."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import replace
from typing import BinaryIO

from evertape.errors import ProtocolError
from evertape.mp4.cutter import Cut, FragmentCutter
from evertape.mp4.digest import fragment_check
from evertape.mp4.foreign import ForeignMovie, ForeignSample
from evertape.mp4.index import build_index
from evertape.mp4.model import FragmentInfo, SegmentHeader
from evertape.mp4.writer import FragmentWriter
from evertape.types import AccessUnit, Track, UtcSource


class Remux:
    """Iterate over it once: the header, each fragment, and the index come out, to be written one behind the other.

    Args:
        file: the source, opened in binary mode.
        movie: what ``read_foreign`` says of it.
        header: of the segment; its first units are number 0.

    Attributes:
        fragments: those that came out so far.
    """

    def __init__(self, file: BinaryIO, movie: ForeignMovie, header: SegmentHeader) -> None:
        self._file, self._movie, self._header = file, movie, header
        self._writer = FragmentWriter(header, movie.caps)
        self.fragments: list[FragmentInfo] = []

    def __iter__(self) -> Iterator[bytes]:
        """Raises ``OSError``; ``ProtocolError`` if a picture is not what the file says it is."""
        yield self._writer.init_segment()
        cutter = FragmentCutter()
        for unit in self._units():
            for cut in cutter.push((unit,)):
                yield self._fragment(cut)
        if (rest := cutter.flush()) is not None:
            yield self._fragment(rest)
        yield build_index(self._header, self.fragments)

    def _fragment(self, cut: Cut) -> bytes:
        info, buffers = self._writer.fragment(cut.units, cut.next_dts_ns)
        payload = b"".join(buffers)
        self.fragments.append(replace(info, check=fragment_check(payload)))
        return payload

    def _units(self) -> Iterator[AccessUnit]:
        """Both tracks, by their decoding times."""
        video = ((sample.dts_ns, 0, seq, sample) for seq, sample in enumerate(self._movie.video))
        audio = ((sample.dts_ns, 1, seq, sample) for seq, sample in enumerate(self._movie.audio))
        for _, track, seq, sample in heapq.merge(video, audio):
            yield self._unit(Track(track), seq, sample)

    def _unit(self, track: Track, seq: int, sample: ForeignSample) -> AccessUnit:
        self._file.seek(sample.offset)
        data = self._file.read(sample.size)
        if len(data) != sample.size:
            raise ProtocolError("it became shorter while it was read")
        if track is Track.VIDEO and self._movie.length_size != 4:
            data = _long_lengths(data, self._movie.length_size)
        return AccessUnit(
            epoch=self._header.epoch,
            track=track,
            seq=seq,
            dts_ns=sample.dts_ns,
            pts_ns=sample.pts_ns,
            arrival_ns=self._header.start_boot_ns,
            utc_ns=self._header.start_utc_ns + sample.pts_ns - self._movie.video[0].pts_ns,
            utc_source=UtcSource.ARRIVAL,
            utc_error_ns=self._header.start_utc_error_ns,
            key=sample.key,
            caps_id=0,
            data=data,
        )


def _long_lengths(data: bytes, size: int) -> bytes:
    """NAL units with lengths of four bytes instead of ``size``."""
    parts, at = [], 0
    while at + size <= len(data):
        length = int.from_bytes(data[at : at + size], "big")
        at += size
        if at + length > len(data):
            raise ProtocolError("a picture is shorter than it says")
        parts += [length.to_bytes(4, "big"), data[at : at + length]]
        at += length
    return b"".join(parts)
