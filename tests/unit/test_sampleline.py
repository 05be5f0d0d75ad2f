from __future__ import annotations

import pytest

from evertape.media.gst.sampleline import FRAME_SAMPLES, SampleLine
from evertape.types import NS_PER_MS, NS_PER_S

RATE = 8000
PACKET = 160
PACKET_NS = 20 * NS_PER_MS


def feed(line: SampleLine, packets: int, start_ns: int) -> int:
    for number in range(packets):
        assert line.place(PACKET, start_ns + number * PACKET_NS) == (0, 0)
    return start_ns + packets * PACKET_NS


def test_frames_follow_each_other_from_the_first_sample_on() -> None:
    line = SampleLine(RATE, delay=1024)
    feed(line, 100, 5 * NS_PER_S)
    assert line.next_frame() is None
    assert [line.next_frame() for _ in range(3)] == [5 * NS_PER_S + n * 128 * NS_PER_MS for n in range(3)]


def test_a_delay_that_is_no_whole_frame_is_taken_off_too() -> None:
    line = SampleLine(RATE, delay=1600)
    feed(line, 100, NS_PER_S)
    assert line.next_frame() is None
    assert line.next_frame() == NS_PER_S - 576 * NS_PER_S // RATE


def test_a_small_hole_is_filled_with_silence() -> None:
    line = SampleLine(RATE, delay=1024)
    end_ns = feed(line, 10, 0)
    assert line.place(PACKET, end_ns + 60 * NS_PER_MS) == (480, 0)
    assert line.place(PACKET, end_ns + 80 * NS_PER_MS) == (0, 0)


@pytest.mark.parametrize("delay", [1024, 1600])
def test_after_a_large_hole_a_frame_begins_where_the_sound_does(delay: int) -> None:
    line = SampleLine(RATE, delay)
    end_ns = feed(line, 10, 0)
    silence, skip = line.place(PACKET, end_ns + 10 * NS_PER_S)
    assert skip == 0
    assert silence < FRAME_SAMPLES
    stamps = [line.next_frame() for _ in range(6)]
    assert end_ns + 10 * NS_PER_S in stamps
    before = [s for s in stamps[: stamps.index(end_ns + 10 * NS_PER_S)] if s is not None]
    assert all(s < end_ns for s in before)


def test_an_overlap_is_cut_off() -> None:
    line = SampleLine(RATE, delay=1024)
    end_ns = feed(line, 10, 0)
    assert line.place(PACKET, end_ns - 60 * NS_PER_MS) == (0, PACKET)
    assert line.place(PACKET, end_ns - 50 * NS_PER_MS) == (0, PACKET)
    assert line.place(PACKET, end_ns - 10 * NS_PER_MS) == (0, 0)


def test_wobbling_time_stamps_change_nothing() -> None:
    line = SampleLine(RATE, delay=1024)
    for number in range(200):
        wobble = (number % 5 - 2) * 10 * NS_PER_MS
        assert line.place(PACKET, NS_PER_S + number * PACKET_NS + wobble) == (0, 0)


@pytest.mark.parametrize("ppm", [200, -200])
def test_drift_is_followed_in_small_corrections(ppm: int) -> None:
    line = SampleLine(RATE, delay=1024)
    silence = skip = 0
    for number in range(100_000):
        fill, cut = line.place(PACKET, number * PACKET_NS * (1_000_000 + ppm) // 1_000_000)
        assert fill <= FRAME_SAMPLES
        silence, skip = silence + fill, skip + cut
    drifted = 100_000 * PACKET * ppm // 1_000_000
    assert silence - skip == pytest.approx(drifted, abs=RATE * 42 // 1000)
