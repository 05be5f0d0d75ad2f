"""A camera's wall clock as ``rtspsrc`` tells it: a jump of time stamps is none of the clock's."""

from __future__ import annotations

import pytest

pytest.importorskip("gi")

from evertape.media.gst.intake import SettledClock
from evertape.types import NS_PER_S

START = 1_700_000_000


def believed(*spans: tuple[float, float]) -> list[float]:
    """Seconds at which a buffer's time is believed, four buffers a second; spans of (length, how far ahead)."""
    clock, at, found = SettledClock(), 0.0, []
    for length, ahead in spans:
        end = at + length
        while at < end:
            if clock.believes(int(at * NS_PER_S), int((START + at + ahead) * NS_PER_S)):
                found.append(at)
            at += 0.25
    return found


def test_the_first_time_is_believed_whatever_it_is() -> None:
    assert believed((1, 0)) == believed((1, -86_400)) == [0, 0.25, 0.5, 0.75]


@pytest.mark.parametrize("jump", [3600.0, -80.0, 50.0])
def test_a_jump_of_time_stamps_until_the_next_report_changes_nothing(jump: float) -> None:
    assert believed((5, 0), (8, jump), (5, 0)) == [*believed((5, 0)), *(13 + 0.25 * n for n in range(20))]


def test_a_clock_that_was_set_is_believed_when_it_has_stayed_so() -> None:
    found = believed((5, 0), (30, 3600))
    assert next(at for at in found if at >= 5) == 15
    assert found[-1] == 34.75


def test_a_clock_that_drifts_or_is_corrected_by_a_little_is_followed() -> None:
    assert len(believed(*((0.25, n * 0.5) for n in range(100)))) == 100


def test_two_jumps_in_a_row_are_two() -> None:
    assert [at for at in believed((5, 0), (6, 3600), (6, 7200), (1, 0)) if at >= 5] == [17, 17.25, 17.5, 17.75]
