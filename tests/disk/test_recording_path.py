"""What a recorder sees of a disk process, on a real process over its socket."""

from __future__ import annotations

import io
import shutil
from pathlib import Path

import pytest

from evertape.errors import ProtocolError
from evertape.ipc.channel import connect
from evertape.ipc.events import SegmentClosed, SegmentDeleted, SegmentOpened, VolumeStateChanged
from evertape.ipc.messages import (
    Append,
    Durable,
    Heartbeat,
    Hello,
    ProbeVolume,
    Refused,
    SegmentIsClosed,
    SegmentIsOpen,
    WriterFailed,
)
from evertape.ipc.wire import encode
from evertape.mp4.scan import ScannedSegment, scan
from evertape_lab.disk_peer import DiskRig, Footage, Peer, wait_until


@pytest.fixture
def volume(rig: DiskRig) -> Path:
    path = rig.folder / "volume"
    path.mkdir()
    return path


def scanned(path: Path) -> ScannedSegment:
    return scan(io.BytesIO(path.read_bytes()), trust_index=False)


def test_fragments_become_durable_and_a_closed_file_holds_every_unit(rig: DiskRig, volume: Path) -> None:
    peer = rig.disk(volume).connect()
    report = peer.state("online")
    footage = Footage()
    peer.send(*footage.open())
    for _ in range(3):
        peer.send(*footage.append())
    opened = peer.wait(SegmentIsOpen)
    assert opened.path == "door/20260101/door_20260101_000000.mp4"
    durable = peer.wait(Durable, lambda m: m.fragments == 3)
    assert durable.bytes == footage.fragments[-1].end
    peer.send(footage.close("rotate"))
    closed = peer.wait(SegmentIsClosed)

    found = scanned(volume / opened.path)
    assert found.closed
    assert found.problem is None
    assert found.fragments == footage.fragments
    assert closed.fragments == 3
    assert closed.bytes == found.size
    begin = rig.event(SegmentOpened)
    end = rig.event(SegmentClosed)
    assert (begin.segment, begin.volume, begin.path) == (footage.segment, report.volume.volume_id, opened.path)
    assert (end.first_video, end.last_video, end.fragments, end.bytes) == (0, 35, 3, found.size)
    assert (end.reason, end.duration) == ("rotate", 36 * 40_000_000)
    assert end.end_utc - end.start_utc == end.duration


def test_two_segments_that_start_in_one_second_get_two_names(rig: DiskRig, volume: Path) -> None:
    peer = rig.disk(volume).connect()
    peer.state("online")
    for writer in (1, 2):
        peer.send(*Footage(writer=writer).open())
    names = {peer.wait(SegmentIsOpen).path.rpartition("/")[2] for _ in range(2)}
    assert names == {"door_20260101_000000.mp4", "door_20260101_000000_1.mp4"}


def test_a_recorder_that_goes_away_leaves_files_closed_at_their_last_fragment(rig: DiskRig, volume: Path) -> None:
    disk = rig.disk(volume)
    peer = disk.connect()
    peer.state("online")
    footage = Footage()
    peer.send(*footage.open())
    peer.send(*footage.append())
    peer.send(*footage.append())
    path = peer.wait(SegmentIsOpen).path
    peer.close()
    closed = rig.event(SegmentClosed)
    assert (closed.reason, closed.fragments, closed.last_video) == ("writer_gone", 2, 23)
    found = scanned(volume / path)
    assert found.closed
    assert found.fragments == footage.fragments


def test_half_a_message_at_the_end_of_a_connection_is_not_written(rig: DiskRig, volume: Path) -> None:
    disk = rig.disk(volume)
    peer = disk.connect()
    peer.state("online")
    footage = Footage()
    peer.send(*footage.open())
    peer.send(*footage.append())
    path = peer.wait(SegmentIsOpen).path
    message, payload = footage.append()
    peer.sock.sendall(b"".join(encode(message, [payload]))[:-100])
    peer.close()
    assert rig.event(SegmentClosed).fragments == 1
    assert len(scanned(volume / path).fragments) == 1


def test_an_empty_segment_is_removed_and_the_journal_says_so(rig: DiskRig, volume: Path) -> None:
    peer = rig.disk(volume).connect()
    peer.state("online")
    footage = Footage()
    peer.send(*footage.open())
    path = peer.wait(SegmentIsOpen).path
    peer.send(footage.close())
    closed = peer.wait(SegmentIsClosed)
    assert (closed.fragments, closed.bytes) == (0, 0)
    assert not (volume / path).exists()
    assert rig.event(SegmentDeleted).reason == "empty"


