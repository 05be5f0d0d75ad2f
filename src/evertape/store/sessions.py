"""A camera's segments, put together by capture session: a year of an account in a few dozen milliseconds. Blocking.

For pictures in which a pixel is hours: what of a session follows on, unit by unit, counts as one piece of footage. It
costs one pass over an index within SQLite, which needs no Python and so can be had for several cameras at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

from sqlalchemy import bindparam, func, or_, select

from evertape.domain.coverage import SLACK
from evertape.domain.logical import Footage
from evertape.store import tables
from evertape.store.convert import chunks
from evertape.store.footage import footage
from evertape.store.places import Place, places
from evertape.store.reader import EVERY_STATE, HELD, Reader
from evertape.store.rows import OPEN

_TABLE = tables.segments.c
_FOOTAGE = ("id", "epoch", "generation", "start_utc", "end_utc", "first_video", "last_video", "state", "fate")
_NEAR = (  # as in ``footage``
    _TABLE.camera == bindparam("camera"),
    _TABLE.start_utc < bindparam("end"),
    _TABLE.start_utc >= bindparam("reach"),
    or_(_TABLE.end_utc > bindparam("start"), _TABLE.end_utc.is_(None)),
)
_SESSIONS = (
    select(
        func.min(_TABLE.id),
        _TABLE.epoch,
        func.max(_TABLE.generation),
        func.min(_TABLE.start_utc),
        func.max(_TABLE.end_utc),
        func.min(_TABLE.first_video),
        func.max(_TABLE.last_video),
        _TABLE.state,
        _TABLE.fate,
        func.count(),
        func.sum(_TABLE.end_utc - _TABLE.start_utc),
        func.sum(_TABLE.last_video - _TABLE.first_video + 1),
    )
    .where(*_NEAR)
    .group_by(_TABLE.epoch, _TABLE.state, _TABLE.fate)
)
# None of the following is in the index segments_camera, so it is asked only of who has been on several volumes.
_SEVERAL = _SESSIONS.add_columns(
    func.min(_TABLE.volume), func.max(_TABLE.volume), func.min(_TABLE.spilled_to), func.max(_TABLE.spilled_to)
)
_COPIES = select(_TABLE.epoch).where(_TABLE.camera == bindparam("camera"), _TABLE.supersedes != "")
_VOLUMES = select(tables.totals.c.volume).where(tables.totals.c.camera == bindparam("camera"))
_MOST_LOOSE = 0.5
"""If more than this share of the files would have to be looked at one by one, all are: it is one question then."""
_footage: Callable[[tuple[Any, ...]], Footage] = partial(tuple.__new__, Footage)


class Sessions(NamedTuple):
    """What there is of a camera.

    Args:
        footage: whole sessions as one segment each, with the id of one of theirs; the rest as it is.
        places: of what is held of that.
        files: how many segments each id stands for; where it is not in here, it is one.
    """

    footage: list[Footage]
    places: dict[str, Place]
    files: dict[str, int]


def sessions(reader: Reader, camera: str, start: int, end: int) -> Sessions:
    """Of ``[start, end)``, UTC ns.

    A session is taken as a whole if none of its pictures is missing or there twice, all its files lie on one volume in
    one state, and its time is that of its files to within half a second. So a clock that was set within it shows,
    unless it was set back by as much later on.
    """
    volumes = [row[0] for row in reader.tuples(_VOLUMES, camera=camera)]
    reach = start - reader.longest(camera)
    asked = _SESSIONS if len(volumes) <= 1 else _SEVERAL
    rows = reader.tuples(asked, camera=camera, start=start, end=end, reach=reach)
    copied = {row[0] for row in reader.tuples(_COPIES, camera=camera)}
    newest = _newest(rows)
    loose = {_key(row) for row in rows if row[1] in copied or not _whole(row, newest)}
    if sum(row[9] for row in rows if _key(row) in loose) > _MOST_LOOSE * sum(row[9] for row in rows):
        return Sessions(footage(reader, camera, start, end, EVERY_STATE), places(reader, camera, start, end), {})
    found = Sessions([], {}, {})
    for row in rows:
        if _key(row) not in loose:
            volume, spilled_to = (row[12], row[14]) if len(row) > 12 else ("".join(volumes), "")
            _take(found, _footage(row[:9]), volume, spilled_to)
            found.files[row[0]] = row[9]
    for one, volume, spilled_to in _one_by_one(reader, camera, loose, start, end, reach):
        _take(found, one, volume, spilled_to)
    found.footage.sort(key=lambda one: (one.start, one.generation))
    return found


def _key(row: tuple[Any, ...]) -> tuple[str, str, str]:
    return row[1], row[7], row[8]


def _newest(rows: list[tuple[Any, ...]]) -> dict[str, bool]:
    """By session that has a file without an end: whether that is its newest, and the only such one."""
    last: dict[str, int] = {}
    for row in rows:
        if row[7] != OPEN:
            last[row[1]] = max(last.get(row[1], 0), row[2])
    return {row[1]: row[9] == 1 and row[2] > last.get(row[1], 0) for row in rows if row[7] == OPEN}


def _whole(row: tuple[Any, ...], newest: dict[str, bool]) -> bool:
    _, epoch, _, start, end, first, last, state, _, count, length, units, *volumes = row
    # How far a file without an end reaches, others of its session may tell.
    if state == OPEN or not newest.get(epoch, True):
        return False
    if volumes and (volumes[0] != volumes[1] or volumes[2] != volumes[3]):
        return False
    return count == 1 or bool(units == last - first + 1 and abs(end - start - length) <= SLACK)


def _take(found: Sessions, one: Footage, volume: str, spilled_to: str) -> None:
    found.footage.append(one)
    if one.state in HELD:
        found.places[one.segment] = Place(one.segment, one.start, volume, spilled_to)


def _one_by_one(
    reader: Reader, camera: str, keys: set[tuple[str, str, str]], start: int, end: int, reach: int
) -> Iterator[tuple[Footage, str, str]]:
    columns = [_TABLE[name] for name in (*_FOOTAGE, "volume", "spilled_to")]
    for part in chunks(sorted({epoch for epoch, _, _ in keys})):
        # By session: with the camera and the start SQLite would go through everything there is of it.
        rows = reader.rows(select(*columns, _TABLE.camera).where(_TABLE.epoch.in_(part)))
        for row in rows:
            one = _footage(tuple(row[name] for name in _FOOTAGE))
            asked = row["camera"] == camera and (one.epoch, one.state, one.fate) in keys and one.start >= reach
            if asked and one.start < end and (one.end is None or one.end > start):
                yield one, row["volume"], row["spilled_to"]
