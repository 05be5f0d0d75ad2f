from __future__ import annotations

import contextlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evertape.config.units import (
    UnitError,
    format_bitrate,
    format_duration,
    format_size,
    parse_bitrate,
    parse_duration,
    parse_size,
)


@pytest.mark.parametrize(
    "text,expected",
    [
        ("10s", 10_000_000_000),
        ("500ms", 500_000_000),
        ("10 min", 600_000_000_000),
        ("10min", 600_000_000_000),
        ("  2h ", 7_200_000_000_000),
        ("30d", 30 * 86_400_000_000_000),
        ("1.5h", 5_400_000_000_000),
        (".5s", 500_000_000),
        ("0s", 0),
        ("+3 seconds", 3_000_000_000),
        ("7us", 7_000),
        ("7\u00b5s", 7_000),
        ("0.1ns", 0),
    ],
)
def test_a_duration_reads_as_nanoseconds(text: str, expected: int) -> None:
    assert parse_duration(text) == expected


@pytest.mark.parametrize(
    "text,expected",
    [
        ("8GB", 8_000_000_000),
        ("512MiB", 512 * 2**20),
        ("1.5 GiB", 3 * 2**29),
        ("1kB", 1000),
        ("1KB", 1000),
        ("1 tb", 10**12),
        ("7B", 7),
    ],
)
def test_a_size_reads_as_bytes(text: str, expected: int) -> None:
    assert parse_size(text) == expected


@pytest.mark.parametrize("text,expected", [("4Mbit/s", 4_000_000), ("500 kbit/s", 500_000), ("2.5Mbps", 2_500_000)])
def test_a_bit_rate_reads_as_bits_per_second(text: str, expected: int) -> None:
    assert parse_bitrate(text) == expected


@pytest.mark.parametrize(
    "parse,text,said",
    [
        (parse_duration, "10", "'10' has no unit; write ms, s, min, h or d"),
        (parse_duration, "10m", "write 'min' or 'ms'"),
        (parse_duration, "10 parsecs", "unknown unit 'parsecs'"),
        (parse_duration, "-3s", "is negative"),
        (parse_duration, "", "'' is not a number with a unit"),
        (parse_duration, "soon", "'soon' is not a number with a unit"),
        (parse_duration, "1,5h", "is not a number with a unit"),
        (parse_duration, "1h30min", "unknown unit"),
        (parse_duration, "\u0663s", "is not a number with a unit"),
        (parse_duration, "9" * 1000 + "s", "..."),
        (parse_size, "8", "'8' has no unit; write kB, MB, GB"),
        (parse_size, "8Gb", "'Gb' is gigabits; write 'GB'"),
        (parse_size, "8G", "write 'GB' or 'GiB'"),
        (parse_bitrate, "4MB/s", "unknown unit 'MB/s'; write kbit/s or Mbit/s"),
    ],
)
def test_what_is_no_quantity_is_refused_by_saying_what_to_write(
    parse: Callable[[str], int], text: str, said: str
) -> None:
    with pytest.raises(UnitError) as caught:
        parse(text)
    assert said in str(caught.value)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    "value,expected",
    [(0, "0s"), (90_000_000_000, "90s"), (600_000_000_000, "10min"), (500_000_000, "500ms"), (1, "1ns")],
)
def test_a_duration_is_written_in_the_largest_unit_without_a_fraction(value: int, expected: str) -> None:
    assert format_duration(value) == expected


@pytest.mark.parametrize(
    "value,expected", [(0, "0B"), (10**9, "1GB"), (2**30, "1GiB"), (2**29, "512MiB"), (1234, "1234B"), (1024, "1KiB")]
)
def test_a_size_is_written_in_the_shortest_exact_form(value: int, expected: str) -> None:
    assert format_size(value) == expected


@given(st.integers(min_value=0, max_value=2**70))
def test_what_is_written_reads_back_as_the_same_number(value: int) -> None:
    assert parse_duration(format_duration(value)) == value
    assert parse_size(format_size(value)) == value
    assert parse_bitrate(format_bitrate(value)) == value


@given(st.text(max_size=80))
def test_any_text_is_a_quantity_or_a_unit_error(text: str) -> None:
    for parse in (parse_duration, parse_size, parse_bitrate):
        with contextlib.suppress(UnitError):
            assert parse(text) >= 0
