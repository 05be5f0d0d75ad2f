"""Disks go, return and fill up while somebody looks at the window: what it says, how soon, and who is told."""

from __future__ import annotations

import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("pytestqt", reason="pytest-qt is not installed")

from pytestqt.qtbot import QtBot

from evertape.engine.storage_notice import StorageNotice
from evertape_desktop.backend.http_link import LocalLink
from evertape_desktop.video import frames
from evertape_lab.audit import assert_every_frame_once
from evertape_lab.disks import LoopVolume, bytes_beneath, why_no_loop_mounts
from evertape_lab.fleet import LabCameras
from evertape_lab.footage import logical_ranges
from faults.desktop_desk import Desk, with_tray
from hub.served_hub import ServedHub

pytestmark = [
    pytest.mark.faults,
    pytest.mark.skipif(bool(why_no_loop_mounts()), reason=why_no_loop_mounts() or "works"),
]

CAMERAS = ("cam_01", "cam_02", "cam_03")
SIZE = (320, 180)
REMOVED = "Recording device removed - insert device to resume recording"
UNPLUGGED = "⚠ Storage: USB Disconnected"


@pytest.fixture(scope="module")
def lab() -> Iterator[LabCameras]:
    with LabCameras(count=3, size="320x180", bitrate=300) as cameras:
        yield cameras


@pytest.fixture(scope="module")
def usb() -> Iterator[LoopVolume]:
    # Not tmp_path: a socket's path may be 107 bytes long.
    folder = Path(tempfile.mkdtemp(prefix="evt-"))
    with LoopVolume(folder) as volume:
        yield volume
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def hub(lab: LabCameras, usb: LoopVolume) -> Iterator[ServedHub]:
    config = 'min_age = "1d"\n'  # of [retention]: what was recorded stays, so that a full disk stays full
    config += "".join(f'[cameras.{name}]\nurl = "{url}"\n' for name, url in zip(CAMERAS, lab.urls, strict=True))
    config += f'[volumes.usb1]\npath = "{usb.mount_point}"\n'
    served = ServedHub(usb.mount_point.parent / "data", config)
    served.start()
    yield served
    assert served.stop() == 0
    assert_every_frame_once(
        logical_ranges(usb.mount_point.glob("*/*/*.mp4")), cameras=CAMERAS, at_least=25, not_sent=lab.not_sent
    )


