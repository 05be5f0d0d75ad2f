"""A time line's window and its ticks. Pure; days and hours are those of the place."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import NamedTuple

from evertape.types import NS_PER_MS, NS_PER_S

_MIN, _H, _D = 60, 3600, 86400
SHORTEST_NS = NS_PER_S
LONGEST_NS = 92 * _D * NS_PER_S
# How far large ticks are apart, in seconds, and how many small ones make one.
_STEPS = (
    (0.1, 5), (0.5, 5), (1, 5), (5, 5), (10, 5), (30, 3), (_MIN, 6), (5 * _MIN, 5), (10 * _MIN, 5), (30 * _MIN, 3),
    (_H, 6), (3 * _H, 3), (6 * _H, 6), (12 * _H, 4), (_D, 4), (2 * _D, 2), (7 * _D, 7), (14 * _D, 14), (28 * _D, 4),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Window:
    """From when to when, UTC ns."""

    start: int
    end: int

    @property
    def length(self) -> int:
        """Of it, ns."""
        return self.end - self.start

    def zoomed(self, factor: float, around: int) -> Window:
        """With another length, and the same instant under the same pixel."""
        length = round(min(max(self.length * factor, SHORTEST_NS), LONGEST_NS))
        share = (around - self.start) / self.length
        start = around - round(length * share)
        return Window(start, start + length)

    def moved(self, by: int) -> Window:
        """Later by so much."""
        return Window(self.start + by, self.end + by)

    def around(self, at: int) -> Window:
        """The same length, with an instant in the middle."""
        return Window(at - self.length // 2, at - self.length // 2 + self.length)

    def x_of(self, at: int, width: float) -> float:
        """Where an instant is."""
        return (at - self.start) / self.length * width

    def at_x(self, x: float, width: float) -> int:
        """Which instant is there."""
        return self.start + round(x / max(1.0, width) * self.length)


class Tick(NamedTuple):
    """A mark.

    Args:
        at: UTC ns.
        label: what is written; empty: it is a small one.
        is_midnight: a day begins.
    """

    at: int
    label: str
    is_midnight: bool


def ticks(window: Window, width: float, zone: tzinfo | None, room: float = 90) -> list[Tick]:
    """The marks of a window; large ones at least ``room`` pixels apart."""
    least = window.length / NS_PER_S / max(1.0, width) * room
    step, parts = next((one for one in _STEPS if one[0] >= least), _STEPS[-1])
    if step >= _D:
        return _day_ticks(window, round(step / _D), round(step / _D / parts * 24), zone)
    small = step / parts
    found = []
    midnight = _midnight(window.start, zone)
    while midnight < window.end:
        following = _next_midnight(midnight, zone)
        found += _ticks_of_day(midnight, following, window, step, small, zone)
        midnight = following
    return found


def _ticks_of_day(
    midnight: int, following: int, window: Window, step: float, small: float, zone: tzinfo | None
) -> list[Tick]:
    length, parts = round(small * 1000) * NS_PER_MS, round(step / small)
    first = max(0, (window.start - midnight) // length)
    last = min(following, window.end) - midnight
    found = []
    for number in range(first, last // length + 1):
        at = midnight + number * length
        if at >= min(following, window.end + 1):
            break
        label = "" if number % parts else _label(at, step, zone)
        found.append(Tick(at, label, number == 0))
    return found


def _day_ticks(window: Window, days: int, small_hours: int, zone: tzinfo | None) -> list[Tick]:
    found = []
    at = _midnight(window.start, zone)
    while at < window.end:
        day = _local(at, zone)
        is_large = day.toordinal() % days == 0
        if is_large or small_hours <= 24 or day.toordinal() % max(1, small_hours // 24) == 0:
            found.append(
                Tick(at, f"{day:%Y-%m-%d}" if is_large and days > 7 else f"{day:%m-%d}" if is_large else "", True)
            )
        at = _next_midnight(at, zone)
    return found


def _label(at: int, step: float, zone: tzinfo | None) -> str:
    moment = _local(at, zone)
    if moment.hour == moment.minute == moment.second == moment.microsecond == 0:
        return f"{moment:%m-%d}"
    if step >= _MIN:
        return f"{moment:%H:%M}"
    if step >= 1:
        return f"{moment:%H:%M:%S}"
    return f"{moment:%M:%S}.{moment.microsecond // 100_000}"


def _local(at: int, zone: tzinfo | None) -> datetime:
    return (datetime.fromtimestamp(at // NS_PER_S, UTC) + timedelta(microseconds=at % NS_PER_S // 1000)).astimezone(
        zone
    )


def _midnight(at: int, zone: tzinfo | None) -> int:
    return day_start(_local(at, zone), zone)


def _next_midnight(at: int, zone: tzinfo | None) -> int:
    # From the middle of the day on, so that one of 23 or 25 hours does not shift the rest.
    return day_start(_local(at, zone) + timedelta(hours=36), zone)


def day_start(day: date, zone: tzinfo | None) -> int:
    """UTC ns at which a day begins in the place."""
    return in_place(datetime.combine(day, time()), zone)


def in_place(moment: datetime, zone: tzinfo | None) -> int:
    """UTC ns of what a clock of the place shows; ``None``: of this machine."""
    aware = moment.replace(tzinfo=zone) if zone is not None else moment.astimezone()
    return round(aware.timestamp()) * NS_PER_S
