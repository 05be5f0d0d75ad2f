"""Cameras are told of their storage by the real service, and by the library: who, how often, and in which order."""

from __future__ import annotations

import asyncio
import logging
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from evertape import RobustNVRPipeline, StorageNotice
from evertape.ipc.events import VolumeStateChanged
from evertape_lab.audit import assert_every_frame_once
from evertape_lab.disk_peer import wait_until
from evertape_lab.disks import LoopVolume, why_no_loop_mounts
from evertape_lab.fleet import LabCameras
from evertape_lab.rig import Rig

pytestmark = [
    pytest.mark.faults,
    pytest.mark.skipif(bool(why_no_loop_mounts()), reason=why_no_loop_mounts() or "works"),
]

CAMERAS = ["cam_01", "cam_02", "cam_03"]


@pytest.fixture
def folder() -> Iterator[Path]:
    # Not tmp_path: a socket's path may be 107 bytes long.
    made = Path(tempfile.mkdtemp(prefix="evt-"))
    yield made
    shutil.rmtree(made, ignore_errors=True)


def delete(volume: Path) -> None:
    """Delete a directory at one stroke: file by file it would be a volume without its marker for a moment."""
    shutil.rmtree(volume.rename(volume.with_name("deleted")))


def test_three_cameras_are_told_once_and_the_log_tells_the_story_in_order(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)

    def lines(part: str) -> list[str]:
        return [record.getMessage() for record in caplog.records if part in record.getMessage()]

    async def scenario(usb: LoopVolume, urls: list[str]) -> None:
        async with Rig(folder, dict(zip(CAMERAS, urls, strict=True)), {"usb": (usb.mount_point, "primary")}) as rig:
            await rig.recorded(CAMERAS, 1)
            usb.pull()
            await rig.until(lambda: len(lines("[RECORDING RETRY] Scheduled")) == 3, 8, "three retries are scheduled")
            usb.mount()
            await rig.until(lambda: len(lines("Recording resumed successfully!")) == 3, 8, "all three record again")
        (gone,) = (
            event
            for event in rig.events(VolumeStateChanged)
            if isinstance(event, VolumeStateChanged) and event.state in ("missing", "not_mounted")
        )
        assert gone.layer == "kernel"

    with LoopVolume(folder / "disk") as usb, LabCameras(count=3) as lab:
        asyncio.run(scenario(usb, lab.urls))
    wanted = [
        "[STORAGE] USB mount point not found",
        "[STORAGE] Notifying 3 camera(s) about storage error: ⚠ Storage: USB Disconnected",
        *(f"[STORAGE] Calling storage error callback for {camera}" for camera in CAMERAS),
        "[RECORDING] Stopping recording due to storage error",
        "[STREAMING] Streaming continues",
        "[RECORDING RETRY] Scheduled (interval: 6s, max attempts: 20)",
        "[STORAGE] Storage recovered!",
        "[STORAGE] Storage path available!",
        "[RECORDING RETRY] Recording resumed successfully!",
    ]
    texts = [record.getMessage() for record in caplog.records]
    story = iter(texts)
    for start in wanted:
        assert any(text.startswith(start) for text in story), f"{start} is missing, or too early, in {texts}"
    for camera in CAMERAS:
        assert len(lines(f"Calling storage error callback for {camera}")) == 1
    assert len(lines("USB mount point not found")) == 1
    assert not lines("nobody asked to be told")


def test_a_retired_volume_is_left_at_the_next_keyframe_without_losing_a_frame(folder: Path) -> None:
    old, new = folder / "old", folder / "new"
    old.mkdir()
    new.mkdir()

    async def scenario(url: str) -> None:
        volumes = {"old": (old, "primary"), "new": (new, "primary")}
        async with Rig(folder, {"cam_01": url}, volumes) as rig:
            await rig.recorded(["cam_01"], 1)
            text = rig.data.config_file.read_text()
            place = text.index("[volumes.old]")
            text = text[:place] + text[place:].replace('role = "primary"', 'role = "retired"', 1)
            rig.data.config_file.write_text(text)
            await rig.supervisor.reload()
            await rig.until(
                lambda: (info := rig.camera("cam_01")) is not None and info.recording.volume == "new",
                5,
                "it is written to the other volume",
            )
            held = {path: path.stat().st_mtime_ns for path in old.glob("cam_01/*/*.mp4")}
            await rig.recorded(["cam_01"], 3)
            assert {path: path.stat().st_mtime_ns for path in old.glob("cam_01/*/*.mp4")}.keys() == held.keys()
            assert rig.supervisor.status.volumes["old"].role == "retired"
            assert rig.supervisor.status.volumes["old"].state == "online", "and it stays readable"
        assert_every_frame_once(rig.ranges(), cameras=["cam_01"], at_least=100)

    with LabCameras(count=1) as lab:
        asyncio.run(scenario(lab.urls[0]))


def test_a_program_is_told_and_its_mistake_is_kept_from_the_others(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    told: dict[str, list[StorageNotice]] = {"one": [], "two": []}

    def broken(_notice: StorageNotice) -> None:
        raise ZeroDivisionError("a mistake in the program")

    with LabCameras(count=2) as lab:
        one = RobustNVRPipeline(lab.urls[0], folder, "one")
        two = RobustNVRPipeline(lab.urls[1], folder, "two")
        one.register_storage_error_callback(broken)
        one.register_storage_error_callback(told["one"].append)
        with one, two:
            two.register_storage_error_callback(told["two"].append)
            one.start_recording()
            wait_until(lambda: one.info is not None and one.info.recording.frames > 25, what="one is recorded")
            delete(folder / "recordings")
            deleted = time.monotonic()
            wait_until(lambda: [n.usable for n in told["one"]][-2:] == [False, True], what="one was told of both")
            assert time.monotonic() - deleted < 3.0
            before = one.info.recording.frames if one.info is not None else 0
            wait_until(lambda: one.info is not None and one.info.recording.frames > before + 25, what="it goes on")
    # Its marker goes before the folder does: a look in between finds a folder that is not the volume.
    *others, gone, _ = told["one"]
    assert [notice.state for notice in others] in ([], ["wrong_volume"])
    assert (gone.state, gone.label) == ("missing", "⚠ Storage: Directory Not Found")
    assert told["two"] == [], "it did not record"
    mistakes = [record for record in caplog.records if record.exc_info and "of one failed" in record.getMessage()]
    assert len(mistakes) == len(told["one"])
    assert list((folder / "recordings").glob("one/*/*.mp4"))
