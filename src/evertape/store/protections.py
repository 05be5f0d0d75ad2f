"""What must not be deleted, as the index knows it from the journal. Applying an event twice changes nothing.

A removal that comes before its addition (their senders are different processes) wins all the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any

from sqlalchemy import Connection

from evertape.ipc.events import AnyEvent, ProtectionAdded, ProtectionRemoved
from evertape.store import tables
from evertape.store.rows import ProtectionRow
from evertape.store.upsert import load, store

_COLUMNS = tuple(f.name for f in fields(ProtectionRow))


def apply_protections(connection: Connection, events: Sequence[AnyEvent]) -> None:
    """Take these events in, within the caller's transaction."""
    about = [event for event in events if isinstance(event, ProtectionAdded | ProtectionRemoved)]
    if not about:
        return
    ids = {event.protection for event in about}
    before = load(connection, tables.protections, ids, protection_row, lambda row: row.id)
    after = dict(before)
    for event in about:
        after[event.protection] = fold_protection(after.get(event.protection), event)
    store(connection, tables.protections, before, after, _values)


def fold_protection(row: ProtectionRow | None, event: ProtectionAdded | ProtectionRemoved) -> ProtectionRow:
    """The protection after ``event``."""
    if isinstance(event, ProtectionRemoved):
        known = row or ProtectionRow(event.protection, event.camera, 0, 0)
        return known if known.released_at is not None else replace(known, released_at=event.at, released_by=event.who)
    if row is not None and row.at:
        return row
    new = ProtectionRow(event.protection, event.camera, event.start_utc, event.end_utc, event.who, event.why, event.at)
    return new if row is None else replace(new, released_at=row.released_at, released_by=row.released_by)


def protection_row(row: Any) -> ProtectionRow:
    """A protection from its columns."""
    return ProtectionRow(**row)


def _values(row: ProtectionRow) -> dict[str, Any]:
    return {name: getattr(row, name) for name in _COLUMNS}
