"""Footage that was spilled comes home while everything is broken: in the end each frame is on the disks once."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from evertape.ipc.events import SegmentClosed, SegmentMoved
from evertape.mp4.digest import named, segment_hash
from evertape_lab.audit import assert_every_frame_once
from evertape_lab.disks import LoopVolume, why_no_loop_mounts
from evertape_lab.fleet import LabCameras
from evertape_lab.rig import Rig

pytestmark = [
    pytest.mark.faults,
    pytest.mark.skipif(bool(why_no_loop_mounts()), reason=why_no_loop_mounts() or "works"),
]

CAMERAS = ["cam_01", "cam_02", "cam_03"]
SLOWLY = 'homecoming_rate = "600kB"\n'
"""So that a file is on its way for a second."""
ROTATION = '[recording]\nrotation = "3s"\n'


def footage(volume: LoopVolume) -> list[Path]:
    return sorted(volume.mount_point.glob("*/*/*.mp4"))


def on_its_way(volume: LoopVolume) -> list[Path]:
    """Unfinished copies that hold something."""
    return [path for path in volume.mount_point.glob(".evertape/incoming/*.part") if path.stat().st_size]


async def write_to(rig: Rig, volume: str, within_s: float = 8.0) -> None:
    def there() -> bool:
        infos = [rig.camera(name) for name in CAMERAS]
        return all(info is not None and info.recording.volume == volume for info in infos)

    await rig.until(there, within_s, f"all are writing to {volume}")


async def reconciled(rig: Rig, spill: LoopVolume, within_s: float = 40.0) -> None:
    """Until the service says so; ``play`` finds out whether it is true."""

    def said() -> bool:
        news = rig.supervisor.status.homecoming
        return news is not None and len(news.volumes) == 2 and all(volume.reconciled for volume in news.volumes)

    # What the service says is a second old at most, and a file may be spilled in that second.
    await rig.until(lambda: said() and not footage(spill), within_s, "every volume is reconciled")


Scenario = Callable[[Rig, LoopVolume, LoopVolume], Awaitable[None]]


def play(folder: Path, storage: str, scenario: Scenario) -> None:
    """Run a scenario with two disks and three cameras; afterwards each frame has to be on the disks once."""

    async def run(usb: LoopVolume, spill: LoopVolume, urls: list[str]) -> None:
        volumes = {"usb": (usb.mount_point, "primary"), "internal": (spill.mount_point, "spill")}
        cameras = dict(zip(CAMERAS, urls, strict=True))
        async with Rig(folder, cameras, volumes, storage + ROTATION, with_keeper=True) as rig:
            await rig.recorded(CAMERAS, 2)
            await scenario(rig, usb, spill)
        assert rig.clean
        assert footage(spill) == []
        assert on_its_way(usb) == []
        assert_every_frame_once(rig.files(), cameras=CAMERAS, at_least=150)

    with (
        LoopVolume(folder / "disks", size=256 << 20) as usb,
        LoopVolume(folder / "disks", size=256 << 20, name="internal") as spill,
        LabCameras(count=3) as lab,
    ):
        asyncio.run(run(usb, spill, lab.urls))


def test_spilled_footage_is_home_afterwards_byte_for_byte_and_the_spill_volume_is_empty(tmp_path: Path) -> None:
    async def scenario(rig: Rig, usb: LoopVolume, spill: LoopVolume) -> None:
        usb.pull()
        await write_to(rig, "internal")
        await rig.recorded(CAMERAS, 5)
        ids = rig.supervisor.status.volumes["internal"].volume_id
        closed = [e for e in rig.events(SegmentClosed) if isinstance(e, SegmentClosed) and e.volume == ids]
        before = {event.segment: hash_of(spill.mount_point / event.path) for event in closed}
        assert len(before) >= 3
        usb.mount()
        await write_to(rig, "usb")
        await reconciled(rig, spill)
        moved = {e.segment: e for e in rig.events(SegmentMoved) if isinstance(e, SegmentMoved)}
        assert {moved[segment].hash for segment in before} == set(before.values())
        for segment in before:
            # None of these is cut: what they hold is nowhere else.
            assert hash_of(usb.mount_point / moved[segment].path) == before[segment]
        assert [list(folder.iterdir()) for folder in spill.mount_point.glob("cam_*")] == [[], [], []]

    play(tmp_path, "", scenario)


def test_whatever_is_killed_while_footage_comes_home_none_is_lost_or_kept_twice(tmp_path: Path) -> None:
    async def scenario(rig: Rig, usb: LoopVolume, spill: LoopVolume) -> None:
        usb.pull()
        await write_to(rig, "internal")
        await rig.recorded(CAMERAS, 4)
        usb.mount()
        await write_to(rig, "usb")
        for victim in ("keeper", "disk-internal", "disk-usb"):
            await rig.until(lambda: bool(on_its_way(usb)), 20, "a file is on its way")
            os.kill(rig.pids()[victim], signal.SIGKILL)
        await write_to(rig, "usb")
        await reconciled(rig, spill)

    play(tmp_path, SLOWLY, scenario)


def test_disks_are_pulled_again_and_again_in_the_middle_of_it(tmp_path: Path) -> None:
    async def scenario(rig: Rig, usb: LoopVolume, spill: LoopVolume) -> None:
        usb.pull()
        await write_to(rig, "internal")
        await rig.recorded(CAMERAS, 4)
        usb.mount()
        await write_to(rig, "usb")
        for disk in (spill, usb):
            await rig.until(lambda: bool(on_its_way(usb)), 20, "a file is on its way")
            disk.pull()
            await rig.recorded(CAMERAS, 1)
            disk.mount()
            await write_to(rig, "usb")
        await reconciled(rig, spill)

    play(tmp_path, SLOWLY, scenario)


def hash_of(path: Path) -> str:
    digest = segment_hash()
    digest.update(path.read_bytes())
    return named(digest)
