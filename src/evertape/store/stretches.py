"""A camera's segments, put together where they follow on: a year of an account in a few milliseconds. Blocking.

For pictures in which a pixel is much longer than a file. What follows on, unit by unit, counts as one piece of footage;
of days that are over it is put together already (``store.days``), and looked at file by file only where a window begins
or ends, and where something else touches it: an account of this is the same as one of the files.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import partial
from operator import itemgetter
from types import MappingProxyType
from typing import Any, NamedTuple

from sqlalchemy import bindparam, literal_column, or_, select, true

from evertape.domain.cause import Cause
from evertape.domain.logical import Footage
from evertape.domain.stretch import DAY, Around, Stretch, disturbed, stretched
from evertape.store import tables
from evertape.store.days import FILE, FINISHED, STRETCH, Day, alone
from evertape.store.index import AROUND
from evertape.store.places import Place
from evertape.store.reader import HELD, Reader

_FILE, _DAYS, _STRETCHES, _GAP = tables.segments.c, tables.days.c, tables.stretches.c, tables.gaps.c
_NEAR = FINISHED.where(or_(_FILE.end_utc > bindparam("low"), _FILE.end_utc.is_(None)))
# As in ``footage``: all of them, which are few.
_OPEN = select(*FILE, _FILE.camera).where(_FILE.state == literal_column("'open'"))
# Whether a day is settled is not asked for, but answered: for that SQLite would go through everybody's.
_KNOWN = select(_DAYS.day, _DAYS.settled).where(
    _DAYS.camera == bindparam("camera"), _DAYS.day >= bindparam("first"), _DAYS.day < bindparam("behind")
)
_STORED = select(_STRETCHES.day, *STRETCH).where(
    _STRETCHES.camera == bindparam("camera"),
    _STRETCHES.day >= bindparam("first"),
    _STRETCHES.day < bindparam("behind"),
)
_OF_DAY = select(*STRETCH).where(_STRETCHES.camera == bindparam("camera"), _STRETCHES.day == bindparam("day"))
_ENTRIES = select(_GAP.start_utc, _GAP.end_utc, _GAP.cause).where(
    _GAP.camera == bindparam("camera"), _GAP.start_utc < bindparam("end")
)
_ENDED = _ENTRIES.where(_GAP.end_utc >= bindparam("start"))
_ENDLESS = _ENTRIES.where(_GAP.end_utc.is_(None))

_stretch: Callable[[tuple[Any, ...]], Stretch] = partial(tuple.__new__, Stretch)
_age: Callable[[Stretch], tuple[int, int]] = itemgetter(3, 2)
_of_place: Callable[[Stretch], tuple[Any, ...]] = itemgetter(0, 3, 9, 10)
_place: Callable[[tuple[Any, ...]], Place] = partial(tuple.__new__, Place)
_footage: Callable[[tuple[Any, ...]], Footage] = partial(tuple.__new__, Footage)


class Stretches(NamedTuple):
    """What there is of a camera.

    Args:
        footage: stretches as one segment each, with the id of the first of theirs; and files by themselves.
        places: of what is held of that.
        files: how many segments an id stands for; where it is not in here, it is one.
    """

    footage: list[Footage]
    places: dict[str, Place]
    files: dict[str, int]


def stretches(
    reader: Reader,
    camera: str,
    start: int,
    end: int,
    open_until: Mapping[str, int] = MappingProxyType({}),
    around: int = AROUND,
) -> Stretches:
    """Of ``[start, end)``, UTC ns, and ``around`` it.

    Args:
        reader: a snapshot.
        camera: whose.
        start: of the window.
        end: of the window.
        open_until: for segments that are being written, up to when they hold footage.
        around: file by file, before and behind the window.
    """
    low, high = start - around, end + around
    days = {"first": -(-start // DAY), "behind": end // DAY}
    settled = {day for day, is_settled in reader.tuples(_KNOWN, camera=camera, **days) if is_settled}
    stored = [(row[0], _stretch(row[1:])) for row in reader.tuples(_STORED, camera=camera, **days)]
    reach = low - reader.longest(camera)
    files = [one for some in _ranges(settled, reach, high) for one in _files(reader, camera, some, low)]
    files += [alone(row[:-1]) for row in reader.tuples(_OPEN) if row[-1] == camera and row[3] < high]
    wrong = disturbed([*(one for _, one in stored), *files], _around(reader, camera, low, high, open_until))
    touched = {day for day, one in stored if one.segment in wrong}
    for some in _runs(touched):
        files += _files(reader, camera, some, low)
    return _found([*(one for day, one in stored if day not in touched), *files])


def _files(reader: Reader, camera: str, some: tuple[int, int], low: int) -> Iterator[Stretch]:
    return map(alone, reader.tuples(_NEAR, camera=camera, start=some[0], end=some[1], low=low))


def _ranges(settled: Collection[int], low: int, high: int) -> Iterator[tuple[int, int]]:
    """What of ``[low, high)`` is in none of these days."""
    for start, end in _runs(settled):
        if low < start:
            yield low, start
        low = max(low, end)
    if low < high:
        yield low, high


def _runs(days: Collection[int]) -> Iterator[tuple[int, int]]:
    """From when to when these days are, UTC ns; those that follow each other as one."""
    run: tuple[int, int] | None = None
    for day in sorted(days):
        if run is not None and run[1] == day * DAY:
            run = (run[0], (day + 1) * DAY)
            continue
        if run is not None:
            yield run
        run = (day * DAY, (day + 1) * DAY)
    if run is not None:
        yield run


def _around(reader: Reader, camera: str, low: int, high: int, open_until: Mapping[str, int]) -> Around:
    entries = reader.tuples(_ENDED, camera=camera, start=low, end=high)
    hurt = [(start, end) for start, end, cause in entries if cause == Cause.FOOTAGE_DAMAGED]
    endless = [row[0] for row in reader.tuples(_ENDLESS, camera=camera, end=high)]
    wishes = sorted(reader.wishes(camera), key=lambda wish: wish.at)
    until = [*(wish.at for wish in wishes[1:]), high][: len(wishes)]
    unwanted = [(wish.at, stop) for wish, stop in zip(wishes, until, strict=True) if not wish.wanted]
    return Around([*((start, end) for start, end, _ in entries), *unwanted], endless, hurt, open_until)


def _found(pieces: Sequence[Stretch]) -> Stretches:
    ordered = sorted(pieces, key=_age)
    held = map(_of_place, (one for one in ordered if one.state in HELD))
    return Stretches(
        [_footage(one[:9]) for one in ordered],
        {one[0]: _place(one) for one in held},
        {one.segment: one.files for one in ordered if one.files > 1},
    )


def wrong_days(reader: Reader) -> Iterator[Day]:
    """Settled days of which something else is stored than the files say."""
    for row in reader.rows(select(_DAYS.camera, _DAYS.day).where(_DAYS.settled == true())):
        day = Day(row["camera"], row["day"])
        files = reader.tuples(FINISHED, **day.window)
        stored = reader.tuples(_OF_DAY, camera=day.camera, day=day.day)
        if set(stored) != set(stretched(map(alone, files))):
            yield day
