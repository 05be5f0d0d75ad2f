"""One group of pictures out of a segment, as a small file of its own that any demuxer takes."""

from __future__ import annotations

from typing import NamedTuple

from evertape.mp4.examine import end_of
from evertape.mp4.model import FragmentInfo
from evertape.mp4.scan import ScannedSegment

MOST = 16 << 20
"""Bytes of one group at most; of a larger one the beginning has to do."""


class Group(NamedTuple):
    """Where it lies: the first ``head`` bytes of the file, and ``size`` bytes from ``offset`` on, make a file.

    Args:
        head: bytes of the header.
        offset: of the group.
        size: of the group.
        first_video: its first picture.
        last_video: its last picture.
        start_utc: when it begins, UTC ns by the file's own clock.
        end_utc: when it ends.
    """

    head: int
    offset: int
    size: int
    first_video: int
    last_video: int
    start_utc: int
    end_utc: int


def group_of(scanned: ScannedSegment, unit: int, most: int = MOST) -> Group | None:
    """The group of pictures that holds this video unit; ``None`` if there is none. Pure."""
    pictures = [fragment for fragment in scanned.fragments if fragment.video is not None]
    begin = next((n for n in reversed(range(len(pictures))) if pictures[n].key and _first(pictures[n]) <= unit), None)
    if begin is None:
        return None
    end = begin + 1
    while end < len(pictures) and not pictures[end].key and pictures[end].end - pictures[begin].offset <= most:
        end += 1
    first, last = pictures[begin], pictures[end - 1]
    assert last.video is not None
    return Group(
        scanned.head_size,
        first.offset,
        last.end - first.offset,
        _first(first),
        last.video.last,
        first.start_utc_ns,
        end_of(last),
    )


def _first(fragment: FragmentInfo) -> int:
    assert fragment.video is not None
    return fragment.video.first
