"""What the index knows of what was done about gaps; ``domain.done`` makes sense of it. Blocking."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, func, select

from evertape.domain.cause import Cause
from evertape.domain.done import Done, DoneKind, GapFacts, NearFile, asks_for_files, done_about
from evertape.store import tables
from evertape.store.reader import Reader
from evertape.store.rows import DELETED, OPEN
from evertape.types import NS_PER_S

_FILE = tables.segments.c
_UNITS = _FILE.last_video - _FILE.first_video + 1
_COLUMNS = (
    _FILE.start_utc, _FILE.end_utc, _FILE.opened_at, _UNITS.label("units"), _FILE.bytes, _FILE.volume, _FILE.spilled_to,
    _FILE.reason, _FILE.state, _FILE.id,
)  # fmt: skip


def deeds(
    reader: Reader, camera: str, gap: GapFacts, names: Mapping[str, str], open_until: Mapping[str, int], now: int
) -> tuple[Done, ...]:
    """What was done about a gap of ``camera``.

    Args:
        reader: of the index.
        camera: its id.
        gap: which.
        names: of volumes, by id.
        open_until: see ``View.coverage``.
        now: UTC ns.
    """
    files = files_near(reader, camera, gap.start, open_until, now) if asks_for_files(gap.cause) else []
    found = (*done_about(gap, files), *_deleted(reader, camera, gap))
    return tuple(_named(done, names) for done in found)


def _named(done: Done, names: Mapping[str, str]) -> Done:
    return Done(done.kind, done.seconds, done.units, done.files, done.bytes, names.get(done.volume, done.volume))


def files_near(reader: Reader, camera: str, start: int, open_until: Mapping[str, int], now: int) -> list[NearFile]:
    """The files on both sides of a gap that begins at ``start``.

    The next ones, and those beyond as far as they were spilled or filled from memory.
    """
    here = _mine(camera)
    ordinary = select(_FILE.start_utc).where(*here, _FILE.spilled_to == "")
    before = reader.rows(ordinary.where(_FILE.start_utc < start).order_by(_FILE.start_utc.desc()).limit(1))
    later = select(_FILE.start_utc, _FILE.opened_at).where(*here, _FILE.start_utc >= start)
    first = reader.rows(later.order_by(_FILE.start_utc).limit(1))
    after = reader.rows(ordinary.where(_FILE.start_utc >= start).order_by(_FILE.start_utc).limit(1))
    low = before[0]["start_utc"] if before else 0
    high = max([after[0]["start_utc"] if after else now, *(row["opened_at"] or 0 for row in first)])
    found = select(*_COLUMNS).where(*here, _FILE.start_utc >= low, _FILE.start_utc <= high)
    return [_file(row, open_until, now) for row in reader.rows(found.order_by(_FILE.start_utc))]


def _mine(camera: str) -> list[ColumnElement[bool]]:
    return [_FILE.camera == camera, _FILE.epoch != "", _FILE.fate.not_in(("superseded", "empty"))]


def _file(row: Mapping[str, Any], open_until: Mapping[str, int], now: int) -> NearFile:
    start, end = row["start_utc"], row["end_utc"]
    if row["state"] == OPEN or end is None:
        end = max(start, open_until.get(row["id"], now))
    return NearFile(
        start, end, row["opened_at"], row["units"], row["bytes"], row["volume"], row["spilled_to"], row["reason"]
    )


def _deleted(reader: Reader, camera: str, gap: GapFacts) -> list[Done]:
    """What was there and was deleted: by a rule, or by a person."""
    if gap.cause not in (Cause.EVICTED_BY_RETENTION, Cause.REMOVED_BY_PERSON):
        return []
    by_rule = _FILE.fate.like("retention%")
    here = [
        *_mine(camera), _FILE.state == DELETED, by_rule if gap.cause is Cause.EVICTED_BY_RETENTION else ~by_rule,
        _FILE.start_utc >= gap.start - reader.longest(camera), _FILE.start_utc < gap.end, _FILE.end_utc > gap.start,
    ]  # fmt: skip
    sums = [func.sum(_UNITS), func.sum(_FILE.duration), func.count(), func.sum(_FILE.bytes), _FILE.volume]
    rows = reader.tuples(select(*sums).where(*here).group_by(_FILE.volume))
    return [
        Done(DoneKind.DELETED, (length or 0) / NS_PER_S, units, files, size, volume)
        for units, length, files, size, volume in rows
    ]
