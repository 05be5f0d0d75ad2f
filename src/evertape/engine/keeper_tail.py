"""Follows the journal and keeps the index up to it. Blocking; the keeper's one worker thread.

Whatever happens to the database, the journal is the truth: a damaged or vanished one is built anew from the
beginning, a locked or full one is tried again later.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

from evertape.disk.journal_format import is_journal_file
from evertape.disk.journal_reader import MOST, JournalRead, read_from
from evertape.ipc.events import AnyEvent
from evertape.store.database import move_aside
from evertape.store.failures import IndexBusyError, IndexDamagedError
from evertape.store.index import Index
from evertape.store.rows import Cursor

log = logging.getLogger(__name__)

T = TypeVar("T")

BATCH = 1000
"""Events in one transaction: half a second of work, and few megabytes."""


class Step(NamedTuple):
    """What one step found: events, in order, and whether there is more right away."""

    events: Sequence[AnyEvent]
    more: bool


class IndexTail:
    """See the module.

    Args:
        path: of the database.
        journal: the folder of the journal's files.
    """

    def __init__(self, path: Path, journal: Path) -> None:
        self._path = path
        self._journal = journal
        self._index: Index | None = None
        self._inode = (0, 0)
        self._seen: tuple[str, int] | None = None
        """The newest file of the journal and its size when everything had been applied."""
        self.rebuilt = 0
        """How often the index had to be begun anew because the old one could not be used."""

    def step(self) -> Step:
        """Apply what the journal has gained.

        Raises:
            IndexBusyError: nothing was applied; try again later.
            OSError: the journal cannot be read now.
        """
        return self.ask(self._step)

    def catch_up(self) -> None:
        """Apply everything the journal has by now. Raises as ``step``."""
        while self.step().more:
            pass

    def ask(self, question: Callable[[Index], T]) -> T:
        """Answer from the index; one that is found damaged is begun anew first. Raises as ``step``."""
        try:
            return question(self._open())
        except IndexDamagedError as error:
            self._begin_anew(error)
            return question(self._open())

    def close(self) -> None:
        """Let go of the database."""
        self._seen = None
        if self._index is not None:
            self._index.close()
            self._index = None

    # -- inside ---------------------------------------------------------------------------------------------

    def _step(self, index: Index) -> Step:
        newest = _newest(self._journal)
        if newest == self._seen:
            # Looked at several times a second, and mostly nothing has happened.
            return Step((), False)
        at = index.cursor()
        read = read_from(self._journal, at.file, at.offset, most=BATCH)
        if read.damaged or read.unknown:
            log.warning("[STORAGE] the journal has %d damaged and %d unknown lines", read.damaged, read.unknown)
        after = _behind(at, read)
        if after != at:
            _apply(index, read.events, at, after)
        self._seen = None if read.more else newest
        return Step(read.events, read.more)

    def _open(self) -> Index:
        if self._index is not None and self._inode != _inode(self._path):
            log.warning("[STORAGE] the index was removed or replaced while it was used; beginning anew")
            self.close()
        if self._index is None:
            fresh = not self._path.exists()
            try:
                self._index = Index.open(self._path)
            except IndexDamagedError as error:
                self._begin_anew(error)
                self._index = Index.open(self._path)
            self._inode = _inode(self._path)
            if fresh and any(self._journal.glob("*.jsonl")):
                log.info("[STORAGE] there was no index; it is built from the journal")
        return self._index

    def _begin_anew(self, why: IndexDamagedError) -> None:
        self.close()
        self.rebuilt += 1
        try:
            aside = move_aside(self._path)
        except OSError as error:
            raise IndexBusyError(f"the damaged index cannot be moved aside: {error}") from error
        log.error("[STORAGE] %s; it is now %s, and another is built from the journal", why, aside.name)


def _apply(index: Index, events: Sequence[AnyEvent], before: Cursor, after: Cursor) -> None:
    try:
        index.apply(events, after)
    except (OverflowError, ValueError, TypeError):
        # One event holds what no column can. It must not keep all others out for ever.
        log.exception("[STORAGE] a batch of the journal cannot be indexed as a whole; event by event")
        unusable = 0
        for event in events:
            try:
                index.apply([event], before)
            except (OverflowError, ValueError, TypeError):
                unusable += 1
                log.exception("[STORAGE] event %s cannot be indexed and is left out", event.id)
        index.apply([], after._replace(applied=after.applied - unusable, unknown=after.unknown + unusable))


def _newest(journal: Path) -> tuple[str, int] | None:
    """The newest file and its size; ``None``: there is none, or it cannot be said."""
    try:
        name = max(filter(is_journal_file, os.listdir(journal)), default="")
        return (name, os.stat(journal / name).st_size) if name else None
    except OSError:
        return None


def _inode(path: Path) -> tuple[int, int]:
    try:
        info = os.stat(path)
    except OSError:
        return (0, 0)
    return (info.st_dev, info.st_ino)


def rebuild(
    target: Path, journal: Path, until: Cursor | None = None, *, progress: Callable[[Cursor], None] = lambda _at: None
) -> Cursor:
    """Build an index of a journal, or of a volume's mirror of one, from the beginning.

    Args:
        target: the database to make; one that exists is continued.
        journal: the folder of the journal's files.
        until: stop at this place, if it is reached.
        progress: told the place after each part.

    Raises:
        IndexBusyError: it cannot be written.
        OSError: the journal cannot be read.
    """
    with Index.open(target) as index:
        at, most = index.cursor(), MOST
        while True:
            read = read_from(journal, at.file, at.offset, most=most)
            if until is not None and read.position > (until.file, until.offset):
                # Only reading tells where events end, so the last part is felt for.
                if most == 1:
                    return at
                most = max(1, most // 8)
                continue
            after = _behind(at, read)
            _apply(index, read.events, at, after)
            progress(after)
            if not read.more or after == at:
                return after
            at = index.cursor()


def _behind(at: Cursor, read: JournalRead) -> Cursor:
    return Cursor(
        read.position.file,
        read.position.offset,
        at.applied + len(read.events),
        at.damaged + read.damaged,
        at.unknown + read.unknown,
    )
