"""Durations, sizes and bit rates as people write them: a number and its unit.

Everywhere a person writes one, the unit is part of it (``"10s"``, ``"8GB"``); a bare
number is refused by naming the units. Inside, durations are whole nanoseconds, sizes
whole bytes, bit rates whole bits per second. Formatting is exact: what ``format_*``
writes, ``parse_*`` reads back as the same number.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from fractions import Fraction

from evertape.types import DurationNs

_NUMBER = re.compile(r"\s*(?P<sign>[+-]?)(?P<number>\d+(?:\.\d+)?|\.\d+)\s*(?P<unit>[^\d\s.,][^\s]*)?\s*", re.ASCII)
# A number of more digits than this is a slip of the finger, and Fraction would grind on it.
_MAX_TEXT = 64

_DURATIONS: Mapping[str, int] = {
    "ns": 1,
    "us": 1_000,
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "min": 60_000_000_000,
    "h": 3_600_000_000_000,
    "d": 86_400_000_000_000,
}
_DURATION_WORDS: Mapping[str, str] = {
    "\u00b5s": "us",  # micro sign
    "\u03bcs": "us",  # Greek mu, which looks the same
    "sec": "s",
    "secs": "s",
    "second": "s",
    "seconds": "s",
    "mins": "min",
    "minute": "min",
    "minutes": "min",
    "hour": "h",
    "hours": "h",
    "day": "d",
    "days": "d",
}
_SIZES: Mapping[str, int] = {
    "B": 1,
    "kB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "TB": 10**12,
    "KiB": 2**10,
    "MiB": 2**20,
    "GiB": 2**30,
    "TiB": 2**40,
}
_SIZE_WORDS: Mapping[str, str] = {"KB": "kB", "kiB": "KiB"} | {u.lower(): u for u in _SIZES}
_RATES: Mapping[str, int] = {"bit/s": 1, "kbit/s": 10**3, "Mbit/s": 10**6, "Gbit/s": 10**9}
_RATE_WORDS: Mapping[str, str] = {
    "bps": "bit/s",
    "kbps": "kbit/s",
    "Mbps": "Mbit/s",
    "Gbps": "Gbit/s",
} | {u.lower(): u for u in _RATES}

DURATION_UNITS = "ms, s, min, h or d"
SIZE_UNITS = "kB, MB, GB, TB, or KiB, MiB, GiB, TiB"
RATE_UNITS = "kbit/s or Mbit/s"

# Units that mean two things: say so, never guess.
_DURATION_TRAPS: Mapping[str, str] = {
    "m": "'m' could be minutes or milliseconds; write 'min' or 'ms'",
    "M": "write 'min'",
}
_SIZE_TRAPS: Mapping[str, str] = {
    "Kb": "'Kb' is kilobits; write 'kB'",
    "Mb": "'Mb' is megabits; write 'MB'",
    "Gb": "'Gb' is gigabits; write 'GB'",
    "Tb": "'Tb' is terabits; write 'TB'",
    "K": "write 'kB' or 'KiB'",
    "M": "write 'MB' or 'MiB'",
    "G": "write 'GB' or 'GiB'",
    "T": "write 'TB' or 'TiB'",
}


class UnitError(ValueError):
    """A text is not a number with a unit; ``str()`` says what to write instead."""


def _parse(text: str, units: Mapping[str, int], words: Mapping[str, str], traps: Mapping[str, str], help_: str) -> int:
    match = _NUMBER.fullmatch(text) if len(text) <= _MAX_TEXT else None
    if match is None:
        raise UnitError(f"{_shorten(text)} is not a number with a unit ({help_})")
    unit = match["unit"]
    if unit is None:
        raise UnitError(f"{text.strip()!r} has no unit; write {help_}")
    unit = words.get(unit, unit)
    if unit not in units:
        trap = traps.get(unit)
        raise UnitError(f"unknown unit {_shorten(unit)}; {trap or f'write {help_}'}")
    if match["sign"] == "-":
        raise UnitError(f"{text.strip()!r} is negative")
    return round(Fraction(match["number"]) * units[unit])


def _shorten(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:37] + "...")


def _format(value: int, units: list[tuple[str, int]]) -> str:
    """Write ``value`` in the largest unit of ``units`` (largest first) that divides it."""
    for name, factor in units:
        if value % factor == 0 and value:
            return f"{value // factor}{name}"
    return f"{value}{units[-1][0]}"


def parse_duration(text: str) -> DurationNs:
    """Read ``"10s"``, ``"500 ms"``, ``"1.5h"``, ``"10 minutes"``, ``"30d"`` as nanoseconds.

    Raises:
        UnitError: there is no unit, an unknown one, or no number.
    """
    return DurationNs(_parse(text, _DURATIONS, _DURATION_WORDS, _DURATION_TRAPS, DURATION_UNITS))


def format_duration(duration_ns: int) -> str:
    """Write nanoseconds exactly, in the largest unit that needs no fraction: ``"90s"``, ``"10min"``."""
    if duration_ns == 0:
        return "0s"
    return _format(duration_ns, sorted(_DURATIONS.items(), key=lambda item: -item[1]))


def parse_size(text: str) -> int:
    """Read ``"8GB"`` (powers of 1000) or ``"1.5 GiB"`` (powers of 1024) as bytes.

    Raises:
        UnitError: there is no unit, an unknown one, or no number.
    """
    return _parse(text, _SIZES, _SIZE_WORDS, _SIZE_TRAPS, SIZE_UNITS)


def format_size(size: int) -> str:
    """Write bytes exactly, in the unit that needs the fewest digits: ``"1GB"``, ``"512MiB"``, ``"1234B"``."""
    decimal = [(n, f) for n, f in _SIZES.items() if not n.endswith("iB")]
    binary = [(n, f) for n, f in _SIZES.items() if n.endswith("iB") or n == "B"]
    texts = [_format(size, sorted(units, key=lambda item: -item[1])) for units in (decimal, binary)]
    return min(texts, key=lambda text: len(text.rstrip("kKMGTiB")))


def parse_bitrate(text: str) -> int:
    """Read ``"4Mbit/s"``, ``"500 kbit/s"`` or ``"4Mbps"`` as bits per second.

    Raises:
        UnitError: there is no unit, an unknown one, or no number.
    """
    return _parse(text, _RATES, _RATE_WORDS, {}, RATE_UNITS)


def format_bitrate(bits_per_second: int) -> str:
    """Write bits per second exactly: ``"4Mbit/s"``."""
    return _format(bits_per_second, sorted(_RATES.items(), key=lambda item: -item[1]))
