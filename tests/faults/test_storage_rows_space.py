"""Disks without space, and none at all for longer than memory lasts: ``evertape_lab/scenarios`` has what is done."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from evertape_lab.judge import Result

pytestmark = pytest.mark.faults

Play = Callable[[str], Result]


def test_the_oldest_footage_makes_room_when_another_program_fills_the_disk(holds: Play) -> None:
    assert holds("storage-5").figures["deleted"] > 0


def test_recording_waits_and_somebody_is_told_when_nothing_may_be_deleted(holds: Play) -> None:
    assert holds("B5B").figures["states of usb"] == "online full online"


def test_recording_goes_on_on_the_spill_volume_when_nothing_may_be_deleted(holds: Play) -> None:
    assert holds("B5C").figures["missing, doubled at the end"] == [0, 0]


def test_nothing_is_lost_when_the_last_byte_is_taken_in_the_middle_of_recording(holds: Play) -> None:
    assert holds("B6").figures["frames_missing"] == 0


def test_nothing_is_lost_when_a_fragment_is_torn_by_enospc(holds: Play) -> None:
    assert holds("B6B").figures["frames_missing"] == 0


def test_what_memory_could_not_hold_is_in_the_ledger_with_its_bounds(holds: Play) -> None:
    result = holds("B13")
    assert result.figures["frames_missing"] > 0
    assert set(result.figures["ledger"]) == {"storage_missing"}
