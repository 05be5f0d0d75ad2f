"""Writers are replaced one by one, by hand and by faults, while somebody watches; prints what each kind took.

The table in ``docs/design/restarts.md`` comes from here.
"""

from __future__ import annotations

import asyncio
import logging
import statistics
from pathlib import Path

import pytest

from evertape.ipc.events import SegmentOpened, WriterReplaced
from evertape.ipc.messages import CameraCommand, CameraInfo, RecordingInfo
from evertape_lab.audit import assert_every_frame_once
from evertape_lab.disks import LoopVolume, why_no_loop_mounts
from evertape_lab.fleet import LabCameras
from evertape_lab.rig import Rig
from evertape_lab.watcher import FeedWatcher

pytestmark = [
    pytest.mark.faults,
    pytest.mark.skipif(bool(why_no_loop_mounts()), reason=why_no_loop_mounts() or "works"),
]

TIMES = 2
SETTINGS = 'retry_interval = "2s"\n'
"""Goes on with the table that the rig begins with: ``storage``."""


def info(rig: Rig, name: str = "cam_01") -> CameraInfo:
    camera = rig.camera(name)
    assert camera is not None
    return camera


def recording(rig: Rig, name: str = "cam_01") -> RecordingInfo:
    return info(rig, name).recording


def replaced(rig: Rig) -> list[WriterReplaced]:
    return [event for event in rig.events(WriterReplaced) if isinstance(event, WriterReplaced)]


async def command(rig: Rig, what: str, volume: str = "") -> str:
    supervisor = rig.supervisor
    asked = CameraCommand(request=supervisor.next_request(), camera="cam_01", command=what, volume=volume)
    done = await supervisor.command(asked, "cam_01", asked.request)
    assert done.ok, done.text
    return done.text


async def by_hand(rig: Rig, what: str, volume: str = "") -> WriterReplaced:
    """One partial restart, until the new writer was accepted and footage is durable in it."""
    before = len(replaced(rig))
    while await command(rig, what, volume) == "a new file begins with the next keyframe":
        await asyncio.sleep(0.2)
    await rig.until(lambda: len(replaced(rig)) > before, 5, f"{what}: the new writer is accepted")
    await rig.recorded(["cam_01"], 0.5)
    return replaced(rig)[-1]


def test_writers_are_replaced_within_200_ms_and_neither_capture_nor_view_notices(tmp_path: Path) -> None:
    took: dict[str, list[float]] = {}

    async def scenario(usb: LoopVolume, url: str) -> None:
        spill = tmp_path / "spill"
        spill.mkdir()
        volumes = {"usb": (usb.mount_point, "primary"), "internal": (spill, "spill")}
        async with Rig(tmp_path, {"cam_01": url}, volumes, SETTINGS) as rig:
            await rig.recorded(["cam_01"], 2)
            watcher = FeedWatcher(rig.data.root)
            opened = info(rig).streams[0].units
            for turn in range(TIMES):
                for what, volume in (
                    ("restart-writer", ""),
                    ("split", ""),
                    ("move", "internal" if turn % 2 == 0 else ""),
                ):
                    event = await by_hand(rig, what, volume)
                    assert event.why == what
                    took.setdefault(what, []).append(event.took / 1e6)
            usb.pull()
            await rig.until(lambda: recording(rig).volume == "internal", 5, "failed over")
            await rig.recorded(["cam_01"], 1)
            usb.mount()
            await rig.until(lambda: recording(rig).volume == "usb", 5, "back on the primary")
            await rig.recorded(["cam_01"], 1)
            for event in replaced(rig):
                if event.why not in took:
                    took.setdefault(f"({event.why})", []).append(event.took / 1e6)
            assert info(rig).streams[0].units > opened
            assert info(rig).streams[0].state == "connected"
            assert (watcher.missing, watcher.skipped) == (0, 0), "the viewer noticed nothing"
            assert len(watcher.frames) > 25 * 2 * TIMES
            watcher.close()
            assert len(rig.events(SegmentOpened)) > 3 * TIMES
        assert rig.clean
        assert_every_frame_once(rig.ranges(), cameras=["cam_01"], at_least=25 * 3 * TIMES)

    with LoopVolume(tmp_path / "disk") as usb, LabCameras(count=1) as lab:
        asyncio.run(scenario(usb, lab.urls[0]))
    for what, times in took.items():
        figures = f"{len(times):2} times, median {statistics.median(times):6.1f} ms, longest {max(times):6.1f} ms"
        print(f"{what:16} {figures}")  # noqa: T201
    for what in ("restart-writer", "split", "move"):
        assert max(took[what]) < 200, what


def test_three_cameras_are_told_of_a_pulled_disk_and_each_recovers_by_itself(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    names = ["cam_01", "cam_02", "cam_03"]

    async def scenario(usb: LoopVolume, lab: LabCameras) -> None:
        urls = dict(zip(names, lab.urls, strict=True))
        async with Rig(tmp_path, urls, {"usb": (usb.mount_point, "primary")}, SETTINGS) as rig:
            await rig.recorded(names, 2)
            watcher = FeedWatcher(rig.data.root)
            usb.pull()
            await rig.until(lambda: all(recording(rig, n).state == "waiting" for n in names), 5, "all wait")
            await rig.until(lambda: all(recording(rig, n).attempt >= 2 for n in names), 10, "attempts are counted")
            waiting = recording(rig)
            assert waiting.reason == "storage_missing"
            assert waiting.retry_in_s is not None
            assert list(usb.mount_point.iterdir()) == []
            usb.mount()
            took = await rig.until(lambda: all(recording(rig, n).state == "recording" for n in names), 5, "all record")
            print(f"recording on the returned volume after {took * 1000:.0f} ms")  # noqa: T201
            assert took < 2
            await rig.recorded(names, 3)
            assert (watcher.missing, watcher.skipped) == (0, 0)
            watcher.close()
        assert rig.clean
        assert_every_frame_once(rig.ranges(), cameras=names, at_least=200)

    caplog.set_level(logging.INFO)
    with LoopVolume(tmp_path / "disk") as usb, LabCameras(count=3) as lab:
        asyncio.run(scenario(usb, lab))
    text, at = caplog.text, 0
    for line in (
        "[STORAGE] USB mount point not found",
        "[STORAGE] Notifying 3 camera(s) about storage error: ⚠ Storage: USB Disconnected",
        "[STORAGE] Calling storage error callback for cam_01",
        "[RECORDING] Stopping recording due to storage error",
        "[STREAMING] Streaming continues",
        "[RECORDING RETRY] Scheduled (interval: 2s, max attempts: 20)",
        "[STORAGE] Storage recovered!",
        "[STORAGE] Storage path available!",
        "[RECORDING RETRY] Recording resumed successfully!",
    ):
        found = text.find(line, at)
        assert found >= 0, f"{line!r} does not follow in:\n" + "\n".join(x for x in text.splitlines() if "] [" in x)
        at = found
    assert text.count("Recording resumed successfully!") == 3
