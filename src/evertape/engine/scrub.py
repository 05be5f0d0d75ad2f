"""A check of what is held, now, on this machine's own mounts: every byte, every fragment. Blocking; reads only.

What it finds goes on record only through the service (``keeper_scrub``), which looks for itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from evertape.errors import ProtocolError
from evertape.mp4.digest import PIECE, differ, named, segment_hash
from evertape.mp4.examine import CHANGED, Lost, changed_text, examine
from evertape.store.rows import CLOSED, SegmentRow

Progress = Callable[[int, int], None]
"""Called with the bytes read so far and the bytes there are."""
Decode = Callable[[Path], str]
"""Decodes a file; returns what is wrong, empty if nothing is."""


@dataclass(frozen=True, slots=True)
class Hurt:
    """A file that is not as it was written; ``lost``: what of it cannot be read, by the file's own clock."""

    row: SegmentRow
    problem: str
    lost: tuple[Lost, ...] = ()


@dataclass(slots=True)
class ScrubReport:
    """What a check gave.

    Args:
        files: checked.
        bytes: read.
        unhashed: of which no hash is on record, so that only their headers could be checked.
        decoded: that were decoded as well.
        away: on volumes that could not be reached.
        damaged: those that are not as they were.
    """

    files: int = 0
    bytes: int = 0
    unhashed: int = 0
    decoded: int = 0
    away: int = 0
    damaged: list[Hurt] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Nothing is damaged."""
        return not self.damaged


def scrub(
    rows: Iterable[SegmentRow],
    file_of: Callable[[SegmentRow], Path | None],
    *,
    total: int = 0,
    progress: Progress = lambda _done, _all: None,
    every: int = 0,
    decode: Decode | None = None,
) -> ScrubReport:
    """Check finished segments.

    Args:
        rows: which; others than finished ones are passed over.
        file_of: where a segment's file is; ``None`` if its volume is away.
        total: bytes that there will be, about.
        progress: see ``Progress``.
        every: each so many-th file is decoded as well; 0: none.
        decode: how.
    """
    report = ScrubReport()
    for row in rows:
        if row.state != CLOSED:
            continue
        path = file_of(row)
        if path is None:
            report.away += 1
            continue
        before = report.bytes

        def read(size: int, before: int = before) -> None:
            report.bytes = before + size
            progress(report.bytes, max(total, report.bytes))

        problem, lost = _check(row, path, read)
        report.files += 1
        report.unhashed += not row.hash
        if not problem and every and decode is not None and (report.files - 1) % every == 0:
            report.decoded += 1
            problem = decode(path)
        if problem:
            report.damaged.append(Hurt(row, problem, lost))
    return report


def _check(row: SegmentRow, path: Path, read: Callable[[int], None]) -> tuple[str, tuple[Lost, ...]]:
    digest, size = segment_hash(), 0
    try:
        for data in _pieces(path):
            digest.update(data)
            size += len(data)
            read(size)
        changed = differ(row.hash, named(digest))
        with path.open("rb") as file:
            found = examine(file, payload=changed or not row.hash)
    except FileNotFoundError:
        return "it is not there", ()
    except OSError as error:
        return f"it cannot be read: {error.strerror}", ()
    except ProtocolError as error:
        return error.what, ()
    if found.problem:
        return found.problem, found.lost
    if changed:
        return changed_text(()) if found.compared else CHANGED, found.lost
    return "", ()


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb", buffering=0) as file:
        while data := file.read(PIECE):
            yield data
