"""When a camera is meant to be recorded, in weeks in which the clocks are put forward and back too."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evertape.config.weekly import ScheduleError, WeeklySpan, parse_span, parse_week, week_text
from evertape.domain.schedule import Schedule, changes, coming, next_change, wanted_at
from evertape.types import NS_PER_S, UtcNs

MINUTE = 60 * NS_PER_S
ZONES = (
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Asia/Seoul",
    "UTC",
    "Pacific/Apia",
    "Africa/Cairo",
)


def at(text: str) -> UtcNs:
    return UtcNs(int(datetime.fromisoformat(text).timestamp()) * NS_PER_S)


def berlin(*spans: str) -> Schedule:
    return Schedule(tuple(map(parse_span, spans)), "Europe/Berlin")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("mon-fri 07:30-19:00", "weekdays 07:30-19:00"),
        ("Sat,Sun 22:00-04:00", "weekend 22:00-04:00"),
        ("daily 0:00-24:00", "daily 00:00-24:00"),
        ("fri - mon 8:00 - 9:00", "mon,fri,sat,sun 08:00-09:00"),
        ("tuesday thu 08:00-09:00", "tue,thu 08:00-09:00"),
        ("tue-thu 08:00-09:00", "tue-thu 08:00-09:00"),
    ],
)
def test_a_span_is_read_as_people_write_it(text: str, shown: str) -> None:
    assert str(parse_span(text)) == shown
    assert parse_span(shown) == parse_span(text)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("mon 08:00", "weekly span"),
        ("", "weekly span"),
        ("foo 08:00-09:00", "'foo' is no day"),
        ("t 08:00-09:00", "'t' is no day"),
        ("mon 08:00-25:00", "no time of day"),
        ("mon 08:61-09:00", "no time of day"),
        ("mon 08:00-08:00", "whole day is 00:00-24:00"),
        ("mon 24:00-08:00", "cannot begin at 24:00"),
    ],
)
def test_what_is_no_span_is_refused_with_what_to_write(text: str, says: str) -> None:
    with pytest.raises(ScheduleError, match=says):
        parse_span(text)


def test_a_week_is_its_spans_and_always_has_none() -> None:
    week = parse_week("mon-fri 07:30-19:00; sat 22:00-04:00;")
    assert week_text(week) == "weekdays 07:30-19:00; sat 22:00-04:00"
    assert parse_week("Always") == ()
    assert week_text(()) == "always"


def test_a_span_over_midnight_belongs_to_the_day_it_begins_on() -> None:
    night = berlin("sat 22:00-04:00")
    assert wanted_at(night, at("2026-11-28T22:00+01:00"))
    assert wanted_at(night, at("2026-11-29T03:59+01:00"))
    assert not wanted_at(night, at("2026-11-29T04:00+01:00"))
    assert not wanted_at(night, at("2026-11-28T03:00+01:00"))
    assert next_change(night, at("2026-11-29T00:00+01:00")) == at("2026-11-29T04:00+01:00")


def test_spans_that_touch_are_one() -> None:
    assert next_change(berlin("mon 00:00-24:00", "tue 00:00-08:00"), at("2026-11-23T12:00+01:00")) == at(
        "2026-11-24T08:00+01:00"
    )


def test_always_never_changes() -> None:
    assert next_change(berlin("daily 00:00-24:00"), at("2026-11-24T12:00+01:00")) is None
    assert wanted_at(berlin("daily 00:00-24:00"), at("2026-10-25T02:30+01:00"))


def test_no_spans_means_never() -> None:
    assert next_change(berlin(), at("2026-11-24T12:00+01:00")) is None
    assert not wanted_at(berlin(), at("2026-11-24T12:00+01:00"))


def test_a_time_that_is_jumped_over_stands_for_the_jump() -> None:
    # 29 March 2026, 02:00 becomes 03:00 (01:00 UTC).
    assert next_change(berlin("sun 02:30-05:00"), at("2026-03-29T00:00+00:00")) == at("2026-03-29T01:00+00:00")
    assert next_change(berlin("sun 00:00-02:30"), at("2026-03-29T00:00+00:00")) == at("2026-03-29T01:00+00:00")


def test_a_span_inside_the_jump_does_not_happen() -> None:
    inside = berlin("sun 02:10-02:50")
    assert next_change(inside, at("2026-03-28T12:00+01:00")) == at("2026-04-05T02:10+02:00")


def test_of_an_hour_that_happens_twice_both_are_recorded() -> None:
    # 25 October 2026, 03:00 becomes 02:00 (01:00 UTC).
    assert next_change(berlin("sun 02:30-05:00"), at("2026-10-25T00:00+00:00")) == at("2026-10-25T00:30+00:00")
    assert next_change(berlin("sun 00:00-02:30"), at("2026-10-25T00:00+00:00")) == at("2026-10-25T01:30+00:00")


spans = st.builds(
    lambda days, start, length: WeeklySpan(frozenset(days), start, start + length),
    st.sets(st.integers(0, 6), min_size=1),
    st.integers(0, 1439),
    st.integers(1, 1440),
)
minutes = st.integers(int(at("2026-01-01T00:00+00:00")) // MINUTE, int(at("2028-01-01T00:00+00:00")) // MINUTE)


def on_the_wall(schedule: Schedule, utc: int) -> bool:
    """By the hands of the clock alone."""
    local = datetime.fromtimestamp(utc // NS_PER_S, ZoneInfo(schedule.zone or "UTC"))
    now = local.hour * 60 + local.minute
    return any(
        (local.weekday() in span.days and span.start <= now < span.end)
        or ((local.weekday() - 1) % 7 in span.days and now + 1440 < span.end)
        for span in schedule.spans
    )


def clocks_change_near(schedule: Schedule, utc: int) -> bool:
    zone, now = ZoneInfo(schedule.zone or "UTC"), datetime.fromtimestamp(utc // NS_PER_S, UTC)
    return len({(now + timedelta(hours=h)).astimezone(zone).utcoffset() for h in range(-52, 53, 2)}) > 1


@given(st.lists(spans, max_size=4), st.sampled_from(ZONES), minutes)
def test_it_is_what_the_clock_on_the_wall_shows_and_never_less(week: list[WeeklySpan], zone: str, minute: int) -> None:
    schedule, utc = Schedule(tuple(week), zone), UtcNs(minute * MINUTE)
    if clocks_change_near(schedule, utc):
        assert wanted_at(schedule, utc) >= on_the_wall(schedule, utc)
    else:
        assert wanted_at(schedule, utc) == on_the_wall(schedule, utc)


@given(st.lists(spans, max_size=4), st.sampled_from(ZONES), minutes)
def test_the_next_change_is_the_next_one(week: list[WeeklySpan], zone: str, minute: int) -> None:
    schedule, utc = Schedule(tuple(week), zone), UtcNs(minute * MINUTE + 1)
    change, now = next_change(schedule, utc), wanted_at(schedule, utc)
    if change is None:
        assert all(wanted_at(schedule, UtcNs(utc + hours * 3600 * NS_PER_S)) == now for hours in range(0, 168, 5))
        return
    assert wanted_at(schedule, change) != now
    assert wanted_at(schedule, UtcNs(change - 1)) == now
    assert wanted_at(schedule, UtcNs((utc + change) // 2)) == now


def test_the_machines_own_zone_is_used_when_none_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    monkeypatch.setenv("TZ", "Asia/Seoul")
    time.tzset()
    try:
        from evertape.domain import schedule

        schedule._instant.cache_clear()
        assert wanted_at(Schedule((parse_span("tue 09:00-10:00"),)), at("2026-11-24T09:30+09:00"))
    finally:
        monkeypatch.undo()
        time.tzset()
        schedule._instant.cache_clear()


WEEK = 7 * 24 * 60 * MINUTE


@given(st.lists(spans, max_size=4), st.sampled_from(ZONES), minutes)
def test_changes_and_spans_of_a_week_say_what_each_moment_says(week: list[WeeklySpan], zone: str, minute: int) -> None:
    schedule, start = Schedule(tuple(week), zone), UtcNs(minute * MINUTE)
    end = UtcNs(start + WEEK)
    edges, asked = changes(schedule, start, end), coming(schedule, start, end)
    for at_ in range(start, end, 97 * MINUTE):
        now = UtcNs(at_)
        wanted = wanted_at(schedule, now)
        assert any(begin <= now < stop for begin, stop in asked) == wanted
        before = [there for when, there in edges if when <= now]
        assert (before[-1] if before else wanted_at(schedule, start)) == wanted
    assert all(begin < stop for begin, stop in asked)


def test_of_very_many_changes_the_newest_are_told() -> None:
    schedule = berlin("daily 06:00-18:00")
    start = at("2026-01-01T00:00+01:00")
    found = changes(schedule, start, UtcNs(start + 52 * WEEK), most=3)
    assert len(found) == 3
    assert found == changes(schedule, start, UtcNs(start + 52 * WEEK))[-3:]
