"""Instants as people write them: ``14:30``, ``10m ago``, ``yesterday 14:00``, ``2026-11-24T14:30:00Z``. Pure."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from evertape.errors import UsageError
from evertape.types import NS_PER_S, UtcNs

EXAMPLES = ("14:30", "14:30:05.5", "10m ago", "yesterday 14:00", "2026-11-24 14:30", "2026-11-24T13:30:00Z", "now")
"""One of each kind."""

_SECONDS = {"s": 1, "sec": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}
_PART = r"(\d+(?:\.\d+)?)\s*(s|sec|m|min|h|d)"
_AGO = re.compile(rf"((?:{_PART}\s*)+)ago")
_CLOCK = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2})(\.\d{1,9})?)?")
_DAY = re.compile(r"(today|yesterday|\d{4}-\d{2}-\d{2})(?:[ T]+(\S+))?")
_ZONED = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\S+?(Z|[+-]\d{2}:?\d{2})")
_DIGITS_NS = 9


def parse_moment(text: str, now: UtcNs, zone: tzinfo | None = None) -> UtcNs:
    """The instant that ``text`` means.

    A clock time without a day is the latest one that is not in the future. Where a clock time comes twice, at the end
    of summer time, the first is meant.

    Args:
        text: see ``EXAMPLES``.
        now: UTC in nanoseconds.
        zone: of clock times without one; ``None``: the machine's own.

    Raises:
        UsageError: it means nothing.
    """
    words = text.strip()
    try:
        return _parse(words, now, zone)
    except ValueError:
        raise UsageError(f"{text!r} is no time", hint=f"write one like {', '.join(EXAMPLES)}") from None


def _parse(text: str, now: UtcNs, zone: tzinfo | None) -> UtcNs:
    if text.lower() == "now":
        return now
    if found := _AGO.fullmatch(text.lower()):
        back = sum(float(number) * _SECONDS[unit] for number, unit in re.findall(_PART, found[1]))
        return UtcNs(now - round(back * NS_PER_S))
    if _ZONED.fullmatch(text):
        return _zoned(text)
    today = datetime.fromtimestamp(now // NS_PER_S, UTC).astimezone(zone).date()
    if _CLOCK.fullmatch(text):
        moment = _at(today, text, zone)
        return moment if moment <= now else _at(today - timedelta(days=1), text, zone)
    if found := _DAY.fullmatch(text.lower().replace("t", " ", 1) if text[:1].isdigit() else text.lower()):
        return _at(_day(found[1], today), found[2] or "00:00", zone)
    raise ValueError(text)


def _day(word: str, today: date) -> date:
    if word in ("today", "yesterday"):
        return today - timedelta(days=word == "yesterday")
    return date.fromisoformat(word)


def _zoned(text: str) -> UtcNs:
    """With its own zone; ``fromisoformat`` knows microseconds only, so the fraction is taken apart."""
    whole, fraction = re.sub(r"\.\d+", "", text, count=1), re.search(r"\.(\d{1,9})", text)
    return UtcNs(round(datetime.fromisoformat(whole).timestamp()) * NS_PER_S + _nanoseconds(fraction and fraction[1]))


def _at(day: date, clock: str, zone: tzinfo | None) -> UtcNs:
    found = _CLOCK.fullmatch(clock)
    if found is None:
        raise ValueError(clock)
    moment = datetime.combine(day, time(int(found[1]), int(found[2]), int(found[3] or 0)), zone)
    return UtcNs(round(moment.timestamp()) * NS_PER_S + _nanoseconds(found[4] and found[4][1:]))


def _nanoseconds(digits: str | None) -> int:
    return int((digits or "0").ljust(_DIGITS_NS, "0"))
