"""The keeper's jobs, on real files in a real disk process."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from evertape.ipc.events import SegmentClosed, SegmentCut, SegmentDeleted, SegmentMissing
from evertape.ipc.messages import (
    AdoptSegment,
    CutSegment,
    DeleteSegment,
    Durable,
    JobDone,
    ListSegments,
    MirrorAppend,
    MirrorQuery,
    MirrorState,
    RecoverSegment,
    SegmentIsClosed,
    SegmentIsOpen,
    SegmentList,
)
from evertape.mp4.scan import ScannedSegment, scan
from evertape_lab.disk_peer import DiskRig, DiskUnderTest, Footage, Peer


@pytest.fixture
def volume(rig: DiskRig) -> Path:
    path = rig.folder / "volume"
    path.mkdir()
    return path


def scanned(path: Path) -> ScannedSegment:
    return scan(io.BytesIO(path.read_bytes()), trust_index=False)


def written(disk: DiskUnderTest, footage: Footage, fragments: int, *, close: bool = True) -> str:
    """Write a segment; returns its path."""
    peer = disk.connect()
    peer.send(*footage.open())
    for _ in range(fragments):
        peer.send(*footage.append())
    path = peer.wait(SegmentIsOpen).path
    if close:
        peer.send(footage.close())
        peer.wait(SegmentIsClosed)
    elif fragments:
        peer.wait(Durable, lambda m: m.fragments == fragments)
    return path


def crashed(rig: DiskRig, volume: Path, footage: Footage, fragments: int) -> tuple[Peer, str]:
    """A segment whose disk process was killed, and a keeper's connection to the next one."""
    disk = rig.disk(volume)
    disk.connect().state("online")
    path = written(disk, footage, fragments, close=False)
    disk.kill()
    keeper = rig.disk(volume).connect("keeper")
    keeper.state("online")
    return keeper, path


def test_recovery_closes_what_a_killed_process_left_at_its_last_whole_fragment(rig: DiskRig, volume: Path) -> None:
    footage = Footage()
    keeper, path = crashed(rig, volume, footage, 3)
    with open(volume / path, "ab") as file:
        file.write(footage.append()[1][:1000])  # a write that was torn
    keeper.send(RecoverSegment(request=1, segment=footage.segment, path=path))
    done = keeper.wait(JobDone)
    assert (done.ok, done.text) == (True, "closed, 1000 bytes cut off")
    found = scanned(volume / path)
    assert found.closed
    assert found.fragments == footage.fragments[:3]
    closed = rig.event(SegmentClosed)
    assert (closed.reason, closed.fragments, closed.last_video, closed.bytes) == ("recovered", 3, 35, found.size)
    assert closed.duration == 36 * 40_000_000
    assert (closed.codec, closed.width, closed.height) == ("h264", 640, 360)


def test_recovering_twice_changes_nothing(rig: DiskRig, volume: Path) -> None:
    footage = Footage()
    keeper, path = crashed(rig, volume, footage, 2)
    contents = []
    for request in (1, 2):
        keeper.send(RecoverSegment(request=request, segment=footage.segment, path=path))
        assert keeper.wait(JobDone).ok
        contents.append((volume / path).read_bytes())
    assert contents[0] == contents[1]


def test_recovery_removes_a_file_that_holds_nothing(rig: DiskRig, volume: Path) -> None:
    footage = Footage()
    keeper, path = crashed(rig, volume, footage, 0)
    keeper.send(RecoverSegment(request=1, segment=footage.segment, path=path))
    assert keeper.wait(JobDone).text == "empty"
    assert not (volume / path).exists()
    deleted = rig.event(SegmentDeleted)
    assert (deleted.segment, deleted.camera, deleted.reason) == (footage.segment, "door", "empty")


def test_recovery_of_a_file_that_is_gone_says_so(rig: DiskRig, volume: Path) -> None:
    footage = Footage()
    keeper, path = crashed(rig, volume, footage, 1)
    (volume / path).unlink()
    keeper.send(RecoverSegment(request=1, segment=footage.segment, path=path))
    assert keeper.wait(JobDone).text == "missing"
    assert rig.event(SegmentMissing).segment == footage.segment


