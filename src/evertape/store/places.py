"""Where a camera's segments lie, thousands of them in a few milliseconds; and where footage goes on. Blocking."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import func, literal_column, or_, select

from evertape.store import tables
from evertape.store.reader import HELD, Reader


class Place(NamedTuple):
    """One segment: when it began (UTC ns), the id of the volume it lies on, and that of the spill volume it was on."""

    segment: str
    start: int
    volume: str
    spilled_to: str


def places(reader: Reader, camera: str, start: int, end: int) -> dict[str, Place]:
    """Of what is held of a camera in ``[start, end)``, UTC ns, by segment."""
    table = tables.segments.c
    columns = (table.id, table.start_utc, table.volume, table.spilled_to)
    found = select(*columns).where(
        table.camera == camera,
        table.start_utc < end,
        table.start_utc >= start - reader.longest(camera),
        table.state.in_(HELD),
        or_(table.end_utc > start, table.end_utc.is_(None)),
    )
    # Those without an end, which are few, may have begun long before.
    begun = select(*columns, table.camera).where(table.state == literal_column("'open'"))
    rows = [*reader.tuples(found), *(row[:-1] for row in reader.tuples(begun) if row[-1] == camera and row[1] < start)]
    return {row[0]: Place(*row) for row in rows}


def next_footage(reader: Reader, camera: str, after: int) -> int | None:
    """When footage that is held next begins behind an instant, UTC ns; ``None``: nothing came after it."""
    table = tables.segments.c
    found = select(func.min(table.start_utc)).where(
        table.camera == camera, table.start_utc > after, table.state.in_(HELD)
    )
    rows = reader.tuples(found)
    return int(rows[0][0]) if rows and rows[0][0] is not None else None