def test_a_fragment_out_of_order_ends_the_writer_but_not_the_file(rig: DiskRig, volume: Path) -> None:
    peer = rig.disk(volume).connect()
    peer.state("online")
    footage = Footage()
    peer.send(*footage.open())
    peer.send(*footage.append())
    footage.append()  # lost on the way
    peer.send(*footage.append())
    failed = peer.wait(WriterFailed)
    assert (failed.fault, failed.step) == ("other", "W1")
    assert rig.event(SegmentClosed).fragments == 1
    assert scanned(volume / failed.path).closed


def test_a_header_of_another_camera_is_refused(rig: DiskRig, volume: Path) -> None:
    peer = rig.disk(volume).connect()
    peer.state("online")
    message, _ = Footage("door").open()
    _, head = Footage("yard").open()
    peer.send(message, head)
    assert peer.wait(WriterFailed).step == "C4"
    assert not list(volume.glob("*/*/*"))


def test_appends_to_a_segment_that_could_not_be_opened_are_dropped(rig: DiskRig, volume: Path) -> None:
    peer = rig.disk(volume).connect()
    peer.state("online")
    footage = Footage()
    peer.send(footage.open()[0], b"this is no header")
    peer.send(*footage.append())
    peer.send(footage.close())
    assert peer.wait(WriterFailed).step == "C4"
    with pytest.raises(TimeoutError):
        peer.wait(SegmentIsClosed, timeout_s=0.3)
    assert not [m for m, _ in peer.heard if isinstance(m, WriterFailed)]


def test_a_file_deleted_while_it_is_written_fails_its_writer_only(rig: DiskRig, volume: Path) -> None:
    # By the sync; with the kernel's news it is noticed earlier (tests/faults/test_storage_layers.py).
    peer = rig.disk(volume, layers=("probe", "precheck", "errno")).connect()
    peer.state("online")
    door, yard = Footage("door", 1), Footage("yard", 2)
    for footage in (door, yard):
        peer.send(*footage.open())
        peer.send(*footage.append())
    path = peer.wait(SegmentIsOpen, lambda m: m.writer == 1).path
    peer.wait(Durable, lambda m: m.writer == 1)
    (volume / path).unlink()
    peer.send(*door.append())
    peer.send(*yard.append())
    failed = peer.wait(WriterFailed)
    assert (failed.writer, failed.step) == (1, "S2")
    assert peer.wait(Durable, lambda m: m.writer == 2 and m.fragments == 2)


def test_a_camera_folder_that_was_deleted_is_made_again(rig: DiskRig, volume: Path) -> None:
    peer = rig.disk(volume).connect()
    peer.state("online")
    peer.send(*Footage(writer=1).open())
    path = volume / peer.wait(SegmentIsOpen).path
    path.unlink()
    path.parent.rmdir()
    path.parent.parent.rmdir()
    peer.send(*Footage(writer=2).open())
    assert (volume / peer.wait(SegmentIsOpen).path).exists()


def test_a_link_in_place_of_a_camera_folder_is_not_followed(rig: DiskRig, volume: Path) -> None:
    elsewhere = rig.folder / "elsewhere"
    elsewhere.mkdir()
    (volume / "door").symlink_to(elsewhere)
    peer = rig.disk(volume).connect()
    peer.state("online")
    peer.send(*Footage().open())
    assert peer.wait(WriterFailed).step == "C2"
    assert not list(elsewhere.iterdir())


def test_shutdown_finishes_every_file_and_leaves_with_zero(rig: DiskRig, volume: Path) -> None:
    disk = rig.disk(volume)
    peer = disk.connect()
    peer.state("online")
    writers = [Footage(f"cam{n}", n) for n in range(8)]
    for footage in writers:
        peer.send(*footage.open())
        peer.send(*footage.append())
    for _ in writers:
        peer.wait(SegmentIsOpen)
    assert disk.shut_down() == 0
    assert {event.reason for event in rig.events(SegmentClosed)} == {"shutdown"}
    files = sorted(volume.glob("*/*/*.mp4"))
    assert len(files) == 8
    assert all(scanned(file).closed for file in files)


