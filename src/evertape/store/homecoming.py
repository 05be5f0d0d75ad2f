"""What homecoming asks the index: how much lies on a volume, and what its files are. Blocking; cheap.

All raise ``IndexBusyError`` or ``IndexDamagedError``.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from sqlalchemy import func, select

from evertape.store import tables
from evertape.store.reader import Reader


class Held(NamedTuple):
    """Files, and the bytes of the finished ones among them."""

    files: int = 0
    bytes: int = 0


def held_on(index: Reader, volumes: Collection[str]) -> dict[str, Held]:
    """What is held on each of these volumes, by id."""
    table = tables.totals.c
    sums = [func.sum(table[name]).label(name) for name in ("files", "bytes")]
    found = select(table.volume, *sums).where(table.volume.in_(list(volumes))).group_by(table.volume)
    return {row["volume"]: Held(int(row["files"]), int(row["bytes"])) for row in index.rows(found)}
