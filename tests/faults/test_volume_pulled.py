"""A disk is pulled in the middle of recording and put back: no frame is lost that another disk could keep."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from evertape.ipc.events import VolumeStateChanged
from evertape_lab.audit import assert_every_frame_once
from evertape_lab.disks import LoopVolume, why_no_loop_mounts
from evertape_lab.fleet import LabCameras
from evertape_lab.rig import Rig

pytestmark = [
    pytest.mark.faults,
    pytest.mark.skipif(bool(why_no_loop_mounts()), reason=why_no_loop_mounts() or "works"),
]

SETTINGS = '[recording]\nrotation = "4s"\n'


def test_no_frame_is_lost_when_a_volume_is_pulled_and_put_back_with_a_spill_volume(tmp_path: Path) -> None:
    async def scenario(usb: LoopVolume, url: str) -> None:
        spill = tmp_path / "spill"
        spill.mkdir()
        volumes = {"usb": (usb.mount_point, "primary"), "internal": (spill, "spill")}
        async with Rig(tmp_path, {"cam_01": url}, volumes, SETTINGS) as rig:
            await rig.recorded(["cam_01"], 3)
            assert rig.camera("cam_01").recording.volume == "usb"  # type: ignore[union-attr]
            usb.pull()
            await rig.until(
                lambda: rig.camera("cam_01").recording.volume == "internal",  # type: ignore[union-attr]
                5,
                "recording goes on on the spill volume",
            )
            await rig.recorded(["cam_01"], 3)
            assert list(usb.mount_point.iterdir()) == [], "nothing is written beneath the mount point"
            usb.mount()
            await rig.until(
                lambda: rig.camera("cam_01").recording.volume == "usb",  # type: ignore[union-attr]
                5,
                "recording is back on the primary",
            )
            await rig.recorded(["cam_01"], 3)
        assert rig.clean
        noticed = [e for e in rig.events(VolumeStateChanged) if isinstance(e, VolumeStateChanged)]
        assert any(e.state in ("missing", "not_mounted") and e.layer == "kernel" for e in noticed)
        assert_every_frame_once(rig.ranges(), cameras=["cam_01"], at_least=225)

    with LoopVolume(tmp_path / "disk") as usb, LabCameras(count=1) as lab:
        asyncio.run(scenario(usb, lab.urls[0]))


def test_no_frame_is_lost_when_the_only_volume_is_away_for_less_than_the_ring_reaches(tmp_path: Path) -> None:
    async def scenario(usb: LoopVolume, url: str) -> None:
        async with Rig(tmp_path, {"cam_01": url}, {"usb": (usb.mount_point, "primary")}, SETTINGS) as rig:
            await rig.recorded(["cam_01"], 3)
            usb.pull()
            await rig.until(
                lambda: rig.camera("cam_01").recording.state == "waiting",  # type: ignore[union-attr]
                5,
                "recording waits",
            )
            # The outage is as long as the ring is asked to bridge here; the cameras' clock is the real one.
            waited = rig.camera("cam_01").streams[0].units + 150  # type: ignore[union-attr]
            await rig.until(lambda: rig.camera("cam_01").streams[0].units >= waited, 20, "six seconds pass")  # type: ignore[union-attr]
            assert rig.camera("cam_01").streams[0].state == "connected", "streaming continues"  # type: ignore[union-attr]
            assert list(usb.mount_point.iterdir()) == []
            usb.mount()
            await rig.until(
                lambda: rig.camera("cam_01").recording.volume == "usb",  # type: ignore[union-attr]
                5,
                "recording resumes",
            )
            await rig.recorded(["cam_01"], 8)
        assert_every_frame_once(rig.ranges(), cameras=["cam_01"], at_least=270)

    with LoopVolume(tmp_path / "disk") as usb, LabCameras(count=1) as lab:
        asyncio.run(scenario(usb, lab.urls[0]))
