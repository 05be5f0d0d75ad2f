"""When a person hears of a camera: once per outage, soon, and not for every hiccup."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evertape.domain.camera_events import StreamStatus
from evertape.domain.camera_outage import (
    GRACE,
    PATIENCE,
    SETTLED,
    WELL,
    CameraAlert,
    CameraFacts,
    CameraOutage,
    changed,
    step,
)
from evertape.domain.cause import Cause
from evertape.types import NS_PER_S, BootNs

LOGIN, PATH, IDLE = CameraAlert.LOGIN_REFUSED, CameraAlert.NOT_FOUND, CameraAlert.NOT_RECORDING
GOOD = CameraFacts(True, True, status=StreamStatus.CONNECTED)
REFUSED = CameraFacts(True, False, Cause.AUTH_FAILED, StreamStatus.AUTH_FAILED, Cause.AUTH_FAILED)
NO_PATH = CameraFacts(True, False, Cause.STREAM_NOT_FOUND, StreamStatus.ERROR, Cause.STREAM_NOT_FOUND)
AWAY = CameraFacts(True, False, Cause.CAMERA_UNREACHABLE, StreamStatus.WAITING, Cause.CAMERA_UNREACHABLE)
AGAIN = CameraFacts(True, False, Cause.AUTH_FAILED, StreamStatus.RECONNECTING, Cause.AUTH_FAILED)
STARTING = CameraFacts(True, False, Cause.STARTING, StreamStatus.CONNECTING, Cause.STARTING)
NO_DISK = CameraFacts(True, False, Cause.STORAGE_MISSING, StreamStatus.CONNECTED)
STOPPED = CameraFacts(False, False, status=StreamStatus.CONNECTED)


def live(*spans: tuple[CameraFacts, float], outage: CameraOutage = WELL) -> list[frozenset[CameraAlert]]:
    """What is told, whenever that changes, in a life of facts that last for so many seconds."""
    told, now = [outage.told], 1000 * NS_PER_S
    for facts, seconds in spans:
        for _ in range(round(seconds * 2)):
            outage = step(outage, facts, BootNs(now))
            now += NS_PER_S // 2
            if outage.told != told[-1]:
                told.append(outage.told)
    return told


def test_a_refused_login_is_told_at_once_and_once_however_often_it_is_tried_and_whatever_happens_meanwhile() -> None:
    assert live((REFUSED, 60), (AGAIN, 1), (REFUSED, 60), (AWAY, 30), (AGAIN, 1), (REFUSED, 60), (GOOD, 20)) == [
        frozenset(),
        {LOGIN},
        frozenset(),
    ]


def test_a_login_that_is_taken_at_last_is_not_followed_by_another_alert_until_the_first_picture_is_written() -> None:
    coming = CameraFacts(True, False, Cause.AUTH_FAILED, StreamStatus.RECEIVING)
    assert live((REFUSED, 60), (coming, 1), (GOOD, 10)) == [frozenset(), {LOGIN}, frozenset()]


def test_a_path_that_is_missing_is_told_and_over_when_the_login_is_refused_instead() -> None:
    assert live((NO_PATH, 5), (AGAIN, 1), (NO_PATH, 5), (REFUSED, 5)) == [frozenset(), {PATH}, {LOGIN}]


def test_whatever_keeps_a_camera_from_being_recorded_is_told_once_it_lasts() -> None:
    for facts in (AWAY, NO_DISK):
        assert live((GOOD, 5), (facts, 2.5), (GOOD, 10)) == [frozenset()]
        assert live((GOOD, 5), (facts, 4), (GOOD, 10)) == [frozenset(), {IDLE}, frozenset()]
        outage = step(step(WELL, facts, BootNs(0)), facts, BootNs(GRACE))
        assert outage.told == {IDLE}


def test_a_camera_that_comes_and_goes_is_one_outage() -> None:
    assert live(*((AWAY, 3.5), (GOOD, 3)) * 20, (GOOD, 10)) == [frozenset(), {IDLE}, frozenset()]
    short_of_it = SETTLED / NS_PER_S - 1
    assert live((AWAY, 4), (GOOD, short_of_it), (AWAY, 60)) == [frozenset(), {IDLE}]


def test_a_start_is_given_more_time_and_not_for_ever() -> None:
    assert live((STARTING, PATIENCE / NS_PER_S - 1), (GOOD, 5)) == [frozenset()]
    assert live((STARTING, PATIENCE / NS_PER_S + 2)) == [frozenset(), {IDLE}]


def test_one_that_nobody_wants_recorded_is_told_of_only_if_it_refuses() -> None:
    unwanted = CameraFacts(False, False, Cause.AUTH_FAILED, StreamStatus.AUTH_FAILED, Cause.AUTH_FAILED)
    assert live((STOPPED, 60)) == [frozenset()]
    assert live((unwanted, 60)) == [frozenset(), {LOGIN}]
    assert live((AWAY, 10), (STOPPED, 1)) == [frozenset(), {IDLE}, frozenset()]


def test_what_an_earlier_run_told_is_not_told_again() -> None:
    unknown = CameraFacts(True, False, Cause.STARTING)
    assert live((unknown, 2), (REFUSED, 60), outage=CameraOutage(frozenset({LOGIN}))) == [{LOGIN}]
    assert live((unknown, 2), (AWAY, 60), outage=CameraOutage(frozenset({IDLE}))) == [{IDLE}]
    assert live((unknown, 2), (GOOD, 60), outage=CameraOutage(frozenset({IDLE, LOGIN})))[-1] == frozenset()


def test_changed_settings_end_what_the_camera_answered_to_the_old_ones() -> None:
    assert changed(CameraOutage(frozenset({LOGIN, IDLE}))).told == {IDLE}


@given(
    st.lists(
        st.tuples(
            st.sampled_from([GOOD, REFUSED, NO_PATH, AWAY, AGAIN, STARTING, NO_DISK, STOPPED]), st.integers(1, 40)
        )
    )
)
def test_nobody_is_left_with_an_alert_of_a_camera_that_is_well(spans: list[tuple[CameraFacts, int]]) -> None:
    told = live(*spans, (GOOD, 10))
    assert told[-1] == frozenset()
    assert all(len(alerts & {LOGIN, PATH}) <= 1 for alerts in told)


@pytest.mark.parametrize("facts", [REFUSED, NO_PATH, AWAY, NO_DISK])
def test_a_person_hears_within_five_seconds_of_noticing(facts: CameraFacts) -> None:
    outage = WELL
    for half in range(10):
        outage = step(outage, facts, BootNs(half * NS_PER_S // 2))
    assert outage.told
