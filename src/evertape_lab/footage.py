"""What of a set of segments counts, as byte ranges for the auditor: superseded tails are left out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from evertape.domain.resolve import HeldSpan, resolve
from evertape.errors import ProtocolError
from evertape.mp4.scan import ScannedSegment, scan


@dataclass(frozen=True, slots=True)
class ScannedFile:
    """A segment on disk."""

    path: Path
    segment: ScannedSegment


def scan_files(paths: Iterable[Path]) -> list[ScannedFile]:
    """Read the structure of every segment; a file cut before its first fragment holds nothing and is left out."""
    found = []
    for path in paths:
        with open(path, "rb") as file:
            try:
                found.append(ScannedFile(path, scan(file)))
            except ProtocolError:
                continue
    return found


def logical_ranges(paths: Iterable[Path]) -> list[tuple[Path, int, int]]:
    """The byte ranges of the fragments that count, whichever volumes the files lie on."""
    files = {str(item.segment.header.segment_id): item for item in scan_files(paths)}
    held = []
    for item in files.values():
        video = [fragment.video for fragment in item.segment.fragments if fragment.video is not None]
        if video:
            header = item.segment.header
            held.append(HeldSpan(header.segment_id, header.epoch, header.generation, video[0].first, video[-1].last))
    ranges = []
    for span in resolve(held):
        item = files[str(span.segment)]
        inside = [
            fragment
            for fragment in item.segment.fragments
            if fragment.video is not None and span.first <= fragment.video.first <= fragment.video.last <= span.last
        ]
        if inside:
            ranges.append((item.path, inside[0].offset, inside[-1].end))
    return ranges