def test_a_supervisor_that_is_gone_ends_the_process_in_good_order(rig: DiskRig, volume: Path) -> None:
    disk = rig.disk(volume)
    peer = disk.connect()
    peer.state("online")
    footage = Footage()
    peer.send(*footage.open())
    peer.send(*footage.append())
    path = peer.wait(SegmentIsOpen).path
    disk.supervisor.close()
    assert disk.process.wait(10.0) == 0
    assert scanned(volume / path).closed


def test_the_process_is_small_and_sends_a_heartbeat(rig: DiskRig, volume: Path) -> None:
    disk = rig.disk(volume)
    beats = [disk.supervisor.wait(Heartbeat, timeout_s=3.0) for _ in range(2)]
    assert 0.5e9 < beats[1].boot - beats[0].boot < 2.5e9
    assert 0 < beats[1].rss < 30 << 20


def test_the_same_volume_is_known_again_and_a_missing_one_comes_online_when_it_appears(rig: DiskRig) -> None:
    path = rig.folder / "later"
    disk = rig.disk(path, probe_interval_ns=100_000_000)
    peer = disk.connect()
    assert "No such file" in peer.state("missing").volume.reason
    peer.send(*Footage().open())
    failed = peer.wait(WriterFailed)
    assert (failed.fault, failed.step) == ("missing", "C1")
    assert not path.exists()
    path.mkdir()
    first = peer.state("online").volume.volume_id
    assert len(first) == 32
    path.rename(rig.folder / "moved")
    peer.state("missing")
    path.mkdir()
    assert peer.state("wrong_volume").volume.volume_id == first
    path.rmdir()
    (rig.folder / "moved").rename(path)
    assert peer.state("online").volume.volume_id == first
    back = rig.event(VolumeStateChanged, lambda e: e.volume == "usb1" and e.old != "unknown" and e.state == "online")
    assert back.volume_id == first


def test_a_peer_that_does_not_say_hello_is_refused(rig: DiskRig, volume: Path) -> None:
    disk = rig.disk(volume)
    disk.connect()
    stranger = Peer(connect(disk.path))
    stranger.send(*Footage().open())
    stranger.wait(Refused)
    with pytest.raises(ConnectionError):
        stranger.wait(Hello)
    stranger.close()


def test_garbage_on_the_socket_closes_that_connection_only(rig: DiskRig, volume: Path) -> None:
    disk = rig.disk(volume)
    good, bad = disk.connect(), disk.connect()
    good.state("online")
    bad.state("online")
    bad.sock.sendall(b"\xff" * 64)
    with pytest.raises((ConnectionError, ProtocolError)):
        bad.wait(Hello)
    good.send(*Footage().open())
    good.wait(SegmentIsOpen)


def test_64_files_are_synced_in_one_round(rig: DiskRig, volume: Path) -> None:
    peer = rig.disk(volume).connect()
    peer.state("online")
    writers = [Footage(f"cam{n}", n, frame_bytes=500) for n in range(64)]
    for footage in writers:
        peer.send(*footage.open())
    for footage in writers:
        peer.send(*footage.append())
    for n in range(64):
        peer.wait(Durable, lambda m, n=n: m.writer == n)
    wait_until(lambda: len(rig.events(SegmentOpened)) == 64, what="64 segment_opened")


def test_unknown_writers_are_ignored(rig: DiskRig, volume: Path) -> None:
    peer = rig.disk(volume).connect()
    peer.state("online")
    footage = Footage(writer=7)
    append: tuple[Append, bytes] = footage.append()
    peer.send(*append)
    peer.send(footage.close())
    peer.send(*Footage(writer=8).open())
    assert peer.wait(SegmentIsOpen).writer == 8
    assert not [m for m, _ in peer.heard if isinstance(m, WriterFailed)]


def test_a_folder_that_is_deleted_piece_by_piece_is_made_anew_once_it_is_gone(rig: DiskRig, volume: Path) -> None:
    disk = rig.disk(volume)
    peer = disk.connect()
    known = peer.state("online").volume.volume_id
    shutil.rmtree(volume / ".evertape")
    peer.send(ProbeVolume())
    peer.state("wrong_volume")
    volume.rmdir()
    assert peer.state("online").volume.volume_id == known
    assert [path.name for path in volume.iterdir()] == [".evertape"]
    assert [path.name for path in volume.parent.iterdir() if known[:8] in path.name] == [], "no scaffolding is left"
