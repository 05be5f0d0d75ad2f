"""Lays fragments of several segments onto one time line, for an export. Reads headers, no footage.

Time stays true: within a capture session (an epoch) the distance between two pictures is the
one of their media time stamps, between two sessions the one of their UTC.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from evertape.errors import UsageError
from evertape.mp4.examine import sound_only
from evertape.mp4.model import FragmentInfo
from evertape.mp4.samples import Sample, read_samples
from evertape.mp4.scan import ScannedSegment, scan
from evertape.types import NS_PER_MS, NS_PER_S, Epoch, Track

GAP_NS = 500 * NS_PER_MS
"""A pause of more than this between two fragments is a gap; cameras that skip a frame stay below it."""


HOLD_MAX_NS = 12 * 3600 * NS_PER_S
"""How long a picture may stand still: 32 bits of 90 kHz ticks are 13 hours."""


class Gaps(enum.Enum):
    """What an export does where footage is missing."""

    HOLD = "hold"
    """The last picture stands still until the next one, so that every time in the file is true."""
    CLOSE = "close"
    """The next picture follows at once."""


@dataclass(frozen=True, slots=True)
class ExportPart:
    """One segment of an export, in playback order.

    Args:
        path: the file.
        first_video_seq: leave out fragments before the one that holds this video unit.
        end_video_seq: leave out the fragment that begins with this video unit and all after it
            (from where another segment supersedes this one).
        damaged: parts of the file cannot be read; they are left out, and what needs them to be decoded.
    """

    path: Path
    first_video_seq: int | None = None
    end_video_seq: int | None = None
    damaged: bool = False


class Placed(NamedTuple):
    """A fragment and where it goes: ``media time + shift_ns`` is the export's time, 0 at its first picture."""

    part: ExportPart
    segment: ScannedSegment
    fragment: FragmentInfo
    shift_ns: int
    samples: list[Sample]


@dataclass(frozen=True, slots=True)
class GapSpan:
    """A pause without footage: where in the export (ns from its start), its length, and its UTC."""

    at_ns: int
    duration_ns: int
    utc_ns: int


