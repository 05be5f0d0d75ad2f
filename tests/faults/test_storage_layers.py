"""Each layer of noticing alone, on real file systems; prints how long each took to notice."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from evertape.disk.mounts import mount_on, read_mounts
from evertape.ipc.events import VolumeStateChanged
from evertape.ipc.messages import Durable, SegmentIsOpen, WriterFailed
from evertape_lab.disk_peer import DiskRig, DiskUnderTest, Footage, Peer, wait_until
from evertape_lab.disks import LoopVolume, why_no_loop_mounts

pytestmark = [
    pytest.mark.faults,
    pytest.mark.skipif(bool(why_no_loop_mounts()), reason=why_no_loop_mounts() or "never"),
]

PROBE = {"probe_interval_ns": 500_000_000}
SYNC = {"sync_ns": 1_000_000_000}
"""The sync notices a deleted file too, and must not be first here."""
Told = Callable[[str, str, float], None]


@pytest.fixture
def figure(record_property: Callable[[str, object], None]) -> Told:
    """Prints a figure, for whoever reads the run."""

    def say(layer: str, what: str, seconds: float) -> None:
        print(f"{layer:9} {what:30} noticed after {seconds * 1000:7.1f} ms")  # noqa: T201
        record_property(f"{layer}: {what}", seconds)

    return say


def written_to(disk: DiskUnderTest) -> tuple[Peer, Footage, str]:
    """A connection with one segment of which something is durable, and the file's path."""
    peer = disk.connect()
    peer.state("online")
    footage = Footage()
    peer.send(*footage.open())
    peer.send(*footage.append())
    path = peer.wait(SegmentIsOpen).path
    peer.wait(Durable)
    return peer, footage, path


def uevent(point: Path, action: str) -> None:
    """Have the kernel announce the device under ``point`` as if it came or went."""
    mount = mount_on(read_mounts(), str(point))
    assert mount is not None
    major, minor = mount.device
    Path(f"/sys/dev/block/{major}:{minor}/uevent").write_text(action)


def noticed_by(rig: DiskRig, state: str) -> str:
    return rig.event(VolumeStateChanged, lambda event: event.state == state and event.source != "disk-data").layer


# -- the kernel's news ------------------------------------------------------------------------------------------


@pytest.mark.timed
def test_the_kernel_alone_tells_of_an_unmount_within_100_ms_and_of_the_return(
    rig: DiskRig, usb: LoopVolume, figure: Told
) -> None:
    peer, _, _ = written_to(rig.disk(usb.mount_point, is_mount=True, layers=("kernel",)))
    usb.pull()
    pulled = time.monotonic()
    assert peer.wait(WriterFailed, timeout_s=1.0).fault == "missing"
    took = time.monotonic() - pulled
    figure("kernel", "umount -l", took)
    assert took < 0.1
    info = peer.state("missing").volume
    assert (info.layer, info.was_usable, info.is_mount) == ("kernel", True, True)
    assert list(usb.mount_point.iterdir()) == []
    before = time.monotonic()
    usb.mount()
    peer.state("online", 2.0)
    figure("kernel", "mounted again", time.monotonic() - before)


@pytest.mark.timed
def test_the_kernel_alone_tells_of_a_removed_device_while_its_mount_stays(
    rig: DiskRig, usb: LoopVolume, figure: Told
) -> None:
    peer, _, _ = written_to(rig.disk(usb.mount_point, is_mount=True, layers=("kernel",)))
    try:
        asked = time.monotonic()
        uevent(usb.mount_point, "remove")
        failed = peer.wait(WriterFailed, timeout_s=1.0)
        took = time.monotonic() - asked
    finally:
        uevent(usb.mount_point, "add")
    figure("kernel", "device removed", took)
    assert failed.fault == "missing"
    assert "was removed" in failed.text
    assert took < 0.1
    assert noticed_by(rig, "missing") == "kernel"
    # The announcement was made up and the device is still there, so it is used again.
    peer.state("online")


@pytest.mark.timed
def test_the_kernel_alone_tells_of_a_read_only_remount(rig: DiskRig, usb: LoopVolume, figure: Told) -> None:
    disk = rig.disk(usb.mount_point, is_mount=True, layers=("kernel",))
    peer = disk.connect()
    peer.state("online")
    usb.remount("ro")
    done = time.monotonic()
    assert peer.state("read_only", 1.0).volume.layer == "kernel"
    took = time.monotonic() - done
    figure("kernel", "remounted read-only", took)
    assert took < 0.1
    usb.remount("rw")
    peer.state("online", 2.0)


