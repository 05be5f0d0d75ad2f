"""Writes an ordinary MP4 out of segments, without re-encoding, its index in front.

Two passes: the first reads headers and lays the samples on one time line (``timeline``), the
second copies payload in order. Memory: about 30 bytes a sample, none for payload.

Where footage is missing, the default keeps time true: the last picture's sample simply lasts
until the next one, and AAC gets silent frames, so that an editor that counts audio frames
instead of believing their durations stays in step. ``Gaps.CLOSE`` joins the pieces instead.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import BinaryIO

from evertape.errors import ProtocolError, UsageError
from evertape.mp4.boxes import box
from evertape.mp4.entries import audio_entry, video_entry
from evertape.mp4.model import VIDEO_TIMESCALE, SegmentHeader, iso_utc
from evertape.mp4.movie import edit_box, movie_header, mp4_time, tags_box, track_box
from evertape.mp4.samples import Sample
from evertape.mp4.tables import Chunk, TrackTable
from evertape.mp4.timeline import ExportPart, Gaps, GapSpan, Placed, Timeline
from evertape.types import NS_PER_S, AudioCaps, Track, VideoCaps

__all__ = ["ExportCodecError", "ExportPart", "ExportResult", "GapSpan", "Gaps", "export"]

Progress = Callable[[int, int], None]
"""Called with the bytes copied so far and the bytes there will be."""

_BLOCK = 1 << 20
# One AAC-LC frame of digital silence, by channels; made with an encoder, checked by decoding it in tests.
_SILENCE = {1: bytes.fromhex("00c800802380"), 2: bytes.fromhex("210049900219002380")}
_AAC_FRAME = 1024
_SILENCE_MAX = 3600
"""Seconds of silence that are filled in; beyond, the frame before lasts (a day would be four million samples)."""


@dataclass(slots=True)
class Used:
    """Of one segment, without a break: the fragments and the video units that were taken, all inclusive."""

    segment: str
    path: Path
    first_fragment: int
    last_fragment: int
    first_video: int
    last_video: int


class ExportCodecError(UsageError):
    """The range holds footage of two codecs, which one file cannot; export each part on its own."""


@dataclass(frozen=True, slots=True)
class ExportResult:
    """What was written.

    Args:
        start_utc_ns: UTC of the first picture.
        end_utc_ns: UTC at which the last picture ends, if no clock was stepped meanwhile.
        duration_ns: how long the file plays.
        pictures: how many.
        size: bytes.
        gaps: where footage is missing.
        used: what of each part is in it, in playback order.
    """

    start_utc_ns: int
    end_utc_ns: int
    duration_ns: int
    pictures: int
    size: int
    gaps: tuple[GapSpan, ...]
    used: tuple[Used, ...] = ()


def export(
    parts: Sequence[ExportPart],
    out: BinaryIO,
    *,
    from_utc_ns: int | None = None,
    to_utc_ns: int | None = None,
    gaps: Gaps = Gaps.HOLD,
    progress: Progress | None = None,
) -> ExportResult:
    """Write ``parts`` to ``out`` as one ordinary MP4.

    Args:
        parts: segments in playback order.
        out: opened for writing; need not be seekable.
        from_utc_ns: start at the key unit at or before this instant.
        to_utc_ns: end before the first picture at or after this instant.
        gaps: what to do where footage is missing.
        progress: told about the copying.

    Raises:
        ExportCodecError: the codec changes within the range.
        UsageError: there is no footage in the range.
        ProtocolError: a file is no segment, or changed meanwhile.
        OSError: from reading or writing.
    """
    movie = _Movie()
    timeline = Timeline(parts, from_utc_ns, to_utc_ns, gaps)
    for placed in timeline:
        movie.add(placed)
    if timeline.start_utc_ns is None or movie.header is None:
        raise UsageError("there is no footage in that range")
    movie.finish(timeline.duration_ns)
    chunks, head = movie.layout(timeline.start_utc_ns, timeline.end_utc_ns, timeline.duration_ns)
    out.write(head)
    total = sum(c.length for c in chunks)
    _copy(chunks, out, total, progress)
    return ExportResult(
        timeline.start_utc_ns,
        timeline.end_utc_ns,
        timeline.duration_ns,
        len(movie.video.times),
        len(head) + total,
        tuple(timeline.gaps),
        tuple(movie.used),
    )


class _Movie:
    """Collects the two tracks and lays out the file."""

    def __init__(self) -> None:
        self.video = TrackTable()
        self.audio = TrackTable()
        self.used: list[Used] = []
        self.header: SegmentHeader | None = None
        self._video_caps: VideoCaps | None = None
        self._audio_caps: AudioCaps | None = None
        self._order: list[tuple[TrackTable, int]] = []
        # Ticks of the first picture's presentation: the video track's own time line starts with its decoding.
        self._delay = 0

    def add(self, placed: Placed) -> None:
        """Take in one fragment."""
        header, caps = placed.segment.header, placed.segment.caps
        self._note(placed)
        if self._video_caps is None:
            self.header, self._video_caps = header, caps.video
        elif caps.video.codec is not self._video_caps.codec:
            raise ExportCodecError(
                f"the camera changed from {self._video_caps.codec} to {caps.video.codec} at "
                f"{iso_utc(header.start_utc_ns)}, and one file holds one codec",
                hint="export the range before and the range after to two files",
            )
        video = [s for s in placed.samples if s.track is Track.VIDEO]
        audio = [s for s in placed.samples if s.track is Track.AUDIO]
        for s in video:
            self._add_picture(s.dts_ns + placed.shift_ns, s.pts_ns + placed.shift_ns, s.size, s.key)
        self._samples_chunk(self.video, video, placed.part.path, video_entry(caps.video))
        if caps.audio is not None:
            self._audio_caps = self._audio_caps or caps.audio
            self._add_sounds(audio, placed.shift_ns, placed.part.path, audio_entry(caps.audio))

    def _note(self, placed: Placed) -> None:
        video = [s.seq for s in placed.samples if s.track is Track.VIDEO]
        if not video:
            return
        index, path = placed.fragment.index, placed.part.path
        last = self.used[-1] if self.used else None
        if last is not None and (last.path, last.last_fragment + 1) == (path, index):
            last.last_fragment, last.last_video = index, video[-1]
        else:
            self.used.append(Used(placed.segment.header.segment_id, path, index, index, video[0], video[-1]))

    def _samples_chunk(self, table: TrackTable, samples: list[Sample], path: Path, entry: bytes) -> None:
        """A chunk of samples that are in ``table`` already and lie together in ``path``."""
        if samples:
            length = sum(s.size for s in samples)
            self._chunk(table, Chunk(path, samples[0].offset, length, len(samples), table.entry(entry)))

    def _chunk(self, table: TrackTable, chunk: Chunk) -> None:
        self._order.append((table, len(table.chunks)))
        table.chunks.append(chunk)

    def _add_picture(self, dts_ns: int, pts_ns: int, size: int, key: bool) -> None:
        dts, pts = _ticks(dts_ns, VIDEO_TIMESCALE), _ticks(pts_ns, VIDEO_TIMESCALE)
        if not self.video.times:
            self._delay = pts - dts
        self.video.add(dts + self._delay, pts - dts, size, key)

    def _add_sounds(self, samples: list[Sample], shift_ns: int, path: Path, entry: bytes) -> None:
        """Leaves out frames that are over before the first picture or overlap the one before; fills holes."""
        assert self._audio_caps is not None
        table, run = self.audio, list[Sample]()
        for s in samples:
            time = _ticks(s.dts_ns + shift_ns, self._audio_caps.rate)
            if time + _AAC_FRAME // 2 < 0 or (table.times and time <= table.times[-1]):
                continue
            time = max(0, time)
            hole_at = table.times[-1] + _AAC_FRAME if table.times else 0
            silent = self._silent_frame() if 2 * _AAC_FRAME <= time - hole_at <= _SILENCE_MAX * self._rate else b""
            if silent:
                self._samples_chunk(table, run, path, entry)
                run = []
                self._silence(silent, hole_at, (time - hole_at) // _AAC_FRAME, entry)
            table.add(time, 0, s.size, True)
            run.append(s)
        self._samples_chunk(table, run, path, entry)

    @property
    def _rate(self) -> int:
        return self._audio_caps.rate if self._audio_caps is not None else 0

    def _silent_frame(self) -> bytes:
        """One frame of silence for this track, empty if none is known: only plain AAC-LC has one here."""
        config = self._audio_caps.config if self._audio_caps is not None else b""
        # AudioSpecificConfig: object type (5 bits), rate index (4), channels (4). Taken from here because
        # the sample entry's own channel count is 2 for mono in files of many writers.
        if len(config) < 2 or config[0] >> 3 != 2:
            return b""
        return _SILENCE.get(config[1] >> 3 & 0xF, b"")

    def _silence(self, frame: bytes, start: int, count: int, entry: bytes) -> None:
        """Whole silent frames; the last of them lasts until the next real one."""
        for i in range(count):
            self.audio.add(start + i * _AAC_FRAME, 0, len(frame), True)
        number = self.audio.entry(entry)
        self._chunk(self.audio, Chunk(frame * count, 0, len(frame) * count, count, number))

    def finish(self, duration_ns: int) -> None:
        """Settle where the last samples end."""
        self.video.end = max(_ticks(duration_ns, VIDEO_TIMESCALE) + self._delay, self.video.times[-1] + 1)
        if self.audio.times:
            self.audio.end = self.audio.times[-1] + _AAC_FRAME

    def layout(self, start_utc_ns: int, end_utc_ns: int, duration_ns: int) -> tuple[list[Chunk], bytes]:
        """The chunks in file order, and everything before their first byte."""
        chunks = [table.chunks[at] for table, at in self._order]
        total = sum(c.length for c in chunks)
        size = 0
        for _ in range(4):
            # Where chunks lie depends on the size of moov, which depends on how wide their offsets are.
            head = self._head(size, start_utc_ns, end_utc_ns, duration_ns, total)
            if len(head) == size:
                break
            size = len(head)
        return chunks, head

    def _head(self, first: int, start_utc_ns: int, end_utc_ns: int, duration_ns: int, total: int) -> bytes:
        header, created, milliseconds = self.header, mp4_time(start_utc_ns), duration_ns // 1_000_000
        assert header is not None
        places: dict[int, list[int]] = {id(self.video): [], id(self.audio): []}
        for table, at in self._order:
            places[id(table)].append(first)
            first += table.chunks[at].length
        tracks = [self._trak(1, self.video, self._video_caps, created, duration_ns, places[id(self.video)])]
        if self.audio.times:
            tracks.append(self._trak(2, self.audio, self._audio_caps, created, duration_ns, places[id(self.audio)]))
        tags = tags_box(
            header.camera_name,
            iso_utc(start_utc_ns),
            header.writer,
            f"camera {header.camera_id}, {iso_utc(start_utc_ns)} to {iso_utc(end_utc_ns)}",
        )
        brands = box(b"ftyp", b"isom", struct.pack(">I", 512), b"isomiso2mp41")
        moov = box(b"moov", movie_header(created, milliseconds, 3), *tracks, tags)
        return brands + moov + struct.pack(">I4sQ", 1, b"mdat", total + 16)

    def _trak(
        self,
        number: int,
        table: TrackTable,
        caps: VideoCaps | AudioCaps | None,
        created: int,
        duration_ns: int,
        places: list[int],
    ) -> bytes:
        assert caps is not None
        picture = isinstance(caps, VideoCaps)
        rate = VIDEO_TIMESCALE if isinstance(caps, VideoCaps) else caps.rate
        length = duration_ns // 1_000_000 if picture else table.end * 1000 // rate
        # The video track's first picture is shown at 0 although it is decoded before.
        edits = edit_box([(length, self._delay)]) if picture and self._delay else b""
        stbl = table.box(places, every_key=not picture)
        return track_box(number, created, length, caps, stbl, media_duration=table.end, edits=edits)


def _ticks(duration_ns: int, rate: int) -> int:
    return (duration_ns * rate + NS_PER_S // 2) // NS_PER_S


def _copy(chunks: list[Chunk], out: BinaryIO, total: int, progress: Progress | None) -> None:
    done = 0
    for source, group in groupby(chunks, lambda c: c.source):
        for block in _read(source, list(group)):
            out.write(block)
            done += len(block)
            if progress is not None:
                progress(done, total)


def _read(source: Path | bytes, chunks: list[Chunk]) -> Iterator[bytes]:
    """The payload of ``chunks``, neighbours together."""
    if isinstance(source, bytes):
        yield from (source for _ in chunks)
        return
    with source.open("rb") as file:
        for start, length in _joined(chunks):
            file.seek(start)
            while length:
                block = file.read(min(length, _BLOCK))
                if not block:
                    raise ProtocolError(f"{source.name} became shorter while it was being exported")
                length -= len(block)
                yield block


def _joined(chunks: list[Chunk]) -> Iterator[tuple[int, int]]:
    start = end = chunks[0].offset
    for chunk in chunks:
        if chunk.offset != end:
            yield start, end - start
            start = chunk.offset
        end = chunk.offset + chunk.length
    yield start, end - start
