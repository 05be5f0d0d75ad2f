"""The service is asked to stop while a part of it hangs: it ends within 5 s and keeps what a living volume takes."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from pathlib import Path

import pytest

from evertape.disk.journal_restore import mirror_of
from evertape_lab.audit import assert_every_frame_once
from evertape_lab.fleet import LabCameras
from evertape_lab.rig import Rig


def stop_process(rig: Rig, name: str) -> int:
    """Stop a process where it is, which looks from outside like one that hangs."""
    pid = rig.supervisor.children[name].pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    return pid


def assert_copied(journal: Path, volume: Path) -> None:
    """The volume's copy of the journal is whole, so that the disks alone tell a stop from a crash."""
    files = {file.name: file.read_bytes() for file in journal.glob("*.jsonl")}
    assert b'"service_stopped","id"' in b"".join(files.values())
    assert {file.name: file.read_bytes() for file in mirror_of(volume).iterdir()} == files


@pytest.mark.faults
@pytest.mark.parametrize("process", ["recorder-0", "disk-recordings", "disk-data", "keeper", None])
def test_the_service_ends_within_five_seconds_whoever_hangs(tmp_path: Path, process: str | None) -> None:
    async def scenario(url: str) -> None:
        async with Rig(tmp_path, {"cam_01": url}, with_keeper=True) as rig:
            await rig.recorded(["cam_01"], 2)
            if process is not None:
                stop_process(rig, process)
            began = time.monotonic()
            clean = await rig.stop()
            took = time.monotonic() - began
            assert took < 5.0
            assert clean is (process in (None, "keeper"))
            for child in rig.supervisor.children.values():
                assert child.pid is None, "nobody is left behind"
            if process is None:
                assert_copied(tmp_path / "data" / "journal", tmp_path / "data" / "recordings")

    with LabCameras(count=1) as lab:
        asyncio.run(scenario(lab.urls[0]))


@pytest.mark.faults
def test_what_a_hung_volume_did_not_take_goes_to_the_spill_volume_on_the_way_out(tmp_path: Path) -> None:
    async def scenario(url: str) -> None:
        usb, spill = tmp_path / "usb", tmp_path / "spill"
        usb.mkdir()
        spill.mkdir()
        volumes = {"usb": (usb, "primary"), "internal": (spill, "spill")}
        async with Rig(tmp_path, {"cam_01": url}, volumes) as rig:
            await rig.recorded(["cam_01"], 3)
            before = rig.camera("cam_01").streams[0].units  # type: ignore[union-attr]
            pid = stop_process(rig, "disk-usb")
            await rig.until(lambda: rig.camera("cam_01").streams[0].units > before + 25, 10, "a second passes")  # type: ignore[union-attr]
            began = time.monotonic()
            await rig.stop()
            assert time.monotonic() - began < 5.0
            assert not os.path.exists(f"/proc/{pid}")
        assert list(spill.glob("*/*/*.mp4"))
        assert_every_frame_once(rig.ranges(), cameras=["cam_01"], at_least=before + 25)

    with LabCameras(count=1) as lab:
        asyncio.run(scenario(lab.urls[0]))
