"""A segment's hash in the journal is that of its file, however the file came to its end."""

from __future__ import annotations

from pathlib import Path

import pytest
from blake3 import blake3

from evertape.ipc.events import SegmentClosed, SegmentCut
from evertape.ipc.messages import (
    AdoptSegment,
    CutSegment,
    Durable,
    JobDone,
    RecoverSegment,
    SegmentIsClosed,
    SegmentIsOpen,
)
from evertape_lab.disk_peer import DiskRig, DiskUnderTest, Footage


@pytest.fixture
def volume(rig: DiskRig) -> Path:
    path = rig.folder / "volume"
    path.mkdir()
    return path


def hash_of(path: Path) -> str:
    return f"blake3:{blake3(path.read_bytes()).hexdigest()}"


def written(disk: DiskUnderTest, footage: Footage, fragments: int, *, close: bool = True) -> str:
    peer = disk.connect()
    peer.state("online")
    peer.send(*footage.open())
    for _ in range(fragments):
        peer.send(*footage.append())
    path = peer.wait(SegmentIsOpen).path
    if close:
        peer.send(footage.close())
        peer.wait(SegmentIsClosed)
    else:
        peer.wait(Durable, lambda m: m.fragments == fragments)
    return path


def test_a_segment_is_hashed_while_it_is_written(rig: DiskRig, volume: Path) -> None:
    path = written(rig.disk(volume), Footage(), 3)
    assert rig.event(SegmentClosed).hash == hash_of(volume / path)


@pytest.mark.parametrize("reason", ["recovered", "adopted"])
def test_a_file_that_a_crash_left_is_hashed_when_it_is_closed(rig: DiskRig, volume: Path, reason: str) -> None:
    footage = Footage()
    disk = rig.disk(volume)
    path = written(disk, footage, 3, close=False)
    disk.kill()
    with open(volume / path, "ab") as file:
        file.write(footage.append()[1][:1000])
    keeper = rig.disk(volume).connect("keeper")
    keeper.state("online")
    adopt = AdoptSegment(request=1, path=path)
    keeper.send(RecoverSegment(request=1, segment=footage.segment, path=path) if reason == "recovered" else adopt)
    assert keeper.wait(JobDone).ok
    closed = rig.event(SegmentClosed)
    assert (closed.reason, closed.hash) == (reason, hash_of(volume / path))


def test_a_file_whose_tail_is_cut_gets_a_hash_of_what_is_left(rig: DiskRig, volume: Path) -> None:
    disk = rig.disk(volume)
    footage = Footage()
    path = written(disk, footage, 4)
    before = rig.event(SegmentClosed).hash
    keeper = disk.connect("keeper")
    keeper.state("online")
    keeper.send(CutSegment(request=1, segment=footage.segment, path=path, from_seq=24, by="x"))
    assert keeper.wait(JobDone).ok
    after = rig.event(SegmentCut).hash
    assert after == hash_of(volume / path)
    assert after != before
