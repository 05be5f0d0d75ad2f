"""A real keeper beside real disk processes and a real journal."""

from __future__ import annotations

import io
import shutil
import time
from pathlib import Path

import pytest

from evertape.engine import keeper_main
from evertape.ipc.events import GapClosed, SegmentClosed, SegmentCut, SegmentDeleted, SegmentMissing
from evertape.ipc.messages import Durable, Message, SegmentIsClosed, SegmentIsOpen, Shutdown
from evertape.mp4.scan import scan
from evertape.store.index import Index
from evertape.store.rows import CLOSED, DELETED, MISSING, OPEN
from evertape_lab.disk_peer import DiskRig, DiskUnderTest, Footage, wait_until
from evertape_lab.keeper_peer import KeeperUnderTest, look, write_down
from evertape_lab.story import START, Story, utc


def now() -> int:
    return time.time_ns()


def folder(rig: DiskRig, name: str = "volume") -> Path:
    path = rig.folder / name
    path.mkdir(exist_ok=True)
    return path


def written(disk: DiskUnderTest, footage: Footage, fragments: int, *, close: bool = True) -> str:
    """Write a segment; returns its path."""
    peer = disk.connect()
    peer.send(*footage.open())
    for _ in range(fragments):
        peer.send(*footage.append())
    path = peer.wait(SegmentIsOpen).path
    if close:
        peer.send(footage.close("rotate"))
        peer.wait(SegmentIsClosed)
    elif fragments:
        peer.wait(Durable, lambda m: m.fragments == fragments)
    return path


def state_of(index: Index, footage: Footage) -> str:
    row = index.segment(footage.segment)
    return row.state if row is not None else ""


def everything(rig: DiskRig) -> list[object]:
    with Index.open_readonly(rig.data / "index.sqlite3") as index:
        end = 1 << 62
        return [
            list(index.every_segment()), index.runs(), index.totals_by_camera(), index.totals_by_volume(),
            [index.gaps(camera, 0, end) for camera in index.cameras()], index.volumes(), index.events(limit=10_000),
            index.cursor(),
        ]  # fmt: skip


# -- following ----------------------------------------------------------------------------------------------


def test_what_is_recorded_is_in_the_index_soon(rig: DiskRig) -> None:
    disk = rig.disk(folder(rig))
    disk.connect().state("online")
    with KeeperUnderTest(rig, {"usb1": disk}) as keeper:
        footage = Footage(start_utc=now())
        path = written(disk, footage, 4)
        look(rig, lambda index: state_of(index, footage) == CLOSED)
        row = look(rig, lambda index: index.segment(footage.segment))
        assert (row.path, row.fragments, row.last_video) == (path, 4, 47)
        totals = look(rig, lambda index: index.totals_by_camera())["door"]
        assert (totals.files, totals.bytes) == (1, row.bytes)
        assert keeper.shut_down() == 0


def test_a_killed_keeper_is_replaced_by_one_that_goes_on(rig: DiskRig) -> None:
    disk = rig.disk(folder(rig))
    disk.connect().state("online")
    with KeeperUnderTest(rig, {"usb1": disk}) as keeper:
        first = Footage(start_utc=now())
        written(disk, first, 2)
        look(rig, lambda index: state_of(index, first) == CLOSED)
        keeper.kill()
    second = Footage(start_utc=now())
    written(disk, second, 2)
    with KeeperUnderTest(rig, {"usb1": disk}):
        look(rig, lambda index: state_of(index, second) == CLOSED)
        assert look(rig, lambda index: index.totals_by_camera())["door"].files == 2


def test_a_removed_index_is_built_anew_and_equal(rig: DiskRig) -> None:
    story = Story()
    story.started(0)
    story.wish(0)
    for n in range(300):
        story.segment(n * 60, n * 60 + 60)
    story.gap(18_000, 18_010, "camera_unreachable")
    write_down(rig, story.events)
    with KeeperUnderTest(rig) as keeper:
        look(rig, lambda index: index.cursor().applied >= len(story.events))
        keeper.shut_down()
        before = everything(rig)
    (rig.data / "index.sqlite3").unlink()
    with KeeperUnderTest(rig) as keeper:
        look(rig, lambda index: index.cursor().applied >= len(story.events))
        keeper.shut_down()
        assert everything(rig) == before


