"""What of a finished segment is damaged, as exactly as its own headers tell. Reads headers only, never footage."""

from __future__ import annotations

from dataclasses import dataclass
from typing import BinaryIO, NamedTuple

from evertape.mp4.model import FragmentInfo
from evertape.mp4.scan import scan


class Lost(NamedTuple):
    """Fragments that cannot be read: when they were, UTC ns by the file's own clock; their video units, inclusive."""

    start_utc: int
    end_utc: int
    first_video: int
    last_video: int


@dataclass(frozen=True, slots=True)
class Examined:
    """What an examination gave.

    Args:
        problem: in words; "": none.
        lost: damaged fragments that the file's own index still describes, neighbours together.
        closed: it ends with its index.
        start_utc: of the file, by its own clock.
        end_utc: of the last fragment that can be read; 0 if there is none.
        last_video: unit of it; -1 if there is none.
    """

    problem: str
    lost: tuple[Lost, ...]
    closed: bool
    start_utc: int
    end_utc: int
    last_video: int


def examine(file: BinaryIO) -> Examined:
    """Visit every fragment, and hold what is found against the file's own index.

    Raises:
        ProtocolError: its header is damaged, so nothing is known.
        OSError: from reading.
    """
    walked = scan(file, trust_index=False)
    told = scan(file).fragments if walked.closed else walked.fragments
    there = {fragment.index for fragment in walked.fragments}
    lost: list[Lost] = []
    for fragment in told:
        if fragment.index in there or fragment.video is None:
            continue
        piece = Lost(fragment.start_utc_ns, end_of(fragment), fragment.video.first, fragment.video.last)
        if lost and lost[-1].last_video + 1 == piece.first_video:
            lost[-1] = Lost(lost[-1].start_utc, piece.end_utc, lost[-1].first_video, piece.last_video)
        else:
            lost.append(piece)
    last = next((f for f in reversed(walked.fragments) if f.video is not None), None)
    end, unit = (0, -1) if last is None or last.video is None else (end_of(last), last.video.last)
    problem = walked.problem or ("" if walked.closed else "its index is missing")
    return Examined(problem, tuple(lost), walked.closed, walked.header.start_utc_ns, end, unit)


def end_of(fragment: FragmentInfo) -> int:
    """UTC ns at which a fragment's last picture ends."""
    return fragment.start_utc_ns + fragment.dts_end_ns - fragment.dts_start_ns
