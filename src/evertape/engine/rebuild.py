"""``evertape rebuild-index``: index and journal from the volumes alone; and a foreign volume taken in.

Blocking, while no service runs. The old index stays until the new one is whole. Interrupted, it is resumed: what was
read by then is in the new index beside the old one, and in the journal.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from evertape.clock import Clock
from evertape.config.paths import DataDir
from evertape.disk.journal_restore import add_to_journal, restore_journal
from evertape.domain.wish import BY_REBUILD
from evertape.engine.audit_files import Root
from evertape.engine.first_hashes import hash_files, lacking
from evertape.engine.found_files import FileReader, Found, segment_paths
from evertape.engine.keeper_mirror import journal_sizes
from evertape.engine.keeper_tail import rebuild
from evertape.ipc.events import AnyEvent, EventStamp, RecordWish, SegmentMissing
from evertape.store.failures import IndexDamagedError
from evertape.store.index import Index
from evertape.store.rows import CLOSED, Cursor, SegmentRow

Progress = Callable[[str, int, int], None]
"""Told what is gone through (``journal``, ``events``, a volume, ``HASHES``), how much is done, and of how much."""

SOURCE = "rebuild"
HASHES = "hashes"
"""What ``Progress`` is told of files that are read for their hash, in bytes."""
BATCH = 500
"""Files whose events are written and indexed together: what an interruption costs is reading them again."""
_SIDE_FILES = ("-wal", "-shm", "-journal")


@dataclass(slots=True)
class RebuildReport:
    """What came of it.

    Args:
        restored: the journal's files that came from a mirror.
        events: in the index.
        segments: that are held.
        files: on the volumes.
        found: of these, what the journal did not know.
        missing: segments on record whose files are not on their volumes.
        without_history: cameras of which nothing but footage is known.
        volumes: names of those that were gone through.
        hashed: files that got their first hash.
        damaged: files that are not as they were written, and what is wrong; they got none.
        unhashed: finished files without a hash that are left.
    """

    restored: list[str] = field(default_factory=list)
    events: int = 0
    segments: int = 0
    files: int = 0
    found: Found = field(default_factory=Found)
    missing: int = 0
    without_history: list[str] = field(default_factory=list)
    volumes: list[str] = field(default_factory=list)
    hashed: int = 0
    damaged: dict[str, str] = field(default_factory=dict)
    unhashed: int = 0


class Rebuild:
    """See the module.

    Args:
        data: the data directory.
        roots: the volumes that can be reached.
        clock: stamps what is found.
        progress: see ``Progress``.
        hashes: read every finished file of which no hash is on record, once all else is done.
    """

    def __init__(
        self,
        data: DataDir,
        roots: Sequence[Root],
        clock: Clock,
        progress: Progress = lambda _what, _done, _all: None,
        *,
        hashes: bool = True,
    ) -> None:
        self._data = data
        self._hashes = hashes
        self._known_hashes: dict[tuple[str, int], str] = {}
        """By segment and length, from the journal of whoever wrote the file."""
        self._roots = {root.id: root for root in roots}
        self._clock = clock
        self._progress = progress
        self._stamp = EventStamp(SOURCE, "", clock)
        self._new = data.index_file.with_name(f"{data.index_file.name}.rebuilding")
        self.report = RebuildReport()

    def run(self) -> RebuildReport:
        """Do it.

        Raises:
            OSError: something cannot be read or written; do it again.
            IndexBusyError: the new index cannot be written.
        """
        report = self.report
        paths = [root.path for root in self._roots.values()]
        report.restored = restore_journal(self._data.journal, paths, lambda n, of: self._progress("journal", n, of))
        if report.restored:
            _remove(self._new)  # it may be past what has come back
        self._follow()
        for root in self._roots.values():
            self._volume(root)
        self._histories()
        self._count()
        self._put_in_place()
        self._first_hashes()
        return report

    def _first_hashes(self) -> None:
        """Last, because it takes as long as reading the archive does; interrupted, the service goes on with it."""
        roots = {root.id: root.path for root in self._roots.values()}
        with Index.open(self._new) as index:
            rows = lacking(index.every_segment(), roots)
        if self._hashes and rows:
            total = sum(row.bytes or 0 for row in rows)
            told = partial(self._progress, HASHES)
            found = hash_files(rows, roots, self._stamp, self._write_down, lambda done: told(done, max(done, total)))
            self.report.hashed, self.report.damaged = found.hashed, found.damaged
        self.report.unhashed = len(rows) - self.report.hashed

    def _count(self) -> None:
        with Index.open(self._new) as index:
            self.report.events = index.cursor().applied
            self.report.segments = sum(totals.files for totals in index.totals_by_volume().values())

    def _follow(self) -> None:
        """Take in everything that the journal has."""
        sizes = journal_sizes(self._data.journal)
        total = sum(sizes.values())

        def told(at: Cursor) -> None:
            done = sum(size for name, size in sizes.items() if name < at.file) + at.offset
            self._progress("events", min(done, total), total)

        try:
            rebuild(self._new, self._data.journal, progress=told)
        except IndexDamagedError:
            _remove(self._new)
            rebuild(self._new, self._data.journal, progress=told)

    def _volume(self, root: Root) -> None:
        """Every file without a record, and every record without a file."""
        self.report.volumes.append(root.name)
        with Index.open(self._new) as index:
            # The record of a file's end may be what is lost, so the open ones are looked at too.
            known = {row.path for row in index.every_segment() if row.state == CLOSED and row.volume == root.id}
        paths = list(segment_paths(root.path))
        self.report.files += len(paths)
        fresh = [path for path in paths if path not in known]
        reader = FileReader(root.id, root.path, self._stamp, self.report.found, self._is_there, self._known_hashes)
        for start in range(0, len(fresh), BATCH):
            self._progress(root.name, start, len(fresh))
            with Index.open(self._new) as index:
                events = [reader.look(path, index) for path in fresh[start : start + BATCH]]
            self._write_down(_once(event for event in events if event is not None))
        with Index.open(self._new) as index:
            gone = [
                row for row in index.every_segment() if row.held and row.volume == root.id and not self._is_there(row)
            ]
        self.report.missing += len(gone)
        self._write_down(
            SegmentMissing(**self._stamp(), segment=row.id, volume=row.volume, path=row.path) for row in gone
        )

    def _is_there(self, row: SegmentRow) -> bool:
        root = self._roots.get(row.volume)
        return root is not None and os.path.lexists(root.path / row.path)

    def _histories(self) -> None:
        """Without a journal: a camera was meant to be recorded since its first picture, until somebody knows better."""
        events: list[AnyEvent] = []
        with Index.open(self._new) as index:
            for camera in index.cameras():
                if index.wishes(camera):
                    continue
                rows = [row for session in index.sessions(camera) for row in session if row.held]
                if not rows:
                    continue
                self.report.without_history.append(camera)
                first = min(row.start_utc for row in rows)
                # From now on the service says it, if the camera is still one; nobody does of one that is no more.
                for at, wanted in ((first, True), (int(self._clock.utc_ns()), False)):
                    events.append(RecordWish(**self._stamp() | {"at": at}, camera=camera, wanted=wanted, by=BY_REBUILD))
        self._write_down(events)

    def _write_down(self, events: Iterable[AnyEvent]) -> None:
        if add_to_journal(self._data.journal, events):
            rebuild(self._new, self._data.journal)

    def _put_in_place(self) -> None:
        _remove(self._data.index_file)
        os.replace(self._new, self._data.index_file)
        self._new = self._data.index_file
        fd = os.open(self._data.root, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)


def _once(events: Iterable[AnyEvent]) -> list[AnyEvent]:
    """One event for each segment: two copies of one may lie in the same batch."""
    by_segment: dict[str, AnyEvent] = {}
    for event in events:
        by_segment.setdefault(getattr(event, "segment", event.id), event)
    return list(by_segment.values())


def _remove(database: Path) -> None:
    for suffix in ("", *_SIDE_FILES):
        with contextlib.suppress(FileNotFoundError):
            database.with_name(database.name + suffix).unlink()
