"""Weekly spans of local time, as people write them: when a camera is meant to be recorded.

Pure text; which instants they are is decided in ``evertape.domain.schedule``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_LONG = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_WORDS = {"daily": range(7), "weekdays": range(5), "weekend": range(5, 7)}
DAY_MINUTES = 24 * 60
_SPAN = re.compile(r"\s*(?P<days>[a-z,\s-]+?)\s+(?P<start>\d{1,2}:\d{2})\s*-\s*(?P<end>\d{1,2}:\d{2})\s*", re.ASCII)

ALWAYS = "always"
EXAMPLE = "mon-fri 07:30-19:00; sat 22:00-04:00"


class ScheduleError(ValueError):
    """A span that cannot be understood; the text is for the person who wrote it."""


@dataclass(frozen=True, slots=True)
class WeeklySpan:
    """A span of local time on some days of each week.

    Args:
        days: on which it begins, 0 is Monday.
        start: minutes after midnight.
        end: minutes after the same midnight; beyond 1440 it ends on the next day.
    """

    days: frozenset[int]
    start: int
    end: int

    def __str__(self) -> str:
        end = self.end if self.end <= DAY_MINUTES else self.end - DAY_MINUTES
        return f"{_days_text(self.days)} {_clock_text(self.start)}-{_clock_text(end)}"


def parse_week(text: str) -> tuple[WeeklySpan, ...]:
    """Spans separated by semicolons; none of ``always``.

    Raises:
        ScheduleError: one of them is none.
    """
    if text.strip().lower() == ALWAYS:
        return ()
    return tuple(parse_span(part) for part in text.rstrip("; ").split(";"))


def week_text(spans: tuple[WeeklySpan, ...]) -> str:
    """What ``parse_week`` reads back as the same."""
    return "; ".join(map(str, spans)) or ALWAYS


def parse_span(text: str) -> WeeklySpan:
    """``mon-fri 07:30-19:00``, ``sat,sun 22:00-04:00``, ``daily 00:00-24:00``.

    Raises:
        ScheduleError: it is none.
    """
    match = _SPAN.fullmatch(text.lower())
    if match is None:
        raise ScheduleError(f"'{text}' is no weekly span; write for example {EXAMPLE}")
    start, end = _minutes(match["start"]), _minutes(match["end"])
    if start == DAY_MINUTES:
        raise ScheduleError("a span cannot begin at 24:00; write 00:00 and the next day")
    if start == end:
        raise ScheduleError("a span cannot end when it begins; a whole day is 00:00-24:00")
    return WeeklySpan(_days(match["days"]), start, end if end > start else end + DAY_MINUTES)


def _days(text: str) -> frozenset[int]:
    days: set[int] = set()
    for part in filter(None, re.split(r"[,\s]+", re.sub(r"\s*-\s*", "-", text.strip()))):
        first, dash, last = part.partition("-")
        if part in _WORDS:
            days.update(_WORDS[part])
        elif dash:
            begin, end = _day(first), _day(last)
            days.update(n % 7 for n in range(begin, end + (7 if end < begin else 0) + 1))
        else:
            days.add(_day(part))
    return frozenset(days)


def _day(text: str) -> int:
    if len(text) >= 2 and (found := [n for n, name in enumerate(_LONG) if name.startswith(text)]) and len(found) == 1:
        return found[0]
    raise ScheduleError(f"'{text}' is no day; they are {', '.join(DAYS)}, and daily, weekdays, weekend")


def _minutes(text: str) -> int:
    hours, _, minutes = text.partition(":")
    total = int(hours) * 60 + int(minutes)
    if int(minutes) > 59 or total > DAY_MINUTES:
        raise ScheduleError(f"'{text}' is no time of day")
    return total


def _clock_text(minutes: int) -> str:
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


def _days_text(days: frozenset[int]) -> str:
    for word, meant in _WORDS.items():
        if days == frozenset(meant):
            return word
    ordered = sorted(days)
    if len(ordered) > 2 and all(b - a == 1 for a, b in pairwise(ordered)):
        return f"{DAYS[ordered[0]]}-{DAYS[ordered[-1]]}"
    return ",".join(DAYS[n] for n in ordered)
