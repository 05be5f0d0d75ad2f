"""The recording retry as a table, and as a property: it never gives up, and tells a person once."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from evertape.domain.recording_retry import (
    GRACE,
    IDLE,
    Attempt,
    Durable,
    Effect,
    EndAlert,
    Event,
    Failed,
    Idle,
    Opened,
    RaiseAlert,
    Resumed,
    RetryPolicy,
    RetryState,
    Returned,
    Scheduled,
    Waiting,
    step,
)
from evertape.types import NS_PER_MS, NS_PER_S, BootNs, DurationNs

POLICY = RetryPolicy(DurationNs(6 * NS_PER_S), 20)


class Clockwork:
    """The machine, told every 100 ms that nothing takes the footage."""

    def __init__(self, policy: RetryPolicy = POLICY) -> None:
        self.policy = policy
        self.state: RetryState = IDLE
        self.now = 0
        self.effects: list[tuple[int, Effect]] = []

    def tell(self, event: Event) -> list[Effect]:
        self.state, effects = step(self.state, event, BootNs(self.now), self.policy)
        self.effects += [(self.now, effect) for effect in effects]
        return effects

    def wait(self, seconds: float, *, usable: bool = False) -> None:
        end = self.now + int(seconds * NS_PER_S)
        while self.now < end:
            self.now += 100 * NS_PER_MS
            self.tell(Waiting(usable))

    def said(self, kind: type[Effect]) -> list[tuple[float, Effect]]:
        return [(at / NS_PER_S, effect) for at, effect in self.effects if isinstance(effect, kind)]


def test_attempts_follow_every_six_seconds_from_the_moment_that_no_volume_is_left() -> None:
    work = Clockwork()
    work.wait(20)
    assert [at for at, _ in work.said(Scheduled)] == [0.1]
    assert [(round(at, 1), effect) for at, effect in work.said(Attempt)] == [
        (6.1, Attempt(1)),
        (12.1, Attempt(2)),
        (18.1, Attempt(3)),
    ]


def test_a_volume_that_says_it_is_well_is_given_a_second_before_anybody_hears_of_it() -> None:
    work = Clockwork()
    work.wait(1.0, usable=True)
    assert work.effects == []
    work.wait(0.2, usable=True)
    assert len(work.said(Scheduled)) == 1
    assert work.said(Scheduled)[0][0] * NS_PER_S >= GRACE


def test_a_start_at_which_the_volumes_are_not_heard_of_yet_is_no_trouble() -> None:
    work = Clockwork()
    work.wait(0.5, usable=True)
    work.tell(Opened())
    assert work.tell(Durable()) == []
    assert work.state == IDLE


def test_a_volume_that_returns_is_tried_at_once_and_not_asked() -> None:
    work = Clockwork()
    work.wait(2)
    assert work.tell(Returned()) == [Attempt(1, prompted=True)]
    work.wait(5.9)
    assert len(work.said(Attempt)) == 1, "the next one is due six seconds after it"
    assert step(IDLE, Returned(), BootNs(0), POLICY)[1] == [], "nothing waits"


def test_after_twenty_attempts_a_person_is_told_once_and_it_goes_on() -> None:
    work = Clockwork()
    work.wait(6 * 25 + 1)
    ((at, alert),) = work.said(RaiseAlert)
    assert (round(at), alert) == (120, RaiseAlert(20))
    assert len(work.said(Attempt)) == 25
    assert work.tell(Durable()) == [Resumed(25, DurationNs(work.now - 100 * NS_PER_MS)), EndAlert()]
    assert work.state == IDLE
    assert work.tell(Durable()) == [], "it is over once"


def test_opening_a_file_does_not_forget_the_attempts() -> None:
    work = Clockwork()
    work.wait(13)
    work.tell(Opened())
    assert work.state.waiting_since is None
    work.tell(Failed())
    work.wait(0.1)
    assert work.state.attempt == 2
    work.wait(6)
    assert work.state.attempt == 3
    assert len(work.said(Scheduled)) == 1


def test_a_failure_that_another_volume_makes_good_at_once_ends_without_an_attempt() -> None:
    work = Clockwork()
    work.tell(Failed())
    work.now += 300 * NS_PER_MS
    work.tell(Opened())
    assert work.tell(Durable()) == [Resumed(0, DurationNs(300 * NS_PER_MS))]


def test_when_nothing_is_to_be_written_any_more_the_alert_ends() -> None:
    work = Clockwork(RetryPolicy(DurationNs(NS_PER_S), 2))
    work.wait(5)
    assert len(work.said(RaiseAlert)) == 1
    assert work.tell(Idle()) == [EndAlert()]
    assert work.state == IDLE


def test_with_no_attempts_allowed_a_person_is_told_at_once() -> None:
    work = Clockwork(RetryPolicy(DurationNs(NS_PER_S), 0))
    work.wait(0.1)
    assert [effect for _, effect in work.effects] == [Scheduled(), RaiseAlert(0)]


EVENTS = st.sampled_from([Failed(), Waiting(True), Waiting(False), Returned(), Opened(), Durable(), Idle()])


@given(st.lists(st.tuples(EVENTS, st.integers(0, 8 * NS_PER_S)), max_size=60), st.integers(0, 5))
def test_alerts_begin_and_end_in_turn_and_a_wait_is_never_longer_than_the_interval(
    story: list[tuple[Event, int]], most: int
) -> None:
    work = Clockwork(RetryPolicy(DurationNs(6 * NS_PER_S), most))
    for event, pause in story:
        work.now += pause
        work.tell(event)
        due = work.state.next_at
        assert due is None or due <= work.now + work.policy.interval
        if isinstance(event, Waiting) and due is not None:
            assert due > work.now, "a wait always has an end to come"
    alerts = [effect for _, effect in work.effects if isinstance(effect, RaiseAlert | EndAlert)]
    assert all(isinstance(alert, RaiseAlert) == (i % 2 == 0) for i, alert in enumerate(alerts))
