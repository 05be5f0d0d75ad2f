"""A sync fails once, as it does when a disk loses pages: the next one would claim success, so it is never asked."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from evertape.ipc.events import SegmentClosed, SegmentOpened, WriterReplaced
from evertape_lab.audit import assert_every_frame_once
from evertape_lab.fleet import LabCameras
from evertape_lab.fuse_volume import FuseVolume, why_no_fuse
from evertape_lab.rig import Rig

pytestmark = [pytest.mark.faults, pytest.mark.skipif(bool(why_no_fuse()), reason=why_no_fuse() or "works")]


def test_a_file_whose_sync_failed_is_abandoned_replayed_and_said_so(tmp_path: Path) -> None:
    async def scenario(volume: FuseVolume, url: str) -> None:
        place = {"usb": (volume.mount_point, "primary")}
        # The one sync that fails has to be a file's, not that of a probe's few bytes.
        quiet = "[storage.layers]\nprobe = false\n"
        async with Rig(tmp_path, {"cam_01": url}, place, quiet, with_keeper=True) as rig:
            await rig.recorded(["cam_01"], 2)
            volume.be("fail-sync EIO")
            await rig.until(lambda: bool(rig.events(WriterReplaced)), 10, "the writer is replaced")
            await rig.recorded(["cam_01"], 2)
            lost = rig.camera("cam_01").recording.frames_lost  # type: ignore[union-attr]
            assert lost == 0
        assert rig.clean
        (replaced,) = rig.events(WriterReplaced)
        assert isinstance(replaced, WriterReplaced)
        assert replaced.why == "io_error"
        old, new = (event for event in rig.events(SegmentOpened) if isinstance(event, SegmentOpened))
        assert new.segment == replaced.segment
        assert [gone.segment for gone in new.supersedes] == [old.segment]
        # Whoever closed it did so from what it read back, not because a second sync had worked.
        ends = [
            e.reason for e in rig.events(SegmentClosed) if isinstance(e, SegmentClosed) and e.segment == old.segment
        ]
        assert set(ends) <= {"recovered"}
        assert_every_frame_once(rig.ranges(), cameras=["cam_01"], at_least=100)

    with FuseVolume(tmp_path) as volume, LabCameras(count=1) as lab:
        asyncio.run(scenario(volume, lab.urls[0]))
