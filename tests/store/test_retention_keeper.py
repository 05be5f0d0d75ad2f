"""A real keeper that deletes, beside real disk processes and a real journal."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from evertape.domain.cause import Cause
from evertape.domain.retention_terms import DAY_NS, ProtectedSpan, Rule, Terms
from evertape.ipc.events import ProtectionAdded, RecordWish, RetentionPass, SegmentDeleted
from evertape.ipc.messages import EventNews, RetentionProgress, RunRetention, SegmentIsClosed, SegmentIsOpen
from evertape.store.index import Index
from evertape.store.retention import protections
from evertape.store.rows import CLOSED, DELETED
from evertape.types import NS_PER_S
from evertape_lab.disk_peer import DiskRig, DiskUnderTest, Footage, wait_until
from evertape_lab.keeper_peer import KeeperUnderTest, look, write_down
from evertape_lab.story import Story

NOW = time.time_ns()
AT_ONCE = Terms(rule=Rule(max_age=DAY_NS), interval=NS_PER_S, start_free=10**6, start_percent=0.0, more_free=10**6,
                min_free=10**6, resume_free=10**6)  # fmt: skip
"""By age only, every second: the disk that the tests run on may be nearly full."""


class Camera:
    """Writes segments of a camera onto a volume, and knows where they are."""

    def __init__(self, disk: DiskUnderTest, camera: str = "door") -> None:
        self._disk, self._camera = disk, camera
        self.written: dict[int, tuple[Footage, str]] = {}

    def segment(self, days_ago: float, *, close: bool = True, camera: str = "") -> Footage:
        start = NOW - round(days_ago * DAY_NS)
        footage = Footage(camera or self._camera, start_utc=start, writer=len(self.written) + 1)
        peer = self._disk.connect()
        peer.send(*footage.open())
        for _ in range(2):
            peer.send(*footage.append())
        path = peer.wait(SegmentIsOpen).path
        if close:
            peer.send(footage.close("rotate"))
            peer.wait(SegmentIsClosed)
        self.written[len(self.written)] = (footage, path)
        return footage


def online(rig: DiskRig, name: str = "volume") -> tuple[DiskUnderTest, Path]:
    folder = rig.folder / name
    folder.mkdir()
    disk = rig.disk(folder)
    disk.connect().state("online")
    return disk, folder


def states(index: Index, *footages: Footage) -> list[str]:
    rows = [index.segment(footage.segment) for footage in footages]
    return [row.state if row is not None else "" for row in rows]


def becomes(*footages: Footage, state: str) -> Callable[[Index], bool]:
    return lambda index: states(index, *footages) == [state] * len(footages)


def files(folder: Path) -> int:
    return len(list(folder.glob("*/*/*.mp4")))


def test_what_is_too_old_goes_and_the_ledger_says_why(rig: DiskRig) -> None:
    disk, folder = online(rig)
    camera = Camera(disk)
    old, older, young = camera.segment(1.5), camera.segment(3), camera.segment(0.5)
    open_ = camera.segment(2, close=False)
    story = Story()
    wish = RecordWish(**{**story.stamp("supervisor", 0), "at": NOW - 4 * DAY_NS}, camera="door", wanted=True, by="test")
    write_down(rig, [wish])
    with KeeperUnderTest(rig, {"usb1": disk}, retention=AT_ONCE) as keeper:
        look(rig, becomes(old, older, state=DELETED))
        assert files(folder) == 2
        with Index.open_readonly(rig.data / "index.sqlite3") as index:
            assert states(index, young, open_) == [CLOSED, "open"]
            row = index.segment(old.segment)
            assert row is not None
            assert row.fate == "retention_age"
            report = index.coverage("door", old.start_utc, old.start_utc + NS_PER_S // 2, NOW)
            assert set(report.causes) == {Cause.EVICTED_BY_RETENTION}
            assert report.complete
        done = rig.event(RetentionPass, lambda event: event.files > 0)
        assert (done.files, done.failed, done.why, done.indexed) == (2, 0, "interval", True)
        told = keeper.supervisor.wait(EventNews, lambda m: any(event.id == done.id for event in m.events))
        assert done in told.events, "clients that listen hear it as well"
        assert done.bytes == sum(event.bytes for event in rig.events(SegmentDeleted))


def test_protected_footage_stays_whether_the_service_or_only_the_journal_says_so(rig: DiskRig) -> None:
    disk, folder = online(rig)
    camera = Camera(disk)
    told, on_record, neither = camera.segment(5), camera.segment(4), camera.segment(3)
    story = Story()
    within = (on_record.start_utc + NS_PER_S // 10, on_record.start_utc + NS_PER_S // 5)
    added = ProtectionAdded(
        **story.stamp("supervisor", 0), protection="p2", camera="door", start_utc=within[0], end_utc=within[1],
        why="theft",
    )  # fmt: skip
    write_down(rig, [added])
    span = ProtectedSpan("p1", "door", told.start_utc - NS_PER_S, told.start_utc + 1)
    with KeeperUnderTest(rig, {"usb1": disk}, retention=replace(AT_ONCE, protected=(span,))) as keeper:
        look(rig, becomes(neither, state=DELETED))
        done = rig.event(RetentionPass, lambda event: event.files > 0)
        assert (done.files, done.protected) == (1, 2)
        assert files(folder) == 2
        # Once nobody protects it any more, it goes by the rules again.
        keeper.retention = AT_ONCE
        keeper.assign({"usb1": disk})
        look(rig, becomes(told, state=DELETED))
        with Index.open_readonly(rig.data / "index.sqlite3") as index:
            assert states(index, on_record) == [CLOSED]
            assert [row.why for row in protections(index)] == ["theft"]


def test_a_file_that_cannot_be_deleted_is_counted_and_the_pass_goes_on(rig: DiskRig) -> None:
    disk, folder = online(rig)
    camera = Camera(disk)
    stranger, other = camera.segment(5), camera.segment(4)
    # Another segment lies where the first should be: deleting it would be a mistake.
    (folder / camera.written[0][1]).write_bytes((folder / camera.written[1][1]).read_bytes())
    with KeeperUnderTest(rig, {"usb1": disk}, retention=AT_ONCE) as keeper:
        look(rig, becomes(other, state=DELETED))
        done = rig.event(RetentionPass, lambda event: event.files > 0)
        assert (done.files, done.failed) == (1, 1)
        assert (folder / camera.written[0][1]).exists()
        assert "could not be deleted" in keeper.log.read_text()
        with Index.open_readonly(rig.data / "index.sqlite3") as index:
            assert states(index, stranger) == [CLOSED]


def test_somebody_deletes_one_cameras_older_footage_and_hears_how_far_it_is(rig: DiskRig) -> None:
    disk, folder = online(rig)
    camera = Camera(disk)
    old, young, others = camera.segment(0.5), camera.segment(0.1), camera.segment(0.5, camera="yard")
    with KeeperUnderTest(rig, {"usb1": disk}, retention=replace(AT_ONCE, interval=DAY_NS)) as keeper:
        look(rig, becomes(old, young, others, state=CLOSED))
        keeper.supervisor.send(RunRetention(request=7, camera="door", older_than=DAY_NS // 4))
        done = keeper.supervisor.wait(RetentionProgress, lambda m: m.done)
        assert (done.files, done.failed, done.error) == (1, 0, "")
        look(rig, becomes(old, state=DELETED))
        with Index.open_readonly(rig.data / "index.sqlite3") as index:
            assert states(index, young, others) == [CLOSED, CLOSED]
            row = index.segment(old.segment)
            assert row is not None
            assert row.fate == "person"
        assert files(folder) == 2


def test_the_oldest_goes_over_a_quota_that_counts_all_volumes_together(rig: DiskRig) -> None:
    one, _ = online(rig, "one")
    two, _ = online(rig, "two")
    first, second = Camera(one), Camera(two)
    oldest, newest = second.segment(0.3), second.segment(0.1)
    middle, others = first.segment(0.2), first.segment(0.4, camera="yard")
    size = 2 * 12 * 2000
    terms = replace(AT_ONCE, cameras={"door": Rule(quota=round(2.5 * size))})
    with KeeperUnderTest(rig, {"usb1": one, "usb2": two}, retention=terms):
        look(rig, becomes(oldest, state=DELETED))
        wait_until(lambda: [e for e in rig.events(RetentionPass) if not e.files], what="a pass with nothing to do")
        with Index.open_readonly(rig.data / "index.sqlite3") as index:
            assert states(index, newest, middle, others) == [CLOSED] * 3


def test_a_file_left_over_by_a_crash_after_its_deletion_was_on_record_is_deleted_again(rig: DiskRig) -> None:
    disk, folder = online(rig)
    camera = Camera(disk)
    left, _other = camera.segment(5), camera.segment(4)
    path = camera.written[0][1]
    story = Story()
    with KeeperUnderTest(rig, {"usb1": disk}) as keeper:
        row = look(rig, lambda index: index.segment(left.segment))
        assert row is not None
        keeper.shut_down()
    deleted = SegmentDeleted(
        **story.stamp("disk-usb1", 0), segment=left.segment, camera="door", volume=row.volume, path=path, bytes=1,
        reason="retention_age",
    )  # fmt: skip
    write_down(rig, [deleted])
    assert (folder / path).exists()
    with KeeperUnderTest(rig, {"usb1": disk}, retention=replace(AT_ONCE, rule=Rule(max_age=0))):
        wait_until(lambda: not (folder / path).exists(), 20.0, "the file to be deleted again")
        assert files(folder) == 1
