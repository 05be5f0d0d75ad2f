from collections import Counter
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evertape.domain.watchdog import PipelineWatchdog, Trouble, Verdict, WatchdogPolicy
from evertape.types import NS_PER_MS, NS_PER_S, BootNs, DurationNs

START = 1000.0


def boot(second: float) -> BootNs:
    return BootNs(round(second * NS_PER_S))


@dataclass
class Lab:
    """Cameras that send on schedule, and an owner that asks when it is told to."""

    dog: PipelineWatchdog[str] = field(default_factory=PipelineWatchdog)
    now: float = START
    pts: dict[str, float] = field(default_factory=dict)
    verdicts: list[Verdict[str]] = field(default_factory=list)

    def open(self, *cameras: str) -> None:
        for camera in cameras:
            self.dog.opened(camera, boot(self.now))
            self.pts[camera] = 0.0

    def run(self, seconds: float, *cameras: str, fps: float = 25, gop: float = 1, speed: float = 1) -> None:
        """``cameras`` send, all others are silent; ``gop`` 0: no keyframe; ``speed``: of the time stamps."""
        due = 0
        for batch in range(1, round(seconds * 5) + 1):
            self.now += 0.2
            for camera in cameras:
                self.pts[camera] += 0.2 * speed
                units = round(batch * 0.2 * fps) - round((batch - 1) * 0.2 * fps)
                key = bool(gop) and units > 0 and int(batch * 0.2 / gop) >= due
                due = int(batch * 0.2 / gop) + 1 if key and camera == cameras[-1] else due
                self.dog.feed(camera, boot(self.now), units, key=key, pts_ns=round(self.pts[camera] * NS_PER_S))
            deadline = self.dog.next_deadline()
            if deadline is not None and deadline <= boot(self.now):
                self.verdicts += self.dog.due(boot(self.now))

    def troubles(self) -> list[tuple[str, Trouble]]:
        return [(v.stream, v.trouble) for v in self.verdicts]


def test_silence_is_noticed_after_the_stall_timeout_and_not_before() -> None:
    lab = Lab()
    lab.open("a")
    lab.run(20, "a")
    assert lab.verdicts == []
    lab.run(3.8)
    assert lab.verdicts == []
    lab.run(0.4)
    assert lab.verdicts == [Verdict("a", Trouble.STALLED, "no picture for 4.0 s")]


def test_only_the_silent_camera_is_named() -> None:
    lab = Lab()
    lab.open("a", "b", "c")
    lab.run(10, "a", "b", "c")
    lab.run(10, "a", "c")
    assert lab.troubles() == [("b", Trouble.STALLED)]


def test_a_stalled_stream_is_reported_once_and_watched_again_when_reopened() -> None:
    lab = Lab()
    lab.open("a")
    lab.run(2, "a")
    lab.run(60)
    assert lab.troubles() == [("a", Trouble.STALLED)]
    assert lab.dog.next_deadline() is None
    lab.open("a")
    lab.run(2, "a")
    lab.run(10)
    assert lab.troubles() == [("a", Trouble.STALLED)] * 2


def test_the_first_unit_may_take_as_long_as_a_long_gop() -> None:
    lab = Lab()
    lab.open("a")
    lab.run(19.8)
    assert lab.verdicts == []
    lab.run(0.4)
    assert [v.text for v in lab.verdicts] == ["no first picture for 20.0 s"]


def test_after_the_first_unit_the_short_timeout_counts_at_once() -> None:
    lab = Lab()
    lab.open("a")
    lab.run(0.2, "a")
    lab.run(4.0)
    assert lab.troubles() == [("a", Trouble.STALLED)]


def test_a_closed_stream_is_not_missed() -> None:
    lab = Lab()
    lab.open("a")
    lab.run(1, "a")
    lab.dog.closed("a")
    lab.run(60)
    assert lab.verdicts == []
    lab.dog.closed("never heard of")


def test_units_of_a_stream_nobody_watches_are_ignored() -> None:
    dog: PipelineWatchdog[str] = PipelineWatchdog()
    dog.feed("x", boot(1), 5, key=True, pts_ns=0)
    assert dog.next_deadline() is None


def test_each_camera_may_have_its_own_patience() -> None:
    lab = Lab()
    lab.dog.opened("slow", boot(lab.now), WatchdogPolicy(stall_timeout=DurationNs(30 * NS_PER_S)))
    lab.pts["slow"] = 0
    lab.run(1, "slow")
    lab.run(29.6)
    assert lab.verdicts == []
    lab.run(0.6)
    assert lab.troubles() == [("slow", Trouble.STALLED)]
    lab.open("slow")
    lab.run(1, "slow")
    lab.run(4.2)
    assert lab.troubles() == [("slow", Trouble.STALLED)] * 2