def test_an_index_removed_or_damaged_under_a_running_keeper_is_built_anew(rig: DiskRig) -> None:
    story = Story()
    story.started(0)
    one = story.segment(0, 60)
    write_down(rig, story.events)
    place = rig.data / "index.sqlite3"
    with KeeperUnderTest(rig):
        look(rig, lambda index: index.segment(one.id))
        for path in (place, Path(f"{place}-wal"), Path(f"{place}-shm")):
            path.unlink(missing_ok=True)
        look(rig, lambda index: index.segment(one.id), what="the index after it was removed")


def test_a_damaged_index_is_moved_aside(rig: DiskRig) -> None:
    story = Story()
    one = story.segment(0, 60)
    write_down(rig, story.events)
    (rig.data / "index.sqlite3").write_bytes(b"this is no database" * 1000)
    with KeeperUnderTest(rig):
        look(rig, lambda index: index.segment(one.id))
    (aside,) = rig.data.glob("index.sqlite3.corrupt-*")
    assert aside.read_bytes().startswith(b"this is no database")


def test_a_line_that_no_column_can_hold_does_not_stop_the_others(rig: DiskRig) -> None:
    story = Story()
    story.segment(0, 60)
    bad = story.segment(10_000_000_000, 10_000_000_060)  # beyond 63 bits of nanoseconds
    good = story.segment(60, 120)
    write_down(rig, story.events)
    with KeeperUnderTest(rig):
        look(rig, lambda index: index.segment(good.id))
        look(rig, lambda index: index.cursor().unknown == 2)
        assert look(rig, lambda index: [index.segment(bad.id)]) == [None]


# -- recovery -----------------------------------------------------------------------------------------------


def test_what_a_crash_left_open_is_closed_and_indexed(rig: DiskRig) -> None:
    volume = folder(rig)
    disk = rig.disk(volume, service="before")
    disk.connect().state("online")
    full, empty = Footage(start_utc=now()), Footage(camera="yard", start_utc=now())
    path = written(disk, full, 3, close=False)
    written(disk, empty, 0, close=False)
    disk.kill()
    after = rig.disk(volume, service="after")
    with KeeperUnderTest(rig, {"usb1": after}, "after"):
        look(rig, lambda index: state_of(index, full) == CLOSED and state_of(index, empty) == DELETED)
        row = look(rig, lambda index: index.segment(full.segment))
        assert (row.reason, row.fragments) == ("recovered", 3)
        assert scan(io.BytesIO((volume / path).read_bytes())).closed


def test_what_is_being_written_is_left_alone(rig: DiskRig) -> None:
    disk = rig.disk(folder(rig))
    disk.connect().state("online")
    living = Footage(start_utc=now())
    written(disk, living, 2, close=False)
    done = Footage(camera="yard", start_utc=now())
    with KeeperUnderTest(rig, {"usb1": disk}) as keeper:
        look(rig, lambda index: state_of(index, living) == OPEN)
        wait_until(lambda: "usb1" in _looked(keeper), what="the volume is gone through")
        written(disk, done, 2)
        look(rig, lambda index: state_of(index, done) == CLOSED)
        assert look(rig, lambda index: state_of(index, living)) == OPEN
        assert [e for e in rig.events(SegmentClosed) if e.segment == living.segment] == []


def _looked(keeper: KeeperUnderTest) -> str:
    """The mirror holds the whole journal: the keeper has been busy with the volume."""
    mirror = keeper.rig.folder / "volume" / ".evertape" / "journal"
    return "usb1" if mirror.exists() and list(mirror.iterdir()) else ""


