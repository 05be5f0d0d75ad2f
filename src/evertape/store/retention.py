"""What retention asks the index: what is protected, what could go, the oldest first, how fast a volume fills. Blocking.

Each question is one query over an index of the database; none walks the archive. All raise ``IndexBusyError`` or
``IndexDamagedError``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from sqlalchemy import func, select

from evertape.domain.retention import Candidate
from evertape.domain.retention_terms import ProtectedSpan
from evertape.store import tables
from evertape.store.protections import protection_row
from evertape.store.reader import Reader
from evertape.store.rows import CLOSED, DELETED, MISSING, OPEN, ProtectionRow, SegmentRow

_WRITTEN = (OPEN, CLOSED, MISSING, DELETED)


def protections(index: Reader, camera: str = "", *, released: bool = False) -> list[ProtectionRow]:
    """What is protected, by camera and start; with ``released``, also what no longer is."""
    table = tables.protections
    found = select(table).order_by(table.c.camera, table.c.start_utc, table.c.id)
    if camera:
        found = found.where(table.c.camera == camera)
    if not released:
        found = found.where(table.c.released_at.is_(None))
    return [protection_row(row) for row in index.rows(found)]


def protected_spans(index: Reader) -> list[ProtectedSpan]:
    """The same as ``domain.retention`` wants it."""
    return [ProtectedSpan(row.id, row.camera, row.start_utc, row.end_utc) for row in protections(index)]


def oldest(index: Reader, volume: str, before: int, camera: str = "") -> Iterator[Candidate]:
    """A volume's closed segments that began before an instant (UTC ns), the oldest first; read as they are asked for.

    Args:
        index: a snapshot, if anything else is asked meanwhile.
        volume: its id.
        before: UTC ns.
        camera: only this one's.
    """
    table = tables.segments.c
    columns = (table.id, table.camera, table.volume, table.path, table.start_utc, table.end_utc, table.bytes)
    found = select(*columns).where(table.volume == volume, table.state == CLOSED, table.start_utc < before)
    if camera:
        found = found.where(table.camera == camera)
    return map(Candidate._make, index.stream(found.order_by(table.start_utc)))


def written(index: Reader, volume: str, since: int) -> tuple[int, int | None]:
    """Bytes of the segments that began on a volume from an instant on, and when the first of them did."""
    table = tables.segments.c
    found = select(func.sum(table.bytes).label("bytes"), func.min(table.start_utc).label("first")).where(
        table.volume == volume, table.state.in_(_WRITTEN), table.start_utc >= since
    )
    row = index.rows(found)[0]
    return int(row["bytes"] or 0), row["first"]


def held_by_camera(index: Reader, volumes: Collection[str]) -> dict[str, int]:
    """Bytes of each camera on these volumes together."""
    table = tables.totals.c
    found = select(table.camera, func.sum(table.bytes).label("bytes")).where(table.volume.in_(list(volumes)))
    return {row["camera"]: int(row["bytes"]) for row in index.rows(found.group_by(table.camera))}


def on_day(index: Reader, volume: str, camera: str, start: int, end: int) -> dict[str, SegmentRow]:
    """A camera's segments on a volume that begin in ``[start, end)``, whatever their state, by path."""
    rows = index.on_volume(volume, start, end)
    # A deleted one's name is free for another, so what is held counts.
    return {row.path: row for row in sorted(rows, key=lambda row: row.held) if row.camera == camera}
