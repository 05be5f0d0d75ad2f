"""Deleting without an index: the order of the folders, segments by their own headers, empty folders."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from evertape.ipc.events import SegmentDeleted
from evertape.ipc.messages import DeleteSegment, JobDone, ListOldest, SegmentIsClosed, SegmentIsOpen, SegmentList
from evertape_lab.disk_peer import DiskRig, DiskUnderTest, Footage

DAY = 86_400_000_000_000
NOON = int(datetime(2025, 3, 1, 12, tzinfo=UTC).timestamp()) * 10**9


def written(disk: DiskUnderTest, camera: str, start_utc: int, *, close: bool = True) -> tuple[Footage, str]:
    footage = Footage(camera, start_utc=start_utc)
    peer = disk.connect()
    peer.send(*footage.open())
    peer.send(*footage.append())
    path = peer.wait(SegmentIsOpen).path
    if close:
        peer.send(footage.close())
        peer.wait(SegmentIsClosed)
    return footage, path


def online(rig: DiskRig) -> tuple[DiskUnderTest, Path]:
    folder = rig.folder / "volume"
    folder.mkdir()
    disk = rig.disk(folder)
    disk.connect().state("online")
    return disk, folder


def test_the_oldest_files_come_first_across_cameras_and_only_as_many_days_as_it_takes(rig: DiskRig) -> None:
    disk, _ = online(rig)
    later = written(disk, "door", NOON + DAY)[1]
    second = written(disk, "door", NOON + 60 * 10**9)[1]
    first = written(disk, "yard", NOON)[1]
    peer = disk.connect("keeper")
    peer.send(ListOldest(request=1, most=1))
    assert [file.path for file in peer.wait(SegmentList).files] == [first, second]
    peer.send(ListOldest(request=2, most=3))
    assert [file.path for file in peer.wait(SegmentList).files] == [first, second, later]


def test_a_file_that_is_being_written_is_marked_and_not_deleted(rig: DiskRig) -> None:
    disk, folder = online(rig)
    _, path = written(disk, "door", NOON, close=False)
    peer = disk.connect("keeper")
    peer.send(ListOldest(request=1, most=5))
    assert [file.open for file in peer.wait(SegmentList).files] == [True]
    peer.send(DeleteSegment(request=2, segment="", camera="door", path=path, reason="retention_space"))
    assert not peer.wait(JobDone).ok
    assert (folder / path).exists()


def test_a_file_deleted_by_its_path_is_on_record_with_its_own_id_and_its_empty_day_goes_too(rig: DiskRig) -> None:
    disk, folder = online(rig)
    footage, path = written(disk, "door", NOON)
    peer = disk.connect("keeper")
    peer.send(DeleteSegment(request=1, segment="", camera="door", path=path, reason="retention_space"))
    assert peer.wait(JobDone).ok
    assert rig.event(SegmentDeleted).segment == footage.segment
    assert list((folder / "door").iterdir()) == []


def test_the_folder_of_today_goes_with_its_last_file_and_comes_again_with_the_next(rig: DiskRig) -> None:
    disk, folder = online(rig)
    now = int(datetime.now(UTC).timestamp()) * 10**9
    footage, path = written(disk, "door", now)
    peer = disk.connect("keeper")
    peer.send(DeleteSegment(request=1, segment=footage.segment, camera="door", path=path, reason="person"))
    assert peer.wait(JobDone).ok
    assert list((folder / "door").iterdir()) == []
    written(disk, "door", now)
    assert (folder / path).exists()
