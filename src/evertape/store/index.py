"""The index as its users have it: opened for writing by the keeper, read-only by everybody else.

Blocking; one thread at a time per object, except that readers in other processes never wait for the writer.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from sqlalchemy import Engine

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
from evertape.store.database import check, prepare, reading_engine, schema_of, sqlite_path, writing_engine
from evertape.store.failures import IndexBusyError, IndexDamagedError, translated
from evertape.store.footage import footage
from evertape.store.reader import EVERY_STATE, Reader
from evertape.store.rows import Cursor, GapRow, Piece, SegmentRow
from evertape.store.tables import SCHEMA
from evertape.store.writer import Writer
from evertape.types import NS_PER_S, UtcNs

AROUND = 3600 * NS_PER_S
"""How far beyond a window its account looks: what touches its edges is judged as a whole. Nothing that is compared
there is further away: copies of the same units, a recorder's death and its successor's first picture."""
_BESIDE = 60 * NS_PER_S
"""The same for an instant: whatever holds the same units as a file that shows it, shows it too."""


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
            gaps=[self._ledger_gap(gap, low) for gap in self.gaps(camera, low, high)],
            wishes=[WishChange(wish.at, wish.wanted, wish.by) for wish in self.wishes(camera)],
            runs=[Run(r.service, r.started_at, r.stopped_at, r.last_at, r.host_boot) for r in self.runs()],
            deaths=[
                Death(d["at"], d["process"], d["service"], d["how"], d["id"]) for d in self.deaths(camera, low, high)
            ],
            open_until=open_until or {},
            boot=boot,
            held=held,
        )

    def _ledger_gap(self, gap: GapRow, low: int) -> LedgerGap:
        end = gap.end_utc
        if end is None and gap.start_utc < low:
            # What ended it may be outside of what is looked at.
            ended = self.next_start(gap.camera, gap.start_utc)
            end = None if ended is None or ended >= low else ended
        return LedgerGap(gap.id, gap.cause, gap.start_utc, end, gap.opened_at, gap.source, gap.service, gap.derived)

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
            footage: what ``store.sessions`` makes of its segments in the window and an hour around it; ``None``: each
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
