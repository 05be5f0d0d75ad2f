from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from evertape.cli.moments import EXAMPLES, parse_moment
from evertape.errors import UsageError
from evertape.types import NS_PER_S, UtcNs

BERLIN = ZoneInfo("Europe/Berlin")


def at(text: str) -> UtcNs:
    return UtcNs(int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * NS_PER_S)


NOW = at("2026-11-24T12:00:00")  # 13:00 in Berlin


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("now", "2026-11-24T12:00:00"),
        ("10m ago", "2026-11-24T11:50:00"),
        ("10 min ago", "2026-11-24T11:50:00"),
        ("1h 30m ago", "2026-11-24T10:30:00"),
        ("1.5h ago", "2026-11-24T10:30:00"),
        ("2d ago", "2026-11-22T12:00:00"),
        ("12:30", "2026-11-24T11:30:00"),
        ("12:30:05", "2026-11-24T11:30:05"),
        ("today 00:00", "2026-11-23T23:00:00"),
        ("yesterday", "2026-11-22T23:00:00"),
        ("Yesterday 14:00", "2026-11-23T13:00:00"),
        ("2026-07-01 14:00", "2026-07-01T12:00:00"),
        ("2026-07-01T14:00", "2026-07-01T12:00:00"),
        ("2026-07-01", "2026-06-30T22:00:00"),
        ("2026-07-01T14:00:00Z", "2026-07-01T14:00:00"),
        ("2026-07-01 14:00+05:30", "2026-07-01T08:30:00"),
        (" 2026-07-01T14:00:00-0300 ", "2026-07-01T17:00:00"),
    ],
)
def test_a_time_is_understood(text: str, utc: str) -> None:
    assert parse_moment(text, NOW, BERLIN) == at(utc)


def test_a_clock_time_in_the_future_is_yesterdays() -> None:
    assert parse_moment("13:01", NOW, BERLIN) == at("2026-11-23T12:01:00")
    assert parse_moment("13:00", NOW, BERLIN) == NOW


def test_fractions_are_kept_to_the_nanosecond() -> None:
    assert parse_moment("12:30:05.123456789", NOW, BERLIN) == at("2026-11-24T11:30:05") + 123_456_789
    assert parse_moment("2026-07-01T14:00:00.000000001Z", NOW, BERLIN) == at("2026-07-01T14:00:00") + 1


def test_a_time_that_comes_twice_is_the_first() -> None:
    assert parse_moment("2026-10-25 02:30", NOW, BERLIN) == at("2026-10-25T00:30:00")


@pytest.mark.parametrize("text", ["", "soon", "25:00", "12:61", "10 ago", "2026-13-01", "2026-11-24 noon", "1:2"])
def test_what_is_no_time_is_refused_with_examples(text: str) -> None:
    with pytest.raises(UsageError, match="is no time") as caught:
        parse_moment(text, NOW, BERLIN)
    assert "yesterday 14:00" in caught.value.hint


@pytest.mark.parametrize("text", EXAMPLES)
def test_the_examples_are_times(text: str) -> None:
    assert parse_moment(text, NOW) > 0
