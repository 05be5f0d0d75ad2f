"""When a person hears of a volume that cannot be used: once per outage, not of a moment, and never flapping."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evertape.domain.volume_outage import GRACE, LONGEST, SETTLED, WELL, is_unusable, step
from evertape.domain.volume_state import VolumeState
from evertape.types import NS_PER_MS, BootNs

TICK_MS = 100


def told(states: list[tuple[float, bool | None]]) -> list[bool]:
    """What is told, at each change, of a volume that is in each of these states for so many seconds."""
    outage, now, changes = WELL, 0, [False]
    for seconds, unusable in states:
        for _ in range(round(seconds * 1000 / TICK_MS)):
            outage = step(outage, unusable, BootNs(now))
            now += TICK_MS * NS_PER_MS
            if outage.told is not changes[-1]:
                changes.append(outage.told)
    return changes[1:]


def test_an_outage_is_told_once_and_is_over_once() -> None:
    assert told([(5, False), (60, True), (10, False)]) == [True, False]


def test_a_disk_that_is_pulled_for_a_moment_rings_no_bell() -> None:
    assert told([(5, False), (0.3, True), (10, False)]) == []


def test_a_plug_that_makes_contact_now_and_then_is_one_outage() -> None:
    flapping = [(0.3, True), (0.4, False)] * 20
    assert told([*flapping, (10, False)]) == [True, False]


def test_two_outages_with_a_time_of_rest_between_them_are_two() -> None:
    assert told([(2, True), (5, False), (2, True), (8, False)]) == [True, False, True, False]


def test_a_volume_that_fails_again_and_again_has_to_be_well_for_longer_each_time() -> None:
    every_six_seconds = [(2, True), (4, False)] * 20
    assert told([*every_six_seconds, (60, False)]) == [True, False, True, False]


def test_a_volume_that_was_well_for_a_minute_begins_anew() -> None:
    twice = [(2, True), (5, False), (2, True), (8, False), (60, False)]
    assert told([*twice, *twice]) == [True, False] * 4


def test_a_disk_process_that_is_replaced_and_knows_nothing_yet_changes_nothing() -> None:
    assert told([(5, True), (3, None), (5, True), (5, False)]) == [True, False]
    assert told([(5, False), (3, None), (5, False)]) == []


def test_an_outage_goes_on_while_nobody_knows() -> None:
    assert told([(0.5, True), (3, None)]) == [True]


@pytest.mark.parametrize("state", list(VolumeState))
def test_what_may_be_written_to_or_is_merely_full_is_no_outage(state: VolumeState) -> None:
    expected = None if state is VolumeState.UNKNOWN else not (state.usable or state is VolumeState.FULL)
    assert is_unusable(state) is expected


def test_a_state_of_a_newer_version_is_an_outage() -> None:
    assert is_unusable("melted") is True


@given(st.lists(st.tuples(st.sampled_from([True, False, None]), st.integers(0, 2 * SETTLED)), max_size=40))
def test_whatever_happens_nobody_is_told_before_the_grace_and_an_end_takes_a_rest(
    news: list[tuple[bool | None, int]],
) -> None:
    outage, now = WELL, 0
    for unusable, wait in news:
        before, now = outage, now + wait
        outage = step(before, unusable, BootNs(now))
        if outage.told and not before.told:
            assert unusable is not False
            assert outage.since is not None
            assert now - outage.since >= GRACE
        if before.told and not outage.told:
            assert before.well_since is not None
            assert now - before.well_since >= before.settles
        assert SETTLED <= outage.settles <= LONGEST
        assert outage.since is not None or not outage.told
