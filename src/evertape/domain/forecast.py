"""How fast a volume fills, how long until it is full, and how far back it will reach. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from evertape.domain.retention_terms import Terms, thresholds
from evertape.types import NS_PER_S

HOUR_NS = 3600 * NS_PER_S
LOOK_BACK_NS = 24 * HOUR_NS
"""A whole day, because nights differ from days."""
LEAST_NS = 600 * NS_PER_S
"""Less footage than this says nothing about a rate."""
SOONEST_NS = 5 * NS_PER_S


@dataclass(frozen=True, slots=True)
class Forecast:
    """What is to be expected of a volume.

    Args:
        bytes_per_hour: written over the last day; 0: not known, or nothing is.
        days_left: until its oldest footage begins to go for want of space; ``None``: it does not fill.
        days_kept: of footage that it can hold at this rate; ``None`` likewise.
    """

    bytes_per_hour: float = 0.0
    days_left: float | None = None
    days_kept: float | None = None


def bytes_per_hour(written: int, since: int | None, now: int) -> float:
    """The rate at which a volume is written.

    Args:
        written: bytes of the segments that began within the last day.
        since: when the first of them began, UTC ns; ``None``: there is none.
        now: UTC ns.
    """
    if since is None or now - since < LEAST_NS:
        return 0.0
    return written * HOUR_NS / min(LOOK_BACK_NS, now - since)


def forecast(terms: Terms, free: int, total: int, held: int, rate: float) -> Forecast:
    """What is to be expected.

    Args:
        terms: what retention goes by.
        free: bytes.
        total: bytes.
        held: bytes of footage on the volume.
        rate: bytes per hour.
    """
    if rate <= 0 or not total:
        return Forecast()
    spare = free - thresholds(terms, total).start
    return Forecast(rate, max(0.0, spare / rate / 24), max(0.0, (held + spare) / rate / 24))


def coming(rate: float, terms: Terms) -> int:
    """Bytes to be expected before everything is looked through again."""
    return int(rate * terms.interval / HOUR_NS)


def next_look(terms: Terms, free: int, total: int, rate: float) -> int:
    """In how many nanoseconds to look through everything again: sooner where a volume fills up before its time."""
    if rate <= 0 or not total:
        return terms.interval
    spare = free - thresholds(terms, total).start
    return int(min(terms.interval, max(SOONEST_NS, spare * HOUR_NS / rate)))
