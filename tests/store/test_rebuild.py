"""Index and journal from the volumes alone: what comes out equals what there was."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from evertape.clock import SystemClock
from evertape.config.paths import DataDir
from evertape.disk.journal_restore import add_to_journal, mirror_of
from evertape.domain.cause import Cause
from evertape.domain.coverage import GapSpan
from evertape.engine.adopt import Adopt
from evertape.engine.audit import Audit, volume_roots
from evertape.engine.audit_files import Root
from evertape.engine.keeper_tail import IndexTail
from evertape.engine.rebuild import BATCH, HASHES, Rebuild
from evertape.engine.state_files import read_volumes
from evertape.ipc.events import AnyEvent, ProtectionAdded, RecordingStateChanged, SegmentClosed
from evertape.ipc.messages import Durable, SegmentIsClosed, SegmentIsOpen
from evertape.store.index import Index
from evertape.store.retention import protections
from evertape.store.rows import CLOSED, MISSING, OPEN, SegmentRow
from evertape_lab.disk_peer import DiskRig, DiskUnderTest, Footage
from evertape_lab.keeper_peer import write_down
from evertape_lab.story import START, Story

NS = 1_000_000_000
SEGMENTS = 4
SPAN = 4 * 12 * 40_000_000
"""Nanoseconds of one segment: four fragments of twelve pictures."""
END = 1 << 62


def written(disk: DiskUnderTest, footage: Footage, *, closed: bool = True) -> str:
    peer = disk.connect()
    peer.send(*footage.open())
    for _ in range(4):
        peer.send(*footage.append())
    path = peer.wait(SegmentIsOpen).path
    if closed:
        peer.send(footage.close("rotate"))
        peer.wait(SegmentIsClosed)
    else:
        peer.wait(Durable, lambda m: m.fragments == 4)
    return path


class Recorded:
    """An installation with history: two cameras on one volume, a gap, a protection; no service runs."""

    def __init__(
        self, rig: DiskRig, name: str = "volume", cameras: tuple[str, ...] = ("door", "yard"), *, said: bool = True
    ) -> None:
        self.rig, self.data = rig, DataDir(rig.data)
        self.volume = rig.folder / name
        self.volume.mkdir()
        self.disk = rig.disk(self.volume, service="one", volume=name)
        self.disk.connect().state("online")
        self.begin = time.time_ns() - 100 * NS
        self.paths: dict[str, list[str]] = {}
        at = (self.begin - START) / 1e9
        story = Story("one")
        story.started(at)
        for camera in cameras:
            if said:
                story.wish(at, camera=camera)
            else:
                stamp = story.stamp("recorder-0", at)
                story.add(RecordingStateChanged(**stamp, camera=camera, old="stopped", state="waiting"))
            self.paths[camera] = self._record(camera)
            # The third quarter was not recorded, and everybody knows why.
            lost = at + 2 * SPAN / 1e9
            story.gap(lost, lost + SPAN / 1e9, "camera_unreachable", camera=camera)
            end = at + (SEGMENTS + 1) * SPAN / 1e9
            if said:
                story.wish(end, False, camera=camera)
            else:
                story.gap(end, None, "service_stopped", camera=camera)
        story.add(
            ProtectionAdded(
                **story.stamp("supervisor", at), protection="p1", camera=cameras[0], start_utc=self.begin,
                end_utc=self.begin + NS, who="somebody", why="evidence",
            )
        )  # fmt: skip
        write_down(rig, story.events)
        rig.event(SegmentClosed, lambda e: e.path == self.paths[cameras[-1]][-1])

    def _record(self, camera: str) -> list[str]:
        paths = []
        for n in range(SEGMENTS):
            start = self.begin + (n + (n >= 2)) * SPAN
            paths.append(written(self.disk, Footage(camera, first=n * 48, generation=n, start_utc=start)))
        return paths

    def index(self) -> None:
        """Bring the index up to date, as a keeper does."""
        tail = IndexTail(self.data.index_file, self.data.journal)
        tail.catch_up()
        tail.close()

    def mirror(self) -> None:
        """Copy the journal to the volume, as a keeper does."""
        shutil.copytree(self.data.journal, mirror_of(self.volume), dirs_exist_ok=True,
                        ignore=shutil.ignore_patterns(".reserve"))  # fmt: skip

    def lose_the_data_folder(self) -> None:
        """Everything in it is gone."""
        self.rig.keeper.kill()
        self.disk.kill()
        shutil.rmtree(self.data.root)
        self.data.root.mkdir()

    @property
    def roots(self) -> list[Root]:
        return volume_roots({self.volume.name: self.volume})

    def rebuild(self, told: Callable[[str, int, int], None] = lambda _what, _done, _all: None) -> Rebuild:
        rebuild = Rebuild(self.data, self.roots, SystemClock(), told)
        rebuild.run()
        return rebuild

    def audit(self) -> list[str]:
        report = Audit(self.data, self.roots, SystemClock(), running=False, boot="boot-1").run()
        return [finding.kind for finding in report.findings if finding.serious]

    def everything(self) -> dict[str, object]:
        with Index.open_readonly(self.data.index_file) as index:
            return {
                "segments": list(index.every_segment()),
                "gaps": {camera: index.gaps(camera, 0, END) for camera in index.cameras()},
                "wishes": {camera: index.wishes(camera) for camera in index.cameras()},
                "protections": protections(index),
                "runs": index.runs(),
                "totals": (index.totals_by_camera(), index.totals_by_volume()),
                "events": index.events(limit=10_000),
                "cursor": index.cursor(),
            }

    def rows(self) -> dict[str, SegmentRow]:
        with Index.open_readonly(self.data.index_file) as index:
            return {row.path: row for row in index.every_segment()}


@pytest.fixture
def made(rig: DiskRig) -> Recorded:
    made = Recorded(rig)
    made.index()
    return made


def test_an_index_rebuilt_from_the_journal_equals_the_old_one_row_by_row(made: Recorded) -> None:
    before = made.everything()
    made.data.index_file.write_bytes(b"no database")
    report = made.rebuild().report
    assert made.everything() == before
    assert (report.segments, report.found.adopted, report.missing, report.restored) == (2 * SEGMENTS, 0, 0, [])
    assert made.audit() == []


def test_a_lost_data_folder_comes_back_from_the_mirror_with_ledger_protections_and_wishes(made: Recorded) -> None:
    before = made.everything()
    made.mirror()
    made.lose_the_data_folder()
    report = made.rebuild().report
    assert made.everything() == before
    assert len(report.restored) == 1
    assert report.without_history == []
    assert made.audit() == []


def test_what_the_mirror_had_not_got_yet_is_taken_from_the_files(made: Recorded) -> None:
    before = made.rows()
    made.mirror()
    (mirror,) = mirror_of(made.volume).iterdir()
    lines = mirror.read_bytes().splitlines(keepends=True)
    kept = [line for line in lines if made.paths["yard"][-1].encode() not in line]
    assert len(kept) == len(lines) - 2  # opened and closed
    ends = [line for line in kept if made.paths["door"][-1].encode() in line and b"segment_closed" in line]
    assert len(ends) == 1
    mirror.write_bytes(b"".join(line for line in kept if line not in ends))
    made.lose_the_data_folder()
    assert made.rebuild().report.found.adopted == 1
    assert made.rows().keys() == before.keys()
    assert {row.state for row in made.rows().values()} == {CLOSED}
    assert made.audit() == []


def test_without_any_journal_the_segments_are_the_same_and_the_gaps_have_no_cause(made: Recorded) -> None:
    before = made.everything()
    made.lose_the_data_folder()
    report = made.rebuild().report
    after = made.everything()

    def footage(rows: object) -> list[SegmentRow]:
        # Who wrote it down and when, and why it ended, stands in no file; and each was looked at to get its hash back.
        assert isinstance(rows, list)
        return [replace(row, reason="", service="", closed_by="", checked_at=None, opened_at=None) for row in rows]

    assert footage(after["segments"]) == footage(before["segments"])
    assert all(row.hash.startswith("blake3:") for row in made.rows().values())
    assert (report.hashed, report.unhashed, report.damaged) == (2 * SEGMENTS, 0, {})
    assert after["totals"] == before["totals"]
    assert report.without_history == ["door", "yard"]
    with Index.open_readonly(made.data.index_file) as index:
        now = time.time_ns()
        found = index.coverage("door", made.begin - NS, made.begin + (SEGMENTS + 1) * SPAN, now, boot="")
    causes = [(span.cause, span.start, span.end) for span in found.spans if isinstance(span, GapSpan)]
    assert causes == [(Cause.UNKNOWN, made.begin + 2 * SPAN, made.begin + 3 * SPAN)]
    assert set(made.audit()) == {"unexplained"}


def test_an_interrupted_rebuild_goes_on_and_the_old_index_stays_meanwhile(
    made: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = made.rows()
    made.lose_the_data_folder()
    made.data.index_file.write_bytes(b"the old one")
    monkeypatch.setattr("evertape.engine.rebuild.BATCH", 3)

    def pulled(what: str, done: int, _all: int) -> None:
        if what == "volume" and done >= 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        made.rebuild(pulled)
    assert made.data.index_file.read_bytes() == b"the old one"
    rest = made.rebuild().report
    assert rest.found.adopted == 2 * SEGMENTS - 3, "the first three need not be read again"
    assert made.rows().keys() == before.keys()
    assert BATCH > 3


def test_a_rebuild_done_twice_changes_nothing(made: Recorded) -> None:
    made.lose_the_data_folder()
    made.rebuild()
    before = made.everything()
    report = made.rebuild().report
    assert made.everything() == before
    assert (report.found.adopted, report.restored) == (0, [])


def test_a_file_that_is_gone_is_on_record_as_missing_afterwards(made: Recorded) -> None:
    (made.volume / made.paths["door"][1]).unlink()
    assert made.rebuild().report.missing == 1
    assert made.rows()[made.paths["door"][1]].state == MISSING
    assert made.audit() == []


def test_an_unfinished_file_is_on_record_as_open_so_that_the_next_start_finishes_it(made: Recorded) -> None:
    path = written(made.disk, Footage("door", first=900, generation=9, start_utc=made.begin + 9 * SPAN), closed=False)
    made.lose_the_data_folder()
    report = made.rebuild().report
    assert report.found.unfinished == 1
    assert made.rows()[path].state == OPEN
    assert (made.volume / path).stat().st_size > 0


def test_a_copy_and_a_foreign_file_are_left_alone(made: Recorded) -> None:
    original = made.volume / made.paths["door"][0]
    shutil.copy(original, original.with_name("door_20200101_000000.mp4"))
    original.with_name("door_20200101_000001.mp4").write_bytes(b"something else")
    report = made.rebuild().report
    assert (report.found.copies, report.found.foreign, report.found.adopted) == (1, 1, 0)
    assert made.rows()[made.paths["door"][0]].held


def test_a_mirror_with_damage_does_not_replace_a_whole_journal(made: Recorded) -> None:
    before = made.everything()
    made.mirror()
    (mirror,) = mirror_of(made.volume).iterdir()
    mirror.write_bytes(b"x" * (mirror.stat().st_size + 10_000))
    assert made.rebuild().report.restored == []
    assert made.everything() == before


def test_another_installations_disk_is_taken_in_where_it_lies(rig: DiskRig, tmp_path: Path) -> None:
    theirs = Recorded(rig, "foreign", cameras=("door", "gate"))
    theirs.mirror()
    ours = DataDir(tmp_path / "ours")
    ours.root.mkdir()
    story = Story("ours")
    story.started(0)
    story.wish(0, camera="door")
    add_to_journal(ours.journal, story.events)
    before = {path: path.stat() for path in theirs.volume.rglob("*")}

    report = Adopt(ours, theirs.roots, SystemClock()).run()

    assert report.found.adopted == 2 * SEGMENTS
    with Index.open_readonly(ours.index_file) as index:
        assert {row.path for row in index.every_segment()} == {p for paths in theirs.paths.values() for p in paths}
        assert [gap.cause for gap in index.gaps("gate", 0, END)] == ["camera_unreachable"]
        assert index.gaps("door", 0, END) == [], "a camera of ours keeps its own ledger"
        assert len(index.runs()) == 1, "their runs explain no gap of ours"
    assert {path: path.stat().st_mtime_ns for path in before} == {p: s.st_mtime_ns for p, s in before.items()}
    (known,) = read_volumes(ours.root / "state").values()
    assert known.path == str(theirs.volume)


def test_a_camera_that_nobody_spoke_of_is_accounted_for_until_its_disk_left(rig: DiskRig, tmp_path: Path) -> None:
    theirs = Recorded(rig, "foreign", cameras=("gate",), said=False)
    theirs.mirror()
    ours = DataDir(tmp_path / "ours")
    ours.root.mkdir()
    report = Adopt(ours, theirs.roots, SystemClock()).run()

    assert report.without_history == []
    assert Audit(ours, theirs.roots, SystemClock(), running=False).run().findings == []
    with Index.open_readonly(ours.index_file) as index:
        now = time.time_ns() + 3600 * NS
        spans = index.coverage("gate", theirs.begin, now, now).spans
        assert {span.cause for span in spans if isinstance(span, GapSpan)} == {"camera_unreachable", "service_stopped"}
        assert [wish.wanted for wish in index.wishes("gate")] == [True, False]


def test_a_changed_file_gets_no_hash_that_would_vouch_for_it(made: Recorded) -> None:
    path = made.volume / made.paths["door"][1]
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))
    made.lose_the_data_folder()
    report = made.rebuild().report
    assert (report.hashed, report.unhashed) == (2 * SEGMENTS - 1, 1)
    assert list(report.damaged) == [made.paths["door"][1]]
    assert made.rows()[made.paths["door"][1]].hash == ""


def test_hashes_can_be_left_for_later_and_are_made_up_for(made: Recorded) -> None:
    made.lose_the_data_folder()
    told: list[tuple[str, int, int]] = []
    without = Rebuild(made.data, made.roots, SystemClock(), lambda *what: told.append(what), hashes=False).run()
    assert (without.hashed, without.unhashed) == (0, 2 * SEGMENTS)
    assert HASHES not in {what for what, _done, _all in told}
    again = made.rebuild(lambda *what: told.append(what)).report
    assert (again.hashed, again.unhashed) == (2 * SEGMENTS, 0)
    size = sum(path.stat().st_size for path in made.volume.rglob("*.mp4"))
    assert [what for what in told if what[0] == HASHES][-1] == (HASHES, size, size)


def test_hashing_that_was_interrupted_leaves_a_whole_index_and_goes_on(
    made: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    made.lose_the_data_folder()
    monkeypatch.setattr("evertape.engine.first_hashes.BATCH_BYTES", 1)
    half = sum(path.stat().st_size for path in made.volume.rglob("*.mp4")) // 2

    def pulled(what: str, done: int, _all: int) -> None:
        if what == HASHES and done >= half:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        made.rebuild(pulled)
    assert len(made.rows()) == 2 * SEGMENTS
    assert made.data.index_file.exists()
    report = made.rebuild().report
    assert 0 < report.hashed < 2 * SEGMENTS
    assert report.unhashed == 0


def test_an_interrupted_adoption_takes_in_the_rest_of_the_ledger_too(
    rig: DiskRig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = Recorded(rig, "foreign", cameras=("gate", "hall"))
    theirs.mirror()
    ours = DataDir(tmp_path / "ours")
    ours.root.mkdir()
    monkeypatch.setattr("evertape.engine.adopt.MOST", 3)
    written_down = Adopt._write_down

    def pulled(self: Adopt, events: Iterable[AnyEvent]) -> None:
        written_down(self, events)
        with Index.open(ours.index_file) as index:
            if index.cameras() and not index.gaps("hall", 0, END):
                raise KeyboardInterrupt

    monkeypatch.setattr(Adopt, "_write_down", pulled)
    with pytest.raises(KeyboardInterrupt):
        Adopt(ours, theirs.roots, SystemClock()).run()
    monkeypatch.setattr(Adopt, "_write_down", written_down)
    with Index.open_readonly(ours.index_file) as index:
        assert index.cameras(), "something was taken in by then"
        assert index.gaps("hall", 0, END) == []

    Adopt(ours, theirs.roots, SystemClock()).run()
    with Index.open_readonly(ours.index_file) as index:
        assert {camera: [gap.cause for gap in index.gaps(camera, 0, END)] for camera in index.cameras()} == {
            "gate": ["camera_unreachable"],
            "hall": ["camera_unreachable"],
        }
    assert Audit(ours, theirs.roots, SystemClock(), running=False).run().findings == []


def test_what_another_installation_had_on_record_of_its_files_comes_along(rig: DiskRig, tmp_path: Path) -> None:
    theirs = Recorded(rig, "foreign", cameras=("gate",))
    theirs.index()
    before = {path: row.hash for path, row in theirs.rows().items()}
    theirs.mirror()
    path = theirs.volume / theirs.paths["gate"][0]
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1  # nobody has noticed yet
    path.write_bytes(bytes(data))
    ours = DataDir(tmp_path / "ours")
    ours.root.mkdir()
    report = Adopt(ours, theirs.roots, SystemClock()).run()
    assert (report.hashed, report.unhashed) == (0, 0)
    with Index.open_readonly(ours.index_file) as index:
        assert {row.path: row.hash for row in index.every_segment()} == before
