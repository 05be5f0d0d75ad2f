from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from evertape.cli.wording import clock_text, plural, rate_text, size_text, span_text, time_text


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"), (999, "999 B"), (1000, "1 kB"), (1234, "1.23 kB"), (999_499, "999 kB"), (999_500, "1.00 MB"),
        (12_345_678, "12.3 MB"), (123_456_789_000, "123 GB"), (5e12, "5 TB"), (5e18, "5000 PB"),
    ],
)  # fmt: skip
def test_sizes_have_three_digits(size: float, text: str) -> None:
    assert size_text(size) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.04, "0.0 s"), (59.94, "59.9 s"), (60, "1 min 00 s"), (200, "3 min 20 s"), (3720, "1 h 02 min"),
        (90000, "1 d 01 h"),
    ],
)  # fmt: skip
def test_spans_have_two_units(seconds: float, text: str) -> None:
    assert span_text(seconds) == text


def test_rates_and_counts() -> None:
    assert [rate_text(4_000_000), rate_text(999_000), rate_text(0)] == ["4.0 Mbit/s", "999 kbit/s", "0 kbit/s"]
    assert [plural(0, "camera"), plural(1, "camera")] == ["0 cameras", "1 camera"]


def test_instants_are_shown_in_the_given_zone() -> None:
    utc = 1_795_521_600_250_000_000  # 2026-11-24T12:00:00.25Z
    assert time_text(utc, ZoneInfo("Europe/Berlin")) == "2026-11-24 13:00:00.2"
    assert clock_text(utc, ZoneInfo("Asia/Kolkata")) == "17:30:00.2"
