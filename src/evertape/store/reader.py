"""Questions to the index. Blocking; any thread, one at a time per reader."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Engine, Executable, Select, Table, bindparam, func, or_, select, union_all

from evertape.ipc.events import Event
from evertape.store import tables
from evertape.store.convert import (
    chunks,
    event_row,
    gap_row,
    run_row,
    segment_row,
    volume_row,
    wish_row,
)
from evertape.store.database import begin
from evertape.store.failures import translated
from evertape.store.rows import (
    CLOSED,
    DELETED,
    MISSING,
    OPEN,
    Cursor,
    EventRow,
    GapRow,
    RunRow,
    SegmentRow,
    Totals,
    VolumeRow,
    WishRow,
)
from evertape.store.writer import event_type

HELD = (OPEN, CLOSED)
EVERY_STATE = (OPEN, CLOSED, MISSING, DELETED)

# Every account asks these; to put a question together takes longer than to answer it.
_LONGEST = select(func.max(tables.totals.c.longest)).where(tables.totals.c.camera == bindparam("camera"))
_CAMERAS_GAPS = select(tables.gaps).where(
    tables.gaps.c.camera == bindparam("camera"), tables.gaps.c.start_utc < bindparam("end")
)
# Two in one: for a single condition with "or" SQLite goes through every gap that the camera ever had.
_GAPS = union_all(
    _CAMERAS_GAPS.where(tables.gaps.c.end_utc >= bindparam("start")),
    _CAMERAS_GAPS.where(tables.gaps.c.end_utc.is_(None)),
)
_DEATHS = (
    select(tables.deaths)
    .join(
        tables.placements,
        (tables.placements.c.service == tables.deaths.c.service)
        & (tables.placements.c.process == tables.deaths.c.process),
    )
    .where(
        tables.placements.c.camera == bindparam("camera"),
        tables.deaths.c.at >= bindparam("start"),
        tables.deaths.c.at < bindparam("end"),
    )
    .order_by(tables.deaths.c.at)
)


class Reader:
    """Asks one database.

    Args:
        engine: of the database.
        held: a connection to use for everything, instead of one for each question.

    All questions raise ``IndexBusyError`` or ``IndexDamagedError``.
    """

    def __init__(self, engine: Engine, held: Connection | None = None) -> None:
        self._engine = engine
        self._held = held

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[Reader]:
        """A reader that sees the database as it is now, however long it is used."""
        with self._pinned() as connection:
            yield Reader(self._engine, connection)

    @contextlib.contextmanager
    def _pinned(self) -> Iterator[Connection]:
        with translated("reading the index"), self._engine.connect() as connection:
            if self._engine.dialect.name != "sqlite":
                connection = connection.execution_options(isolation_level="REPEATABLE READ")
            begin(connection)
            yield connection

    @contextlib.contextmanager
    def _connection(self) -> Iterator[Connection]:
        with translated("reading the index"):
            if self._held is not None:
                yield self._held
            else:
                with self._engine.connect() as connection:
                    yield connection

    def rows(self, statement: Select[Any]) -> list[Any]:
        """The answer to a question put together in another module of ``store``."""
        return self._rows(statement)

    def stream(self, statement: Select[Any], many: int = 1000) -> Iterator[Any]:
        """The same for an answer that may be long: rows as they are asked for, ``many`` in memory at a time."""
        with self._connection() as connection:
            yield from connection.execute(statement, execution_options={"yield_per": many})

    def _rows(self, statement: Executable, **values: Any) -> list[Any]:
        with self._connection() as connection:
            return list(connection.execute(statement, values).mappings())

    def _scalar(self, statement: Executable, **values: Any) -> Any:
        with self._connection() as connection:
            return connection.execute(statement, values).scalar()

    # -- segments -------------------------------------------------------------------------------------------

    def segments(self, camera: str, start: int, end: int, states: Sequence[str] = HELD) -> list[SegmentRow]:
        """Segments with footage in ``[start, end)``, UTC ns, by start; open ones reach to an unknown end."""
        table = tables.segments.c
        found = select(tables.segments).where(table.camera == camera, table.start_utc < end, table.state.in_(states))
        reach = found.where(
            table.start_utc >= start - self.longest(camera), or_(table.end_utc > start, table.end_utc.is_(None))
        )
        rows = {row["id"]: segment_row(row) for row in self._rows(reach)}
        if OPEN in states:
            # All open ones, which are few: by camera and start SQLite would go through all that is older.
            for open_row in self.open_segments():
                if open_row.camera == camera and open_row.start_utc < min(start, end):
                    rows.setdefault(open_row.id, open_row)
        return sorted(rows.values(), key=lambda row: (row.start_utc, row.generation))

    def longest(self, camera: str) -> int:
        """Nanoseconds of the longest segment that the camera ever had: how far back a search by start has to reach."""
        return self._scalar(_LONGEST, camera=camera) or 0

    def tuples(self, statement: Executable, **values: Any) -> list[tuple[Any, ...]]:
        """As ``rows``, but the driver's own: there may be thousands, and nothing asked for needs a conversion."""
        with self._connection() as connection:
            cursor = connection.execute(statement, values).cursor
            return list(map(tuple, cursor.fetchall()))

    def segment(self, segment: str) -> SegmentRow | None:
        """One segment, whatever its state."""
        return self.segments_by_id([segment]).get(segment)

    def segments_by_id(self, ids: Sequence[str]) -> dict[str, SegmentRow]:
        """Those of these segments that are known."""
        return {row["id"]: segment_row(row) for row in self._by_id(tables.segments, ids)}

    def _by_id(self, table: Table, ids: Sequence[str]) -> Iterator[Any]:
        for part in chunks(list(ids)):
            yield from self._rows(select(table).where(table.c.id.in_(part)))

    def open_segments(self, volume: str = "") -> list[SegmentRow]:
        """Segments that nobody has closed yet, on one volume or on all."""
        table = tables.segments
        found = select(table).where(table.c.state == OPEN)
        if volume:
            found = found.where(table.c.volume == volume)
        return [segment_row(row) for row in self._rows(found.order_by(table.c.start_utc))]

    def superseding(self) -> list[SegmentRow]:
        """Segments that say they hold what others may hold as well."""
        table = tables.segments
        found = select(table).where(table.c.supersedes != "", table.c.state.in_(HELD))
        return [segment_row(row) for row in self._rows(found)]

    def epoch(self, epoch: str) -> list[SegmentRow]:
        """Every segment of one capture session, whatever its state, by generation."""
        table = tables.segments
        found = select(table).where(table.c.epoch == epoch).order_by(table.c.generation)
        return [segment_row(row) for row in self._rows(found)]

    def on_volume(self, volume: str, start: int, end: int, states: Sequence[str] = EVERY_STATE) -> list[SegmentRow]:
        """Segments on a volume that begin in ``[start, end)``, by start."""
        table = tables.segments
        found = select(table).where(
            table.c.volume == volume, table.c.state.in_(states), table.c.start_utc >= start, table.c.start_utc < end
        )
        return [segment_row(row) for row in self._rows(found.order_by(table.c.start_utc))]

    def every_segment(self, most: int = 2000) -> Iterator[SegmentRow]:
        """All of them, by id, ``most`` in memory at a time."""
        table, last = tables.segments, ""
        while True:
            rows = self._rows(select(table).where(table.c.id > last).order_by(table.c.id).limit(most))
            yield from map(segment_row, rows)
            if len(rows) < most:
                return
            last = rows[-1]["id"]

    def sessions(self, camera: str) -> Iterator[list[SegmentRow]]:
        """What is held of a camera, one capture session at a time."""
        table = tables.segments
        found = select(table.c.epoch).where(table.c.camera == camera, table.c.state.in_(HELD)).distinct()
        for row in self._rows(found):
            yield [held for held in self.epoch(row["epoch"]) if held.held and held.camera == camera]

    def footage_end(self, camera: str, before: int) -> int | None:
        """Where the newest footage that began before an instant ends; ``None`` if there is none."""
        table = tables.segments.c
        held = table.state.in_(HELD)
        newest = select(table.end_utc).where(table.camera == camera, table.start_utc < before, held)
        newest = newest.where(table.end_utc.is_not(None)).order_by(table.start_utc.desc()).limit(1)
        found = self._scalar(newest)
        return None if found is None else int(found)

    def next_start(self, camera: str, after: int) -> int | None:
        """When footage, or a recorder's entry in the ledger, next begins behind an instant."""
        segment, gap = tables.segments.c, tables.gaps.c
        held = select(func.min(segment.start_utc)).where(
            segment.camera == camera, segment.start_utc > after, segment.state.in_(HELD)
        )
        entry = select(func.min(gap.start_utc)).where(
            gap.camera == camera, gap.start_utc > after, gap.derived.is_(False)
        )
        found = [at for at in (self._scalar(held), self._scalar(entry)) if at is not None]
        return min(found, default=None)

    # -- the ledger -----------------------------------------------------------------------------------------

    def gaps(self, camera: str, start: int, end: int) -> list[GapRow]:
        """The ledger's entries that touch ``[start, end)``, by start."""
        rows = self._rows(_GAPS, camera=camera, start=start, end=end)
        return sorted(map(gap_row, rows), key=lambda gap: (gap.start_utc, gap.opened_at))

    def gaps_by_id(self, ids: Sequence[str]) -> dict[str, GapRow]:
        """Those of these entries of the ledger that are known."""
        found = self._by_id(tables.gaps, ids)
        return {row["id"]: gap_row(row) for row in found}

    def events_by_id(self, ids: Sequence[str]) -> dict[str, EventRow]:
        """Those of these events that are known."""
        found = self._by_id(tables.events, ids)
        return {row["id"]: event_row(row) for row in found}

    def open_gaps(self, camera: str = "") -> list[GapRow]:
        """Gaps that last, of one camera or of all."""
        table = tables.gaps
        found = select(table).where(table.c.end_utc.is_(None))
        if camera:
            found = found.where(table.c.camera == camera)
        return [gap_row(row) for row in self._rows(found.order_by(table.c.camera, table.c.start_utc))]

    def wishes(self, camera: str) -> list[WishRow]:
        """Every change of the wish to record a camera, by time."""
        table = tables.wishes
        found = select(table).where(table.c.camera == camera).order_by(table.c.at)
        return [wish_row(row) for row in self._rows(found)]

    def runs(self) -> list[RunRow]:
        """Every run of the service, by start."""
        return [run_row(row) for row in self._rows(select(tables.runs).order_by(tables.runs.c.started_at))]

    def deaths(self, camera: str, start: int, end: int) -> list[Mapping[str, Any]]:
        """When a recorder died that had this camera: ``id, at, process, service, how``."""
        return self._rows(_DEATHS, camera=camera, start=start, end=end)

    # -- the whole ------------------------------------------------------------------------------------------

    def cameras(self) -> list[str]:
        """Every camera that has, or had, footage or a wish."""
        with self._connection() as connection:
            found = set(connection.execute(select(tables.totals.c.camera).distinct()).scalars())
            found |= set(connection.execute(select(tables.wishes.c.camera).distinct()).scalars())
        return sorted(camera for camera in found if camera)

    def volumes(self) -> list[VolumeRow]:
        """Every volume that was ever used."""
        return [volume_row(row) for row in self._rows(select(tables.volumes).order_by(tables.volumes.c.name))]

    def totals_by_camera(self) -> dict[str, Totals]:
        """What is held of each camera."""
        return self._totals("camera")

    def totals_by_volume(self) -> dict[str, Totals]:
        """What is held on each volume, by its id."""
        return self._totals("volume")

    def _totals(self, by: str) -> dict[str, Totals]:
        table = tables.totals.c
        sums = [func.sum(table[name]).label(name) for name in ("files", "bytes", "duration")]
        found = self._rows(select(table[by], *sums).group_by(table[by]))
        return {
            row[by]: Totals(row["files"], row["bytes"], row["duration"], *self._bounds(tables.segments, by, row[by]))
            for row in found
            if row[by]
        }

    def _bounds(self, table: Table, by: str, value: str) -> tuple[int | None, int | None]:
        here = [table.c[by] == value, table.c.state.in_(HELD)]
        start = select(table.c.start_utc).where(*here)
        oldest = self._scalar(start.order_by(table.c.start_utc).limit(1))
        last = select(table.c.start_utc, table.c.end_utc).where(*here).order_by(table.c.start_utc.desc()).limit(1)
        newest = self._rows(last)
        return oldest, (newest[0]["end_utc"] or newest[0]["start_utc"]) if newest else None

    # -- events ---------------------------------------------------------------------------------------------

    def events(
        self,
        types: Sequence[type[Event]] = (),
        camera: str = "",
        start: int = 0,
        end: int = 1 << 62,
        limit: int = 1000,
    ) -> list[EventRow]:
        """What happened in ``[start, end)``, newest first."""
        table = tables.events
        found = select(table).where(table.c.at >= start, table.c.at < end)
        if types:
            found = found.where(table.c.type.in_([event_type(kind) for kind in types]))
        if camera:
            found = found.where(table.c.camera == camera)
        return [event_row(row) for row in self._rows(found.order_by(table.c.at.desc()).limit(limit))]

    def latest_event(self, kind: type[Event], camera: str = "") -> EventRow | None:
        """The newest event of a type."""
        found = self.events([kind], camera, limit=1)
        return found[0] if found else None

    def cursor(self) -> Cursor:
        """How far the journal has been applied."""
        table = tables.cursor.c
        row = self._rows(select(*(table[name] for name in Cursor._fields)).where(table.id == 1))
        return Cursor(**row[0]) if row else Cursor()
