"""What is taken for a wrong clock, and what is not."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from evertape.domain.clock_correction import LEAST_NS, MARGIN_NS, RELEASED, Correction, Reading, corrections
from evertape.types import NS_PER_S

TODAY = RELEASED + 400 * 86_400 * NS_PER_S
YESTERDAY = TODAY - 86_400 * NS_PER_S
BOOTED_IN_1970 = Reading(20 * NS_PER_S, 20 * NS_PER_S)


def s(seconds: float) -> int:
    return round(seconds * NS_PER_S)


def test_a_box_that_boots_in_1970_is_put_right() -> None:
    stepped = Reading(s(141), TODAY)
    now = Reading(s(200), TODAY + s(59))
    (found,) = corrections([stepped, BOOTED_IN_1970], now, YESTERDAY, told=False)
    assert (found.start, found.end) == (s(20) - MARGIN_NS, s(141) + MARGIN_NS)
    assert found.offset == TODAY - s(141)
    assert found.why == "it stood before what had happened already"


def test_steps_that_several_recorders_saw_are_one() -> None:
    seen = [Reading(s(141) + n * 10_000_000, TODAY + n * 10_000_000) for n in range(4)]
    now = Reading(s(200), TODAY + s(59))
    assert len(corrections([BOOTED_IN_1970, *seen], now, YESTERDAY, told=True)) == 1


def test_a_step_that_nobody_wrote_down_is_noticed_all_the_same() -> None:
    """The recorder was being replaced just then."""
    (found,) = corrections([BOOTED_IN_1970], Reading(s(200), TODAY), YESTERDAY, told=False)
    assert found.end == s(200) + MARGIN_NS


def test_each_of_two_steps_has_its_own_stretch() -> None:
    first, second = Reading(s(100), YESTERDAY - s(9000)), Reading(s(300), TODAY)
    found = corrections([BOOTED_IN_1970, first, second], Reading(s(301), TODAY + s(1)), YESTERDAY, told=False)
    assert [c.offset for c in found] == [TODAY - s(300), TODAY - s(300) - (first.utc - first.boot)]
    assert found[1].start == first.utc - MARGIN_NS


def test_a_clock_that_was_never_told_the_time_is_wrong_once_it_has_been() -> None:
    """As on a box that remembers when it was switched off: not impossible, and minutes late."""
    late, stepped = Reading(s(20), TODAY), Reading(s(80), TODAY + s(960), untold=True)
    now = Reading(s(90), TODAY + s(970))
    assert corrections([late, stepped], now, YESTERDAY, told=False) == []
    (found,) = corrections([late, stepped], now, YESTERDAY, told=True)
    assert (found.offset, found.why) == (s(900), "the machine had not been told the time")


def test_a_step_of_a_clock_that_was_right_moves_nothing() -> None:
    """A virtual machine that was paused for an hour, a person who sets the clock by hand."""
    for step in (3600, -3600, 9):
        for untold in (False, True):
            stepped = Reading(s(80), TODAY + s(60 + step), untold)
            now = Reading(s(90), TODAY + s(70 + step))
            assert corrections([Reading(s(20), TODAY), stepped], now, YESTERDAY, told=not untold) == []


def test_nothing_is_moved_back() -> None:
    """Where a time passes twice, nothing tells afterwards which one was meant."""
    ahead, stepped = Reading(s(20), TODAY + s(9000)), Reading(s(80), TODAY, untold=True)
    assert corrections([ahead, stepped], Reading(s(90), TODAY + s(10)), YESTERDAY, told=True) == []


def test_a_clock_that_still_stands_in_the_past_moves_nothing() -> None:
    stepped, now = Reading(s(80), YESTERDAY - s(100)), Reading(s(90), YESTERDAY - s(90))
    assert corrections([Reading(s(20), RELEASED + s(5)), stepped], now, YESTERDAY, told=False) == []


@given(
    st.lists(st.integers(1, 10_000), min_size=1, max_size=5, unique=True),
    st.lists(st.integers(0, 3 * 86_400 // 20), min_size=5, max_size=5),
    st.integers(0, 20_000),
)
def test_every_moment_of_a_wrong_stretch_lands_where_the_clock_of_now_has_it(
    boots: list[int], offsets: list[int], later: int
) -> None:
    # Steps of less than the least that counts are none: a stretch is moved by what it began with.
    readings = [Reading(s(b), RELEASED + s(20 * o + b)) for b, o in zip(sorted(boots), offsets, strict=False)]
    now = Reading(readings[-1].boot + s(later), RELEASED + s(4 * 86_400) + readings[-1].boot + s(later))
    found = corrections(readings, now, RELEASED + s(4 * 86_400), told=False)
    for at, reading in enumerate(readings):
        if now.offset - reading.offset <= LEAST_NS:
            continue
        until = readings[at + 1].boot if at + 1 < len(readings) else now.boot
        if until == reading.boot:
            continue  # it was never the clock of anything
        for boot in (reading.boot, (reading.boot + until) // 2):
            utc = boot + reading.offset
            assert any(moved(c, utc) == boot + now.offset for c in found)


def moved(correction: Correction, utc: int) -> int | None:
    return utc + correction.offset if correction.start <= utc < correction.end else None