@pytest.fixture
def desk(qtbot: QtBot, hub: ServedHub, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """The window, with all three cameras recording."""
    with_tray(monkeypatch)
    # A GUI thread that the machine's other work keeps waiting is not what is tested here.
    monkeypatch.setattr(frames, "DEPTH", 1000)
    made = Desk(qtbot, LocalLink(hub.data))
    try:
        made.records(*CAMERAS)
        yield made
    finally:
        made.close()


def test_a_disk_is_pulled_and_put_back_and_the_window_tells_all_of_it(
    desk: Desk, usb: LoopVolume, lab: LabCameras, caplog: pytest.LogCaptureFixture
) -> None:
    """B1, B3, B4."""
    told: dict[str, list[StorageNotice]] = {name: [] for name in CAMERAS}

    def broken(_notice: StorageNotice) -> None:
        raise ZeroDivisionError("a mistake in the program")

    for name in CAMERAS:
        # In the window the rows are told; here a program is.
        desk.control.unregister_storage_error_callback(name)
    desk.control.register_storage_error_callback("cam_01", broken)
    for name in CAMERAS:
        desk.control.register_storage_error_callback(name, told[name].append)
    pictures = desk.count(*CAMERAS, size=SIZE)
    desk.until(lambda: all(len(one.seen) > 25 for one in pictures.values()), 20, "a second of pictures")
    assert desk.control.storage_text.startswith("Disk Usage:") and desk.banner.isHidden()
    left_out = len(lab.not_sent)
    desk.told.clear()

    began = time.monotonic()
    usb.pull()
    desk.until(lambda: desk.control.storage_text == UNPLUGGED, 5, "the label")
    desk.until(lambda: all(told.values()), 5, "three are told")
    desk.until(lambda: desk.banner.headline == REMOVED, 5, "the banner")
    desk.until(
        lambda: all("attempt 1/20" in desk.control.row(name).retry.full for name in CAMERAS),
        8,
        "the retry is counted down",
    )
    desk.until(lambda: "attempt 1/20" in desk.banner.countdown, 5, "in the banner too")
    assert sorted(desk.told) == ["-cam_01", "-cam_02", "-cam_03"]
    assert bytes_beneath(usb.mount_point) == 0
    assert "usb1" in desk.banner.detail and "waits in memory" in desk.banner.detail
    assert desk.messages == [f"⚠️ {REMOVED}"]
    desk.picture("disk-gone")
    seen = {name: len(one.seen) for name, one in pictures.items()}
    desk.until(lambda: all(len(pictures[n].seen) > seen[n] + 50 for n in CAMERAS), 10, "two more seconds of pictures")

    usb.mount()
    desk.records(*CAMERAS, seconds=8)
    desk.until(lambda: desk.banner.headline == "Recording resumed on usb1", 5, "the banner says so")
    desk.until(lambda: len(desk.messages) == 2, 8, "the tray says so")
    desk.picture("recording")
    assert desk.messages[1] == "Recording resumed on usb1"
    assert sorted(desk.told[3:]) == ["+cam_01", "+cam_02", "+cam_03"]
    assert desk.control.storage_text.startswith("Disk Usage:")
    for name in CAMERAS:
        assert [(n.label == UNPLUGGED, n.usable) for n in told[name]] == [(True, False), (False, True)], told[name]
    failed = [r for r in caplog.records if "storage callback of cam_01 failed" in r.getMessage() and r.exc_info]
    assert len(failed) == 2
    print(f"label after {desk.label_after(began, UNPLUGGED) * 1000:.0f} ms")  # noqa: T201 - the figure, for who reads the run
    for name, one in pictures.items():
        assert one.missed == 0 or lab.not_sent[left_out:] or one.skipped, (name, one.seen)
        assert one.away == 0


@pytest.mark.timed
def test_the_label_changes_within_200_ms_of_the_pull(desk: Desk, usb: LoopVolume) -> None:
    """Measured on the GUI thread, from the unmounting to the text that is there."""
    took = []
    for _ in range(5):
        began = time.monotonic()
        usb.pull()
        desk.until(lambda: desk.control.storage_text == UNPLUGGED, 5, "the label")
        took.append(desk.label_after(began, UNPLUGGED))
        usb.mount()
        desk.until(lambda: UNPLUGGED not in desk.control.storage_text, 8, "it is back")
        desk.records(*CAMERAS, seconds=8)
    print(f"label after {', '.join(f'{one * 1000:.0f}' for one in took)} ms")  # noqa: T201 - the figures
    assert statistics.median(took) < 0.2, took


def test_a_full_disk_is_told_with_the_number_and_recording_resumes_when_there_is_room(
    desk: Desk, usb: LoopVolume
) -> None:
    """B5."""
    usb.fill(600 << 10)
    try:
        desk.until(lambda: "⚠ Low Space: 0.00 GB" in desk.control.storage_text, 15, "the label with the number")
        desk.until(lambda: desk.banner.headline.startswith("Recording device is full"), 10, "the banner")
        desk.until(lambda: any("the recording disk is full" in desk.states(n) for n in CAMERAS), 15, "a camera waits")
    finally:
        usb.make_room()
    desk.records(*CAMERAS, seconds=15)
    desk.until(lambda: desk.banner.headline == "Recording resumed on usb1", 10, "the banner says so")
    assert desk.control.storage_text.startswith("Disk Usage:") and "Low Space" not in desk.control.storage_text
