"""What only the keeper can know: gaps of a time when nobody was there to write them down. Pure but for its questions.

A recorder begins a gap when it starts; what lies between the footage before and that start, the journal's starts,
stops and deaths explain (``domain.downtime``). It is written once, as a closed gap; so is the end of a gap whose
recorder died before it could say so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from evertape.domain.coverage import (
    LIVE,
    SLACK,
    CoverageInput,
    Death,
    GapSpan,
    LedgerGap,
    Run,
    account,
    settle,
)
from evertape.domain.downtime import owner_ended
from evertape.domain.logical import counted
from evertape.store.index import Index
from evertape.types import NS_PER_S, UtcNs

_MARGIN = 60 * NS_PER_S
_AROUND = 3600 * NS_PER_S


@dataclass(frozen=True, slots=True)
class Conclusion:
    """A closed gap to be written down; UTC nanoseconds."""

    gap: str
    camera: str
    cause: str
    start: int
    end: int


def conclude(index: Index, since: int, now: int, service: str) -> list[Conclusion]:
    """Everything that can be concluded about what happened around an instant.

    Args:
        index: caught up with the journal.
        since: when the service started, or a recorder died; UTC ns.
        now: UTC ns.
        service: the present run.
    """
    found: list[Conclusion] = []
    for camera in index.cameras():
        last = index.footage_end(camera, since)
        start = (since if last is None else min(since, last)) - _MARGIN
        live = {row.id: now for row in index.segments(camera, start, now) if row.end_utc is None}
        live = {key: until for key, until in live.items() if _is_live(index, key, service)}
        known = index.coverage_input(camera, start, now, live, around=_AROUND)
        found += _ends(camera, known, service)
        found += _downs(camera, known, start, now)
    return found


def _is_live(index: Index, segment: str, service: str) -> bool:
    row = index.segment(segment)
    return row is not None and row.service == service


def _downs(camera: str, known: CoverageInput, start: int, now: int) -> list[Conclusion]:
    """Spans that nothing but a death, a stop or a crash explains, once something follows them."""
    _, _, spans = account(known, UtcNs(start), UtcNs(now), UtcNs(now), SLACK)
    return [
        # The same conclusion always has the same name, so drawing it twice writes one entry.
        Conclusion(
            f"down-{span.marker}-{camera}-{span.start // NS_PER_S}", camera, str(span.cause), span.start, span.end
        )
        for span in spans[:-1]
        if isinstance(span, GapSpan) and span.marker and span.end < now - LIVE
    ]


def _ends(camera: str, known: CoverageInput, service: str) -> list[Conclusion]:
    """Ends of gaps whose recorders are gone."""
    orphans = [gap for gap in known.gaps if gap.end is None and _orphan(gap, known.runs, known.deaths, service)]
    if not orphans:
        return []
    settled = settle(known.gaps, counted(known.footage, known.open_until), known.runs, known.deaths)
    names = {gap.id for gap in orphans}
    return [
        Conclusion(gap.id, camera, gap.cause, gap.start, gap.end)
        for gap in settled
        if gap.id in names and gap.end is not None
    ]


def _orphan(gap: LedgerGap, runs: Sequence[Run], deaths: Sequence[Death], service: str) -> bool:
    return gap.service != service or owner_ended(gap.source, gap.service, gap.opened_at, runs, deaths) is not None
