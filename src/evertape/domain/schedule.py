"""When a camera is meant to be recorded: weekly spans of local time, as instants.

Pure. A week is written in local time, and local time jumps twice a year. Where that leaves room for doubt, it is
recorded: a span that begins in an hour that happens twice begins with the first of them, one that ends there ends
with the second; a time that the clocks jump over stands for the moment of the jump. So what the wall clock shows to
be inside a span is always recorded, and on other days exactly that.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

from evertape.config.weekly import DAY_MINUTES, WeeklySpan
from evertape.types import NS_PER_S, UtcNs

_AHEAD_DAYS = 17
"""Two weeks, because a span inside a jump of the clocks is left out once, and the days around their ends: if nothing
changes in them, nothing ever does."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """All spans of a camera, and the time zone they are meant in; ``None``: the machine's own."""

    spans: tuple[WeeklySpan, ...]
    zone: str | None = None

    def __str__(self) -> str:
        return "; ".join(map(str, self.spans))


def wanted_at(schedule: Schedule, utc: UtcNs) -> bool:
    """Whether the schedule asks for recording at this instant."""
    return any(begin <= utc < end for begin, end in _around(schedule, utc))


def next_change(schedule: Schedule, utc: UtcNs) -> UtcNs | None:
    """The next instant after ``utc`` at which ``wanted_at`` changes; ``None``: never."""
    spans = _around(schedule, utc)
    edges = (edge for span in spans for edge in span if edge > utc)
    nearest = min(edges, default=None)
    # What lies at the far end of the days looked at is no edge if the spans are joined all along.
    horizon = utc + (_AHEAD_DAYS - 2) * 86400 * NS_PER_S
    return UtcNs(nearest) if nearest is not None and nearest < horizon else None


def changes(schedule: Schedule, since: UtcNs, until: UtcNs, most: int = 1000) -> list[tuple[UtcNs, bool]]:
    """When ``wanted_at`` changed in ``(since, until]``, and to what; of very many the newest ``most``."""
    found: deque[tuple[UtcNs, bool]] = deque(maxlen=most)
    change = next_change(schedule, since)
    while change is not None and change <= until:
        found.append((change, wanted_at(schedule, change)))
        change = next_change(schedule, change)
    return list(found)


def coming(schedule: Schedule, start: UtcNs, end: UtcNs) -> list[tuple[UtcNs, UtcNs]]:
    """The spans of ``[start, end)``, up to two weeks, in which recording is asked for."""
    spans = [(max(begin, start), min(stop, end)) for begin, stop in _around(schedule, start)]
    return [(UtcNs(begin), UtcNs(stop)) for begin, stop in spans if begin < stop]


def _around(schedule: Schedule, utc: UtcNs) -> list[tuple[int, int]]:
    """The spans, as instants, that lie near ``utc`` or after it; joined where they touch."""
    zone = _zone(schedule.zone)
    today = datetime.fromtimestamp(utc // NS_PER_S, UTC).astimezone(zone).date()
    # Two days back: a span may reach into the next day, and on the date line a day may be left out.
    days = [today + timedelta(days=n) for n in range(-2, _AHEAD_DAYS)]
    return _joined(sorted(_instants(schedule.spans, days, zone)))


def _instants(spans: Sequence[WeeklySpan], days: Sequence[date], zone: tzinfo | None) -> Iterator[tuple[int, int]]:
    for day in days:
        for span in spans:
            if day.weekday() in span.days:
                begin, end = _instant(day, span.start, zone, fold=0), _instant(day, span.end, zone, fold=1)
                if begin < end:
                    yield begin, end


def _joined(spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    joined: list[tuple[int, int]] = []
    for begin, end in spans:
        if joined and begin <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((begin, end))
    return joined


@lru_cache(maxsize=1024)
def _instant(day: date, minutes: int, zone: tzinfo | None, fold: int) -> int:
    """UTC ns of a local time; of one that happens twice the first or the second."""
    days, rest = divmod(minutes, DAY_MINUTES)
    naive = datetime.combine(day, time()) + timedelta(days=days, minutes=rest)
    early, late = sorted(_stamp(naive, zone, f) for f in (0, 1))
    if early == late or datetime.fromtimestamp(early, UTC).astimezone(zone).replace(tzinfo=None) == naive:
        return (late if fold else early) * NS_PER_S
    return _jump(early, late, zone) * NS_PER_S


def _stamp(naive: datetime, zone: tzinfo | None, fold: int) -> int:
    local = naive.replace(tzinfo=zone, fold=fold)
    return int(local.timestamp())


def _jump(early: int, late: int, zone: tzinfo | None) -> int:
    """The second at which the clocks were put forward, between these two."""

    def offset(stamp: int) -> timedelta | None:
        return datetime.fromtimestamp(stamp, UTC).astimezone(zone).utcoffset()

    before = offset(early)
    while late - early > 1:
        middle = (early + late) // 2
        early, late = (middle, late) if offset(middle) == before else (early, middle)
    return late


@lru_cache(maxsize=64)
def _zone(name: str | None) -> tzinfo | None:
    return ZoneInfo(name) if name is not None else None
