"""What retention asks the index: what is protected, and what could go, oldest first. Blocking."""

from __future__ import annotations

from sqlalchemy import select

from evertape.store import tables
from evertape.store.protections import protection_row
from evertape.store.reader import Reader
from evertape.store.rows import ProtectionRow


def protections(index: Reader, camera: str = "", *, released: bool = False) -> list[ProtectionRow]:
    """What is protected, by camera and start; with ``released``, also what no longer is.

    Raises:
        IndexBusyError: ask again.
        IndexDamagedError: see there.
    """
    table = tables.protections
    found = select(table).order_by(table.c.camera, table.c.start_utc, table.c.id)
    if camera:
        found = found.where(table.c.camera == camera)
    if not released:
        found = found.where(table.c.released_at.is_(None))
    return [protection_row(row) for row in index.rows(found)]
