"""The index as its users have it: opened for writing by the keeper, read-only by everybody else.

Blocking; one thread at a time per object, except that readers in other processes never wait for the writer.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from sqlalchemy import Engine, bindparam, select, union_all

from evertape.domain.coverage import (
    CoverageInput,
    CoverageReport,
    Death,
    Held,
    LedgerGap,
    Run,
    WishChange,
    coverage,
)
from evertape.domain.logical import Footage, counted
from evertape.errors import EvertapeError
from evertape.ipc.events import AnyEvent
from evertape.store import tables
from evertape.store.database import check, prepare, reading_engine, schema_of, sqlite_path, writing_engine
from evertape.store.days import settle
from evertape.store.failures import IndexBusyError, IndexDamagedError, translated
from evertape.store.footage import footage
from evertape.store.reader import EVERY_STATE, Reader
from evertape.store.rows import Cursor, Piece, SegmentRow
from evertape.store.tables import SCHEMA
from evertape.store.writer import Writer
from evertape.types import NS_PER_S, UtcNs

AROUND = 3600 * NS_PER_S
"""How far beyond a window its account looks: what touches its edges is judged as a whole. Nothing that is compared
there is further away: copies of the same units, a recorder's death and its successor's first picture."""
_BESIDE = 60 * NS_PER_S
"""The same for an instant: whatever holds the same units as a file that shows it, shows it too."""

_GAP = tables.gaps.c
_SOME = select(
    _GAP.id, _GAP.cause, _GAP.start_utc, _GAP.end_utc, _GAP.opened_at, _GAP.source, _GAP.service, _GAP.derived
).where(_GAP.camera == bindparam("camera"), _GAP.start_utc < bindparam("end"))
# Two in one, as in ``Reader.gaps``.
_ENTRIES = union_all(_SOME.where(_GAP.end_utc >= bindparam("start")), _SOME.where(_GAP.end_utc.is_(None)))


class View(Reader):
    """The questions that need more than one table, each answered from one moment of the database. See ``Reader``."""

    @contextlib.contextmanager
    def moment(self) -> Iterator[View]:
        """One view of the database for a whole question, and one connection: opening it takes longer than most asks."""
        if self._held is not None:
            yield self
            return
        with self._pinned() as connection:
            yield View(self._engine, connection)

    def coverage_input(
        self,
        camera: str,
        start: int,
        end: int,
        open_until: Mapping[str, int] | None = None,
        boot: str | None = None,
        around: int = AROUND,
        held: Held | None = None,
        known: Sequence[Footage] | None = None,
    ) -> CoverageInput:
        """What is known of a camera in ``[start, end)`` and ``around`` it; see ``domain.coverage``."""
        low, high = start - around, end + around
        return CoverageInput(
            footage=footage(self, camera, low, high, EVERY_STATE) if known is None else known,
            gaps=self._ledger_gaps(camera, low, high),
            wishes=[WishChange(wish.at, wish.wanted, wish.by) for wish in self.wishes(camera)],
            runs=[Run(r.service, r.started_at, r.stopped_at, r.last_at, r.host_boot) for r in self.runs()],
            deaths=[
                Death(d["at"], d["process"], d["service"], d["how"], d["id"]) for d in self.deaths(camera, low, high)
            ],
            open_until=open_until or {},
            boot=boot,
            held=held,
        )

    def _ledger_gaps(self, camera: str, low: int, high: int) -> list[LedgerGap]:
        # A year has hundreds. The driver's own rows, as for footage: to make a ``GapRow`` of each takes as long again.
        rows = self.tuples(_ENTRIES, camera=camera, start=low, end=high)
        gaps = [
            LedgerGap(key, cause, start, end, opened_at, source, service, bool(derived))
            for key, cause, start, end, opened_at, source, service, derived in rows
        ]
        gaps.sort(key=lambda gap: (gap.start, gap.opened_at))
        return [self._with_its_end(gap, camera, low) if gap.end is None and gap.start < low else gap for gap in gaps]

    def _with_its_end(self, gap: LedgerGap, camera: str, low: int) -> LedgerGap:
        # What ended it may be outside of what is looked at.
        ended = self.next_start(camera, gap.start)
        return gap if ended is None or ended >= low else replace(gap, end=ended)

    def coverage(
        self,
        camera: str,
        start: int,
        end: int,
        now: int,
        *,
        open_until: Mapping[str, int] | None = None,
        boot: str | None = None,
        held: Held | None = None,
        footage: Sequence[Footage] | None = None,
    ) -> CoverageReport:
        """A camera's account of ``[start, end)``, UTC ns.

        Args:
            camera: its id.
            start: of the window.
            end: of the window.
            now: UTC.
            open_until: for segments still being written, up to when they hold footage: from the recorder's status,
                or from the file.
            boot: the kernel's boot id now if no service runs; ``None`` if one does.
            held: what the recorder has in memory only.
            footage: what ``store.stretches`` makes of its segments in the window and an hour around it; ``None``: each
                counts by itself.
        """
        with self.moment() as view:
            known = view.coverage_input(camera, start, end, open_until, boot, held=held, known=footage)
        return coverage(known, UtcNs(start), UtcNs(end), UtcNs(now))

    def pieces(
        self,
        camera: str,
        start: int,
        end: int,
        open_until: Mapping[str, int] | None = None,
        around: int = AROUND,
    ) -> list[Piece]:
        """What to play or to export of ``[start, end)``: every unit once, in order of time.

        A file being written is left out unless ``open_until`` says up to when it holds footage.
        """
        with self.moment() as view:
            held = footage(view, camera, start - around, end + around)
            parts = [part for part in counted(held, open_until) if part.end > start and part.start < end]
            by_id = view.segments_by_id(list({part.segment for part in parts}))
        return [Piece(by_id[part.segment], part.first, part.last, part.start, part.end) for part in parts]

    def segment_at(self, camera: str, utc: int, open_until: Mapping[str, int] | None = None) -> SegmentRow | None:
        """The segment that shows a camera at an instant; ``None`` if none does."""
        found = self.pieces(camera, utc, utc + 1, open_until, _BESIDE)
        return found[-1].segment if found else None


class Index(View):
    """A database. Close it after use; also a context manager.

    Args:
        engine: of the database.
        writer: if it may be written.
    """

    def __init__(self, engine: Engine, writer: Writer | None = None) -> None:
        super().__init__(engine)
        self._writer = writer

    @classmethod
    def open(cls, place: str | Path, writer: Writer | None = None) -> Index:
        """Open for writing; made or migrated if need be. The keeper only.

        Args:
            place: a path (SQLite), or a URL.
            writer: with other limits than the usual ones.

        Raises:
            IndexDamagedError: move it aside and build another.
            IndexBusyError: not now.
        """
        engine = writing_engine(place)
        try:
            with translated("opening the index"):
                prepare(engine)
            check(engine)
        except BaseException:
            engine.dispose()
            raise
        return cls(engine, writer or Writer())

    @classmethod
    def open_readonly(cls, place: str | Path) -> Index:
        """Open for reading. Never makes or changes anything.

        Raises:
            IndexBusyError: there is none, or it cannot be opened now.
            IndexDamagedError: it cannot be read, or is of another version.
        """
        path = sqlite_path(place)
        if path is not None and not path.exists():
            raise IndexBusyError(f"there is no index at {path}", hint="it is made when the service runs")
        engine = reading_engine(place)
        try:
            version = schema_of(engine)
            if version != SCHEMA:
                raise IndexDamagedError(f"the index is of version {version or 'none'}, not {SCHEMA}")
        except BaseException:
            engine.dispose()
            raise
        return cls(engine)

    def __enter__(self) -> Index:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()

    def apply(self, events: Sequence[AnyEvent], cursor: Cursor) -> None:
        """Take events in, in the order of the journal, and remember how far it has been applied; all or nothing.

        Raises:
            IndexDamagedError: see there.
            IndexBusyError: nothing was changed; try again.
        """
        if self._writer is None:
            raise EvertapeError("the index was opened for reading")
        with translated("writing the index"), self._engine.begin() as connection:
            self._writer.apply(connection, events, cursor)

    def settle(self, before: int, most: int) -> int:
        """Put files together by day (``store.days``), of days that were over at ``before``, UTC ns.

        Returns:
            How many days that were, at most ``most``; 0: none is left.

        Raises:
            IndexDamagedError: see there.
            IndexBusyError: nothing was changed; try again.
        """
        if self._writer is None:
            raise EvertapeError("the index was opened for reading")
        with translated("writing the index"), self._engine.begin() as connection:
            return settle(connection, before, most)
