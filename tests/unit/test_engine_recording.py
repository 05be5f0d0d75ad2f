"""A camera's recording, case by case: what goes into which file, and what the ledger is told."""

from __future__ import annotations

import pytest

from evertape.domain.cause import Cause
from evertape.engine.recording import RecordingBranch
from evertape.ipc.events import GapClosed, GapOpened, RecordingStateChanged
from evertape.ipc.messages import Append, CameraSettings
from evertape.media.ring import Ring, VideoMark
from evertape.types import NS_PER_MS, NS_PER_S
from evertape_lab.fake_disk import FRAME_NS, FakeCamera, FakeHost, FakeLink

SETTINGS = CameraSettings(id="cam_01", name="", url="rtsp://x", rotation_ns=600 * NS_PER_S, fragment_ns=200 * NS_PER_MS)


class Bench:
    """One camera that sends, and its recording."""

    def __init__(self, *links: FakeLink, host: FakeHost | None = None) -> None:
        self.host = host or FakeHost(*(links or (FakeLink("usb"),)))
        self.ring = Ring()
        self.branch = RecordingBranch(SETTINGS, self.ring, self.host)
        self.camera = FakeCamera(self.host.hands, self.ring)
        self.branch.capture_back()

    def send(self, count: int = 25, *, key: bool = True) -> None:
        self.camera.send(count, key=key)
        self.branch.pump(self.host.clock.boot_ns())

    def work(self) -> None:
        for link in self.host.fakes.values():
            if link.usable:
                link.work()
        self.branch.pump(self.host.clock.boot_ns())

    def evict(self, count: int = 1) -> None:
        for _ in range(count):
            self.branch.evicted(self.ring.evict())

    def held(self, name: str = "usb") -> list[list[int]]:
        """The numbers of the pictures in each file, in the order of their opening."""
        return [[n for part in file.fragments for n in part] for file in self.host.fakes[name].files.values()]

    def all_gaps(self) -> list[GapClosed]:
        return [event for event in self.host.events if isinstance(event, GapClosed)]

    def gaps(self) -> list[GapClosed]:
        """Those of the time since the first picture."""
        return [gap for gap in self.all_gaps() if gap.cause != Cause.STARTING]

    def open_gaps(self) -> list[GapOpened]:
        closed = {event.gap for event in self.all_gaps()}
        return [e for e in self.host.events if isinstance(e, GapOpened) and e.gap not in closed]


# -- starting and stopping ------------------------------------------------------------------------------------


def test_recording_begins_with_the_last_keyframe_before_the_wish() -> None:
    bench = Bench()
    bench.send(25)
    bench.send(10)
    bench.branch.start("a person")
    bench.send(5, key=False)
    bench.branch.stop("a person")
    bench.work()
    assert bench.held() == [list(range(25, 40))]
    assert bench.branch.idle


def test_fifty_files_are_exact_to_their_frames() -> None:
    bench = Bench()
    expected = []
    for n in range(50):
        bench.send(25)
        bench.branch.start("a person")
        bench.send(n % 24, key=False)
        bench.branch.stop("a person")
        expected.append(list(range(bench.camera.seq - 25 - n % 24, bench.camera.seq)))
        bench.work()
    assert bench.held() == expected
    assert bench.branch.idle


def test_what_an_earlier_file_holds_is_not_recorded_again() -> None:
    bench = Bench()
    bench.branch.start("a person")
    bench.send(10)
    bench.branch.stop("a person")
    bench.branch.start("a person")
    bench.send(10, key=False)
    bench.send(10)
    bench.branch.stop("a person")
    bench.work()
    assert bench.held() == [list(range(10)), list(range(20, 30))]
    # The pause has its causes: somebody stopped, then no keyframe had come.
    assert [(gap.cause, gap.end_utc - gap.start_utc) for gap in bench.all_gaps()][-2:] == [
        (Cause.STOPPED_BY_PERSON, 0),
        (Cause.STARTING, 10 * FRAME_NS),
    ]


def test_a_start_and_stop_without_a_keyframe_between_leaves_no_file() -> None:
    bench = Bench()
    bench.send(10)
    bench.branch.start("a person")
    bench.branch.stop("a person")
    bench.branch.start("a person")
    bench.send(3, key=False)
    bench.branch.stop("a person")
    bench.work()
    assert bench.held() == [list(range(10))]
    assert bench.branch.idle
    assert bench.branch.state == "stopped"


