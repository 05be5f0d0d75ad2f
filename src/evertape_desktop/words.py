"""Sizes, durations and instants as the window writes them. Pure but for the locale and the time zone of the place."""

from __future__ import annotations

from datetime import datetime, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from evertape.types import NS_PER_S
from evertape_desktop.backend.model import utc_ns

_UNITS = ("B", "kB", "MB", "GB", "TB", "PB")


def size(count: float) -> str:
    """Bytes, with three digits: ``1.42 GB``."""
    unit = 0
    while count >= 999.5 and unit < len(_UNITS) - 1:
        count /= 1000
        unit += 1
    digits = 0 if unit == 0 or count >= 99.95 else 1 if count >= 9.995 else 2
    return f"{count:.{digits}f} {_UNITS[unit]}"


def rate(bits_per_second: float) -> str:
    """``4.1 Mbit/s``."""
    return f"{bits_per_second / 1e6:.1f} Mbit/s" if bits_per_second >= 1e6 else f"{bits_per_second / 1e3:.0f} kbit/s"


def duration(seconds: float) -> str:
    """``1:02:03``, or ``2:03``."""
    whole = max(0, int(seconds))
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours}:{minutes:02d}:{whole % 60:02d}" if hours else f"{minutes}:{whole % 60:02d}"


def zone_of(name: str | None) -> tzinfo | None:
    """The zone of the place; ``None``: this machine's."""
    try:
        return ZoneInfo(name) if name else None
    except (ZoneInfoNotFoundError, ValueError):
        return None


def local(instant: str | int, zone: tzinfo | None) -> datetime:
    """An instant of the API, or UTC nanoseconds, in the zone of the place."""
    ns = utc_ns(instant) if isinstance(instant, str) else instant
    return datetime.fromtimestamp(ns / NS_PER_S, zone).astimezone(zone)


def clock(instant: str | int, zone: tzinfo | None) -> str:
    """``10:32:05``."""
    return local(instant, zone).strftime("%H:%M:%S")


def date_clock(instant: str | int, zone: tzinfo | None) -> str:
    """``2026-11-24 10:32:05``."""
    return local(instant, zone).strftime("%Y-%m-%d %H:%M:%S")
