"""What was done about one gap, in figures: replayed, spilled, came home, lost. Pure.

``domain.deed`` says in words what Evertape does about a cause. This is what came of it, from the files beside the gap:
one that was made later than it begins was filled from memory; one that a spill volume had first may have come home.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from evertape.domain.cause import Cause
from evertape.types import NS_PER_S

BESIDE_NS = 5 * NS_PER_S
"""Footage further away than this from a gap is not about it."""
_CRASHES = (Cause.PROCESS_CRASH, Cause.OUT_OF_MEMORY, Cause.RECORDER_HUNG, Cause.HOST_DOWN)
_NOT_LOST = (Cause.CLOCK_JUMP, Cause.FOOTAGE_MISSING)
"""Nothing is missing, or it may come back."""
_FINISHED = ("recovered", "writer_gone")


class DoneKind(StrEnum):
    """What became of footage."""

    LOST = "lost"
    IN_MEMORY = "in_memory"
    REPLAYED = "replayed"
    SPILLED = "spilled"
    CAME_HOME = "came_home"
    FINISHED = "finished"
    DELETED = "deleted"

    @property
    def meaning(self) -> str:
        """A sentence for the reference."""
        return _MEANINGS[self]


_MEANINGS = {
    DoneKind.LOST: "It is in no file. How many frames that are is said where a recorder knew of each.",
    DoneKind.IN_MEMORY: "On no disk yet: it is written as soon as a volume takes footage.",
    DoneKind.REPLAYED: "What memory held, written down once a volume took footage again: it lies behind the gap, and "
    "is older than the first file that could be made.",
    DoneKind.SPILLED: "Written to a spill volume while no primary took it, right before or right behind the gap.",
    DoneKind.CAME_HOME: "Of what was spilled: moved to another volume since, read back and compared.",
    DoneKind.FINISHED: "The file that was left behind, closed at its last whole fragment.",
    DoneKind.DELETED: "It was there, and was deleted.",
}


@dataclass(frozen=True, slots=True)
class Done:
    """One kind of it.

    Args:
        kind: what.
        seconds: of footage.
        units: pictures; ``None``: not known. Of a file that counts in part they are in proportion.
        files: in how many files; 0: it is about none.
        bytes: of these; ``None``: not known.
        volume: where: of ``lost`` nowhere, of ``came_home`` where it is now, else where it was written to first.
    """

    kind: DoneKind
    seconds: float
    units: int | None = None
    files: int = 0
    bytes: int | None = None
    volume: str = ""


class NearFile(NamedTuple):
    """A file near a gap, whatever became of it. Instants are UTC nanoseconds.

    Args:
        start: of its footage.
        end: of it; of an open file, as far as it is known to reach.
        opened_at: when the file was made; ``None``: nobody said.
        units: pictures; ``None`` while it is open.
        bytes: the same.
        volume: where it is.
        spilled_to: the spill volume that had it first, if one had.
        reason: why it was closed.
    """

    start: int
    end: int
    opened_at: int | None
    units: int | None
    bytes: int | None
    volume: str
    spilled_to: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class GapFacts:
    """The gap itself: see ``store.ledger.LedgerEntry``. ``held``: what is missing on the disks is in memory."""

    cause: Cause
    start: int
    end: int
    lasts: bool = False
    frames_lost: int | None = None
    held: bool = False


def asks_for_files(cause: Cause) -> bool:
    """Whether the files near a gap tell anything about it."""
    return cause.value.startswith("storage_") or cause in _CRASHES


def done_about(gap: GapFacts, files: Sequence[NearFile] = ()) -> tuple[Done, ...]:
    """Everything that was done about ``gap``.

    Args:
        gap: which.
        files: of the camera, near it, by start; without those that were deleted because others hold the same.
    """
    return tuple(_all(gap, _apart(files)))


def _all(gap: GapFacts, files: list[NearFile]) -> Iterator[Done]:
    seconds = (gap.end - gap.start) / NS_PER_S
    if gap.held:
        yield Done(DoneKind.IN_MEMORY, seconds)
    elif not gap.cause.on_purpose and gap.cause not in _NOT_LOST:
        yield Done(DoneKind.LOST, seconds, gap.frames_lost)
    before = [_part(file, file.start, min(file.end, gap.start)) for file in files if file.start < gap.start]
    after = [] if gap.lasts else [file for file in files if file.start >= gap.start]
    if gap.cause in _CRASHES:
        ends = [file for file in before if abs(file.end - gap.start) <= BESIDE_NS and file.reason in _FINISHED]
        yield from _summed(DoneKind.FINISHED, ends[-1:], lambda file: file.spilled_to or file.volume)
    if not gap.cause.value.startswith("storage_"):
        return
    if before and before[-1].end < gap.start - BESIDE_NS:
        before = []
    if after and after[0].start > gap.end + BESIDE_NS:
        after = []
    yield from _replayed(after)
    spilled = _while_spilled(reversed(before))[::-1] + _while_spilled(after)
    yield from _summed(DoneKind.SPILLED, spilled, lambda file: file.spilled_to)
    home = [file for file in spilled if file.volume != file.spilled_to]
    yield from _summed(DoneKind.CAME_HOME, home, lambda file: file.volume)


def _apart(files: Iterable[NearFile]) -> list[NearFile]:
    """Without what two of them hold: what was not known to be durable was written again, into the later one."""
    result: list[NearFile] = []
    for file in sorted(files, key=lambda file: (file.start, file.end)):
        if result and file.start < result[-1].end:
            old = result.pop()
            result += [part for part in (_part(old, old.start, file.start),) if part.end > part.start]
        result.append(file)
    return result


def _part(file: NearFile, start: int, end: int) -> NearFile:
    whole = file.end - file.start
    share = 1.0 if whole <= 0 else (end - start) / whole
    units = None if file.units is None else round(file.units * share)
    size = None if file.bytes is None else round(file.bytes * share)
    return file._replace(start=start, end=end, units=units, bytes=size)


def _replayed(after: Sequence[NearFile]) -> Iterator[Done]:
    """What is older than the first file that could be made again."""
    back = after[0].opened_at if after else None
    if back is None:
        return
    parts = [_part(file, file.start, min(file.end, back)) for file in after if file.start < back]
    yield from _summed(DoneKind.REPLAYED, parts, lambda file: file.spilled_to or file.volume)


def _while_spilled(files: Iterable[NearFile]) -> list[NearFile]:
    result = []
    for file in files:
        if not file.spilled_to:
            break
        result.append(file)
    return result


def _summed(kind: DoneKind, files: Sequence[NearFile], where: Callable[[NearFile], str]) -> Iterator[Done]:
    """One for each volume, in the order of their first files."""
    for volume in dict.fromkeys(map(where, files)):
        mine = [file for file in files if where(file) == volume]
        yield Done(
            kind,
            sum(file.end - file.start for file in mine) / NS_PER_S,
            _sum(file.units for file in mine),
            len(mine),
            _sum(file.bytes for file in mine),
            volume,
        )


def _sum(values: Iterable[int | None]) -> int | None:
    """``None`` if one of them is not known."""
    total = 0
    for value in values:
        if value is None:
            return None
        total += value
    return total
