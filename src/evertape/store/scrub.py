"""What is to be checked next. Blocking; raises ``IndexBusyError`` or ``IndexDamagedError``."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import or_, select

from evertape.store import tables
from evertape.store.convert import segment_row
from evertape.store.reader import Reader
from evertape.store.rows import CLOSED, SegmentRow


def due(index: Reader, volumes: Collection[str], after: str, before: int, most: int) -> list[SegmentRow]:
    """Finished files on these volumes that were not checked since ``before`` (UTC ns), in order of their ids.

    Ids are random. Whoever goes on after the last id it was given, and at the end begins anew, comes to each file about
    as long after the last time as to any other; a search for the oldest check would need an index that every new
    segment pays for.
    """
    table = tables.segments.c
    found = (
        select(tables.segments)
        .where(table.id > after, table.state == CLOSED, table.volume.in_(list(volumes)))
        .where(or_(table.checked_at.is_(None), table.checked_at < before))
        .order_by(table.id)
        .limit(most)
    )
    return [segment_row(row) for row in index.rows(found)]
