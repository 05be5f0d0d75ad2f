"""What is to be done about the files on a volume, and about footage that two files hold. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from evertape.domain.resolve import HeldSpan, LogicalSpan, resolve
from evertape.ipc.messages import FoundFile
from evertape.store.rows import CLOSED, DELETED, MISSING, OPEN, SegmentRow
from evertape.types import NS_PER_S, Epoch, SegmentId

_DAY = "%Y%m%d"


def day_of(path: str) -> str:
    """The day folder of a segment's path, ``YYYYMMDD``; empty if it lies elsewhere."""
    parts = path.split("/")
    return parts[1] if len(parts) == 3 else ""


def days_around(utc_ns: int) -> set[str]:
    """The day folders in which a file of this moment may be: its UTC day and both neighbours, for local time."""
    day = datetime.fromtimestamp(utc_ns // NS_PER_S, UTC)
    return {(day + timedelta(days=n)).strftime(_DAY) for n in (-1, 0, 1)}


def day_bounds(day: str) -> tuple[int, int] | None:
    """Within which UTC nanoseconds the files of a day folder begin, wherever in the world the day was."""
    try:
        start = datetime.strptime(day, _DAY).replace(tzinfo=UTC)
        low, high = (start - timedelta(hours=15)).timestamp(), (start + timedelta(hours=39)).timestamp()
    except (ValueError, OverflowError):
        return None
    return int(low) * NS_PER_S, int(high) * NS_PER_S


def by_path(rows: Iterable[SegmentRow]) -> dict[str, SegmentRow]:
    """The segment that has each path now: a deleted one's name is free for another."""
    ordered = sorted(rows, key=lambda row: row.held)
    return {row.path: row for row in ordered}


@dataclass(slots=True)
class Plan:
    """Jobs for one volume.

    Args:
        recover: the index calls them open, and no writer has them.
        adopt: paths of files that nobody knows, or that were missing.
        missing: segments whose files should be there.
        delete: segments that were deleted, whose files are there still.
    """

    recover: list[SegmentRow] = field(default_factory=list)
    adopt: list[str] = field(default_factory=list)
    missing: list[SegmentRow] = field(default_factory=list)
    delete: list[SegmentRow] = field(default_factory=list)


def plan_volume(
    before: Mapping[str, SegmentRow], found: Iterable[FoundFile], after: Mapping[str, SegmentRow], days: Collection[str]
) -> Plan:
    """Compare what is known with what is there.

    Args:
        before: what the index knew of the volume before the files were listed, by path.
        found: the files in ``days``.
        after: the same afterwards, once everything in the journal by then was applied.
        days: the folders that were listed.
    """
    plan = Plan()
    there = {file.path: file for file in found}
    for path, file in there.items():
        row = after.get(path)
        if file.open:
            continue
        if row is None or row.state == MISSING:
            plan.adopt.append(path)
        elif row.state == OPEN:
            plan.recover.append(row)
        elif row.state == DELETED:
            plan.delete.append(row)
    for path, row in after.items():
        old = before.get(path)
        if path in there or old is None or day_of(path) not in days or old.state != row.state:
            continue
        if row.state == OPEN:
            plan.recover.append(row)
        elif row.state == CLOSED:
            plan.missing.append(row)
    return plan


# -- footage that is held twice -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Cut:
    """Cut ``row`` before video unit ``from_seq``: ``by`` holds the rest."""

    row: SegmentRow
    from_seq: int
    by: str


@dataclass(frozen=True, slots=True)
class Superfluous:
    """Delete ``row``: others hold all of it."""

    row: SegmentRow


def reconcile(rows: Sequence[SegmentRow], online: Collection[str]) -> list[Cut | Superfluous]:
    """What makes the files of one capture session hold each unit once, as ``resolve`` says it counts.

    Nothing is touched on a promise: a file gives way only to files that are closed and can be reached.

    Args:
        rows: every segment of the session.
        online: ids of the volumes that can be reached.
    """
    held = {row.id: row for row in rows if row.state == CLOSED and row.last_video is not None}
    if any(row.state == OPEN for row in rows):
        # What an unfinished file holds is not known yet, so nobody can say what is superfluous beside it.
        rows_known = _without_unfinished(rows)
        held = {key: row for key, row in held.items() if key in rows_known}
    spans = resolve(
        HeldSpan(SegmentId(r.id), Epoch(r.epoch), r.generation, r.first_video, r.last_video or 0) for r in held.values()
    )
    safe = {row.id for row in held.values() if row.volume in online}
    kept = [span for span in spans if not span.empty]
    actions: list[Cut | Superfluous] = []
    for span in spans:
        row = held[span.segment]
        assert row.last_video is not None
        if row.id not in safe:
            continue
        if span.empty:
            if _covered(row.first_video, row.last_video, kept, safe):
                actions.append(Superfluous(row))
        elif span.last < row.last_video and _covered(span.last + 1, row.last_video, kept, safe):
            actions.append(Cut(row, span.last + 1, str(span.superseded_by or "")))
    return actions


def _without_unfinished(rows: Sequence[SegmentRow]) -> set[str]:
    """Segments that end before any unfinished one of their session begins."""
    first = min(row.first_video for row in rows if row.state == OPEN)
    return {row.id for row in rows if row.last_video is not None and row.last_video < first}


def _covered(first: int, last: int, kept: Sequence[LogicalSpan], safe: Collection[str]) -> bool:
    """Whether the units from ``first`` to ``last`` count in files that are safe."""
    reached = first
    for span in sorted((s for s in kept if s.segment in safe), key=lambda s: s.first):
        if span.first > reached:
            break
        reached = max(reached, span.last + 1)
    return reached > last