def test_a_file_that_is_being_written_is_left_alone_by_every_job(rig: DiskRig, volume: Path) -> None:
    disk = rig.disk(volume)
    keeper = disk.connect("keeper")
    keeper.state("online")
    footage = Footage()
    path = written(disk, footage, 2, close=False)
    for job in (
        RecoverSegment(request=1, segment=footage.segment, path=path),
        AdoptSegment(request=2, path=path),
        CutSegment(request=3, segment=footage.segment, path=path, from_seq=12, by="x"),
        DeleteSegment(request=4, segment=footage.segment, camera="door", path=path, reason="retention"),
    ):
        keeper.send(job)
        done = keeper.wait(JobDone)
        assert not done.ok
        assert "being written" in done.text
    assert len(scanned(volume / path).fragments) == 2


def test_a_file_that_another_process_still_writes_is_left_alone(rig: DiskRig, volume: Path) -> None:
    """As when a process is stuck in the kernel and has been replaced."""
    stuck = rig.disk(volume)
    stuck.connect().state("online")
    footage = Footage()
    path = written(stuck, footage, 1, close=False)
    keeper = rig.disk(volume, volume="usb1").connect("keeper")
    keeper.state("online")
    keeper.send(RecoverSegment(request=1, segment=footage.segment, path=path))
    done = keeper.wait(JobDone)
    assert (done.ok, "being written" in done.text) == (False, True)


def test_adoption_names_a_file_nobody_knew_and_refuses_what_is_no_segment(rig: DiskRig, volume: Path) -> None:
    footage = Footage()
    keeper, path = crashed(rig, volume, footage, 2)
    keeper.send(AdoptSegment(request=1, path=path))
    assert keeper.wait(JobDone).ok
    closed = rig.event(SegmentClosed)
    assert (closed.reason, closed.segment, closed.epoch) == ("adopted", footage.segment, footage.epoch)
    film = volume / "door/20260101/holiday.mp4"
    film.write_bytes(b"\0\0\0\x18ftypmp42" + bytes(5000))
    keeper.send(AdoptSegment(request=2, path="door/20260101/holiday.mp4"))
    assert not keeper.wait(JobDone).ok
    assert film.stat().st_size == 5012


def test_a_superseded_tail_is_cut_and_cutting_again_changes_nothing(rig: DiskRig, volume: Path) -> None:
    disk = rig.disk(volume)
    keeper = disk.connect("keeper")
    keeper.state("online")
    footage = Footage()
    path = written(disk, footage, 6)
    cut = CutSegment(request=1, segment=footage.segment, path=path, from_seq=48, by="the-other")
    keeper.send(cut)
    assert keeper.wait(JobDone).text == "cut"
    found = scanned(volume / path)
    assert found.closed
    assert found.fragments == footage.fragments[:4]
    event = rig.event(SegmentCut)
    assert (event.from_seq, event.last_video, event.fragments, event.by) == (48, 47, 4, "the-other")
    assert (event.bytes, event.duration) == (found.size, 48 * 40_000_000)
    keeper.send(cut)
    assert keeper.wait(JobDone).text == "nothing to cut"
    assert scanned(volume / path).size == found.size


@pytest.mark.parametrize(("segment", "from_seq"), [("", 50), ("", 0), ("0" * 32, 48)])
def test_a_cut_that_makes_no_sense_is_refused(rig: DiskRig, volume: Path, segment: str, from_seq: int) -> None:
    disk = rig.disk(volume)
    keeper = disk.connect("keeper")
    keeper.state("online")
    footage = Footage()
    path = written(disk, footage, 6)
    before = (volume / path).read_bytes()
    keeper.send(CutSegment(request=1, segment=segment or footage.segment, path=path, from_seq=from_seq, by="x"))
    assert not keeper.wait(JobDone).ok
    assert (volume / path).read_bytes() == before


def test_deletion_is_in_the_journal_before_the_file_is_gone(rig: DiskRig, volume: Path) -> None:
    disk = rig.disk(volume)
    keeper = disk.connect("keeper")
    keeper.state("online")
    footage = Footage()
    path = written(disk, footage, 1)
    size = (volume / path).stat().st_size
    job = DeleteSegment(request=1, segment=footage.segment, camera="door", path=path, reason="retention")
    rig.keeper.kill()
    keeper.send(job)
    refused = keeper.wait(JobDone)
    assert not refused.ok
    assert "D1" in refused.text
    assert (volume / path).exists()
    rig.restart_keeper()
    keeper.send(job)
    assert keeper.wait(JobDone).ok
    assert not (volume / path).exists()
    assert rig.event(SegmentDeleted, lambda event: event.reason == "retention").bytes == size
    keeper.send(job)
    assert keeper.wait(JobDone).ok


