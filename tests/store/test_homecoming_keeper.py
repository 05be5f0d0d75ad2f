"""A real keeper that brings footage home between real disk processes, and processes that are killed at it."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from evertape.clock import SystemClock
from evertape.config.paths import DataDir
from evertape.domain.homecoming import NO_HOME
from evertape.domain.retention_terms import Rule, Terms
from evertape.engine.audit import Audit
from evertape.engine.audit_files import Root
from evertape.ipc.events import SegmentDeleted, SegmentMoved
from evertape.ipc.messages import HomecomingNews, SegmentIsClosed, SegmentIsOpen
from evertape.mp4.digest import named, segment_hash
from evertape.store.index import Index
from evertape.store.rows import CLOSED, DELETED, OPEN
from evertape_lab.disk_peer import DiskRig, DiskUnderTest, Footage, wait_until
from evertape_lab.keeper_peer import KeeperUnderTest, look

NOW = time.time_ns()
TERMS = Terms(rule=Rule(max_age=0), start_free=10**6, start_percent=0.0, more_free=10**6, min_free=10**6,
              resume_free=10**6)  # fmt: skip
"""Nothing goes, and there is room: the disk that the tests run on may be nearly full."""
ROLES = {"spill": "spill"}
SLOW = 3_000_000
"""Bytes per second at which a move of the files below takes about a second."""


class Two:
    """A primary and a spill volume, each with its process."""

    def __init__(self, rig: DiskRig) -> None:
        self.rig = rig
        self.folders = {name: rig.folder / name for name in ("home", "spill")}
        self.disks: dict[str, DiskUnderTest] = {}
        for name, folder in self.folders.items():
            folder.mkdir()
            self.start(name)

    def start(self, name: str) -> None:
        role = ROLES.get(name, "primary")
        self.disks[name] = self.rig.disk(self.folders[name], volume=name, role=role)
        self.disks[name].connect().state("online")

    def write(self, volume: str, footage: Footage, fragments: int = 2, *, close: bool = True) -> str:
        peer = self.disks[volume].connect()
        peer.send(*footage.open())
        for _ in range(fragments):
            peer.send(*footage.append())
        path = peer.wait(SegmentIsOpen).path
        if close:
            peer.send(footage.close("rotate"))
            peer.wait(SegmentIsClosed)
        return path

    def keeper(self, **settings: object) -> KeeperUnderTest:
        return KeeperUnderTest(self.rig, self.disks, **{"retention": TERMS, "roles": ROLES, **settings})  # type: ignore[arg-type]

    def files(self, volume: str) -> dict[str, str]:
        """Path and hash of every file of footage; one may go while this looks."""
        root, found = self.folders[volume], {}
        for path in sorted(root.glob("*/*/*.mp4")):
            with contextlib.suppress(FileNotFoundError):
                found[str(path.relative_to(root))] = hash_of(path)
        return found

    def parts(self, volume: str) -> list[str]:
        return sorted(path.name for path in self.folders[volume].glob(".evertape/incoming/*"))

    def all_home(self, *footages: Footage) -> Callable[[Index], bool]:
        def home(index: Index) -> bool:
            rows = [index.segment(footage.segment) for footage in footages]
            return all(row is not None and (self.folders["home"] / row.path).exists() for row in rows) and not (
                self.files("spill") or self.parts("home")
            )

        return home

    def audit_is_content(self) -> None:
        """``evertape audit`` on the files as they lie, while nothing runs."""
        for disk in [*self.disks.values(), self.rig.keeper]:
            disk.__exit__(None, None, None)
        roots = [Root(name, read_id(folder), folder) for name, folder in self.folders.items()]
        report = Audit(DataDir(self.rig.data), roots, SystemClock(), running=False).run()
        assert [finding.text for finding in report.findings if finding.serious] == []
        assert report.files


@pytest.fixture
def two(rig: DiskRig) -> Two:
    return Two(rig)


def read_id(folder: Path) -> str:
    return str(json.loads((folder / ".evertape" / "volume.json").read_text())["id"])


def hash_of(path: Path) -> str:
    digest = segment_hash()
    digest.update(path.read_bytes())
    return named(digest)


def segments(count: int, size: int = 4000) -> list[Footage]:
    """Of two cameras, the older ones first."""
    return [
        Footage(("door", "yard")[n % 2], start_utc=NOW - (count - n) * 60 * 10**9, frame_bytes=size)
        for n in range(count)
    ]


def test_spilled_footage_comes_home_the_oldest_first_and_the_spill_is_empty_afterwards(two: Two) -> None:
    footages = segments(5)
    paths = [two.write("spill", footage) for footage in footages]
    before = two.files("spill")
    with two.keeper() as keeper:
        look(two.rig, two.all_home(*footages))
        assert two.files("home") == before, "the same bytes, under the same names"
        moves = two.rig.events(SegmentMoved)
        assert [move.path for move in moves] == paths
        assert [move.hash for move in moves] == [before[path] for path in paths]
        assert {event.reason for event in two.rig.events(SegmentDeleted)} == {"moved"}
        assert list(two.folders["spill"].glob("[a-z]*/*")) == [], "no empty folder of a day is left"
        news = keeper.supervisor.wait(HomecomingNews, lambda n: all(v.reconciled for v in n.volumes) and n.files == 0)
        assert {volume.name for volume in news.volumes} == {"home", "spill"}
        told = [m for m, _ in keeper.supervisor.heard if isinstance(m, HomecomingNews)]
        assert all(m.files >= m.files_done and m.bytes >= m.bytes_done for m in told)
        with Index.open_readonly(two.rig.data / "index.sqlite3") as index:
            assert len({row.volume for row in index.every_segment()}) == 1
            assert sorted(total.files for total in index.totals_by_volume().values()) == [0, 5]
    two.audit_is_content()


def test_a_file_that_is_being_written_stays_until_it_is_finished(two: Two) -> None:
    open_, done = segments(2)
    two.write("spill", open_, close=False)
    two.write("spill", done)
    with two.keeper():
        wait_until(lambda: two.files("home") and len(two.files("spill")) == 1, what="the finished one is home")
        with Index.open_readonly(two.rig.data / "index.sqlite3") as index:
            rows = [index.segment(footage.segment) for footage in (open_, done)]
            assert [row.state for row in rows if row is not None] == [OPEN, CLOSED]
            assert len({row.volume for row in rows if row is not None}) == 2


@pytest.mark.parametrize("victim", ["keeper", "home", "spill"])
def test_a_move_goes_on_after_a_process_was_killed_in_the_middle_of_it(two: Two, victim: str) -> None:
    footages = segments(2, size=80_000)
    for footage in footages:
        two.write("spill", footage)
    before = two.files("spill")
    keeper = two.keeper(home_rate=SLOW)
    with keeper:
        wait_until(lambda: two.parts("home"), what="a copy has begun")
        if victim == "keeper":
            keeper.kill()
        else:
            two.disks[victim].kill()
    assert len(two.files("spill")) == 2
    if victim != "keeper":
        two.start(victim)
    with two.keeper():
        look(two.rig, two.all_home(*footages))
    assert two.files("home") == before
    two.audit_is_content()


def test_a_copy_that_was_left_before_it_was_on_record_is_taken_as_it_is(two: Two) -> None:
    """M3 was done, M4 was not: two whole copies, and the index has the old one."""
    footage = segments(1)[0]
    path = two.write("spill", footage)
    before = two.files("spill")
    (two.folders["home"] / path).parent.mkdir(parents=True)
    (two.folders["home"] / path).write_bytes((two.folders["spill"] / path).read_bytes())
    with two.keeper():
        look(two.rig, two.all_home(footage))
        assert two.files("home") == before
        assert len(two.rig.events(SegmentMoved)) == 1
    two.audit_is_content()


def test_an_old_file_that_was_left_after_its_move_was_on_record_is_not_the_segment_again(two: Two) -> None:
    """M4 was done, M5 was not: two whole copies, and the index has the new one."""
    footage = segments(1)[0]
    path = two.write("spill", footage)
    content = (two.folders["spill"] / path).read_bytes()
    with two.keeper():
        look(two.rig, two.all_home(footage))
    (two.folders["spill"] / path).parent.mkdir(parents=True, exist_ok=True)
    (two.folders["spill"] / path).write_bytes(content)
    with two.keeper():
        look(two.rig, two.all_home(footage))
        with Index.open_readonly(two.rig.data / "index.sqlite3") as index:
            row = index.segment(footage.segment)
            assert row is not None
            assert row.state == CLOSED
    assert list(two.files("home")) == [path]
    two.audit_is_content()


def test_of_two_copies_that_differ_the_one_that_counts_stays(two: Two) -> None:
    footage = segments(1)[0]
    path = two.write("spill", footage)
    before = two.files("spill")
    stale = two.folders["home"] / path
    stale.parent.mkdir(parents=True)
    stale.write_bytes((two.folders["spill"] / path).read_bytes() + b"\0" * 8)
    with two.keeper():
        look(two.rig, two.all_home(footage))
    assert two.files("home") == before


def test_another_file_of_that_name_at_home_is_not_overwritten(two: Two) -> None:
    footage, other = Footage("door", start_utc=NOW - 10**9), Footage("door", start_utc=NOW - 10**9)
    path = two.write("spill", footage)
    assert two.write("home", other) == path
    kept = two.files("home")
    with two.keeper():
        look(two.rig, two.all_home(footage, other))
    assert len(two.files("home")) == 2
    assert kept.items() <= two.files("home").items()
    two.audit_is_content()


def test_superfluous_footage_on_the_spill_volume_is_removed_rather_than_moved(two: Two) -> None:
    first = Footage("door", start_utc=NOW - 10**11)
    two.write("spill", first)
    again = Footage(
        "door", generation=1, epoch=first.epoch, start_utc=NOW - 10**11, supersedes=((first.segment, 0),), frames=14
    )
    two.write("home", again)
    with two.keeper():
        look(two.rig, lambda index: (row := index.segment(first.segment)) and row.state == DELETED)
        wait_until(lambda: not two.files("spill"))
    assert two.rig.events(SegmentMoved) == []
    assert len(two.files("home")) == 1


def test_a_retired_volume_empties_itself_onto_a_primary(two: Two) -> None:
    footages = segments(3)
    for footage in footages:
        two.write("spill", footage)
    before = two.files("spill")
    with two.keeper(roles={"spill": "retired"}):
        look(two.rig, two.all_home(*footages))
    assert two.files("home") == before


def test_it_says_why_nothing_comes_home_and_begins_once_there_is_a_home(two: Two) -> None:
    footage = segments(1)[0]
    two.write("spill", footage)
    two.disks["home"].kill()
    with two.keeper() as keeper:
        news = keeper.supervisor.wait(HomecomingNews, lambda n: bool(n.waiting))
        assert (news.files, news.files_done, news.waiting) == (1, 0, NO_HOME)
        assert [(volume.name, volume.reconciled, volume.files) for volume in news.volumes] == [("spill", False, 1)]
        two.start("home")
        keeper.assign(two.disks)
        look(two.rig, two.all_home(footage))
