"""Between rows of the database and our values."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields
from typing import Any, TypeVar

import msgspec
from sqlalchemy import RowMapping

from evertape.ipc.events import Supersedes
from evertape.store.rows import EventRow, GapRow, RunRow, SegmentRow, VolumeRow, WishRow

T = TypeVar("T")

_encode = msgspec.json.Encoder().encode
_supersedes: msgspec.json.Decoder[tuple[Supersedes, ...]] = msgspec.json.Decoder(tuple[Supersedes, ...])
_SEGMENT = tuple(f.name for f in fields(SegmentRow))
_GAP = tuple(f.name for f in fields(GapRow))

_MANY = 500
"""Values in one ``IN``: older SQLite takes 999 parameters."""


def segment_values(row: SegmentRow) -> dict[str, Any]:
    """A segment's columns."""
    values = {name: getattr(row, name) for name in _SEGMENT}
    values["supersedes"] = _encode(row.supersedes).decode() if row.supersedes else ""
    return values


def segment_row(row: RowMapping) -> SegmentRow:
    """A segment from its columns."""
    values = dict(row)
    text = values["supersedes"]
    values["supersedes"] = _supersedes.decode(text) if text else ()
    return SegmentRow(**values)


def gap_values(row: GapRow) -> dict[str, Any]:
    """A gap's columns."""
    return {name: getattr(row, name) for name in _GAP}


def gap_row(row: RowMapping) -> GapRow:
    """A gap from its columns."""
    return GapRow(**row)


def event_row(row: RowMapping) -> EventRow:
    """An event from its columns."""
    return EventRow(**{**row, "body": msgspec.json.decode(row["body"])})


def wish_row(row: RowMapping) -> WishRow:
    """A wish from its columns."""
    return WishRow(**row)


def run_row(row: RowMapping) -> RunRow:
    """A run of the service from its columns."""
    return RunRow(**row)


def volume_row(row: RowMapping) -> VolumeRow:
    """A volume from its columns."""
    return VolumeRow(**row)


def chunks(values: Sequence[T]) -> Iterator[Sequence[T]]:
    """As many at a time as fit into one ``IN``."""
    for start in range(0, len(values), _MANY):
        yield values[start : start + _MANY]