def test_a_file_nobody_knows_is_adopted(rig: DiskRig, tmp_path: Path) -> None:
    volume = folder(rig)
    disk = rig.disk(volume)
    disk.connect().state("online")
    footage = Footage(start_utc=now())
    path = written(disk, footage, 3)
    kept = tmp_path / "kept.mp4"
    shutil.copy(volume / path, kept)
    (rig.data / "journal").rename(rig.data / "lost")
    rig.restart_keeper()
    disk.kill()
    after = rig.disk(volume)
    with KeeperUnderTest(rig, {"usb1": after}):
        look(rig, lambda index: state_of(index, footage) == CLOSED)
        row = look(rig, lambda index: index.segment(footage.segment))
        assert (row.reason, row.path, row.fragments) == ("adopted", path, 3)
        assert (volume / path).read_bytes() == kept.read_bytes()


def test_a_file_that_is_gone_is_booked_and_one_that_returns_counts_again(rig: DiskRig) -> None:
    volume = folder(rig)
    disk = rig.disk(volume)
    disk.connect().state("online")
    footage = Footage(start_utc=now())
    path = volume / written(disk, footage, 3)
    rig.event(SegmentClosed)
    away = rig.folder / "away.mp4"
    path.rename(away)
    with KeeperUnderTest(rig, {"usb1": disk}) as keeper:
        look(rig, lambda index: state_of(index, footage) == MISSING)
        assert rig.event(SegmentMissing).segment == footage.segment
        keeper.shut_down()
    away.rename(path)
    with KeeperUnderTest(rig, {"usb1": disk}):
        look(rig, lambda index: state_of(index, footage) == CLOSED)


def test_a_deletion_that_was_interrupted_is_finished(rig: DiskRig, tmp_path: Path) -> None:
    volume = folder(rig)
    disk = rig.disk(volume)
    disk.connect().state("online")
    footage = Footage(start_utc=now())
    path = written(disk, footage, 2)
    closed = rig.event(SegmentClosed)
    story = Story()
    event = SegmentDeleted(
        **story.stamp("disk-usb1", 0), segment=footage.segment, camera="door", volume=closed.volume, path=path,
        bytes=1, reason="retention",
    )  # fmt: skip
    write_down(rig, [event])
    with KeeperUnderTest(rig, {"usb1": disk}):
        wait_until(lambda: not (volume / path).exists(), 20, "the file goes")
        assert look(rig, lambda index: state_of(index, footage)) == DELETED


def test_a_volume_that_comes_later_is_gone_through_then(rig: DiskRig) -> None:
    volume = folder(rig)
    disk = rig.disk(volume)
    disk.connect().state("online")
    footage = Footage(start_utc=now())
    written(disk, footage, 2, close=False)
    disk.kill()
    volume.rename(rig.folder / "away")
    after = rig.disk(volume, probe_interval_ns=200_000_000)
    with KeeperUnderTest(rig, {"usb1": after}):
        look(rig, lambda index: state_of(index, footage) == OPEN)
        after.connect().state("missing")
        (rig.folder / "away").rename(volume)
        look(rig, lambda index: state_of(index, footage) == CLOSED)


# -- mirror and reconciling ---------------------------------------------------------------------------------


def test_the_journal_is_mirrored_and_an_index_can_be_made_of_the_mirror(rig: DiskRig, tmp_path: Path) -> None:
    from evertape.engine.keeper_tail import rebuild

    volume = folder(rig)
    disk = rig.disk(volume)
    disk.connect().state("online")
    footage = Footage(start_utc=now())
    written(disk, footage, 2)
    with KeeperUnderTest(rig, {"usb1": disk}):
        look(rig, lambda index: state_of(index, footage) == CLOSED)

        def mirrored() -> bool:
            mirror = volume / ".evertape" / "journal"
            return {p.name: p.read_bytes() for p in mirror.glob("*.jsonl")} == {
                p.name: p.read_bytes() for p in (rig.data / "journal").glob("*.jsonl")
            }

        wait_until(mirrored, 20, "mirror and journal are the same")
    rebuild(tmp_path / "again", volume / ".evertape" / "journal")
    with Index.open_readonly(tmp_path / "again") as index:
        assert state_of(index, footage) == CLOSED