def test_files_are_listed_by_day_and_open_ones_are_marked(rig: DiskRig, volume: Path) -> None:
    disk = rig.disk(volume)
    keeper = disk.connect("keeper")
    keeper.state("online")
    day = 86_400_000_000_000
    finished = written(disk, Footage("door"), 1)
    running = written(disk, Footage("yard", start_utc=Footage().start_utc + day), 1, close=False)
    (volume / "door" / "20260101" / "notes.txt").write_text("not footage")
    (volume / "Elsewhere").mkdir()
    keeper.send(ListSegments(request=1))
    listed = keeper.wait(SegmentList)
    assert listed.last
    assert [(file.path, file.open) for file in listed.files] == [(finished, False), (running, True)]
    assert listed.files[0].bytes == (volume / finished).stat().st_size
    keeper.send(ListSegments(request=2, days=("20260102",)))
    assert [file.path for file in keeper.wait(SegmentList).files] == [running]
    keeper.send(ListSegments(request=3, days=("20200101",)))
    assert keeper.wait(SegmentList) == SegmentList(request=3, files=(), last=True)


def test_the_mirror_grows_without_holes(rig: DiskRig, volume: Path) -> None:
    keeper = rig.disk(volume).connect("keeper")
    keeper.state("online")
    name = "20260101-000000-000.jsonl"
    keeper.send(MirrorQuery(request=1))
    assert keeper.wait(MirrorState).files == {}
    for request, offset, data in ((2, 0, b"first\n"), (3, 6, b"second\n"), (4, 6, b"second\n")):
        keeper.send(MirrorAppend(request=request, file=name, offset=offset), data)
        assert keeper.wait(JobDone).ok
    keeper.send(MirrorAppend(request=5, file=name, offset=100), b"later\n")
    assert not keeper.wait(JobDone).ok
    keeper.send(MirrorQuery(request=6))
    assert keeper.wait(MirrorState).files == {name: 13}
    assert (volume / ".evertape" / "journal" / name).read_bytes() == b"first\nsecond\n"


@pytest.mark.parametrize("path", ["../secret.mp4", "/etc/secret.mp4", ".evertape/volume.json", "door/link/secret.mp4"])
def test_no_path_leads_out_of_the_volume(rig: DiskRig, volume: Path, path: str) -> None:
    secret = rig.folder / "secret.mp4"
    secret.write_bytes(b"keep me")
    (volume / "door").mkdir()
    (volume / "door" / "link").symlink_to(rig.folder)
    keeper = rig.disk(volume).connect("keeper")
    keeper.state("online")
    keeper.send(DeleteSegment(request=1, segment="s", camera="door", path=path, reason="retention"))
    assert not keeper.wait(JobDone).ok
    assert secret.exists()
    assert (volume / ".evertape" / "volume.json").exists()
    assert not rig.events(SegmentDeleted)


@pytest.mark.parametrize("name", ["../x.jsonl", "x.jsonl", "20260101-000000-000.jsonl.bak", ""])
def test_the_mirror_takes_journal_files_only(rig: DiskRig, volume: Path, name: str) -> None:
    keeper = rig.disk(volume).connect("keeper")
    keeper.state("online")
    keeper.send(MirrorAppend(request=1, file=name, offset=0), b"x")
    assert not keeper.wait(JobDone).ok


def test_a_name_that_another_segment_has_got_meanwhile_is_not_deleted(rig: DiskRig, volume: Path) -> None:
    disk = rig.disk(volume)
    keeper = disk.connect("keeper")
    keeper.state("online")
    footage = Footage()
    path = written(disk, footage, 2)
    keeper.send(DeleteSegment(request=1, segment="f" * 32, camera="door", path=path, reason="retention"))
    done = keeper.wait(JobDone)
    assert (done.ok, footage.segment in done.text) == (False, True)
    assert (volume / path).exists()
    assert not rig.events(SegmentDeleted)