@pytest.mark.timed
def test_the_kernel_alone_tells_of_a_deleted_file_and_the_next_one_is_written(
    rig: DiskRig, usb: LoopVolume, figure: Told
) -> None:
    peer, _, path = written_to(rig.disk(usb.mount_point, is_mount=True, layers=("kernel",), **SYNC))
    (usb.mount_point / path).unlink()
    deleted = time.monotonic()
    failed = peer.wait(WriterFailed, timeout_s=1.0)
    took = time.monotonic() - deleted
    figure("kernel", "file deleted", took)
    assert took < 0.1
    assert f"{path} was deleted while it was written" in failed.text
    again = Footage(writer=2)
    peer.send(*again.open())
    peer.wait(SegmentIsOpen)


def test_a_recording_folder_deleted_with_its_files_is_made_anew(rig: DiskRig, usb: LoopVolume, figure: Told) -> None:
    peer, _, path = written_to(rig.disk(usb.mount_point, is_mount=True, layers=("kernel",), **SYNC))
    shutil.rmtree(usb.mount_point / "door")
    deleted = time.monotonic()
    peer.wait(WriterFailed, timeout_s=1.0)
    figure("kernel", "recording folder deleted", time.monotonic() - deleted)
    peer.send(*Footage(writer=2).open())
    assert peer.wait(SegmentIsOpen).path == path
    assert (usb.mount_point / path).exists()


def test_a_volume_that_is_a_plain_folder_is_made_anew_with_its_identity(rig: DiskRig, figure: Told) -> None:
    volume = rig.folder / "footage"
    volume.mkdir()
    disk = rig.disk(volume, layers=("kernel",), **SYNC)
    peer = disk.connect()
    known = peer.state("online").volume.volume_id
    peer.send(*Footage().open())
    peer.wait(SegmentIsOpen)
    shutil.rmtree(volume)
    # With everything in it; whichever was watched first says so.
    deleted = time.monotonic()
    peer.wait(WriterFailed, timeout_s=1.0)
    figure("kernel", "volume's folder deleted", time.monotonic() - deleted)
    report = peer.state("online", 2.0)
    assert report.volume.volume_id == known
    assert noticed_by(rig, "missing") == "kernel"
    peer.send(*Footage(writer=2).open())
    peer.wait(SegmentIsOpen)


# -- the others -------------------------------------------------------------------------------------------------


def test_the_probe_alone_tells_of_an_unmount_at_its_next_look(rig: DiskRig, usb: LoopVolume, figure: Told) -> None:
    peer, _, _ = written_to(rig.disk(usb.mount_point, is_mount=True, layers=("probe",), **PROBE))
    usb.pull()
    pulled = time.monotonic()
    assert peer.wait(WriterFailed, timeout_s=2.0).fault == "missing"
    took = time.monotonic() - pulled
    figure("probe", "umount -l, looks each 0.5 s", took)
    assert took < 1.0
    assert peer.state("missing").volume.layer == "probe"
    usb.mount()
    peer.state("online", 2.0)


def test_the_probe_alone_tells_of_permission_withdrawn(rig: DiskRig, usb: LoopVolume, figure: Told) -> None:
    peer = rig.disk(usb.mount_point, is_mount=True, layers=("probe",), **PROBE).connect()
    peer.state("online")
    usb.remount("ro")
    done = time.monotonic()
    assert peer.state("read_only", 2.0).volume.layer == "probe"
    figure("probe", "read-only, looks each 0.5 s", time.monotonic() - done)
    usb.remount("rw")
    peer.state("online", 2.0)


def test_the_pre_check_alone_tells_of_an_unmount_when_a_file_is_to_be_begun(
    rig: DiskRig, usb: LoopVolume, figure: Told
) -> None:
    peer, _, _ = written_to(rig.disk(usb.mount_point, is_mount=True, layers=("precheck",)))
    usb.pull()
    peer.send(*Footage(writer=9).open())
    asked = time.monotonic()
    assert peer.wait(WriterFailed, lambda m: m.writer == 9, timeout_s=1.0).fault == "missing"
    figure("precheck", "umount -l, from the attempt", time.monotonic() - asked)
    assert peer.state("missing").volume.layer == "precheck"
    assert list(usb.mount_point.iterdir()) == []


