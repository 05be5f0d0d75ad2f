"""Files that follow on, put together, so that a year of a camera is some hundred pieces and not fifty thousand. Pure.

A stretch may stand for its files in an account (``domain.coverage``) wherever nothing else touches where two of them
meet; ``disturbed`` says where something does. What is left then says exactly what the files say one by one.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, groupby, pairwise
from operator import itemgetter
from typing import NamedTuple

from evertape.domain.coverage import ELSEWHERE, SLACK
from evertape.types import NS_PER_S

DAY = 24 * 3600 * NS_PER_S
"""A stretch's files all begin in one day of UTC: so much is put together anew when one of them changes."""
_ENDLESS = 1 << 62
_GONE = ("missing", "deleted")
_OPEN = "open"


class Stretch(NamedTuple):
    """One file, or several. The first nine are those of ``domain.logical.Footage``; instants are UTC nanoseconds.

    Args:
        segment: the id of the first file.
        epoch: the capture session of all.
        generation: of the last file.
        start: of the first file.
        end: of the last one.
        first: the first video unit.
        last: the last one, inclusive; every unit between them is in one of the files.
        state: of all.
        fate: of all.
        volume: the id of the volume that all lie on.
        spilled_to: the id of the spill volume that all were written to first.
        first_end: where the first file ends.
        last_start: where the last one begins.
        files: how many there are.
    """

    segment: str
    epoch: str
    generation: int
    start: int
    end: int | None
    first: int
    last: int | None
    state: str
    fate: str
    volume: str
    spilled_to: str
    first_end: int | None
    last_start: int
    files: int


_alike = itemgetter(1, 7, 8, 9, 10)
_order = itemgetter(1, 7, 8, 9, 10, 5, 2)
_start: Callable[[Stretch], int] = itemgetter(3)
_epoch: Callable[[Stretch], str] = itemgetter(1)
_unit: Callable[[Stretch], tuple[str, int]] = itemgetter(1, 5)


def stretched(files: Iterable[Stretch]) -> list[Stretch]:
    """Of a camera's finished files that begin in one day: as few stretches as say the same, by session and unit."""
    found: list[Stretch] = []
    group: list[Stretch] = []
    for one in sorted(files, key=_order):
        if group and not _follows(group[-1], one):
            found.append(_together(group))
            group = []
        group.append(one)
    if group:
        found.append(_together(group))
    return found


def _follows(old: Stretch, new: Stretch) -> bool:
    if old.end is None or new.end is None or old.last is None or new.last is None or not old.epoch:
        return False
    # Where footage was, a hole is judged by what else is known of that moment, however short it is.
    most = 0 if new.state in _GONE else SLACK
    return (
        _alike(old) == _alike(new)
        and new.first == old.last + 1 <= new.last
        and old.first <= old.last
        and old.generation < new.generation
        and old.start < old.end
        and new.start < new.end
        and old.start <= new.start
        and old.end <= new.end
        and -SLACK <= new.start - old.end <= most
    )


def _together(group: list[Stretch]) -> Stretch:
    if len(group) == 1:
        return group[0]
    first, last = group[0], group[-1]
    return first._replace(
        generation=last.generation, end=last.end, last=last.last, last_start=last.start, files=len(group)
    )


# -- where files have to be looked at one by one --------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Around:
    """What else is known of a camera's time, UTC ns, and may touch where two files meet.

    Args:
        claims: from when to when something else is said of it: gaps, the wish not to record.
        endless: when gaps began that nobody ended: the next file does.
        hurt: from when to when footage is damaged, which goes before the footage itself.
        open_until: for files that are being written, up to when they hold footage.
    """

    claims: Sequence[tuple[int, int]]
    endless: Sequence[int]
    hurt: Sequence[tuple[int, int]]
    open_until: Mapping[str, int]


def disturbed(pieces: Sequence[Stretch], around: Around) -> set[str]:
    """The stretches of several files for which these may not stand, by their first segments' ids; some too many.

    Args:
        pieces: all there is of a camera, files by themselves among them.
        around: what else is known.
    """
    telling = [piece for piece in pieces if not (piece.state == "deleted" and piece.fate in ELSEWHERE)]
    found = {*_crossed(telling, around.open_until), *_doubled(telling)}
    claims, hurt = _Spans(around.claims), _Spans(around.hurt)
    for piece in telling:
        if piece.files == 1:
            continue
        assert piece.end is not None and piece.first_end is not None
        if (
            claims.meet(piece.first_end, piece.last_start)
            or hurt.meet(piece.start + 1, piece.end - 1)
            or any(piece.start <= at < piece.last_start for at in around.endless)
        ):
            found.add(piece.segment)
    return found


class _Spans:
    """Answers whether one of many meets another: by where they begin, and how far all up to there reach."""

    def __init__(self, spans: Iterable[tuple[int, int]]) -> None:
        ordered = sorted(spans)
        self._starts = [start for start, _ in ordered]
        self._reach = list(accumulate((end for _, end in ordered), max))

    def meet(self, start: int, end: int) -> bool:
        at = bisect_right(self._starts, end)
        return at > 0 and self._reach[at - 1] >= start


def _crossed(pieces: Sequence[Stretch], open_until: Mapping[str, int]) -> Iterator[str]:
    """Those within which another one begins, or into which one reaches beyond the first file."""
    unfinished = {piece.epoch: 0 for piece in pieces if piece.state == _OPEN}
    for piece in pieces if unfinished else ():
        if piece.epoch in unfinished and piece.end is not None:
            unfinished[piece.epoch] = max(unfinished[piece.epoch], piece.end)
    ordered = sorted(pieces, key=_start)
    begins = [*(piece.start for piece in ordered[1:]), _ENDLESS]
    reached = before = -_ENDLESS
    for piece, then in zip(ordered, begins, strict=False):
        start, end = piece.start, piece.end
        if piece.files > 1 and (reached >= (piece.first_end or 0) or then <= piece.last_start or before == start):
            yield piece.segment
        if end is None:
            # Up to where another one of its session takes over, or its writer says it is.
            end = max(start, unfinished.get(piece.epoch, 0), open_until.get(piece.segment, 0))
        if end > reached:
            reached = end
        before = start


def _doubled(pieces: Sequence[Stretch]) -> Iterator[str]:
    """Those of whose units another one of the session holds some as well, or an unfinished one may."""
    held = sorted((piece for piece in pieces if piece.state not in _GONE), key=_unit)
    troubled = {piece.epoch for piece in held if piece.end is None or piece.last is None}
    for old, new in pairwise(held):
        if old.epoch == new.epoch and (old.last is None or new.first <= old.last):
            troubled.add(new.epoch)
    for epoch, session in groupby(held if troubled else (), _epoch):
        if epoch in troubled:
            yield from _of_session(list(session))


def _of_session(session: Sequence[Stretch]) -> Iterator[str]:
    # How far an unfinished one reaches, whoever ends later tells, by how fast its units came.
    begun = min((piece.start for piece in session if piece.end is None), default=_ENDLESS)
    reaching: list[Stretch] = []
    for piece in session:
        reaching = [old for old in reaching if old.last is None or old.last >= piece.first]
        if reaching or (piece.end is not None and piece.end > begun):
            yield from (one.segment for one in (*reaching, piece) if one.files > 1)
        reaching.append(piece)
