"""A camera's segments in the words of ``domain.coverage``: thousands of them in a few milliseconds. Blocking."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from operator import itemgetter
from typing import Any

from sqlalchemy import bindparam, literal_column, or_, select

from evertape.domain.logical import Footage
from evertape.store import tables
from evertape.store.reader import EVERY_STATE, HELD, Reader
from evertape.store.rows import OPEN

_TABLE = tables.segments.c
_COLUMNS = tuple(
    _TABLE[name]
    for name in ("id", "epoch", "generation", "start_utc", "end_utc", "first_video", "last_video", "state", "fate")
)
"""Those of ``Footage``, in its order; all of them are in the index ``segments_camera``."""
_NEAR = select(*_COLUMNS).where(
    _TABLE.camera == bindparam("camera"),
    _TABLE.start_utc < bindparam("end"),
    _TABLE.start_utc >= bindparam("reach"),
    or_(_TABLE.end_utc > bindparam("start"), _TABLE.end_utc.is_(None)),
)
# The volume is asked for because segments_camera has not got it: SQLite would rather go through all of an index that
# has every column than look up a few rows that a partial one names.
_OPEN = select(*_COLUMNS, _TABLE.camera, _TABLE.volume).where(_TABLE.state == literal_column("'open'"))

_place: Callable[[tuple[Any, ...]], tuple[int, int]] = itemgetter(3, 2)
_footage: Callable[[tuple[Any, ...]], Footage] = partial(tuple.__new__, Footage)
"""``Footage._make``, in two thirds of its time."""


def footage(reader: Reader, camera: str, start: int, end: int, states: Sequence[str] = HELD) -> list[Footage]:
    """What ``Reader.segments`` finds in ``[start, end)``, UTC ns, in a quarter of its time."""
    near = _NEAR if states is EVERY_STATE else _NEAR.where(_TABLE.state.in_(states))
    rows = reader.tuples(near, camera=camera, start=start, end=end, reach=start - reader.longest(camera))
    if OPEN in states:
        # As there.
        older = [row[:-2] for row in reader.tuples(_OPEN) if row[-2] == camera and row[3] < min(start, end)]
        known = {row[0] for row in rows} if older else set()
        rows += [row for row in older if row[0] not in known]
    rows.sort(key=_place)
    return list(map(_footage, rows))
