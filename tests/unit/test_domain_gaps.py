from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evertape.domain.cause import Cause
from evertape.domain.gaps import GapBegan, GapEnded, GapRecord, GapTracker
from evertape.types import NS_PER_S, DurationNs, UtcNs

DAY = 1_767_225_600


def at(second: float) -> UtcNs:
    return UtcNs(DAY * NS_PER_S + round(second * NS_PER_S))


def began(number: int, cause: Cause, start: float, evidence: str = "") -> GapBegan:
    return GapBegan(number, cause, at(start), evidence)


def ended(number: int, cause: Cause, start: float, end: float, frames: int | None = None) -> GapEnded:
    return GapEnded(number, cause, at(start), at(end), frames)


def recording() -> GapTracker:
    """Meant to record since second 0, with footage from 1 to 10."""
    tracker = GapTracker()
    assert tracker.wish_on(at(0)) == [began(1, Cause.STARTING, 0)]
    assert tracker.held(at(1), at(10)) == [ended(1, Cause.STARTING, 0, 1)]
    return tracker


# -- the head -----------------------------------------------------------------------------------------------------


def test_a_gap_reaches_from_the_end_of_the_last_unit_to_the_start_of_the_next() -> None:
    """Noticed late, closed exactly."""
    tracker = recording()
    assert tracker.capture_lost(at(14), Cause.STREAM_STALLED, "ev-7") == [began(2, Cause.STREAM_STALLED, 10, "ev-7")]
    assert tracker.held(at(31.5), at(32)) == [ended(2, Cause.STREAM_STALLED, 10, 31.5)]
    assert tracker.head is None


def test_another_cause_divides_the_gap_and_the_same_one_does_not() -> None:
    tracker = recording()
    tracker.capture_lost(at(11), Cause.CAMERA_UNREACHABLE)
    assert tracker.capture_lost(at(15), Cause.CAMERA_UNREACHABLE) == []
    assert tracker.capture_lost(at(20), Cause.AUTH_FAILED, "ev-9") == [
        ended(2, Cause.CAMERA_UNREACHABLE, 10, 20),
        began(3, Cause.AUTH_FAILED, 20, "ev-9"),
    ]


def test_a_manual_stop_is_a_gap_from_the_last_frame_on() -> None:
    tracker = recording()
    assert tracker.wish_off(at(10.02)) == [began(2, Cause.STOPPED_BY_PERSON, 10)]
    assert not tracker.wanted
    assert tracker.capture_lost(at(12), Cause.CAMERA_UNREACHABLE) == [], "nobody misses it"
    assert tracker.wish_on(at(20)) == [
        ended(2, Cause.STOPPED_BY_PERSON, 10, 20),
        began(3, Cause.CAMERA_UNREACHABLE, 20),
    ]


def test_a_stop_while_the_camera_is_away_divides_the_gap() -> None:
    tracker = recording()
    tracker.capture_lost(at(11), Cause.CAMERA_UNREACHABLE)
    assert tracker.wish_off(at(15), Cause.OUTSIDE_SCHEDULE) == [
        ended(2, Cause.CAMERA_UNREACHABLE, 10, 15),
        began(3, Cause.OUTSIDE_SCHEDULE, 15),
    ]
    assert tracker.wish_off(at(16), Cause.OUTSIDE_SCHEDULE) == []
    assert tracker.wish_off(at(17)) == [
        ended(3, Cause.OUTSIDE_SCHEDULE, 15, 17),
        began(4, Cause.STOPPED_BY_PERSON, 17),
    ]


def test_a_camera_that_came_back_while_nobody_wanted_it_is_forgiven() -> None:
    tracker = recording()
    tracker.wish_off(at(10))
    tracker.capture_lost(at(12), Cause.CAMERA_UNREACHABLE)
    tracker.capture_back()
    assert tracker.wish_on(at(20))[1] == began(3, Cause.STARTING, 20)


def test_a_start_with_the_first_unit_at_hand_leaves_no_gap_of_its_own() -> None:
    """The ring holds the keyframe from before the wish."""
    tracker = recording()
    tracker.wish_off(at(10))
    assert tracker.held(at(19.2), at(20)) == [ended(2, Cause.STOPPED_BY_PERSON, 10, 19.2)]
    assert tracker.wish_on(at(20)) == []
    assert tracker.wanted
    assert tracker.held(at(20), at(20.5)) == []