def test_with_every_layer_off_a_new_file_still_goes_to_the_file_system_that_was_opened_and_nowhere_else(
    rig: DiskRig, usb: LoopVolume
) -> None:
    peer, _, _ = written_to(rig.disk(usb.mount_point, is_mount=True, layers=()))
    usb.pull()
    peer.send(*Footage(writer=9).open())
    path = peer.wait(SegmentIsOpen, lambda m: m.writer == 9).path
    assert list(usb.mount_point.iterdir()) == []
    usb.mount()
    assert (usb.mount_point / path).is_file()


@pytest.mark.skipif(shutil.which("mkfs.xfs") is None or shutil.which("xfs_io") is None, reason="xfsprogs is missing")
def test_with_the_pre_check_off_a_file_on_a_dead_device_fails_when_it_is_begun(rig: DiskRig) -> None:
    with LoopVolume(rig.folder, size=320 << 20, fs="xfs", name="dying") as disk:
        peer, _, _ = written_to(rig.disk(disk.mount_point, is_mount=True, layers=()))
        disk.shut_down()
        peer.send(*Footage(writer=9).open())
        failed = peer.wait(WriterFailed, lambda m: m.writer == 9, timeout_s=2.0)
        assert failed.step in ("C2", "C3", "C4", "C5")


@pytest.mark.skipif(shutil.which("mkfs.xfs") is None or shutil.which("xfs_io") is None, reason="xfsprogs is missing")
def test_the_error_code_alone_tells_of_a_dying_device_at_the_next_write(rig: DiskRig, figure: Told) -> None:
    with LoopVolume(rig.folder, size=320 << 20, fs="xfs", name="dying") as disk:
        peer, footage, _ = written_to(rig.disk(disk.mount_point, is_mount=True, layers=("errno",)))
        disk.shut_down()
        peer.send(*footage.append())
        wrote = time.monotonic()
        assert peer.wait(WriterFailed, timeout_s=2.0).errno == 5
        figure("errno", "device dead, from the write", time.monotonic() - wrote)
        info = peer.state("io_error").volume
        assert (info.layer, info.errno) == ("errno", 5)


# -- identity ---------------------------------------------------------------------------------------------------


def test_the_same_disk_at_another_mount_point_is_used_there_and_known(
    rig: DiskRig, usb: LoopVolume, figure: Told
) -> None:
    disk = rig.disk(usb.mount_point, is_mount=True)
    peer, _, _ = written_to(disk)
    usb.pull()
    known = peer.state("missing").volume.volume_id
    before = time.monotonic()
    elsewhere = usb.mount(rig.folder / "usb at another place")
    info = peer.state("online", 3.0).volume
    figure("identity", "found at another path", time.monotonic() - before)
    assert (info.volume_id, info.path, info.declared) == (known, str(elsewhere), str(usb.mount_point))
    peer.send(*Footage(writer=2).open())
    opened = peer.wait(SegmentIsOpen, lambda m: m.writer == 2)
    assert (elsewhere / opened.path).exists()
    assert list(usb.mount_point.iterdir()) == [], "nothing is written beneath the declared mount point"
    usb.pull()
    peer.state("missing", 2.0)
    usb.mount()
    assert peer.state("online", 3.0).volume.path == str(usb.mount_point)


def test_ours_is_found_elsewhere_while_another_disk_is_at_its_path(rig: DiskRig, usb: LoopVolume) -> None:
    disk = rig.disk(usb.mount_point, is_mount=True)
    peer, _, _ = written_to(disk)
    usb.pull()
    peer.state("missing")
    with LoopVolume(rig.folder, name="other") as other:
        other.mount(usb.mount_point)
        assert "holds no marker" in peer.state("wrong_volume").volume.reason
        elsewhere = usb.mount(rig.folder / "elsewhere")
        assert peer.state("online", 3.0).volume.path == str(elsewhere)
        assert [p.name for p in usb.mount_point.iterdir()] == ["lost+found"], "the other disk is left alone"


def test_a_folder_on_a_disk_is_found_at_the_disks_new_mount_point(rig: DiskRig, usb: LoopVolume) -> None:
    footage = usb.mount_point / "footage"
    footage.mkdir()
    peer, _, _ = written_to(rig.disk(footage))
    usb.pull()
    assert peer.state("missing").volume.was_usable
    elsewhere = usb.mount(rig.folder / "elsewhere")
    assert peer.state("online", 3.0).volume.path == str(elsewhere / "footage")
    wait_until(lambda: list(usb.mount_point.iterdir()) == [], what="nothing beneath the old mount point")