def test_what_was_recorded_before_a_stop_is_written_when_the_storage_returns() -> None:
    usb = FakeLink("usb")
    bench = Bench(usb)
    usb.state = "missing"
    for _ in range(3):
        bench.branch.start("a person")
        bench.send(25)
        bench.branch.stop("a person")
        bench.send(25)
    assert not bench.branch.idle
    assert bench.branch.needed_from == 0
    usb.state = "online"
    bench.send(1)
    bench.work()
    bench.work()
    # Each start takes the keyframe of the GOP that nobody had recorded.
    assert bench.held() == [list(range(25)), list(range(25, 75)), list(range(75, 125))]
    assert bench.branch.idle


def test_a_camera_that_changes_while_the_storage_is_away_is_replayed_into_several_files() -> None:
    usb = FakeLink("usb")
    bench = Bench(usb)
    bench.branch.start("a person")
    bench.send(20)
    usb.vanish()
    bench.branch.volume_failed(bench.host.links["usb"], "missing")
    bench.camera.change_caps()
    bench.send(20)
    bench.branch.capture_lost(Cause.CAMERA_UNREACHABLE)
    bench.camera.reconnect()
    bench.branch.capture_back()
    bench.send(20)
    usb.state = "online"
    bench.host.hands.advance(NS_PER_S)
    bench.branch.stop("a person")
    bench.work()
    assert bench.held()[1:] == [list(range(20)), list(range(20, 40)), list(range(20))]
    assert bench.branch.info(0).frames_lost == 0
    assert bench.branch.idle


# -- where to -------------------------------------------------------------------------------------------------


def test_a_full_primary_is_left_at_the_next_keyframe_and_returned_to() -> None:
    usb, spill = FakeLink("usb"), FakeLink("internal", "spill", 1)
    bench = Bench(usb, spill)
    bench.branch.start("a person")
    bench.send(25)
    usb.state = "full"
    bench.send(10)
    assert len(bench.held("internal")) == 1
    usb.state = "online"
    bench.send(25)
    bench.branch.stop("a person")
    bench.work()
    assert bench.held("usb") == [list(range(25)), list(range(35, 60))]
    assert bench.held("internal") == [list(range(25, 35))]


def test_the_only_volume_is_not_filled_beyond_the_minimum() -> None:
    usb = FakeLink("usb")
    bench = Bench(usb)
    bench.branch.start("a person")
    bench.send(25)
    usb.state = "full"
    bench.send(25)
    assert (bench.branch.state, bench.branch.reason) == ("waiting", Cause.STORAGE_FULL)
    bench.work()
    usb.work()
    assert bench.held() == [list(range(25))]


def test_a_volume_that_does_not_keep_up_is_left_for_one_that_does() -> None:
    usb, spill = FakeLink("usb"), FakeLink("internal", "spill", 1)
    bench = Bench(usb, spill)
    bench.branch.start("a person")
    bench.send(25)
    usb.congested = True
    bench.send(25)
    bench.branch.stop("a person")
    bench.work()
    assert bench.held("usb") == [list(range(25))]
    assert bench.held("internal") == [list(range(25, 50))]


def test_a_disk_that_does_not_read_is_given_no_more_and_what_leaves_the_ring_is_booked_as_its_slowness() -> None:
    usb = FakeLink("usb")
    bench = Bench(usb)
    bench.branch.start("a person")
    bench.send(23)
    usb.queued_bytes = usb.congested = 100 << 20  # type: ignore[assignment]
    for _ in range(4):
        bench.send(25)
    (held,) = bench.held()
    assert held == list(range(20)), "three pictures wait for their fragment"
    bench.evict(2)
    assert bench.held() == [list(range(23))], "what the writer had is not lost with the ring"
    assert bench.branch.info(0).frames_lost == 25
    (gap,) = bench.open_gaps()
    assert gap.cause == Cause.STORAGE_SLOW
    usb.queued_bytes, usb.congested = 0, False
    bench.work()
    assert bench.open_gaps() == [gap], "what becomes durable is older than what was lost"
    bench.work()
    (gap_end,) = (gap for gap in bench.gaps() if gap.cause == Cause.STORAGE_SLOW)
    assert (gap_end.frames_lost, gap_end.end_utc - gap_end.start_utc) == (25, 25 * FRAME_NS)


