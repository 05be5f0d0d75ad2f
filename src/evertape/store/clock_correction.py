"""Moving what was recorded by a wrong clock, and its ledger. Files keep what they say of themselves. Blocking."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, Table, or_, select, update

from evertape.domain.stretch import DAY
from evertape.ipc.events import AnyEvent, ClockCorrected
from evertape.store import tables
from evertape.store.days import Day, unsettle
from evertape.store.rows import CORRECTED
from evertape.store.upsert import known_ids


def apply_corrections(connection: Connection, events: Sequence[AnyEvent]) -> None:
    """Take these events in, each once, within the caller's transaction and before they are listed in ``events``."""
    about = {event.id: event for event in events if isinstance(event, ClockCorrected)}
    known = known_ids(connection, tables.events, list(about))
    for key, event in about.items():
        if key not in known:
            _move(connection, event)


def _move(connection: Connection, event: ClockCorrected) -> None:
    segments, gaps, runs = tables.segments, tables.gaps, tables.runs
    mine = segments.c.service.in_(event.services)
    moved = {name: segments.c[name] + event.offset for name in ("start_utc", "end_utc")}
    # One that a camera's report has put right meanwhile does not lie there any more, or says so.
    wrong = _within(segments.c.start_utc, event) & or_(segments.c.utc_source != "rtcp", segments.c.clock_by == "")
    found = connection.execute(select(segments.c.camera, segments.c.start_utc).where(mine, wrong)).all()
    unsettle(connection, {Day(camera, at // DAY) for camera, start in found for at in (start, start + event.offset)})
    connection.execute(update(segments).where(mine, wrong).values(**moved, utc_source=CORRECTED, clock_by=event.id))
    _shift(connection, segments, ("opened_at",), segments.c.service, event)
    _shift(connection, gaps, ("start_utc", "end_utc", "opened_at", "closed_at"), gaps.c.service, event)
    _shift(connection, runs, ("started_at", "stopped_at", "last_at"), runs.c.service, event)
    _shift(connection, tables.deaths, ("at",), tables.deaths.c.service, event)
    _shift(connection, tables.wishes, ("at",), None, event)


def _shift(
    connection: Connection, table: Table, names: Sequence[str], service: Column[Any] | None, event: ClockCorrected
) -> None:
    """One instant at a time: the end of a gap may be by the new clock already."""
    for name in names:
        column = table.c[name]
        statement = update(table).where(_within(column, event)).values({name: column + event.offset})
        connection.execute(statement if service is None else statement.where(service.in_(event.services)))


def _within(column: Column[Any], event: ClockCorrected) -> ColumnElement[bool]:
    return (column >= event.from_utc) & (column < event.to_utc)
