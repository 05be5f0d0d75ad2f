"""The index is locked, destroyed, removed, or on a full disk: recording goes on, and the index is made anew."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
from pathlib import Path

import pytest

from evertape.engine.keeper_tail import IndexTail
from evertape.errors import EvertapeError
from evertape.ipc.events import SegmentClosed
from evertape.store.index import Index
from evertape_lab.audit import assert_every_frame_once
from evertape_lab.disks import LoopVolume, why_no_loop_mounts
from evertape_lab.fleet import LabCameras
from evertape_lab.rig import Rig

pytestmark = [
    pytest.mark.faults,
    pytest.mark.skipif(bool(why_no_loop_mounts()), reason=why_no_loop_mounts() or "works"),
]

SETTINGS = '[recording]\nrotation = "2s"\n'


def indexed(rig: Rig) -> set[str]:
    """The segments that the index knows; none while it cannot be read."""
    try:
        with Index.open_readonly(rig.data.index_file) as index:
            return {row.id for row in index.every_segment()}
    except EvertapeError:
        return set()


def closed(rig: Rig) -> set[str]:
    return {event.segment for event in rig.events(SegmentClosed) if isinstance(event, SegmentClosed)}


async def catches_up(rig: Rig, timeout_s: float = 15.0) -> None:
    """Wait until the index knows every file that is finished by now."""
    await rig.until(lambda: bool(closed(rig)), timeout_s, "a file is finished")
    known = closed(rig)
    await rig.until(lambda: known <= indexed(rig), timeout_s, "the index knows every file")


def test_an_index_that_is_locked_removed_or_destroyed_disturbs_no_recording_and_is_made_anew(tmp_path: Path) -> None:
    async def scenario(volume: Path, url: str) -> None:
        async with Rig(tmp_path, {"cam_01": url}, {"usb": (volume, "primary")}, SETTINGS, with_keeper=True) as rig:
            await rig.recorded(["cam_01"], 2)
            await catches_up(rig)
            index = rig.data.index_file

            with contextlib.closing(sqlite3.connect(index, isolation_level=None)) as lock:
                lock.execute("BEGIN EXCLUSIVE")
                await rig.recorded(["cam_01"], 3)
                lock.execute("ROLLBACK")
            await catches_up(rig)

            index.unlink()
            await rig.recorded(["cam_01"], 2)
            await catches_up(rig)

            with open(index, "r+b") as file:
                file.write(os.urandom(8192))
            await rig.recorded(["cam_01"], 2)
            await catches_up(rig, 30)
            lost = rig.camera("cam_01").recording.frames_lost  # type: ignore[union-attr]
            assert lost == 0
            assert rig.supervisor.children["keeper"].generation == 0, "the keeper lived through all of it"
        assert rig.clean
        tail = IndexTail(rig.data.index_file, rig.data.journal)
        tail.catch_up()
        tail.close()
        assert closed(rig) <= indexed(rig)
        assert_every_frame_once(rig.ranges(), cameras=["cam_01"], at_least=200)

    volume = tmp_path / "usb"
    volume.mkdir()
    with LabCameras(count=1) as lab:
        asyncio.run(scenario(volume, lab.urls[0]))


def test_a_full_data_disk_keeps_index_and_journal_waiting_but_no_recording(tmp_path: Path) -> None:
    async def scenario(data: LoopVolume, volume: Path, url: str) -> None:
        async with Rig(tmp_path, {"cam_01": url}, {"usb": (volume, "primary")}, SETTINGS, with_keeper=True) as rig:
            await rig.recorded(["cam_01"], 2)
            await catches_up(rig)
            before = closed(rig)
            ballast = data.mount_point / "ballast"
            fill(ballast)
            files = rig.camera("cam_01").recording.segments  # type: ignore[union-attr]
            await rig.recorded(["cam_01"], 4)
            recording = rig.camera("cam_01").recording  # type: ignore[union-attr]
            assert recording.segments >= files + 1, "files begin and end"
            assert recording.frames_lost == 0
            ballast.unlink()
            await rig.until(lambda: len(closed(rig)) >= len(before) + 2, 15, "the journal hears of what was recorded")
            await catches_up(rig)
        assert rig.clean
        assert_every_frame_once(rig.ranges(), cameras=["cam_01"], at_least=125)

    volume = tmp_path / "usb"
    volume.mkdir()
    with LoopVolume(tmp_path, size=24 << 20, name="data") as data, LabCameras(count=1) as lab:
        asyncio.run(scenario(data, volume, lab.urls[0]))


def fill(ballast: Path) -> None:
    """Take every block that is free."""
    with open(ballast, "wb", buffering=0) as file:
        for size in (1 << 20, 1 << 12):
            with contextlib.suppress(OSError):
                while True:
                    file.write(b"\1" * size)