def test_sixteen_failures_at_one_moment_are_one_failure_of_the_volume() -> None:
    usb = FakeLink("usb")
    host = FakeHost(usb)
    for bench in [Bench(host=host) for _ in range(16)]:
        bench.branch.start("a person")
        bench.send(25)
    usb.vanish("io_error")
    assert host.suspects.failures("usb") == 1


@pytest.mark.parametrize(("errno", "suspect"), [(5, True), (28, True), (27, False), (12, True)])
def test_a_file_that_is_too_large_says_nothing_about_the_volume(errno: int, suspect: bool) -> None:
    usb = FakeLink("usb")
    bench = Bench(usb)
    bench.branch.start("a person")
    bench.send(25)
    usb.fail_oldest("other", errno)
    assert (bench.host.suspects.until("usb") is not None) is suspect


def test_a_file_whose_index_cannot_be_written_disturbs_no_other() -> None:
    usb = FakeLink("usb")
    bench = Bench(usb)
    bench.branch.start("a person")
    bench.send(25)
    bench.branch.commands.split()
    bench.send(25)
    usb.work(close=False)
    writer = bench.branch._active.writer  # type: ignore[union-attr]
    usb.fail_oldest()
    assert bench.branch._active.writer is writer  # type: ignore[union-attr]
    bench.branch.stop("a person")
    bench.work()
    assert bench.held() == [list(range(25)), list(range(25, 50))]


def test_what_left_the_ring_is_remembered_without_its_bytes() -> None:
    usb = FakeLink("usb")
    bench = Bench(usb)
    bench.branch.start("a person")
    for _ in range(4):
        bench.send(25)
    bench.evict(2)
    run = bench.branch._active
    assert run is not None
    assert len(run._departed) == 50
    assert all(isinstance(mark, VideoMark) for mark in run._departed)
    usb.vanish()
    bench.branch.volume_failed(bench.host.links["usb"], "missing")
    assert bench.branch.info(0).frames_lost == 50
    (gap,) = bench.open_gaps()
    assert gap.cause == Cause.STORAGE_MISSING


# -- the ledger -----------------------------------------------------------------------------------------------


def test_a_gap_names_the_event_that_showed_it() -> None:
    bench = Bench()
    bench.branch.start("a person")
    bench.send(25)
    end = int(bench.host.clock.utc_ns()) + FRAME_NS
    bench.branch.capture_lost(Cause.CAMERA_UNREACHABLE, "event-7")
    (gap,) = bench.open_gaps()
    assert (gap.cause, gap.evidence, gap.start_utc) == (Cause.CAMERA_UNREACHABLE, "event-7", end)
    assert (bench.branch.state, bench.branch.reason) == ("recording", "")
    bench.work()
    assert (bench.branch.state, bench.branch.reason) == ("waiting", Cause.CAMERA_UNREACHABLE)


def test_a_trouble_that_is_over_is_not_the_cause_of_a_later_start() -> None:
    bench = Bench()
    bench.branch.capture_lost(Cause.CAMERA_UNREACHABLE)
    bench.branch.capture_back()
    bench.branch.start("a person")
    assert [gap.cause for gap in bench.open_gaps()] == [Cause.STARTING]


def test_a_pause_of_the_camera_within_a_session_is_a_gap() -> None:
    bench = Bench()
    bench.branch.start("a person")
    bench.send(25)
    bench.camera.pause(3 * NS_PER_S)
    bench.send(25, key=False)
    (gap,) = bench.gaps()
    assert (gap.cause, gap.end_utc - gap.start_utc) == (Cause.STREAM_STALLED, 3 * NS_PER_S)


def test_lost_packets_are_a_gap_from_half_a_second_on() -> None:
    bench = Bench()
    bench.branch.start("a person")
    bench.send(25)
    bench.branch.stream_damaged()
    bench.camera.pause(800 * NS_PER_MS)
    bench.send(25, key=False)
    bench.host.hands.advance(2 * NS_PER_S)
    bench.camera.dts += 2 * NS_PER_S
    bench.send(25, key=False)
    (gap,) = bench.gaps()
    assert (gap.cause, gap.end_utc - gap.start_utc) == (Cause.STREAM_DAMAGED, 800 * NS_PER_MS)


