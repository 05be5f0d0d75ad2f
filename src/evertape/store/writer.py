"""Applies events of the journal to the database: a batch and its place in the journal in one transaction.

Blocking. The rows a batch touches are read, folded in memory (``fold``), and written back, so that a rebuild
costs microseconds an event. Applying a batch twice changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, delete, func, select, update

from evertape.ipc.events import AnyEvent, Event, ProcessDied
from evertape.store import tables
from evertape.store.clock_correction import apply_corrections
from evertape.store.convert import gap_row, gap_values, segment_row, segment_values
from evertape.store.days import touched, unsettle
from evertape.store.fold import (
    GAP_EVENTS,
    SEGMENT_EVENTS,
    GapEvent,
    SegmentEvent,
    contribution,
    fold_gap,
    fold_segment,
)
from evertape.store.protections import apply_protections
from evertape.store.rows import Cursor, GapRow, SegmentRow
from evertape.store.upsert import insert_new, known_ids, load, store
from evertape.store.writer_state import apply_state

MOST_EVENTS = 20_000
"""Events kept for showing, of each type; the journal has them all."""
_TRIM_EVERY = 2_000

_encode = msgspec.json.Encoder().encode


class Writer:
    """Writes into the database of ``connection``'s engine. One thread at a time.

    Args:
        most_events: see ``MOST_EVENTS``.
    """

    def __init__(self, most_events: int = MOST_EVENTS) -> None:
        self._most_events = most_events
        self._untrimmed = _TRIM_EVERY  # look once at the start

    def apply(self, connection: Connection, events: Sequence[AnyEvent], cursor: Cursor) -> None:
        """Take the events in; afterwards the journal is applied up to ``cursor``."""
        _apply_segments(connection, [e for e in events if isinstance(e, SEGMENT_EVENTS)])
        _apply_gaps(connection, [e for e in events if isinstance(e, GAP_EVENTS)])
        apply_state(connection, events)
        apply_protections(connection, events)
        apply_corrections(connection, events)
        self._show(connection, [e for e in events if not isinstance(e, (*SEGMENT_EVENTS, *GAP_EVENTS))])
        _put_cursor(connection, cursor)

    def _show(self, connection: Connection, events: Sequence[AnyEvent]) -> None:
        """Keep what is worth showing, as much of each type as is bearable."""
        known = known_ids(connection, tables.events, [event.id for event in events])
        fresh = {event.id: event for event in events if event.id not in known}
        if fresh:
            connection.execute(tables.events.insert(), [_event_values(event) for event in fresh.values()])
        deaths = [event for event in fresh.values() if isinstance(event, ProcessDied)]
        insert_new(connection, tables.deaths, {event.id: _death_values(event) for event in deaths})
        self._untrimmed += len(fresh)
        if self._untrimmed >= _TRIM_EVERY:
            self._untrimmed = 0
            self._trim(connection)

    def _trim(self, connection: Connection) -> None:
        table = tables.events.c
        counts = connection.execute(select(table.type, func.count()).group_by(table.type)).all()
        for kind in [kind for kind, count in counts if count > self._most_events]:
            oldest = select(table.at).where(table.type == kind).order_by(table.at.desc())
            limit = connection.execute(oldest.offset(self._most_events).limit(1)).scalar()
            connection.execute(delete(tables.events).where(table.type == kind, table.at <= limit))


# -- segments and gaps --------------------------------------------------------------------------------------


def _apply_segments(connection: Connection, events: Sequence[SegmentEvent]) -> None:
    before: dict[str, SegmentRow] = load(
        connection, tables.segments, {event.segment for event in events}, segment_row, lambda row: row.id
    )
    after: dict[str, SegmentRow] = dict(before)
    for event in events:
        row = fold_segment(after.get(event.segment), event)
        if row is not None:
            after[event.segment] = row
    store(connection, tables.segments, before, after, segment_values)
    _count(connection, before, after)
    unsettle(connection, touched(before, after))


def _count(connection: Connection, before: Mapping[str, SegmentRow], after: Mapping[str, SegmentRow]) -> None:
    """Keep the totals of each camera on each volume."""
    deltas: dict[tuple[str, str], list[int]] = {}
    for key, row in after.items():
        old = before.get(key)
        if old is row:
            continue
        length = 0 if row.end_utc is None else row.end_utc - row.start_utc
        for sign, side in ((-1, old), (1, row)):
            if side is not None:
                delta = deltas.setdefault((side.camera, side.volume), [0, 0, 0, 0])
                for at, value in enumerate(contribution(side)):
                    delta[at] += sign * value
                delta[3] = max(delta[3], length)
    names = ("files", "bytes", "duration")
    for (camera, volume), (*sums, longest) in deltas.items():
        table = tables.totals
        place = (table.c.camera == camera) & (table.c.volume == volume)
        old_totals = connection.execute(select(table).where(place)).mappings().first()
        if old_totals is None:
            values = dict(zip(names, sums, strict=True))
            connection.execute(table.insert().values(camera=camera, volume=volume, longest=longest, **values))
        else:
            values = {name: old_totals[name] + value for name, value in zip(names, sums, strict=True)}
            longest = max(longest, old_totals["longest"])
            connection.execute(update(table).where(place).values(longest=longest, **values))


def _apply_gaps(connection: Connection, events: Sequence[GapEvent]) -> None:
    before: dict[str, GapRow] = load(
        connection, tables.gaps, {event.gap for event in events}, gap_row, lambda row: row.id
    )
    after: dict[str, GapRow] = dict(before)
    for event in events:
        after[event.gap] = fold_gap(after.get(event.gap), event)
    store(connection, tables.gaps, before, after, gap_values)


# -- events ------------------------------------------------------------------------------------------------


def _event_values(event: AnyEvent) -> dict[str, Any]:
    volume = getattr(event, "volume_id", "") or getattr(event, "volume", "")
    return {
        "id": event.id,
        "at": event.at,
        "type": event_type(type(event)),
        "source": event.source,
        "service": event.service,
        "camera": getattr(event, "camera", ""),
        "volume": volume,
        "body": _encode(event).decode(),
    }


def event_type(kind: type[Event]) -> str:
    """The word for an event's type, as in the journal."""
    return str(kind.__struct_config__.tag)


def _death_values(event: ProcessDied) -> dict[str, Any]:
    return {
        "id": event.id,
        "at": event.at,
        "process": event.process,
        "service": event.service,
        "how": event.how,
    }


def _put_cursor(connection: Connection, cursor: Cursor) -> None:
    table = tables.cursor
    changed = connection.execute(update(table).where(table.c.id == 1).values(**cursor._asdict()))
    if not changed.rowcount:
        connection.execute(table.insert().values(id=1, **cursor._asdict()))