class Timeline:
    """Iterates once over what an export contains, in order.

    Args:
        parts: segments in playback order.
        from_utc_ns: starts at the key unit at or before this instant; ``None``: with the first.
        to_utc_ns: ends before the first picture at or after this instant; ``None``: with the last.
        gaps: see ``Gaps``.
    """

    def __init__(self, parts: Sequence[ExportPart], from_utc_ns: int | None, to_utc_ns: int | None, gaps: Gaps) -> None:
        self._parts = parts
        self._from = from_utc_ns
        self._to = to_utc_ns
        self._close = gaps is Gaps.CLOSE
        self._epoch: Epoch | None = None
        self._shift = 0
        # Where the picture before ends, and the decoding time of the last one (export's time).
        self._end = self._last = 0
        self._seqs: dict[Track, int] = {}
        self.start_utc_ns: int | None = None
        self.end_utc_ns = 0
        self.duration_ns = 0
        self.gaps: list[GapSpan] = []

    def __iter__(self) -> Iterator[Placed]:
        """Yield what the export contains, fragment by fragment; the attributes are right afterwards."""
        started = self._from is None
        for part in self._parts:
            with part.path.open("rb") as file:
                segment = sound_only(file) if part.damaged else scan(file)
                fragments = list(_selected(segment, part))
                if not started:
                    fragments = _from_instant(fragments, self._from or 0)
                    started = bool(fragments)
                for fragment in fragments:
                    if self._over(fragment):
                        return
                    samples = self._limit(segment, fragment, read_samples(file, segment, fragment))
                    if samples:
                        yield self._place(part, segment, fragment, samples)

    def _over(self, fragment: FragmentInfo) -> bool:
        return self._to is not None and fragment.start_utc_ns >= self._to

    def _limit(self, segment: ScannedSegment, fragment: FragmentInfo, samples: list[Sample]) -> list[Sample]:
        """Leave out what is there already, what comes before the first key unit, and what lies after the end."""
        if segment.header.epoch == self._epoch:
            samples = [s for s in samples if s.seq > self._seqs.get(s.track, -1)]
        video = [s for s in samples if s.track is Track.VIDEO]
        audio = [s for s in samples if s.track is Track.AUDIO]
        if self.start_utc_ns is None:
            first = next((i for i, s in enumerate(video) if s.key), None)
            if first is None:
                return []
            video = video[first:]
        if self._to is not None:
            limit = fragment.start_pts_ns + self._to - fragment.start_utc_ns
            # In decoding order up to the last picture wanted: a B-frame needs the one after it.
            wanted = max((i + 1 for i, s in enumerate(video) if s.pts_ns < limit), default=0)
            video = video[: max(wanted, 1 if self.start_utc_ns is None else 0)]
            audio = [s for s in audio if s.pts_ns < limit]
        return video + audio

    def _place(
        self, part: ExportPart, segment: ScannedSegment, fragment: FragmentInfo, samples: list[Sample]
    ) -> Placed:
        lead = samples[0]
        utc = fragment.start_utc_ns + lead.pts_ns - fragment.start_pts_ns
        if self.start_utc_ns is None:
            self.start_utc_ns, self._shift = utc, -lead.pts_ns
            self._end = self._last = lead.dts_ns + self._shift - 1
        elif segment.header.epoch != self._epoch:
            self._shift = utc - self.start_utc_ns - lead.pts_ns - self._taken_out()
            self._seqs.clear()
        self._epoch = segment.header.epoch
        video = [s for s in samples if s.track is Track.VIDEO]
        if video:
            self._bridge(lead.dts_ns, utc)
            self._last = video[-1].dts_ns + self._shift
            self._end = _end_dts(fragment, video) + self._shift
            self.duration_ns = max(self.duration_ns, max(s.pts_ns for s in video) + self._end - video[-1].dts_ns)
            self.end_utc_ns = self.start_utc_ns + self.duration_ns + self._taken_out()
        for sample in samples:
            self._seqs[sample.track] = sample.seq
        return Placed(part, segment, fragment, self._shift, samples)

    def _taken_out(self) -> int:
        return sum(g.duration_ns for g in self.gaps) if self._close else 0

    def _bridge(self, dts_ns: int, utc_ns: int) -> None:
        """Note a gap before this picture; never let time run backwards where two clocks disagree."""
        at = dts_ns + self._shift
        if at <= self._last:
            self._shift += max(self._end, self._last + 1) - at
        elif at - self._end > GAP_NS:
            pause = at - self._end
            if pause > HOLD_MAX_NS and not self._close:
                raise UsageError(
                    f"{pause // NS_PER_S} s without footage are more than one picture of an MP4 can last",
                    hint="export the two sides to two files, or close the gaps",
                )
            self.gaps.append(GapSpan(self._end, pause, utc_ns - pause))
            if self._close:
                self._shift -= pause


def _from_instant(fragments: list[FragmentInfo], utc_ns: int) -> list[FragmentInfo]:
    """From the key unit at or before ``utc_ns`` on, of the same GOP; empty if all of it is over by then."""
    at = next((i for i, f in enumerate(fragments) if _end_utc(f) > utc_ns), None)
    if at is None:
        return []
    while at > 0 and not fragments[at].key:
        at -= 1
    return fragments[at:]


def _end_dts(fragment: FragmentInfo, video: list[Sample]) -> int:
    """Decoding time at which the last of ``video`` ends (``MediaNs``)."""
    if fragment.video is not None and video[-1].seq == fragment.video.last:
        return max(fragment.dts_end_ns, video[-1].dts_ns + 1)
    step = video[-1].dts_ns - video[-2].dts_ns if len(video) > 1 else 40 * NS_PER_MS
    return video[-1].dts_ns + step


def _decodable(fragments: list[FragmentInfo]) -> Iterator[FragmentInfo]:
    """All, but after a hole none before the next keyframe: its pictures would be made of others."""
    expected = fragments[0].index if fragments else 0
    for fragment in fragments:
        if fragment.index == expected or fragment.key:
            expected = fragment.index + 1
            yield fragment


def _selected(segment: ScannedSegment, part: ExportPart) -> Iterator[FragmentInfo]:
    started = part.first_video_seq is None
    for fragment in _decodable(segment.fragments):
        video = fragment.video
        if video is not None:
            if part.end_video_seq is not None and video.last >= part.end_video_seq:
                if video.first < part.end_video_seq:
                    raise UsageError(f"video unit {part.end_video_seq} of {part.path.name} does not begin a fragment")
                return
            started = started or (part.first_video_seq is not None and video.last >= part.first_video_seq)
        if started:
            yield fragment


def _end_utc(fragment: FragmentInfo) -> int:
    return fragment.start_utc_ns + fragment.dts_end_ns - fragment.dts_start_ns
