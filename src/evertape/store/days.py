"""Keeping a camera's files put together by day (``domain.stretch``), for accounts of a year. Blocking.

Whoever changes a file only says that its day is not settled any more, in the same transaction; ``settle`` makes that up
later, a few days at a time. A day that is not settled is read file by file, so nothing is ever answered wrongly.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, delete, false, insert, select, true, update

from evertape.domain.stretch import DAY, Stretch, stretched
from evertape.store import tables
from evertape.store.convert import chunks
from evertape.store.rows import OPEN, SegmentRow

_FILE, _DAYS, _STRETCHES = tables.segments.c, tables.days.c, tables.stretches.c

FILE = (
    _FILE.id, _FILE.epoch, _FILE.generation, _FILE.start_utc, _FILE.end_utc, _FILE.first_video, _FILE.last_video,
    _FILE.state, _FILE.fate, _FILE.volume, _FILE.spilled_to,
)  # fmt: skip
"""A file's columns, as the first of a ``Stretch``."""
STRETCH = tuple(tables.stretches.columns)[2:]
"""Those of a stored one, in its order: behind the camera and the day."""
FINISHED = select(*FILE).where(
    _FILE.camera == bindparam("camera"),
    _FILE.start_utc >= bindparam("start"),
    _FILE.start_utc < bindparam("end"),
    _FILE.state != OPEN,
)
"""A camera's files that begin in ``[start, end)``, but for those that are being written."""

_OF_DAY = (_DAYS.camera == bindparam("camera_"), _DAYS.day == bindparam("day_"))
_SETTLED = update(tables.days).where(*_OF_DAY).values(settled=true())
_UNSETTLED = update(tables.days).where(*_OF_DAY).values(settled=False)
_FORGOTTEN = delete(tables.stretches).where(
    _STRETCHES.camera == bindparam("camera_"), _STRETCHES.day == bindparam("day_")
)
_DUE = select(_DAYS.camera, _DAYS.day).where(_DAYS.settled == false(), _DAYS.day < bindparam("before"))


class Day(NamedTuple):
    """A day of a camera: days of UTC since 1970."""

    camera: str
    day: int

    def __str__(self) -> str:
        return f"{date.fromordinal(date(1970, 1, 1).toordinal() + self.day)} (UTC) of {self.camera}"

    @property
    def window(self) -> dict[str, Any]:
        """What ``FINISHED`` is asked with."""
        return {"camera": self.camera, "start": self.day * DAY, "end": (self.day + 1) * DAY}


def alone(row: Any) -> Stretch:
    """A file by itself."""
    return Stretch._make((*row, row[4], row[3], 1))


# -- writing --------------------------------------------------------------------------------------------------


def touched(before: Mapping[str, SegmentRow], after: Mapping[str, SegmentRow]) -> set[Day]:
    """The days of which a change of these files, by id, makes something else."""
    found: set[Day] = set()
    for key, new in after.items():
        old = before.get(key)
        if old is not None and _told(old) == _told(new):
            continue  # it was checked, say
        found |= {Day(row.camera, row.start_utc // DAY) for row in (old, new) if row is not None and row.state != OPEN}
    return found


def _told(row: SegmentRow) -> tuple[Any, ...]:
    return (row.camera, *(getattr(row, column.name) for column in FILE))


def unsettle(connection: Connection, days: set[Day]) -> None:
    """What is put together of these days holds no more; within the caller's transaction."""
    if not days:
        return
    known = {day: settled for day, settled in _known(connection, days) if day in days}
    settled = [{"camera_": day.camera, "day_": day.day} for day, is_settled in known.items() if is_settled]
    if settled:
        connection.execute(_FORGOTTEN, settled)
        connection.execute(_UNSETTLED, settled)
    fresh = [{**day._asdict(), "settled": False} for day in sorted(days) if day not in known]
    if fresh:
        connection.execute(insert(tables.days), fresh)


def _known(connection: Connection, days: set[Day]) -> Iterator[tuple[Day, bool]]:
    """Of more than is asked for, where several cameras have several days: mostly it is one day of many."""
    cameras, numbers = sorted({day.camera for day in days}), sorted({day.day for day in days})
    for some in chunks(cameras):
        for part in chunks(numbers):
            found = select(*tables.days.columns).where(_DAYS.camera.in_(some), _DAYS.day.in_(part))
            for camera, number, settled in connection.execute(found):
                yield Day(camera, number), settled


def settle(connection: Connection, before: int, most: int) -> int:
    """Put together what is due of days that were over at ``before``, UTC ns, and at most so many; returns how many."""
    due = [Day(*row) for row in connection.execute(_DUE.limit(most), {"before": before // DAY})]
    for day in due:
        rows = connection.execute(FINISHED, day.window).all()
        put = [(*day, *stretch) for stretch in stretched(map(alone, rows))]
        if put:
            names = [column.name for column in tables.stretches.columns]
            connection.execute(insert(tables.stretches), [dict(zip(names, row, strict=True)) for row in put])
    if due:
        connection.execute(_SETTLED, [{"camera_": day.camera, "day_": day.day} for day in due])
    return len(due)