def test_a_first_unit_from_before_the_gap_leaves_one_of_no_length() -> None:
    tracker = GapTracker()
    tracker.wish_on(at(5))
    assert tracker.held(at(4.2), at(6)) == [ended(1, Cause.STARTING, 5, 5)]


def test_after_a_crash_the_gap_begins_at_the_watermark() -> None:
    tracker = GapTracker(covered_until=at(100))
    assert tracker.wish_on(at(101), Cause.PROCESS_CRASH) == [began(1, Cause.PROCESS_CRASH, 100)]
    assert tracker.held(at(102.4), at(103)) == [ended(1, Cause.PROCESS_CRASH, 100, 102.4)]


def test_a_camera_nobody_ever_wanted_has_no_gaps() -> None:
    tracker = GapTracker()
    assert tracker.capture_lost(at(3), Cause.CAMERA_UNREACHABLE) == []
    assert tracker.wish_on(at(5)) == [began(1, Cause.CAMERA_UNREACHABLE, 5)]


def test_a_start_after_a_stop_is_starting_until_the_first_unit() -> None:
    tracker = recording()
    tracker.wish_off(at(10))
    assert tracker.wish_on(at(20)) == [ended(2, Cause.STOPPED_BY_PERSON, 10, 20), began(3, Cause.STARTING, 20)]


def test_wishing_twice_is_wishing_once() -> None:
    tracker = recording()
    assert tracker.wish_on(at(10)) == []
    assert GapTracker().wish_off(at(3)) == [began(1, Cause.STOPPED_BY_PERSON, 3)]


