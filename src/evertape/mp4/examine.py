"""What of a finished segment is damaged, as exactly as the file itself tells.

Each fragment's headers have a checksum beside them, and all its bytes a hash in the file's own table
(``FragmentInfo.check``). The first look reads headers only; the second one, every byte.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import BinaryIO, NamedTuple

from evertape.mp4.index import TABLE_TAIL, build_table, table_checks
from evertape.mp4.model import FragmentInfo
from evertape.mp4.scan import ScannedSegment, read_table, scan, with_checks

CHANGED = "its bytes are not those that were written"
_NAMED = 3
"""Damaged places that are told one by one."""


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
        lost: damaged fragments, neighbours together: those that the file's own index still describes, and those whose
            bytes were changed.
        closed: it ends with its index.
        start_utc: of the file, by its own clock.
        end_utc: of the last fragment that can be read; 0 if there is none.
        last_video: unit of it; -1 if there is none.
        compared: the bytes of every fragment that is not lost are those that were written.
    """

    problem: str
    lost: tuple[Lost, ...]
    closed: bool
    start_utc: int
    end_utc: int
    last_video: int
    compared: bool = False


class _Compared(NamedTuple):
    """Indexes of the fragments whose bytes were changed, and whether there was something to compare each one with."""

    changed: frozenset[int] = frozenset()
    all: bool = False


def examine(file: BinaryIO, *, payload: bool = False) -> Examined:
    """Visit every fragment, and hold what is found against the file's own index.

    Args:
        file: as for ``scan``.
        payload: read every byte, and compare it with the hashes that the index has, if it has them.

    Raises:
        ProtocolError: its header is damaged, so nothing is known.
        OSError: from reading headers.
    """
    walked = scan(file, trust_index=False)
    told = scan(file).fragments if walked.closed else walked.fragments
    compared = _compare(file, walked) if payload else _Compared()
    sound = [fragment for fragment in walked.fragments if fragment.index not in compared.changed]
    there = {fragment.index for fragment in sound}
    lost: list[Lost] = []
    for fragment in told:
        if fragment.index in there or fragment.video is None:
            continue
        piece = Lost(fragment.start_utc_ns, end_of(fragment), fragment.video.first, fragment.video.last)
        if lost and lost[-1].last_video + 1 == piece.first_video:
            lost[-1] = Lost(lost[-1].start_utc, piece.end_utc, lost[-1].first_video, piece.last_video)
        else:
            lost.append(piece)
    last = next((f for f in reversed(sound) if f.video is not None), None)
    end, unit = (0, -1) if last is None or last.video is None else (end_of(last), last.video.last)
    problem = walked.problem or ("" if walked.closed else "its index is missing")
    if compared.changed and not problem:
        problem = changed_text(lost)
    return Examined(problem, tuple(lost), walked.closed, walked.header.start_utc_ns, end, unit, compared.all)


def _compare(file: BinaryIO, walked: ScannedSegment) -> _Compared:
    table = read_table(file, walked)
    known = table_checks(table)
    if not known:
        return _Compared()
    found = with_checks(file, [replace(fragment, check=b"") for fragment in walked.fragments])
    changed = frozenset(f.index for f in found if f.index in known and f.check != known[f.index])
    whole = all(fragment.index in known for fragment in found)
    # Is it the table that was damaged? Then its checksum fits what was found.
    if (changed or not whole) and build_table(found)[-TABLE_TAIL:] == table[-TABLE_TAIL:]:
        changed, whole = frozenset(), True
    # With a header that was changed, maybe no picture comes out of a decoder, though its bytes are right.
    return _Compared(changed, whole and walked.sound_head)


def sound_only(file: BinaryIO) -> ScannedSegment:
    """As ``scan``, but without the fragments that are damaged, be it in a single byte. Raises as ``scan``."""
    walked = scan(file, trust_index=False)
    changed = _compare(file, walked).changed
    return replace(walked, fragments=[f for f in walked.fragments if f.index not in changed])


def changed_text(lost: Sequence[Lost]) -> str:
    """That bytes were changed, and of which pictures."""
    return f"{CHANGED}: {places_text(lost)}" if lost else f"{CHANGED}, but those of every picture are"


def places_text(lost: Sequence[Lost]) -> str:
    """Which pictures are lost."""
    if not lost:
        return "no picture"
    places = [f"{one.first_video} to {one.last_video}" for one in lost[:_NAMED]]
    more = f" and in {len(lost) - _NAMED} more places" if len(lost) > _NAMED else ""
    return f"pictures {', '.join(places)}{more}"


def end_of(fragment: FragmentInfo) -> int:
    """UTC ns at which a fragment's last picture ends."""
    return fragment.start_utc_ns + fragment.dts_end_ns - fragment.dts_start_ns
