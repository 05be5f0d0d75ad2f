"""Volumes that really go, fill up, freeze and come back, under a real disk process."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import subprocess
import threading
import time
from pathlib import Path

import pytest

from evertape.ipc.events import SegmentClosed, SegmentDeleted, VolumeStateChanged
from evertape.ipc.messages import (
    DeleteSegment,
    Durable,
    JobDone,
    RecoverSegment,
    SegmentIsClosed,
    SegmentIsOpen,
    VolumeReport,
    WriterFailed,
)
from evertape.mp4.scan import scan
from evertape_lab.disk_peer import DiskRig, DiskUnderTest, Footage, Peer
from evertape_lab.disks import LoopVolume, why_no_loop_mounts

pytestmark = [
    pytest.mark.faults,
    pytest.mark.skipif(bool(why_no_loop_mounts()), reason=why_no_loop_mounts() or "never"),
]


def recording(disk: DiskUnderTest, count: int = 1) -> tuple[Peer, list[Footage]]:
    """A connection with ``count`` segments that have been written to."""
    peer = disk.connect()
    peer.state("online")
    footages = [Footage(f"cam{n}", n) for n in range(count)]
    for footage in footages:
        peer.send(*footage.open())
        peer.send(*footage.append())
    for footage in footages:
        peer.wait(Durable, lambda m, n=footage.writer: m.writer == n)
    return peer, footages


def until_let_go(volume: LoopVolume) -> None:
    """Wait until nobody holds the pulled file system."""

    def detached() -> bool:
        listed = subprocess.run(["losetup", "-j", str(volume.image)], capture_output=True, text=True, check=True)
        return not listed.stdout.strip()

    deadline = time.monotonic() + 5.0
    while not detached():
        assert time.monotonic() < deadline, "somebody still holds the file system"
        time.sleep(0.02)


@pytest.mark.timed
def test_pulled_volume_fails_every_writer_within_100_ms_and_nothing_lands_beneath(
    rig: DiskRig, usb: LoopVolume
) -> None:
    peer, footages = recording(rig.disk(usb.mount_point, is_mount=True), 3)
    usb.pull()
    pulled = time.monotonic()
    failures = [peer.wait(WriterFailed, timeout_s=1.0) for _ in footages]
    took = time.monotonic() - pulled
    assert {failed.fault for failed in failures} == {"missing"}
    assert {failed.writer for failed in failures} == {0, 1, 2}
    assert took < 0.1
    peer.send(*Footage(writer=9).open())
    assert peer.wait(WriterFailed).fault == "missing"
    for footage in footages:
        peer.send(*footage.append())
    time.sleep(0.7)  # a sync round and a look, in which something could be written beneath
    assert list(usb.mount_point.iterdir()) == []
    changed = rig.event(VolumeStateChanged, lambda event: event.state == "missing")
    assert changed.layer == "kernel"


def test_the_pulled_file_system_is_let_go(rig: DiskRig, usb: LoopVolume) -> None:
    peer, _ = recording(rig.disk(usb.mount_point, is_mount=True), 2)
    usb.pull()
    peer.state("missing")
    until_let_go(usb)


def test_volume_is_online_within_2_s_of_its_return_and_recovery_closes_what_it_held(
    rig: DiskRig, usb: LoopVolume
) -> None:
    disk = rig.disk(usb.mount_point, is_mount=True)
    peer, (footage,) = recording(disk)
    path = next(usb.mount_point.glob("*/*/*.mp4")).relative_to(usb.mount_point).as_posix()
    usb.pull()
    peer.state("missing")
    before = time.monotonic()
    usb.mount()
    report = peer.state("online")
    assert time.monotonic() - before < 2.0
    keeper = disk.connect("keeper")
    keeper.send(RecoverSegment(request=1, segment=footage.segment, path=path))
    assert keeper.wait(JobDone).ok
    closed = rig.event(SegmentClosed)
    assert (closed.reason, closed.segment, closed.volume) == ("recovered", footage.segment, report.volume.volume_id)
    found = scan(io.BytesIO((usb.mount_point / path).read_bytes()))
    assert found.closed
    assert found.fragments == footage.fragments


def test_with_the_pre_check_alone_a_new_segment_on_a_pulled_volume_is_refused(rig: DiskRig, usb: LoopVolume) -> None:
    peer, _ = recording(rig.disk(usb.mount_point, is_mount=True, layers=("precheck",)))
    usb.pull()
    peer.send(*Footage(writer=9).open())
    failures = {peer.wait(WriterFailed).writer: None for _ in range(2)}
    assert set(failures) == {0, 9}
    assert list(usb.mount_point.iterdir()) == []
    assert rig.event(VolumeStateChanged, lambda event: event.state == "missing").layer == "precheck"


def test_a_path_declared_as_a_mount_is_not_used_while_nothing_is_mounted(rig: DiskRig, usb: LoopVolume) -> None:
    usb.pull()
    peer = rig.disk(usb.mount_point, is_mount=True).connect()
    peer.state("not_mounted")
    peer.send(*Footage().open())
    assert peer.wait(WriterFailed).fault == "not_mounted"
    assert list(usb.mount_point.iterdir()) == []
    usb.mount()
    peer.state("online")


def test_another_volume_at_the_same_path_is_refused_and_left_untouched(rig: DiskRig, usb: LoopVolume) -> None:
    disk = rig.disk(usb.mount_point, is_mount=True)
    peer, _ = recording(disk)
    usb.pull()
    with LoopVolume(rig.folder, name="other") as other:
        other.mount(usb.mount_point)
        before = sorted(path.name for path in usb.mount_point.iterdir())
        peer.state("wrong_volume")
        peer.send(*Footage(writer=9).open())
        assert peer.wait(WriterFailed, lambda m: m.writer == 9).fault == "wrong_volume"
        assert sorted(path.name for path in usb.mount_point.iterdir()) == before
    usb.mount()
    peer.state("online")


def test_a_volume_mounted_over_ours_is_noticed(rig: DiskRig, usb: LoopVolume) -> None:
    peer, _ = recording(rig.disk(usb.mount_point, is_mount=True))
    with LoopVolume(rig.folder, name="other") as other:
        other.mount(usb.mount_point)
        assert peer.wait(WriterFailed).fault == "wrong_volume"
    peer.state("online")


def test_full_volume_fails_the_writer_and_keeps_what_was_written(rig: DiskRig) -> None:
    with LoopVolume(rig.folder, size=20 << 20) as small:
        peer = rig.disk(small.mount_point, is_mount=True, probe_interval_ns=200_000_000).connect()
        peer.state("online")
        footage = Footage(frame_bytes=100_000)
        peer.send(*footage.open())
        for _ in range(30):
            peer.send(*footage.append())
        failed = peer.wait(WriterFailed)
        assert (failed.fault, failed.step) == ("full", "W1")
        closed = rig.event(SegmentClosed)
        found = scan(io.BytesIO((small.mount_point / failed.path).read_bytes()), trust_index=False)
        assert found.closed
        assert found.fragments == footage.fragments[: closed.fragments]
        assert closed.fragments >= 8
        peer.state("full")
        peer.send(*Footage(writer=2).open())
        assert peer.wait(WriterFailed).fault == "full"
        (small.mount_point / failed.path).unlink()
        peer.state("online")


def test_read_only_remount_is_named_and_recovers_by_itself(rig: DiskRig, usb: LoopVolume) -> None:
    peer = rig.disk(usb.mount_point, is_mount=True).connect()
    peer.state("online")
    usb.remount("ro")
    peer.state("read_only")
    peer.send(*Footage().open())
    failed = peer.wait(WriterFailed)
    assert (failed.fault, failed.step) == ("read_only", "C1")
    usb.remount("rw")
    before = time.monotonic()
    peer.state("online")
    assert time.monotonic() - before < 2.0
    peer.send(*Footage(writer=2).open())
    peer.wait(SegmentIsOpen)


@pytest.mark.timed
def test_frozen_volume_is_hung_while_the_loop_answers_and_files_are_closed_when_it_thaws(
    rig: DiskRig, usb: LoopVolume
) -> None:
    deadline = {"probe_deadline_ns": 500_000_000, "probe_interval_ns": 200_000_000}
    disk = rig.disk(usb.mount_point, is_mount=True, **deadline)
    peer, (footage,) = recording(disk)
    with usb.frozen():
        peer.send(*footage.append())
        failed = peer.wait(WriterFailed, timeout_s=5.0)
        assert failed.fault == "hung"
        peer.state("hung")
        asked = time.monotonic()
        peer.send(*Footage(writer=9).open())
        assert peer.wait(WriterFailed).fault == "hung"
        disk.connect().close()
        assert time.monotonic() - asked < 0.5
    peer.state("online")
    closed = rig.event(SegmentClosed)
    assert (closed.reason, closed.fragments) == ("failover", 2)


@pytest.mark.skipif(shutil.which("mkfs.xfs") is None or shutil.which("xfs_io") is None, reason="xfsprogs is missing")
def test_a_dying_device_is_an_io_error_at_the_first_failed_step(rig: DiskRig) -> None:
    with LoopVolume(rig.folder, size=320 << 20, fs="xfs") as disk:
        peer, (footage,) = recording(rig.disk(disk.mount_point, is_mount=True))
        disk.shut_down()
        peer.send(*footage.append())
        failed = peer.wait(WriterFailed)
        assert (failed.fault, failed.errno) == ("io_error", 5)
        peer.state("io_error")
        disk.pull()
        until_let_go(disk)  # else the same dead file system would be mounted once more
        disk.mount()
        peer.state("online")


def test_permission_withdrawn_is_denied(rig: DiskRig, usb: LoopVolume) -> None:
    # Root may write anywhere; an immutable directory is what refuses it too.
    peer = rig.disk(usb.mount_point, is_mount=True).connect()
    peer.state("online")
    subprocess.run(["chattr", "+i", str(usb.mount_point)], check=True)
    try:
        peer.send(*Footage().open())
        failed = peer.wait(WriterFailed)
        assert (failed.fault, failed.step) == ("denied", "C1")
        peer.state("denied")
    finally:
        subprocess.run(["chattr", "-i", str(usb.mount_point)], check=True)
    peer.state("online")
    peer.send(*Footage(writer=2).open())
    peer.wait(SegmentIsOpen)


def test_a_volume_under_a_path_with_spaces_is_found_in_the_mount_table(rig: DiskRig, usb: LoopVolume) -> None:
    usb.pull()
    point = usb.mount(rig.folder / "my usb\\disk")
    peer, _ = recording(rig.disk(point, is_mount=True))
    usb.pull()
    assert peer.wait(WriterFailed).fault == "missing"
    assert os.listdir(point) == []


def test_the_same_volume_at_another_device_is_known_by_its_identity(rig: DiskRig, usb: LoopVolume) -> None:
    disk = rig.disk(usb.mount_point, is_mount=True)
    peer = disk.connect()
    first = peer.state("online").volume.volume_id
    usb.pull()
    peer.state("missing")
    with open(rig.folder / "blocker.img", "wb") as file:
        file.truncate(1 << 20)
    taken = subprocess.run(
        ["losetup", "-f", "--show", str(rig.folder / "blocker.img")], capture_output=True, text=True, check=True
    ).stdout.strip()
    try:
        usb.mount()
        report: VolumeReport = peer.state("online")
        assert report.volume.volume_id == first
    finally:
        subprocess.run(["losetup", "-d", taken], check=True)


def resident_mib(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / (1 << 20)


def test_a_disk_that_takes_nothing_does_not_make_the_process_grow_without_bound(rig: DiskRig) -> None:
    """The recorder's own queue grows instead, which it sees, and nothing is lost when the disk goes on."""
    with LoopVolume(rig.folder, size=400 << 20, name="big") as big:
        disk = rig.disk(big.mount_point, is_mount=True, probe_deadline_ns=60_000_000_000)
        peer, (footage,) = recording(disk)
        footage.grow_frames(400_000)
        fragments = [footage.append() for _ in range(40)]
        assert sum(len(data) for _, data in fragments) > 180 << 20
        with big.frozen():
            sender = threading.Thread(target=lambda: [peer.send(*fragment) for fragment in fragments])
            sender.start()
            sender.join(2.0)
            assert sender.is_alive(), "everything was taken though nothing can be written"
            assert resident_mib(disk.process.pid) < 200
            disk.connect().close()
        sender.join(20.0)
        peer.wait(Durable, lambda m: m.fragments == 41)


def test_a_full_disk_leaves_room_for_the_records_without_which_nothing_may_be_deleted(rig: DiskRig) -> None:
    """Journal and footage on one full file system: retention must still be able to make room."""
    with LoopVolume(rig.folder, size=30 << 20) as small, DiskRig(small.mount_point) as full:
        volume = small.mount_point / "volume"
        volume.mkdir()
        disk = full.disk(volume)
        peer, (footage,) = recording(disk)
        peer.send(footage.close())
        path = peer.wait(SegmentIsClosed).path
        filler = small.mount_point / "filler"
        with contextlib.suppress(OSError), open(filler, "wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))
        keeper = disk.connect("keeper")
        # So many that what is left of the journal's last block does not do.
        for n in range(100):
            job = DeleteSegment(request=n, segment="0" * 32, camera="door", path=f"door/{n}.mp4", reason="retention")
            keeper.send(job)
        job = DeleteSegment(request=100, segment=footage.segment, camera="door", path=path, reason="retention")
        keeper.send(job)
        assert keeper.wait(JobDone, lambda done: done.request == 100, timeout_s=20.0).ok
        assert not (volume / path).exists()
        assert len(full.events(SegmentDeleted)) == 101
