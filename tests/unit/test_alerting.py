from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evertape.domain.alerting import (
    Alerted,
    Alerting,
    Notice,
    Severity,
    Terms,
    begin,
    body,
    end,
    settle,
    severity_of,
    subject,
    tick,
    within,
)
from evertape.types import NS_PER_S

NOON, NIGHT = datetime(2026, 11, 24, 12, tzinfo=UTC), datetime(2026, 11, 24, 3, tzinfo=UTC)
TERMS = Terms(group_ns=2 * NS_PER_S)
SLEEP = replace(TERMS, quiet=(time(22), time(6, 30)))


def s(seconds: float) -> int:
    """Nanoseconds; no instant is 0, which means none."""
    return int((1000 + seconds) * NS_PER_S)


def alert(camera: str = "gate", kind: str = "camera_not_recording", at: float = 0, text: str = "") -> Alerted:
    return Alerted(kind, camera, text=text or f"{camera} is not recorded", since=s(at))


def cameras(notice: Notice | None) -> tuple[list[str], list[str]]:
    assert notice is not None
    return [one.camera for one in notice.began], [one.camera for one in notice.ended]


def test_it_is_told_once_after_those_that_belong_to_it_have_come() -> None:
    state = begin(Alerting(), alert("gate"), s(0))
    state = begin(state, alert("yard"), s(1))
    assert tick(state, s(1.9), NOON, TERMS)[1] is None
    state, notice = tick(state, s(2), NOON, TERMS)
    assert cameras(notice) == (["gate", "yard"], [])
    assert tick(state, s(100), NOON, TERMS)[1] is None
    state = begin(state, alert("gate"), s(101))
    assert tick(state, s(200), NOON, TERMS)[1] is None, "the same again is nothing new"


def test_its_end_is_told_with_how_long_it_took() -> None:
    state, _ = tick(begin(Alerting(), alert("gate"), s(0)), s(2), NOON, TERMS)
    state = end(state, alert("gate", text="gate is recorded again"), s(60))
    state, notice = tick(state, s(62), NOON, TERMS)
    assert cameras(notice) == ([], ["gate"])
    assert notice is not None
    assert body(notice) == "✓ gate is recorded again (after 60 s)"
    assert state == Alerting()


def test_what_was_over_before_anybody_could_be_told_is_not_told() -> None:
    state = end(begin(Alerting(), alert(), s(0)), alert(), s(1))
    assert state == Alerting()


def test_what_goes_and_comes_within_a_moment_goes_on() -> None:
    state, _ = tick(begin(Alerting(), alert(), s(0)), s(2), NOON, TERMS)
    state = begin(end(state, alert(), s(10)), alert(), s(11))
    state, notice = tick(state, s(20), NOON, TERMS)
    assert notice is None
    assert [one.over for one in state.active.values()] == [0]


def test_at_night_only_what_is_critical_is_told_and_the_rest_in_the_morning() -> None:
    state = begin(Alerting(), alert("gate"), s(0))
    state = begin(state, alert("", "volume_slow", text="slow"), s(0))
    state, notice = tick(state, s(2), NIGHT, SLEEP)
    assert cameras(notice) == (["gate"], [])
    assert tick(state, s(30), NIGHT, SLEEP)[1] is None
    state, notice = tick(state, s(60), NOON, SLEEP)
    assert notice is not None and [one.kind for one in notice.began] == ["volume_slow"]


def test_who_wants_to_sleep_through_everything_hears_in_the_morning() -> None:
    terms = replace(SLEEP, quiet_all=True)
    state, notice = tick(begin(Alerting(), alert(), s(0)), s(10), NIGHT, terms)
    assert notice is None
    assert cameras(tick(state, s(20), NOON, terms)[1]) == (["gate"], [])


def test_a_night_passes_midnight() -> None:
    span = (time(22), time(6, 30))
    assert [within(span, time(*at)) for at in ((21, 59), (22, 0), (0, 0), (6, 29), (6, 30))] == [
        False, True, True, True, False,
    ]  # fmt: skip
    assert within((time(9), time(17)), time(12)) and not within((time(9), time(17)), time(17))


def test_after_a_time_without_news_what_is_wrong_is_exactly_what_is_said() -> None:
    state, _ = tick(begin(Alerting(), alert("gate"), s(0)), s(2), NOON, TERMS)
    state = settle(state, [alert("yard", at=5)], s(10))
    state, notice = tick(state, s(12), NOON, TERMS)
    assert cameras(notice) == (["yard"], ["gate"])
    assert tick(settle(state, [alert("yard")], s(20)), s(30), NOON, TERMS)[1] is None


def test_a_message_is_short_in_front_and_whole_behind() -> None:
    notice = Notice((alert("gate"), alert("yard")), (), (alert("door"),))
    assert subject(notice, "Shop") == "Shop: not recorded: gate, yard"
    assert body(notice).splitlines() == ["⚠ gate is not recorded", "⚠ yard is not recorded", "", "Still so:", "⚠ door is not recorded"]  # fmt: skip  # noqa: E501
    mixed = Notice((alert("gate"), alert("", "volume_full", text="usb is full")), ())
    assert subject(mixed, "Shop") == "Shop: gate is not recorded (and 1 more)"
    assert mixed.severity is Severity.CRITICAL
    assert severity_of("something_new") is Severity.CRITICAL


CHANGES = st.lists(
    st.tuples(st.sampled_from(["begin", "end"]), st.sampled_from("abc"), st.floats(0, 20), st.booleans()), max_size=30
)


@given(CHANGES, st.booleans())
def test_whatever_happens_people_know_in_the_end_what_is_wrong(
    changes: list[tuple[str, str, float, bool]], asleep: bool
) -> None:
    state, now = Alerting(), s(1)
    known: set[str] = set()
    wrong: set[str] = set()
    terms = SLEEP if asleep else TERMS

    def hear(local: datetime) -> None:
        nonlocal state
        state, notice = tick(state, now, local, terms)
        if notice is not None:
            for one in notice.began:
                assert one.camera not in known, "nothing twice"
                known.add(one.camera)
            for one in notice.ended:
                known.discard(one.camera)

    for what, camera, pause, night in changes:
        now += int(pause * NS_PER_S)
        one = replace(alert(camera), since=now)
        state = (begin if what == "begin" else end)(state, one, now)
        (wrong.add if what == "begin" else wrong.discard)(camera)
        hear(NIGHT if night else NOON)
    for _ in range(3):
        now += 60 * NS_PER_S
        hear(NOON)
    assert known == wrong


@pytest.mark.parametrize("kind", ["recording_behind", "volume_slow", "volume_forecast", "recording_retry"])
def test_what_has_cost_nothing_yet_is_a_warning(kind: str) -> None:
    assert severity_of(kind) is Severity.WARNING