@pytest.mark.parametrize("pause_ns", [460 * NS_PER_MS, 960 * NS_PER_MS, 1960 * NS_PER_MS])
def test_a_camera_that_slows_down_has_no_gaps(pause_ns: int) -> None:
    bench = Bench()
    bench.branch.start("a person")
    bench.send(25)
    for _ in range(20):
        bench.camera.pause(pause_ns)
        bench.send(1, key=False)
    assert bench.gaps() == []


def test_a_camera_of_one_picture_in_three_seconds_has_no_gaps() -> None:
    bench = Bench()
    bench.branch.start("a person")
    for _ in range(20):
        bench.send(1)
        bench.camera.pause(3 * NS_PER_S - FRAME_NS)
    assert bench.gaps() == []


def test_an_hour_that_the_clock_skipped_during_an_outage_is_a_gap_of_its_own() -> None:
    bench = Bench()
    bench.branch.start("a person")
    bench.send(25)
    bench.branch.capture_lost(Cause.CAMERA_UNREACHABLE)
    bench.host.hands.advance(NS_PER_S)
    bench.host.hands.step_utc(3600 * NS_PER_S)
    bench.branch.host_clock_stepped(3600 * NS_PER_S)
    bench.host.hands.advance(NS_PER_S)
    bench.camera.reconnect()
    bench.branch.capture_back()
    bench.send(25)
    lengths = [(gap.cause, (gap.end_utc - gap.start_utc) // NS_PER_S) for gap in bench.gaps()]
    assert (Cause.CLOCK_JUMP, 3600) in lengths
    assert all(length <= 3600 for _, length in lengths)


@pytest.mark.parametrize(("offsets", "jumps"), [([3600], 0), ([0, 3600], 1), ([3600, 3601], 0), ([3600, 0, -3600], 2)])
def test_a_camera_clock_that_was_set_is_on_record_one_that_is_wrong_is_not(offsets: list[int], jumps: int) -> None:
    bench = Bench()
    bench.branch.start("a person")
    for offset in offsets:
        bench.send(25)
        bench.branch.camera_clock(offset * NS_PER_S)
    assert [gap.cause for gap in bench.gaps()] == [Cause.CLOCK_JUMP] * jumps


# -- mistakes of our own --------------------------------------------------------------------------------------


def test_a_mistake_that_strikes_once_costs_nothing() -> None:
    usb = FakeLink("usb")
    bench = Bench(usb)
    bench.branch.start("a person")
    bench.send(25)

    def strike(_message: Append) -> None:
        usb.broken = None
        raise RuntimeError("a mistake")

    usb.broken = strike
    bench.send(25)
    bench.branch.stop("a person")
    bench.work()
    assert bench.branch.mistakes == 1
    assert [n for _, n in bench.host.logical_units()] == list(range(50))


def test_footage_that_cannot_be_written_is_booked_and_recording_goes_on_behind_it() -> None:
    usb = FakeLink("usb")
    bench = Bench(usb)
    bench.branch.start("a person")
    bench.send(25)
    bench.work()

    def strike(message: Append) -> None:
        if message.last_video is not None and 50 <= message.last_video < 75:
            raise RuntimeError("a picture that our muxer chokes on")

    usb.broken = strike
    for _ in range(6):
        bench.send(25)
        bench.work()
    bench.branch.stop("a person")
    bench.work()
    assert bench.branch.idle
    held = [n for _, n in bench.host.logical_units()]
    lost = bench.branch.info(0).frames_lost
    assert held[:25] == list(range(25))
    assert held[-25:] == list(range(150, 175))
    assert len(held) == len(set(held))
    assert 25 <= lost <= 75
    causes = {gap.cause for gap in bench.gaps()}
    assert causes == {Cause.INTERNAL_ERROR}


def test_states_are_told_once_each() -> None:
    bench = Bench()
    bench.branch.start("a person")
    bench.send(25)
    bench.send(25)
    bench.branch.stop("a person")
    bench.work()
    states = [event.state for event in bench.host.events if isinstance(event, RecordingStateChanged)]
    assert states == ["waiting", "recording", "stopped"]
