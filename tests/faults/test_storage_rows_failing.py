"""Disks that are there and refuse, fail or say nothing: the scenarios stand in ``evertape_lab/scenarios``."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from evertape_lab.disk_peer import DiskRig
from evertape_lab.disks import LoopVolume
from evertape_lab.fuse_volume import FuseVolume, why_no_fuse
from evertape_lab.judge import Result

pytestmark = pytest.mark.faults

Play = Callable[[str], Result]


def test_a_directory_that_is_given_to_somebody_else_is_shown_as_denied_until_it_is_given_back(holds: Play) -> None:
    assert holds("B9").figures["states of usb"] == "online denied online"


def test_a_read_only_bind_mount_over_a_disk_is_shown_as_read_only(holds: Play) -> None:
    assert "read_only" in holds("B9B").figures["states of usb"]


def test_a_file_system_that_becomes_read_only_under_open_files_is_left(holds: Play) -> None:
    assert holds("B9C").disks[0].state == "read_only"


def test_footage_goes_to_the_spill_volume_when_xfs_shuts_itself_down(holds: Play) -> None:
    assert holds("B10").disks[0].spilled_after_s is not None


def test_footage_goes_to_the_spill_volume_while_every_request_is_an_i_o_error(holds: Play) -> None:
    assert holds("B10B").disks[0].state == "io_error"


def test_a_disk_that_never_answers_holds_up_nobody_but_itself(holds: Play) -> None:
    result = holds("B11")
    assert result.figures["by_layer"] == "deadline"
    assert result.figures["frames_missing"] == 0


def test_a_frozen_file_system_holds_up_nobody_but_itself_and_is_used_again_when_it_thaws(holds: Play) -> None:
    assert "hung" in holds("B11B").figures["states of usb"]


def test_what_a_deleted_file_held_is_in_the_ledger_and_the_next_one_is_begun_at_once(holds: Play) -> None:
    result = holds("B12")
    assert result.figures["ledger"] == {"footage_missing": 1}
    assert result.figures["frames_missing"] > 0


def test_a_deleted_folder_is_made_anew(holds: Play) -> None:
    assert holds("B12B").events["segment_opened"] >= 2


def test_a_disk_that_is_too_slow_is_told_of_used_in_full_and_what_it_cannot_take_is_in_the_ledger(holds: Play) -> None:
    result = holds("B14")
    assert result.figures["alerts"]["volume_slow"] == 1
    assert result.figures["missing, doubled at the end"][1] == 0


def test_a_spill_volume_takes_over_from_a_slow_disk_before_a_frame_is_lost(holds: Play) -> None:
    result = holds("B14B")
    assert result.figures["alerts"]["volume_slow"] == 1
    assert result.disks[0].spilled_after_s is not None


def test_an_index_that_is_locked_destroyed_or_deleted_disturbs_no_recording(holds: Play) -> None:
    assert holds("B16").figures["frames_missing"] == 0


@pytest.mark.skipif(bool(why_no_fuse()), reason=why_no_fuse() or "never")
def test_a_disk_that_returns_is_not_kept_waiting_by_another_one_that_hangs() -> None:
    folder = Path(tempfile.mkdtemp(prefix="evt-"))
    try:
        with DiskRig(folder) as rig, FuseVolume(folder, "stuck") as stuck, LoopVolume(folder) as usb:
            peer = rig.disk(usb.mount_point, is_mount=True).connect()
            peer.state("online")
            stuck.be("hang")
            usb.pull()
            peer.state("missing")
            # It is looked for on every other disk now, and one of them does not answer.
            time.sleep(0.2)
            before = time.monotonic()
            usb.mount()
            peer.state("online")
            assert time.monotonic() - before < 1.0
    finally:
        shutil.rmtree(folder, ignore_errors=True)
