"""Disks that are pulled and come back: what is done, and what is promised, stands in ``evertape_lab/scenarios``."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from evertape_lab.judge import Result

pytestmark = pytest.mark.faults

Play = Callable[[str], Result]


def test_a_pulled_disk_is_noticed_at_once_and_recording_waits_for_it_in_memory(holds: Play) -> None:
    assert holds("storage-1").figures["by_layer"] == "kernel"


def test_a_file_system_that_dies_under_its_mount_is_noticed_by_the_first_write(holds: Play) -> None:
    assert holds("B1B").figures["frames_missing"] == 0


def test_a_device_torn_out_under_its_mount_is_noticed_by_the_first_write(holds: Play) -> None:
    assert holds("B1C").figures["frames_missing"] == 0


def test_a_disk_pulled_right_before_a_rotation_makes_no_error_of_it(holds: Play) -> None:
    assert holds("storage-2").figures["rotation_errors"] == 0


def test_with_the_pre_check_alone_a_rotation_onto_a_pulled_disk_makes_no_error_either(holds: Play) -> None:
    result = holds("B2B")
    assert result.figures["rotation_errors"] == 0
    assert {disk.layer for disk in result.disks} == {"precheck"}


def test_three_cameras_are_told_once_each_and_recover_each_by_itself(holds: Play) -> None:
    assert holds("storage-3").figures["live_missed"] == 0


def test_a_handler_that_raises_keeps_nobody_else_from_being_told(holds: Play) -> None:
    assert holds("B3B").figures["frames_missing"] == 0


def test_spilled_footage_comes_home_when_the_disk_is_back_and_nothing_is_missing_or_doubled(holds: Play) -> None:
    result = holds("storage-4")
    assert result.figures["missing, doubled at the end"] == [0, 0]
    assert result.events["segment_moved"] > 0


def test_without_a_spill_volume_nothing_is_missing_or_doubled_either(holds: Play) -> None:
    assert holds("B4B").figures["missing, doubled at the end"] == [0, 0]


def test_a_disk_is_known_by_its_identity_behind_another_device_and_at_another_path(holds: Play) -> None:
    assert len(holds("B7").disks) == 2


def test_another_disk_at_the_same_path_is_refused_and_left_untouched(holds: Play) -> None:
    assert "wrong_volume" in holds("B8").figures["states of usb"]


def test_two_disks_pulled_at_random_again_and_again_lose_and_double_nothing(holds: Play) -> None:
    assert len(holds("B17").disks) == 6
