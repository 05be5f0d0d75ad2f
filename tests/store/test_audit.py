"""The audit finds what is wrong, and nothing else."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from evertape.cli.main import app
from evertape.clock import SystemClock
from evertape.config.paths import DataDir
from evertape.engine.audit import Audit, volume_roots
from evertape.engine.audit_files import FileAudit, FilesFound
from evertape.engine.audit_report import AuditReport
from evertape.engine.keeper_tail import IndexTail
from evertape.ipc.events import GapClosed, SegmentClosed, SegmentDeleted
from evertape.ipc.messages import Durable, SegmentIsClosed, SegmentIsOpen
from evertape.store.index import Index
from evertape_lab.disk_peer import DiskRig, DiskUnderTest, Footage, Peer
from evertape_lab.keeper_peer import write_down
from evertape_lab.story import START, Story


class Installation:
    """One volume with three files of one camera in a row, all journalled and indexed; no service runs."""

    def __init__(self, rig: DiskRig) -> None:
        self.rig = rig
        self.data = DataDir(rig.data)
        self.volume = rig.folder / "volume"
        self.volume.mkdir()
        self.disk = rig.disk(self.volume, service="one")
        self.disk.connect().state("online")
        self.begin = (int(time.time()) - 60) * 1_000_000_000
        story = Story("one")
        story.started((self.begin - START) / 1e9)
        story.wish((self.begin - START) / 1e9)
        write_down(rig, story.events)
        self.story = story
        self.footage: list[Footage] = []
        self.paths: list[Path] = []
        epoch = ""
        for n in range(3):
            start = self.begin + n * 48 * 40_000_000
            made = Footage(epoch=epoch, first=n * 48, generation=n, start_utc=start)
            epoch = made.epoch
            self.footage.append(made)
            self.paths.append(self.volume / written(self.disk, made, 4))
        end = self.begin + 3 * 48 * 40_000_000
        # Nobody wants it any more, so that time ends with the footage.
        story.wish((end - START) / 1e9, False)
        write_down(rig, story.events[-1:])
        rig.event(SegmentClosed, lambda e: e.segment == self.footage[-1].segment)
        self.index()

    def index(self) -> None:
        tail = IndexTail(self.data.index_file, self.data.journal)
        tail.catch_up()
        tail.close()

    def audit(self, *, running: bool = False, deep: bool = True) -> AuditReport:
        roots = volume_roots({"usb1": self.volume})
        return Audit(self.data, roots, SystemClock(), running=running, boot="boot-1", deep=deep).run()


def written(disk: DiskUnderTest, footage: Footage, fragments: int, *, peer: Peer | None = None) -> str:
    """Write a segment, closed unless a connection is given that goes on; returns its path."""
    writer = peer or disk.connect()
    writer.send(*footage.open())
    for _ in range(fragments):
        writer.send(*footage.append())
    path = writer.wait(SegmentIsOpen).path
    if peer is None:
        writer.send(footage.close("rotate"))
        writer.wait(SegmentIsClosed)
    else:
        writer.wait(Durable, lambda m: m.fragments == fragments)
    return path


@pytest.fixture
def made(rig: DiskRig) -> Installation:
    return Installation(rig)


def kinds(report: AuditReport) -> list[str]:
    return [finding.kind for finding in report.findings if finding.serious]


def test_all_is_well(made: Installation) -> None:
    report = made.audit()
    assert report.findings == []
    assert report.ok
    assert (report.files, report.segments, report.volumes) == (3, 3, ["usb1"])
    assert report.bytes == sum(path.stat().st_size for path in made.paths)
    door = report.cameras["door"]
    assert door.unexplained_s == 0
    assert door.recorded_s == pytest.approx(3 * 48 * 0.04)
    assert door.recorded_s + door.explained_s == pytest.approx(door.total_s)


def _shorten(made: Installation) -> None:
    with open(made.paths[1], "r+b") as file:
        file.truncate(made.paths[1].stat().st_size - 100)


def _overwrite_the_end(made: Installation) -> None:
    data = bytearray(made.paths[1].read_bytes())
    data[-12:-8] = b"XXXX"
    made.paths[1].write_bytes(bytes(data))


def _swap(made: Installation) -> None:
    one, two = (path.read_bytes() for path in made.paths[:2])
    made.paths[0].write_bytes(two)
    made.paths[1].write_bytes(one)


def _add_a_foreign_segment(made: Installation) -> None:
    other = made.rig.folder / "other"
    other.mkdir()
    disk = made.rig.disk(other, journal_socket="")
    disk.connect().state("online")
    path = written(disk, Footage(start_utc=made.begin), 2)
    (other / path).rename(made.paths[0].with_name("door_20200101_000000.mp4"))


def _copy(made: Installation) -> None:
    made.paths[1].with_name("door_20200101_000000.mp4").write_bytes(made.paths[1].read_bytes())


def _delete_in_words_only(made: Installation) -> None:
    closed = made.rig.events(SegmentClosed)[0]
    stamp = made.story.stamp("disk-usb1", 0)
    event = SegmentDeleted(
        **stamp, segment=closed.segment, camera="door", volume=closed.volume, path=closed.path, bytes=1,
        reason="retention",
    )  # fmt: skip
    write_down(made.rig, [event])
    made.index()


@pytest.mark.parametrize(
    ("damage", "kind"),
    [
        (lambda made: made.paths[1].unlink(), "missing"),
        (_shorten, "differs"),
        (_overwrite_the_end, "differs"),
        (lambda made: made.paths[1].write_bytes(b"something else"), "unreadable"),
        (_swap, "differs"),
        (_add_a_foreign_segment, "unknown_file"),
        (_copy, "copy"),
        (_delete_in_words_only, "deleted_but_there"),
    ],
    ids=["removed", "shortened", "end overwritten", "replaced", "swapped", "foreign", "copied", "deleted in words"],
)  # fmt: skip
def test_what_is_wrong_with_a_file_is_found(
    made: Installation, damage: Callable[[Installation], None], kind: str
) -> None:
    damage(made)
    report = made.audit()
    assert not report.ok
    assert set(kinds(report)) == {kind}


def test_a_whole_folder_that_is_gone_is_found(made: Installation) -> None:
    for path in made.paths:
        path.unlink()
    made.paths[0].parent.rmdir()
    made.paths[0].parent.parent.rmdir()
    assert kinds(made.audit()) == ["missing"] * 3


def test_what_is_no_segment_is_only_mentioned(made: Installation) -> None:
    made.paths[0].with_name("holiday.mp4").write_bytes(b"a film")
    report = made.audit()
    assert report.ok
    assert [finding.kind for finding in report.findings] == ["foreign"]


def test_an_unfinished_file_is_tolerated_while_the_service_runs(made: Installation) -> None:
    peer = made.disk.connect()
    living = Footage(camera="yard", start_utc=made.begin)
    written(made.disk, living, 2, peer=peer)
    made.index()
    assert kinds(made.audit(running=True)) == []
    assert kinds(made.audit()) == ["unfinished"]


def test_an_index_that_differs_from_the_journal_is_found(made: Installation) -> None:
    connection = sqlite3.connect(made.data.index_file)
    connection.execute("UPDATE segments SET bytes = bytes + 1 WHERE id = ?", (made.footage[0].segment,))
    connection.execute("DELETE FROM segments WHERE id = ?", (made.footage[1].segment,))
    connection.commit()
    connection.close()
    report = made.audit()
    assert kinds(report) == ["index_differs"] * 2
    assert {finding.segment for finding in report.findings} == {f.segment for f in made.footage[:2]}


def test_an_index_that_is_behind_is_none_the_worse(made: Installation) -> None:
    more = Footage(camera="yard", start_utc=made.begin)
    written(made.disk, more, 2)
    made.rig.event(SegmentClosed, lambda e: e.segment == more.segment)
    report = made.audit()
    assert report.ok
    assert report.files == 4


def test_without_an_index_the_journal_is_enough(made: Installation) -> None:
    made.data.index_file.unlink()
    report = made.audit()
    assert report.ok
    assert [finding.kind for finding in report.findings] == ["index_unusable"]
    assert report.cameras["door"].files == 3


def test_a_damaged_line_of_the_journal_is_found_and_a_torn_end_mentioned(made: Installation) -> None:
    (journal,) = made.data.journal.glob("*.jsonl")
    whole = journal.read_bytes()
    lines = whole.split(b"\n")
    journal.write_bytes(whole + lines[0][:50])
    report = made.audit()
    assert report.ok
    assert [finding.kind for finding in report.findings] == ["journal_torn"]
    lines[1] = lines[1].replace(b"a", b"b")
    journal.write_bytes(b"\n".join(lines))
    assert "journal_damaged" in kinds(made.audit())


def test_time_that_nothing_explains_is_found_and_a_gap_explains_it(made: Installation) -> None:
    end = made.begin + 3 * 48 * 40_000_000
    made.story.wish((end - START) / 1e9 + 0.001)
    made.story.wish((end - START) / 1e9 + 20, False)
    write_down(made.rig, made.story.events[-2:])
    made.index()
    report = made.audit(running=True)
    assert kinds(report) == ["unexplained"]
    assert report.cameras["door"].unexplained_s == pytest.approx(20, abs=0.01)
    gap = {"gap": "g", "camera": "door", "cause": "camera_unreachable"}
    stamp = made.story.stamp("recorder-0", 0)
    write_down(made.rig, [GapClosed(**stamp, **gap, start_utc=end, end_utc=end + 20_000_000_000)])
    made.index()
    report = made.audit(running=True)
    assert report.ok
    assert report.cameras["door"].causes["camera_unreachable"] == pytest.approx(20, abs=0.01)  # type: ignore[index]


def test_footage_on_a_volume_that_is_away_is_counted_not_missed(made: Installation) -> None:
    report = Audit(made.data, [], SystemClock(), running=False, boot="boot-1").run()
    assert report.ok
    assert (report.unreachable, report.segments) == (3, 0)
    assert report.cameras["door"].recorded_s == pytest.approx(3 * 48 * 0.04)


def test_pictures_in_two_files_are_counted_as_such(made: Installation) -> None:
    again = Footage(
        epoch=made.footage[0].epoch, first=120, generation=9, start_utc=made.begin + 120 * 40_000_000,
        supersedes=((made.footage[2].segment, 120),),
    )  # fmt: skip
    written(made.disk, again, 2)
    made.rig.event(SegmentClosed, lambda e: e.segment == again.segment)
    report = made.audit()
    assert report.ok
    assert report.cameras["door"].doubled_units == 24
    assert [finding.kind for finding in report.findings] == ["doubled"]


def test_progress_is_told(made: Installation) -> None:
    told: list[tuple[int, int]] = []
    roots = volume_roots({"usb1": made.volume, "away": made.volume / "nowhere"})
    Audit(
        made.data, roots, SystemClock(), running=False, boot="boot-1", progress=lambda n, of: told.append((n, of))
    ).run()
    sizes = [path.stat().st_size for path in made.paths]
    assert told == [(sum(sizes[: n + 1]), sum(sizes)) for n in range(3)]


def test_footage_beneath_an_absent_mount_point_is_found(made: Installation) -> None:
    roots = volume_roots({"usb1": made.volume})
    elsewhere = made.rig.folder / "usb2"
    (elsewhere / "door" / "20260101").mkdir(parents=True)

    def audit() -> list[str]:
        mounts = {"usb2": elsewhere, "usb3": made.rig.folder / "nowhere"}
        return kinds(Audit(made.data, roots, SystemClock(), running=False, boot="boot-1", mounts=mounts).run())

    assert audit() == []
    (elsewhere / "door" / "20260101" / "door_20260101_000000.mp4").write_bytes(b"lost")
    assert audit() == ["beneath"]


def test_one_flipped_byte_of_a_picture_is_found_by_its_hash(made: Installation) -> None:
    assert made.audit().findings == []
    data = bytearray(made.paths[1].read_bytes())
    data[len(data) // 2] ^= 1
    made.paths[1].write_bytes(bytes(data))
    report = made.audit()
    assert kinds(report) == ["changed"]
    assert not report.ok
    (finding,) = report.findings
    assert (finding.segment, finding.camera) == (made.footage[1].segment, "door")
    assert finding.text.endswith("was changed after it was written: its hash is another (pictures 60 to 71)")


def test_a_fragment_cut_off_an_end_is_found(made: Installation) -> None:
    size = made.footage[1].fragments[-1].end
    with open(made.paths[1], "r+b") as file:
        file.truncate(size - 500)
    (finding,) = [finding for finding in made.audit().findings if finding.serious]
    assert finding.kind == "differs"
    assert "fragments is 3, not 4" in finding.text


def test_a_day_that_was_put_together_wrongly_is_found(made: Installation) -> None:
    with Index.open(made.data.index_file) as index:
        assert index.settle(made.begin + 3 * 86_400 * 10**9, 10)
    assert made.audit().ok
    connection = sqlite3.connect(made.data.index_file)
    connection.execute("UPDATE stretches SET end_utc = end_utc + 1")
    connection.commit()
    connection.close()
    report = made.audit()
    assert set(kinds(report)) == {"index_differs"}
    assert "put together" in report.findings[0].text


def test_a_row_deleted_from_the_ledger_is_found(made: Installation) -> None:
    gap = GapClosed(
        **made.story.stamp("recorder-0", 0), gap="g", camera="door", cause="camera_unreachable",
        start_utc=made.begin - 10**9, end_utc=made.begin,
    )  # fmt: skip
    write_down(made.rig, [gap])
    made.index()
    assert made.audit().ok
    connection = sqlite3.connect(made.data.index_file)
    connection.execute("DELETE FROM gaps")
    connection.commit()
    connection.close()
    report = made.audit()
    assert kinds(report) == ["index_differs"]
    assert "the ledger's gap g differs from the journal" in report.findings[0].text


def test_a_flipped_byte_is_found_wherever_it_is(made: Installation) -> None:
    whole = made.paths[1].read_bytes()
    for share in [*(n / 24 for n in range(24)), 0.999]:
        data = bytearray(whole)
        data[int(len(data) * share)] ^= 1
        made.paths[1].write_bytes(bytes(data))
        report = made.audit()
        assert not report.ok, share
        assert {Path(finding.path).name for finding in report.findings} == {made.paths[1].name}
    made.paths[1].write_bytes(whole)
    assert made.audit().ok


def test_a_quick_audit_does_not_read_pictures(made: Installation) -> None:
    flip_a_picture(made.paths[1])
    assert made.audit(deep=False).ok
    assert not made.audit().ok


def flip_a_picture(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))


def forget_the_hashes(made: Installation) -> None:
    with contextlib.closing(sqlite3.connect(made.data.index_file)) as connection, connection:
        connection.execute("UPDATE segments SET hash = ''")


def look(made: Installation) -> FilesFound:
    (root,) = volume_roots({"usb1": made.volume})
    with Index.open_readonly(made.data.index_file) as index:
        return FileAudit(root, index, running=False).look()


def test_without_a_hash_on_record_a_file_is_compared_with_its_own(made: Installation) -> None:
    forget_the_hashes(made)
    found = look(made)
    assert (found.unhashed, found.findings) == (0, [])
    flip_a_picture(made.paths[1])
    found = look(made)
    assert [finding.kind for finding in found.findings] == ["changed"]
    assert found.findings[0].text.endswith("was changed after it was written (pictures 60 to 71)")


def test_files_without_any_hash_are_counted_and_no_fault(made: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    forget_the_hashes(made)
    # As of an older program, whose files have none.
    monkeypatch.setattr("evertape.mp4.examine.table_checks", lambda _table: {})
    found = look(made)
    assert (found.unhashed, found.findings) == (3, [])


# -- as it is typed -----------------------------------------------------------------------------------------


def truncate_a_fragment(made: Installation) -> None:
    os.truncate(made.paths[1], made.footage[1].fragments[-1].end - 500)


def delete_a_ledger_row(made: Installation) -> None:
    with contextlib.closing(sqlite3.connect(made.data.index_file)) as connection, connection:
        assert connection.execute("DELETE FROM gaps").rowcount == 1


@pytest.mark.parametrize(
    ("damage", "line"),
    [
        (lambda made: flip_a_picture(made.paths[1]), "✗ {path} on usb1 was changed after it was written"),
        (lambda made: made.paths[1].unlink(), "✗ {path} on usb1 is not there"),
        (delete_a_ledger_row, "✗ the ledger's gap g differs from the journal"),
        (truncate_a_fragment, "✗ {path} on usb1 is not what the journal says: size is"),
    ],
    ids=["a byte flipped", "a file removed", "a ledger row deleted", "a fragment truncated"],
)
def test_the_verb_exits_with_1_and_a_clear_line(
    made: Installation, damage: Callable[[Installation], object], line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("EVERTAPE_DATA", raising=False)
    gap = GapClosed(
        **made.story.stamp("recorder-0", 0), gap="g", camera="door", cause="camera_unreachable",
        start_utc=made.begin - 10**9, end_utc=made.begin,
    )  # fmt: skip
    write_down(made.rig, [gap])
    made.index()
    made.data.config_file.write_text(f'[volumes.usb1]\npath = "{made.volume}"\nmount = false\n')

    def audit() -> Result:
        return CliRunner().invoke(app, ["audit", "--data", str(made.data.root)])

    well = audit()
    assert (well.exit_code, well.stdout.splitlines()[-1]) == (0, "everything matches")
    damage(made)
    found = audit()
    assert found.exit_code == 1
    path = made.paths[1].relative_to(made.volume)
    assert [text for text in found.stdout.splitlines() if text.startswith(line.format(path=path))], found.stdout
    assert found.stdout.splitlines()[-1].startswith("what does not match: ")
