"""Numbers and times as people read them. Pure."""

from __future__ import annotations

from datetime import datetime, tzinfo

from evertape.types import NS_PER_S

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_STEPS = ("B", "kB", "MB", "GB", "TB", "PB")


def size_text(size: float) -> str:
    """Bytes in three digits: ``1.21 MB``."""
    for unit in _STEPS[:-1]:
        if abs(size) < 999.5:
            return f"{_digits(size)} {unit}"
        size /= 1000
    return f"{_digits(size)} {_STEPS[-1]}"


def rate_text(bits_per_s: float) -> str:
    """Bits per second in Mbit/s, or kbit/s below one."""
    mega = bits_per_s / 1e6
    return f"{mega:.1f} Mbit/s" if mega >= 1 else f"{bits_per_s / 1e3:.0f} kbit/s"


def span_text(seconds: float) -> str:
    """A length of time in its two largest units: ``1 h 02 min``, ``3 min 20 s``, ``4.2 s``."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    if whole < 86400:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
    return f"{whole // 86400} d {whole % 86400 // 3600:02d} h"


def time_text(utc_ns: int, zone: tzinfo | None = None) -> str:
    """An instant as local date and time to the tenth of a second, in ``zone`` or the machine's own."""
    moment = datetime.fromtimestamp(utc_ns // NS_PER_S, zone).astimezone(zone)
    return f"{moment:%Y-%m-%d %H:%M:%S}.{utc_ns % NS_PER_S // 100_000_000}"


def clock_text(utc_ns: int, zone: tzinfo | None = None) -> str:
    """As ``time_text``, without the date."""
    return time_text(utc_ns, zone)[11:]


def day_text(utc_ns: int, zone: tzinfo | None = None) -> str:
    """An instant within a week as people say it: ``Mon 07:30``."""
    moment = datetime.fromtimestamp(utc_ns // NS_PER_S, zone).astimezone(zone)
    return f"{_DAYS[moment.weekday()]} {moment:%H:%M}"


def plural(count: int, word: str) -> str:
    """``1 camera``, ``2 cameras``."""
    return f"{count} {word}" if count == 1 else f"{count} {word}s"


def _digits(value: float) -> str:
    if value == int(value) and value < 1000:
        return str(int(value))
    return f"{value:.2f}" if value < 9.995 else f"{value:.1f}" if value < 99.95 else f"{value:.0f}"
