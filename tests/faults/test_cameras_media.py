"""Cameras whose pictures, sound or clocks are not as they should be: nothing is lost that came."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from evertape_lab.judge import Result

pytestmark = pytest.mark.faults

Play = Callable[[str], Result]


def test_another_resolution_codec_or_parameter_sets_begin_a_new_file_and_all_play(holds: Play) -> None:
    assert holds("A7").figures["segments"] == {"cam_01": 4}


def test_corrupted_packets_cost_no_more_than_the_pictures_they_belong_to(holds: Play) -> None:
    result = holds("A11")
    assert result.figures["damaged_packets"] > 0


def test_corrupted_rtp_headers_do_not_end_the_recording(holds: Play) -> None:
    result = holds("A11B")
    assert result.figures["damaged_packets"] > 0


def test_a_camera_clock_that_jumps_is_on_record_and_moves_no_picture(holds: Play) -> None:
    assert holds("A12").figures["frames_missing"] == 0


def test_a_host_clock_that_is_set_makes_no_negative_or_hour_long_file(holds: Play) -> None:
    assert holds("A12B").events["clock_stepped"] == 4


def test_time_stamps_that_wrap_or_jump_cost_no_frame_and_make_no_gap(holds: Play) -> None:
    assert holds("A13").figures["frames_missing"] == 0


def test_sound_that_stops_returns_or_never_comes_does_not_touch_the_picture(holds: Play) -> None:
    assert holds("A14").figures["frames_missing"] == 0