def test_pictures_that_never_arrived_are_a_gap_if_they_are_many() -> None:
    tracker = recording()
    assert tracker.held(at(10.4), at(11), missing=DurationNs(4 * NS_PER_S // 10)) == []
    assert tracker.held(at(13), at(14), missing=DurationNs(2 * NS_PER_S)) == [
        began(2, Cause.STREAM_DAMAGED, 11),
        ended(2, Cause.STREAM_DAMAGED, 11, 13),
    ]


# -- the clock ----------------------------------------------------------------------------------------------------


def test_a_corrected_estimate_of_utc_is_no_gap() -> None:
    tracker = recording()
    assert tracker.held(at(12), at(13)) == []
    assert tracker.held(at(11), at(12)) == []


def test_units_that_jump_an_hour_ahead_leave_a_gap_of_the_clock() -> None:
    tracker = recording()
    assert tracker.held(at(3610), at(3611)) == [
        began(2, Cause.CLOCK_JUMP, 10),
        ended(2, Cause.CLOCK_JUMP, 10, 3610),
    ]
    assert tracker.held(at(3611), at(3612)) == []


def test_units_that_jump_an_hour_back_leave_an_instant_and_go_on_from_there() -> None:
    tracker = recording()
    assert tracker.held(at(-3590), at(-3589)) == [
        began(2, Cause.CLOCK_JUMP, 10),
        ended(2, Cause.CLOCK_JUMP, 10, 10),
    ]
    assert tracker.capture_lost(at(-3580), Cause.CAMERA_UNREACHABLE) == [began(3, Cause.CAMERA_UNREACHABLE, -3589)]


@pytest.mark.parametrize("offset, jump_end", [(3600, 3615), (-3600, 15)])
def test_a_step_during_a_gap_is_set_apart(offset: int, jump_end: int) -> None:
    tracker = recording()
    tracker.capture_lost(at(11), Cause.CAMERA_UNREACHABLE, "ev-1")
    assert tracker.clock_stepped(at(15 + offset), DurationNs(offset * NS_PER_S)) == [
        ended(2, Cause.CAMERA_UNREACHABLE, 10, 15),
        began(3, Cause.CLOCK_JUMP, 15),
        ended(3, Cause.CLOCK_JUMP, 15, jump_end),
        began(4, Cause.CAMERA_UNREACHABLE, 15 + offset, "ev-1"),
    ]


def test_a_step_while_units_come_shows_in_the_units() -> None:
    assert recording().clock_stepped(at(3610), DurationNs(3600 * NS_PER_S)) == []


def test_an_instant_is_opened_and_closed_in_one() -> None:
    assert recording().instant(at(5), Cause.CLOCK_JUMP) == [
        began(2, Cause.CLOCK_JUMP, 5),
        ended(2, Cause.CLOCK_JUMP, 5, 5),
    ]


# -- the tail -----------------------------------------------------------------------------------------------------


def test_footage_that_no_volume_took_is_one_gap_with_exact_bounds_and_a_count() -> None:
    """B13."""
    tracker = recording()
    tracker.held(at(10), at(20))
    assert tracker.lost(at(1), at(2), 25, Cause.STORAGE_MISSING, "ev-3") == [began(2, Cause.STORAGE_MISSING, 1, "ev-3")]
    assert tracker.lost(at(2), at(3), 25, Cause.STORAGE_MISSING) == []
    assert tracker.tail_until == at(3)
    assert tracker.storage_back() == [ended(2, Cause.STORAGE_MISSING, 1, 3, 50)]
    assert tracker.storage_back() == []
    assert tracker.head is None


def test_losses_of_different_causes_are_different_gaps() -> None:
    tracker = recording()
    tracker.lost(at(1), at(2), 25, Cause.STORAGE_MISSING)
    assert tracker.lost(at(2), at(3), 24, Cause.STORAGE_FULL) == [
        ended(2, Cause.STORAGE_MISSING, 1, 2, 25),
        began(3, Cause.STORAGE_FULL, 2),
    ]


def test_losses_that_overlap_by_the_noise_of_a_clock_do_not_overlap_as_gaps() -> None:
    tracker = recording()
    tracker.lost(at(1), at(2.2), 25, Cause.STORAGE_MISSING)
    tracker.lost(at(2), at(2.1), 2, Cause.STORAGE_MISSING)
    assert tracker.tail_until == at(2.2)
    assert tracker.lost(at(2.1), at(3), 25, Cause.STORAGE_FULL) == [
        ended(2, Cause.STORAGE_MISSING, 1, 2.2, 27),
        began(3, Cause.STORAGE_FULL, 2.2),
    ]


def test_losses_before_and_after_an_outage_do_not_swallow_it() -> None:
    tracker = recording()
    tracker.capture_lost(at(10.2), Cause.CAMERA_UNREACHABLE)
    tracker.held(at(10.3), at(12))
    tracker.lost(at(9), at(10), 25, Cause.STORAGE_MISSING)
    assert tracker.lost(at(10.3), at(12), 40, Cause.STORAGE_MISSING) == [
        ended(3, Cause.STORAGE_MISSING, 9, 10, 25),
        began(4, Cause.STORAGE_MISSING, 10.3),
    ]


def test_losses_across_a_clock_set_back_have_their_own_bounds() -> None:
    tracker = recording()
    tracker.held(at(-3590), at(-3580))
    tracker.lost(at(9), at(10), 25, Cause.STORAGE_MISSING)
    assert tracker.lost(at(-3590), at(-3589), 25, Cause.STORAGE_MISSING) == [
        ended(4 - 1, Cause.STORAGE_MISSING, 9, 10, 25),
        began(4, Cause.STORAGE_MISSING, -3590),
    ]
    assert tracker.storage_back() == [ended(4, Cause.STORAGE_MISSING, -3590, -3589, 25)]


# -- against brute force ------------------------------------------------------------------------------------------


@dataclass
class Recorder:
    """A recorder in ticks, with an array of what became of each tick, and a tracker that only hears events."""

    tick_ns: int
    reach: int
    tracker: GapTracker = field(default_factory=GapTracker)
    records: list[GapRecord] = field(default_factory=list)
    fate: list[str] = field(default_factory=list)
    pending: list[int] = field(default_factory=list)
    camera_up = False
    broken = True
    """The session is over, and the recorder has not said so yet."""
    wanted = False
    storage = "up"

    def utc(self, tick: int) -> UtcNs:
        return UtcNs(at(0) + tick * self.tick_ns)

    def do(self, action: str) -> None:
        now = self.utc(len(self.fate))
        match action:
            case "wish":
                self.records += self.tracker.wish_on(now)
                self.wanted = True
            case "unwish":
                self.records += self.tracker.wish_off(now)
                self.wanted = False
            case "camera_down":
                self.camera_up, self.broken = False, True
            case "camera_up":
                self.camera_up = True
            case "blip":
                self.do("camera_down")
                self.tick()
                self.camera_up = True
            case "notice" if not self.camera_up:
                self.records += self.tracker.capture_lost(now, Cause.CAMERA_UNREACHABLE)
                self.broken = False
            case "refused" if not self.camera_up:
                self.records += self.tracker.capture_lost(now, Cause.AUTH_FAILED)
                self.broken = False
            case "missing" | "full" | "up":
                self.storage = action

    def tick(self) -> None:
        if self.camera_up and self.broken:
            # A new session means that the end of the last one was noticed, at the latest now.
            self.records += self.tracker.capture_lost(self.utc(len(self.fate)), Cause.CAMERA_UNREACHABLE)
            self.broken = False
        if self.camera_up:
            self.tracker.capture_back()
        now, then = self.utc(len(self.fate)), self.utc(len(self.fate) + 1)
        if self.camera_up and self.wanted:
            self.records += self.tracker.held(now, then)
            self.pending.append(len(self.fate))
            self.fate.append("held")
        else:
            self.fate.append("nothing")
        if self.storage == "up":
            self.records += self.tracker.storage_back()
            self.pending.clear()
        while len(self.pending) > self.reach:
            tick = self.pending.pop(0)
            cause = Cause.STORAGE_MISSING if self.storage == "missing" else Cause.STORAGE_FULL
            self.fate[tick] = cause.value
            self.records += self.tracker.lost(self.utc(tick), self.utc(tick + 1), 1, cause)

    def gaps(self) -> list[tuple[int, int, Cause, int | None]]:
        """All gaps in ticks, open ones up to now; every one that ended had begun just so."""
        open_gaps: dict[int, GapBegan] = {}
        found: list[tuple[int, int, Cause, int | None]] = []
        for record in self.records:
            if isinstance(record, GapBegan):
                assert record.number not in open_gaps
                open_gaps[record.number] = record
            else:
                start = open_gaps.pop(record.number)
                assert (start.cause, start.start_utc) == (record.cause, record.start_utc)
                found.append((record.start_utc, record.end_utc, record.cause, record.frames_lost))
        for gap in (self.tracker.head, self.tracker.tail):
            if gap is not None:
                assert open_gaps.pop(gap.number) == gap
                end = self.utc(len(self.fate)) if gap is self.tracker.head else self.tracker.tail_until
                assert end is not None
                found.append((gap.start_utc, end, gap.cause, None))
        assert not open_gaps, "forgotten"
        return found


ACTIONS = ("wish", "unwish", "camera_down", "camera_up", "blip", "notice", "refused", "missing", "full", "up")


@settings(max_examples=400, deadline=None)
@given(
    st.lists(st.tuples(st.lists(st.sampled_from(ACTIONS), max_size=2), st.integers(1, 8)), min_size=1, max_size=25),
    st.integers(0, 12),
    st.sampled_from((NS_PER_S // 25, NS_PER_S // 5, NS_PER_S, 7 * NS_PER_S)),
    st.sampled_from(("up", "missing")),
    st.booleans(),
)
def test_gaps_and_footage_tile_the_time_without_hole_or_overlap(
    life: list[tuple[list[str], int]], reach: int, tick_ns: int, storage: str, up: bool
) -> None:
    recorder = Recorder(tick_ns, reach)
    recorder.storage, recorder.camera_up = storage, up
    recorder.do("wish")
    for actions, ticks in life:
        for action in actions:
            recorder.do(action)
        for _ in range(ticks):
            recorder.tick()
    gaps = recorder.gaps()
    if recorder.camera_up is False and recorder.tracker.head is None:
        # The camera is gone, and nobody has noticed yet.
        recorder.do("notice")
        gaps = recorder.gaps()
    for tick, fate in enumerate(recorder.fate):
        inside = [g for g in gaps if g[0] < recorder.utc(tick + 1) and g[1] > recorder.utc(tick)]
        if fate == "held":
            assert not inside, f"tick {tick} is footage and gap"
        else:
            assert len(inside) == 1, f"tick {tick} is {fate}, in {len(inside)} gaps"
            ((start, end, cause, _),) = inside
            assert start <= recorder.utc(tick)
            assert end >= recorder.utc(tick + 1)
            assert (cause.value == fate) if fate != "nothing" else not cause.value.startswith("storage")
    for start, end, _, frames in gaps:
        assert start <= end
        assert frames is None or frames * tick_ns == end - start


@given(st.lists(st.sampled_from(ACTIONS), max_size=40))
def test_a_tracker_numbers_its_gaps_in_order(actions: list[str]) -> None:
    recorder = Recorder(NS_PER_S, 3)
    for action in actions:
        recorder.do(action)
        recorder.tick()
    numbers = [r.number for r in recorder.records if isinstance(r, GapBegan)]
    assert numbers == list(range(1, len(numbers) + 1))
