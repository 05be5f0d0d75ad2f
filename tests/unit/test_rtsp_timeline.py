from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evertape.media.rtsp.timeline import AudioTimeline, Placed, VideoTimeline
from evertape.types import NS_PER_MS, NS_PER_S

FRAME = 40 * NS_PER_MS


def run(line: VideoTimeline, stamps: list[int], *, pace_ns: int = FRAME) -> list[Placed]:
    return [line.place(rtp & 0xFFFFFFFF, index * pace_ns) for index, rtp in enumerate(stamps)]


def test_without_reordering_dts_is_pts_through_the_32_bit_wrap() -> None:
    placed = run(VideoTimeline(90000, 0, None), [0xFFFFFFFF - 7200 + 3600 * n for n in range(10)])
    assert placed == [(n * FRAME, n * FRAME, 0) for n in range(10)]


def test_twenty_days_of_a_drifting_camera_are_no_jump() -> None:
    line = VideoTimeline(90000, 0, None)
    for n in range(20 * 24 * 400):  # a picture every 9 s by the camera's crystal, which is 200 ppm slow
        dts, _, jump = line.place((12345 + n * 9 * 90000) & 0xFFFFFFFF, n * 9 * NS_PER_S * 10002 // 10000)
        assert (dts, jump) == (n * 9 * NS_PER_S, 0)


# Decoding order I P B b b: display 0 4 2 1 3, then again from 8.
REORDERED = [0, 4, 2, 1, 3, 8, 6, 5, 7, 12, 10, 9, 11]


@pytest.mark.parametrize("declared", [2, 3])
def test_reordered_pictures_get_the_nth_smallest_pts_late_by_the_depth(declared: int) -> None:
    placed = run(VideoTimeline(90000, declared, FRAME), [3600 * n for n in REORDERED])
    assert [pts // FRAME for _, pts, _ in placed] == [n + declared for n in REORDERED]
    assert [dts // FRAME for dts, _, _ in placed] == list(range(len(REORDERED)))


def test_undeclared_reordering_is_learned_and_costs_only_the_first_pictures_their_pts() -> None:
    stamps = [3600 * (n + 4 * block) for block in range(20) for n in (4, 2, 1, 3)]
    placed = run(VideoTimeline(90000, None, None), stamps)
    dts = [p[0] for p in placed]
    assert all(later > earlier for earlier, later in pairwise(dts))
    assert all(jump == 0 for _, _, jump in placed)
    settled = placed[8:]
    assert [pts for _, pts, _ in settled] == [(s - stamps[0]) * NS_PER_S // 90000 for s in stamps[8:]]


@pytest.mark.parametrize("jump_s", [-3600, -11, -3, 11, 3600, 20000])
def test_a_jump_of_the_cameras_clock_goes_on_with_arrival_and_is_told(jump_s: int) -> None:
    stamps = [3600 * n for n in range(5)] + [3600 * n + 90000 * jump_s for n in range(5, 10)]
    placed = run(VideoTimeline(90000, 0, None), stamps)
    assert [pts for _, pts, _ in placed] == [n * FRAME for n in range(10)]
    told = [jump for _, _, jump in placed]
    assert [bool(jump) for jump in told] == [n == 5 for n in range(10)]
    assert told[5] == pytest.approx(jump_s * NS_PER_S, abs=1)


def test_a_pause_that_both_clocks_saw_is_no_jump() -> None:
    line = VideoTimeline(90000, 0, None)
    line.place(0, 0)
    assert line.place(90000 * 60, 60 * NS_PER_S) == (60 * NS_PER_S, 60 * NS_PER_S, 0)


@given(
    st.sampled_from([None, 0, 1, 2, 4]),
    st.lists(st.tuples(st.integers(0, 2**32 - 1) | st.integers(0, 40000), st.integers(0, 20 * NS_PER_S)), max_size=60),
)
def test_dts_rises_and_is_never_after_pts_whatever_comes(depth: int | None, units: list[tuple[int, int]]) -> None:
    line = VideoTimeline(90000, depth, None)
    last, boot = -1, 0
    for rtp, after in units:
        boot += after
        dts, pts, _ = line.place(rtp, boot)
        assert dts > last
        assert pts >= dts
        last = dts


def audio(line: AudioTimeline, count: int, *, due_offset: int, target_offset: int | None) -> list[int]:
    step = 64 * NS_PER_MS
    found = []
    for n in range(count):
        target = n * step + target_offset if target_offset is not None else None
        found.append(line.place(1024 * n, n * step, n * step + due_offset, target).pts_ns - n * step)
    return found


def test_audio_begins_where_video_arrives_and_keeps_its_own_pace() -> None:
    line = AudioTimeline(16000)
    assert audio(line, 50, due_offset=70 * NS_PER_MS, target_offset=None) == [70 * NS_PER_MS] * 50


def test_audio_drifts_softly_to_where_the_reports_put_it() -> None:
    line = AudioTimeline(16000)
    line.place(0, 0, 0, None)
    offsets = audio(line, 2000, due_offset=0, target_offset=100 * NS_PER_MS)
    steps = [b - a for a, b in pairwise(offsets)]
    assert offsets[-1] == 100 * NS_PER_MS
    assert max(steps) <= 100_000


def test_reports_that_contradict_arrival_do_not_move_audio() -> None:
    line = AudioTimeline(16000)
    assert audio(line, 10, due_offset=0, target_offset=3600 * NS_PER_S)[1:] == [0] * 9


@pytest.mark.parametrize("ahead_s", [2.5, 5, 9, 600, 20_000])
def test_one_picture_with_a_time_stamp_of_the_future_does_not_stretch_the_line(ahead_s: float) -> None:
    stamps = [3600 * n for n in range(200)]
    stamps[100] += int(ahead_s * 90_000)
    placed = run(VideoTimeline(90000, 0, None), stamps)
    assert abs(placed[-1].dts_ns - 199 * FRAME) <= 2 * FRAME
    assert [index for index, unit in enumerate(placed) if unit.jump_ns] == [100, 101]


def test_a_stall_that_is_caught_up_with_is_no_jump() -> None:
    """Eight seconds of nothing, then what the camera had kept (one second), then the present, all at once."""
    line = VideoTimeline(90000, 0, None)
    for n in range(100):
        assert not line.place(3600 * n, n * FRAME).jump_ns
    for n in [*range(100, 125), *range(300, 400)]:
        placed = line.place(3600 * n, max(300 * FRAME, n * FRAME))
        assert (placed.jump_ns, placed.dts_ns) == (0, n * FRAME)


@pytest.mark.parametrize("fps, batch", [(25, 1), (25, 5), (12, 3), (5, 1)])
def test_pictures_without_time_stamps_are_spread_over_the_time_in_which_they_arrived(fps: int, batch: int) -> None:
    line = VideoTimeline(90_000, None, None)
    count, dts = 60 * fps // batch * batch, []
    for n in range(count):
        arrived = (n // batch + 1) * batch * NS_PER_S // fps
        dts.append(line.place(0, arrived).dts_ns)
    assert line.stands
    assert (dts[-1] - dts[0]) / NS_PER_S == pytest.approx(60, abs=1)
    steps = [later - earlier for earlier, later in pairwise(dts)]
    assert all(step > 0 for step in steps)
    settled = steps[len(steps) // 2 :]
    assert max(settled) < 1.5 * NS_PER_S / fps


def test_two_fields_of_a_picture_may_share_a_time_stamp() -> None:
    line = VideoTimeline(90_000, 0, None)
    placed = [line.place(n // 2 * 3600, n // 2 * NS_PER_S // 25) for n in range(500)]
    assert placed[-1].pts_ns == pytest.approx(249 * NS_PER_S // 25, abs=NS_PER_MS)
    assert not line.stands


def test_a_clock_that_stands_for_a_while_and_goes_on_makes_no_jump() -> None:
    line = VideoTimeline(90_000, 0, None)
    placed = [line.place(max(0, n - 100) * 3600, n * NS_PER_S // 25) for n in range(200)]
    assert all(one.jump_ns == 0 for one in placed)
    assert placed[-1].pts_ns / NS_PER_S == pytest.approx(199 / 25, abs=0.3)
    assert not line.stands


def test_a_burst_of_pictures_with_one_time_stamp_does_not_run_ahead_of_its_arrival() -> None:
    line = VideoTimeline(90_000, 0, None)
    for n in range(50):
        assert line.place(0, n * NS_PER_MS).pts_ns <= (n + 1) * NS_PER_MS
    assert not line.stands
    placed = line.place(3600, 90 * NS_PER_MS)
    assert placed.pts_ns <= 90 * NS_PER_MS
    assert placed.jump_ns == 0
