"""Reads the journal from a position on, as far as it goes; what is damaged is counted and skipped.

Blocking; any thread. Used by the keeper, and by whoever rebuilds an index from a volume's mirror.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from evertape.disk.journal_format import DamagedLineError, UnknownEventError, decode_line, is_journal_file
from evertape.ipc.events import AnyEvent

MOST = 5000
"""Events returned at once, unless told otherwise: some megabytes."""
_CHUNK = 1 << 20
_LONGEST = 16 << 20
"""A longer line is garbage without an end; the rest of that file is given up."""


class Position(NamedTuple):
    """Where reading goes on: a file's name and a byte in it. ``Position()`` is the beginning."""

    file: str = ""
    offset: int = 0


class JournalRead(NamedTuple):
    """What a read found.

    Args:
        events: in order of writing.
        position: where to go on.
        damaged: torn or altered lines that were skipped.
        unknown: events of types or shapes this program does not know, skipped.
        more: more is known to be there; read again at once.
    """

    events: list[AnyEvent]
    position: Position
    damaged: int
    unknown: int
    more: bool


def read_from(folder: Path, file: str = "", offset: int = 0, *, most: int = MOST) -> JournalRead:
    """Read events behind a position.

    A line without its end is left for later in the newest file, which may still be written, and counted as
    damaged in an older one, because a file is never continued once there is a newer one.

    Args:
        folder: of the journal's files.
        file: as in ``Position``; if it does not exist any more, reading goes on with the next newer one.
        offset: as in ``Position``.
        most: return about this many events.

    Raises:
        OSError: from reading; a missing folder is an empty journal.
    """
    try:
        names = sorted(name for name in os.listdir(folder) if is_journal_file(name) and name >= file)
    except FileNotFoundError:
        names = []
    read = _Read(Position(file, offset))
    for name in names:
        start = offset if name == file else 0
        if not read.file(folder / name, start, newest=name == names[-1], most=most):
            break
    return JournalRead(read.events, read.position, read.damaged, read.unknown, len(read.events) >= most)


class _Read:
    """Collects over several files."""

    def __init__(self, position: Position) -> None:
        self.events: list[AnyEvent] = []
        self.position = position
        self.damaged = 0
        self.unknown = 0

    def file(self, path: Path, offset: int, *, newest: bool, most: int) -> bool:
        """Read one file from ``offset``; whether to go on with the next one."""
        self.position = Position(path.name, offset)
        with open(path, "rb") as source:
            source.seek(offset)
            rest = b""
            while chunk := source.read(_CHUNK):
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    self._line(line)
                    if len(self.events) >= most:
                        return False
                if len(rest) > _LONGEST:
                    break
        if rest and not newest:
            self.damaged += 1
            self._advance(len(rest))
        return True

    def _line(self, line: bytes) -> None:
        self._advance(len(line) + 1)
        try:
            self.events.append(decode_line(line))
        except DamagedLineError:
            self.damaged += 1
        except UnknownEventError:
            self.unknown += 1

    def _advance(self, count: int) -> None:
        self.position = self.position._replace(offset=self.position.offset + count)