def test_a_superseded_tail_is_cut_and_a_superfluous_file_goes(rig: DiskRig) -> None:
    usb, spill = folder(rig, "usb"), folder(rig, "spill")
    disks = {"usb1": rig.disk(usb), "spill": rig.disk(spill, volume="spill", role="spill")}
    for disk in disks.values():
        disk.connect().state("online")
    begin = now()
    old = Footage(start_utc=begin)
    path = written(disks["usb1"], old, 6)  # units 0 to 71
    stub = Footage(epoch=old.epoch, first=48, generation=1, start_utc=begin + 48 * 40_000_000)
    stub_path = written(disks["usb1"], stub, 1)  # 48 to 59, which the next one holds as well
    new = Footage(
        epoch=old.epoch, first=24, generation=2, start_utc=begin + 24 * 40_000_000,
        supersedes=((old.segment, 24), (stub.segment, 48)),
    )  # fmt: skip
    written(disks["spill"], new, 6)  # 24 to 95
    with KeeperUnderTest(rig, disks):
        look(rig, lambda index: state_of(index, stub) == DELETED, 30)
        look(rig, lambda index: [r.last_video for r in [index.segment(old.segment)] if r] == [23], 30)
        pieces = look(rig, lambda index: index.pieces("door", begin, begin + 10**11))
        assert [(p.segment.id, p.first, p.last) for p in pieces] == [(old.segment, 0, 23), (new.segment, 24, 95)]
    assert not (usb / stub_path).exists()
    found = scan(io.BytesIO((usb / path).read_bytes()), trust_index=False)
    assert found.closed
    assert found.fragments[-1].video is not None
    assert found.fragments[-1].video.last == 23
    assert rig.event(SegmentCut).by == new.segment


# -- conclusions --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("boots", "cause"), [(("a", "a"), "process_crash"), (("a", "b"), "host_down")])
def test_the_time_between_a_crash_and_the_next_start_is_written_down_once(
    rig: DiskRig, boots: tuple[str, str], cause: str
) -> None:
    begin = (now() - START) / 1e9 - 3600
    story = Story("one")
    story.started(begin, boot=boots[0])
    story.wish(begin)
    story.segment(begin, begin + 600)
    dangling = story.gap(begin + 605, None, "camera_unreachable")
    story.wish(begin + 700, camera="yard")
    story.started(begin + 3000, "two", boots[1])
    story.gap(begin + 3001, begin + 3003, "starting")
    write_down(rig, story.events)
    for _ in range(2):
        with KeeperUnderTest(rig, service="two") as keeper:
            look(rig, lambda index: any(g.derived for g in index.gaps("door", 0, 1 << 62)), 40)
            look(rig, lambda index: not index.open_gaps("door"), 40)
            keeper.shut_down()
    entries = look(rig, lambda index: index.gaps("door", 0, 1 << 62))
    found = [(g.cause, g.derived, round((g.start_utc - utc(begin)) / 1e9), round(((g.end_utc or 0) - utc(begin)) / 1e9))
             for g in entries]  # fmt: skip
    assert found == [
        ("camera_unreachable", False, 605, 700),
        (cause, True, 700, 3001),
        ("starting", False, 3001, 3003),
    ]
    assert entries[0].id == dangling
    closed = [e for e in rig.events(GapClosed) if e.source == "keeper" and e.camera == "door"]
    assert len(closed) == 2


# -- cost ---------------------------------------------------------------------------------------------------


def test_the_keeper_stays_small(rig: DiskRig) -> None:
    story = Story()
    story.started(0)
    for n in range(2000):
        story.segment(n * 60, n * 60 + 60)
    write_down(rig, story.events)
    with KeeperUnderTest(rig) as keeper:
        look(rig, lambda index: index.cursor().applied >= len(story.events))
        rss = keeper.rss()
        while rss == 0:
            rss = keeper.rss()
        assert rss < 80 << 20


def test_a_keeper_that_cannot_do_what_it_is_told_makes_room_for_another(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def mistaken(_message: Message) -> None:
        raise KeyError("a mistake of ours")

    codes: list[int] = []
    monkeypatch.setattr(keeper_main, "leave", codes.append)
    keeper_main.obey(mistaken, Shutdown(), "keeper")
    assert codes == [70]
    assert "cannot do what it was told" in caplog.text
    keeper_main.obey(lambda _message: None, Shutdown(), "keeper")
    assert codes == [70]
