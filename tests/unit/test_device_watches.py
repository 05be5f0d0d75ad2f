"""Devices that come and go: what the kernel says, drive letters, /Volumes; each against a fake of its source."""

from __future__ import annotations

import asyncio
import ctypes
import struct
import types
from pathlib import Path

import pytest

from evertape.disk import inotify as bits
from evertape.disk.device_news import DeviceAction, DeviceNews
from evertape.disk.drive_poll import POLL_S, MacVolumesMonitor, WindowsDriveMonitor
from evertape.disk.inotify import parse_events
from evertape.disk.monitor import StorageDeviceMonitor, is_lost
from evertape.disk.mounts import MountWatch
from evertape.disk.uevents import UeventWatch, backing_devices, parse_uevent

REMOVED = (
    b"remove@/devices/pci0000:00/usb1/1-1/host6/target6:0:0/6:0:0:0/block/sdb/sdb1\0ACTION=remove\0"
    b"DEVPATH=/devices/pci0000:00/usb1/1-1/host6/target6:0:0/6:0:0:0/block/sdb/sdb1\0SUBSYSTEM=block\0"
    b"MAJOR=8\0MINOR=17\0DEVNAME=sdb1\0DEVTYPE=partition\0PARTN=1\0SEQNUM=4711\0"
)


def test_the_kernel_announces_a_removed_partition() -> None:
    assert parse_uevent(REMOVED) == DeviceNews(DeviceAction.REMOVED, "sdb1", (8, 17))


@pytest.mark.parametrize(
    "datagram",
    [
        b"",
        b"libudev\0\xfe\xed\xca\xfe",
        REMOVED.replace(b"SUBSYSTEM=block", b"SUBSYSTEM=usb"),
        REMOVED.replace(b"ACTION=remove", b"ACTION=bind"),
        REMOVED.replace(b"DEVNAME=sdb1", b"NAME=sdb1"),
    ],
)
def test_other_announcements_are_ignored(datagram: bytes) -> None:
    assert parse_uevent(datagram) is None


def test_a_volume_is_gone_with_its_partition_its_disk_or_what_a_mapping_lies_on(tmp_path: Path) -> None:
    def device(at: Path, number: str) -> Path:
        at.mkdir(parents=True)
        (at / "dev").write_text(number + "\n")
        (tmp_path / number).symlink_to(at)
        return at

    disk = device(tmp_path / "devices" / "sdb", "8:16")
    part = device(disk / "sdb1", "8:17")
    (part / "partition").write_text("1\n")
    mapping = device(tmp_path / "devices" / "dm-0", "253:0")
    (mapping / "slaves").mkdir()
    (mapping / "slaves" / "sdb1").symlink_to(part)

    devices = backing_devices((253, 0), tmp_path)
    assert devices == {(253, 0), (8, 17), (8, 16)}
    assert backing_devices((0, 52), tmp_path) == frozenset()
    assert is_lost(DeviceNews(DeviceAction.REMOVED, "sdb", (8, 16)), "/mnt/usb", devices)
    assert not is_lost(DeviceNews(DeviceAction.REMOVED, "sdc", (8, 32)), "/mnt/usb", devices)
    assert not is_lost(DeviceNews(DeviceAction.CHANGED, "sdb", (8, 16)), "/mnt/usb", devices)


@pytest.mark.parametrize(
    ("name", "path", "lost"),
    [
        ("E:\\", "E:\\footage", True),
        ("E:\\", "e:\\", True),
        ("E:\\", "C:\\footage", False),
        ("/Volumes/USB", "/Volumes/USB", True),
        ("/Volumes/USB", "/Volumes/USB/footage", True),
        ("/Volumes/USB", "/Volumes/USB2", False),
    ],
)
def test_where_devices_have_no_numbers_the_path_says_whose_they_are(name: str, path: str, lost: bool) -> None:
    assert is_lost(DeviceNews(DeviceAction.REMOVED, name), path, frozenset()) is lost


def test_drive_letters_that_come_and_go_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    mask = 0b0100  # C:
    kernel32 = types.SimpleNamespace(GetLogicalDrives=lambda: mask)
    monkeypatch.setattr(ctypes, "windll", types.SimpleNamespace(kernel32=kernel32), raising=False)
    heard: list[DeviceNews] = []
    drives = WindowsDriveMonitor(heard.append)
    drives.look()
    assert heard == [], "what was there at the first look is no news"
    mask = 0b10100
    drives.look()
    mask = 0b0100
    drives.look()
    drives.look()
    assert heard == [DeviceNews(DeviceAction.ADDED, "E:\\"), DeviceNews(DeviceAction.REMOVED, "E:\\")]
    mask = 0  # how the call says that it failed
    drives.look()
    mask = 0b0100
    drives.look()
    assert len(heard) == 2
    assert POLL_S == 2.0


def test_the_entries_of_volumes_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MacVolumesMonitor, "folder", str(tmp_path))
    heard: list[DeviceNews] = []
    volumes = MacVolumesMonitor(heard.append)
    volumes.look()
    (tmp_path / "USB").mkdir()
    volumes.look()
    (tmp_path / "USB").rmdir()
    volumes.look()
    usb = str(tmp_path / "USB")
    assert heard == [DeviceNews(DeviceAction.ADDED, usb), DeviceNews(DeviceAction.REMOVED, usb)]


def test_the_poll_looks_by_itself_until_it_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MacVolumesMonitor, "folder", str(tmp_path))

    async def scenario() -> DeviceNews:
        heard: asyncio.Queue[DeviceNews] = asyncio.Queue()
        monitor = StorageDeviceMonitor(lambda _: None, heard.put_nowait, "darwin")
        (watch,) = monitor.watches
        assert isinstance(watch, MacVolumesMonitor)
        watch._interval_s = 0.01
        looks = 0
        plain = watch.drives

        def counted() -> frozenset[str]:
            nonlocal looks
            found = plain()
            looks += 1
            return found

        monkeypatch.setattr(watch, "drives", counted)
        monitor.start()
        async with asyncio.timeout(5):
            while not looks:
                await asyncio.sleep(0.005)
            (tmp_path / "USB").mkdir()
            found = await heard.get()
        monitor.stop()
        monitor.stop()
        await asyncio.to_thread(watch._thread.join, 5)
        assert not watch._thread.is_alive()
        return found

    assert asyncio.run(scenario()).action is DeviceAction.ADDED


def test_each_system_has_its_watches() -> None:
    async def kinds(platform: str) -> list[type]:
        monitor = StorageDeviceMonitor(lambda _: None, lambda _: None, platform)
        monitor.stop()  # never started: nothing to end, nothing raised
        return [type(watch) for watch in monitor.watches]

    assert asyncio.run(kinds("win32")) == [WindowsDriveMonitor]
    assert asyncio.run(kinds("linux")) == [MountWatch, UeventWatch]


def test_inotify_events_are_read_one_after_the_other() -> None:
    data = struct.pack("iIII", 1, bits.DELETE, 0, 16) + b"a.mp4".ljust(16, b"\0")
    data += struct.pack("iIII", 2, bits.DELETE_SELF, 0, 0)
    assert [(e.watch, e.mask, e.name) for e in parse_events(data)] == [
        (1, bits.DELETE, "a.mp4"),
        (2, bits.DELETE_SELF, ""),
    ]
    assert parse_events(data[:10]) == []