def test_reopening_a_hundred_times_leaves_nothing_behind() -> None:
    lab = Lab()
    for _ in range(100):
        lab.open("a")
    lab.run(30, "a")
    assert lab.verdicts == []
    assert len(lab.dog._heap) <= 2


def test_frames_without_a_keyframe_are_noticed_once_until_one_comes() -> None:
    lab = Lab()
    lab.open("a")
    lab.run(3, "a")
    lab.run(59, "a", gop=0)
    assert lab.verdicts == []
    lab.run(80, "a", gop=0)
    assert lab.troubles() == [("a", Trouble.NO_KEYFRAME)]
    lab.run(3, "a")
    lab.run(450, "a", gop=0)
    assert lab.troubles() == [("a", Trouble.NO_KEYFRAME)] * 2


def test_a_camera_that_saves_keyframes_in_a_quiet_scene_is_left_alone() -> None:
    lab = Lab()
    lab.open("a")
    lab.run(100, "a", gop=30)
    lab.run(78, "a", gop=0)
    assert lab.verdicts == []
    lab.run(20, "a", gop=0)
    assert lab.troubles() == [("a", Trouble.NO_KEYFRAME)]


def test_time_stamps_that_stand_still_are_noticed_once() -> None:
    lab = Lab()
    lab.open("a")
    lab.run(10, "a")
    lab.run(20, "a", speed=0)
    assert lab.troubles() == [("a", Trouble.CLOCK_STANDS)]
    lab.run(10, "a")
    lab.run(10, "a", speed=0.05)
    assert lab.troubles() == [("a", Trouble.CLOCK_STANDS)] * 2


@pytest.mark.parametrize("fps", [1, 0.5])
def test_one_picture_a_second_or_two_is_a_stream_like_any_other(fps: float) -> None:
    lab = Lab()
    lab.open("a")
    lab.run(100, "a", fps=fps, gop=4)
    assert lab.verdicts == []


def test_a_rate_below_half_is_noticed_once_and_its_return_too() -> None:
    lab = Lab()
    lab.open("a")
    lab.run(60, "a", fps=25)
    lab.run(30, "a", fps=15)
    assert lab.verdicts == []
    lab.run(40, "a", fps=8)
    assert lab.troubles() == [("a", Trouble.RATE_LOW)]
    lab.run(40, "a", fps=25)
    assert lab.troubles() == [("a", Trouble.RATE_LOW), ("a", Trouble.RATE_BACK)]


def test_a_camera_that_was_set_to_fewer_pictures_is_accepted_in_time() -> None:
    lab = Lab()
    lab.open("a")
    lab.run(3600, "a", fps=25)
    lab.run(1200, "a", fps=10)
    assert lab.troubles() == [("a", Trouble.RATE_LOW), ("a", Trouble.RATE_BACK)]


def test_a_thousand_well_cameras_are_looked_at_a_few_times_a_second_not_at_each_batch() -> None:
    dog: PipelineWatchdog[int] = PipelineWatchdog()
    looks: Counter[str] = Counter()
    judge = dog._judge

    def counted(*args: object) -> list[Verdict[int]]:
        looks["n"] += 1
        return judge(*args)  # type: ignore[arg-type]

    dog._judge = counted  # type: ignore[method-assign]
    for camera in range(1000):
        dog.opened(camera, boot(START))
    for batch in range(50):
        now = boot(START + batch * 0.2)
        for camera in range(1000):
            dog.feed(camera, now, 5, key=batch % 5 == 0, pts_ns=batch * 200 * NS_PER_MS)
        assert dog.due(now) == []
    # 10 s: each camera at its stall time-outs and the ends of its windows.
    assert 2000 <= looks["n"] <= 8000
    assert len(dog._heap) <= 2000


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.sampled_from(("open", "close", "feed")), st.integers(0, 6000)), max_size=60
    )
)
def test_a_stall_is_found_exactly_when_brute_force_finds_it(script: list[tuple[str, str, int]]) -> None:
    dog: PipelineWatchdog[str] = PipelineWatchdog()
    last: dict[str, tuple[int, int]] = {}
    now = boot(START)
    for camera, action, pause_ms in script:
        end = now + pause_ms * NS_PER_MS
        found: list[tuple[int, str]] = []
        while (deadline := dog.next_deadline()) is not None and deadline <= end:
            now = max(now, deadline)
            found += [(now, v.stream) for v in dog.due(now) if v.trouble is Trouble.STALLED]
        expected = sorted((at + patience, name) for name, (at, patience) in last.items() if at + patience <= end)
        assert sorted(found) == expected
        for _, name in expected:
            del last[name]
        now = BootNs(end)
        if action == "open":
            dog.opened(camera, now)
            last[camera] = (now, 20 * NS_PER_S)
        elif action == "close":
            dog.closed(camera)
            last.pop(camera, None)
        else:
            dog.feed(camera, now, 1, key=True, pts_ns=now)
            if camera in last:
                last[camera] = (now, 4 * NS_PER_S)
