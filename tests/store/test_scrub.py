"""What is damaged on a disk is found, told and accounted for; what is not, is left alone."""

from __future__ import annotations

import io
import time
from pathlib import Path

import pytest

from evertape.clock import SystemClock
from evertape.config.paths import DataDir
from evertape.domain.cause import Cause
from evertape.domain.coverage import GapSpan
from evertape.engine.audit import Audit, volume_roots
from evertape.engine.scrub import scrub
from evertape.ipc.events import Alert, SegmentDamaged
from evertape.ipc.messages import CheckSegments, SegmentIsClosed, SegmentIsOpen
from evertape.mp4.export import ExportPart, export
from evertape.mp4.index import build_index
from evertape.mp4.scan import scan
from evertape.store.index import Index
from evertape.store.rows import SegmentRow
from evertape.types import UtcNs
from evertape_lab.disk_peer import DiskRig, Footage
from evertape_lab.keeper_peer import KeeperUnderTest, look, write_down
from evertape_lab.story import START, Story

FRAGMENT_NS = 12 * 40_000_000
RATE = 1_000_000_000


class Held:
    """A volume with finished files, two of six fragments; the keeper is the test's."""

    def __init__(self, rig: DiskRig, files: int = 2, fragments: int = 6) -> None:
        self.rig = rig
        self.volume = rig.folder / "volume"
        self.volume.mkdir()
        self.disk = rig.disk(self.volume)
        self.disk.connect().state("online")
        self.begin = (int(time.time()) - 60) * 10**9
        story = Story("one")
        story.started((self.begin - START) / 1e9)
        story.wish((self.begin - START) / 1e9)
        write_down(rig, story.events)
        self.span = files * fragments * FRAGMENT_NS
        epoch, self.footage, self.paths = "", list[Footage](), list[Path]()
        for number in range(files):
            made = Footage(
                epoch=epoch, first=number * 72, generation=number, start_utc=self.begin + number * 6 * FRAGMENT_NS
            )
            epoch = made.epoch
            peer = self.disk.connect()
            peer.send(*made.open())
            for _ in range(fragments):
                peer.send(*made.append())
            path = peer.wait(SegmentIsOpen).path
            peer.send(made.close("rotate"))
            peer.wait(SegmentIsClosed)
            self.footage.append(made)
            self.paths.append(self.volume / path)

    def keeper(self, rate: int = RATE, interval: int = 3600 * 10**9) -> KeeperUnderTest:
        return KeeperUnderTest(self.rig, {"usb1": self.disk}, scrub_rate=rate, scrub_interval=interval)

    def row(self, number: int, accept: str) -> SegmentRow:
        """The row, once ``accept`` of it is set."""

        def asked(index: Index) -> SegmentRow | None:
            row = index.segment(self.footage[number].segment)
            return row if row is not None and getattr(row, accept) else None

        found = look(self.rig, asked)
        assert found is not None
        return found

    def hurt_header(self, number: int, fragment: int) -> None:
        """One byte of a fragment's header, which its checksum covers."""
        where = self.footage[number].fragments[fragment].moof_offset + 20
        self.flip(number, where)

    def flip(self, number: int, at: int) -> None:
        data = bytearray(self.paths[number].read_bytes())
        data[at] ^= 1
        self.paths[number].write_bytes(bytes(data))

    def gaps(self) -> list[GapSpan]:
        """What the account of the footage's own time says is not there."""
        with Index.open_readonly(self.rig.data / "index.sqlite3") as index:
            end = UtcNs(self.begin + self.span)
            report = index.coverage("door", UtcNs(self.begin), end, UtcNs(end + 10**12))
        return [span for span in report.spans if isinstance(span, GapSpan)]


@pytest.fixture
def held(rig: DiskRig) -> Held:
    return Held(rig)


def test_what_is_well_is_checked_and_says_so(held: Held) -> None:
    with held.keeper():
        for number in range(2):
            assert held.row(number, "checked_at").damaged == ""
    assert held.rig.events(SegmentDamaged) == []
    assert held.gaps() == []


def test_a_damaged_fragment_is_in_the_ledger_to_the_picture_and_told_of_once(held: Held) -> None:
    held.hurt_header(0, 2)
    with held.keeper(interval=1):  # everything is due all the time
        row = held.row(0, "damaged")
        look(held.rig, lambda index: (index.segment(row.id) or row).checked_at != row.checked_at)
    assert "are damaged" in row.damaged
    (lost,) = held.rig.events(SegmentDamaged)[0].spans
    start = held.begin + 2 * FRAGMENT_NS
    assert (lost.first_video, lost.last_video) == (24, 35)
    assert (lost.start_utc, lost.end_utc) == (start, start + FRAGMENT_NS)
    (gap,) = held.gaps()
    assert (gap.cause, gap.start, gap.end) == (Cause.FOOTAGE_DAMAGED, start, start + FRAGMENT_NS)
    (alert,) = held.rig.events(Alert)
    assert (alert.kind, alert.state, alert.camera) == ("footage_damaged", "raised", "door")


def test_a_flipped_byte_of_a_picture_is_in_the_ledger_with_its_fragment_and_no_more(held: Held) -> None:
    held.flip(1, held.footage[1].fragments[3].end - 100)
    with held.keeper():
        row = held.row(1, "damaged")
    assert row.damaged == "its bytes are not those that were written: pictures 108 to 119"
    (event,) = held.rig.events(SegmentDamaged)
    assert event.located
    start = row.start_utc + 3 * FRAGMENT_NS
    (gap,) = held.gaps()
    assert (gap.cause, gap.start, gap.end) == (Cause.FOOTAGE_DAMAGED, start, start + FRAGMENT_NS)


def test_one_flipped_byte_in_a_minute_is_half_a_second_in_the_ledger_and_the_rest_exports(rig: DiskRig) -> None:
    held = Held(rig, files=1, fragments=120)
    held.flip(0, held.footage[0].fragments[60].end - 1000)
    with held.keeper():
        row = held.row(0, "damaged")
        look(rig, lambda _index: held.gaps())
    (gap,) = held.gaps()
    assert (gap.start - held.begin, gap.end - gap.start) == (60 * FRAGMENT_NS, FRAGMENT_NS)
    exported = export([ExportPart(held.paths[0], damaged=bool(row.damaged))], io.BytesIO())
    # What follows the damage needs it, up to the next keyframe.
    assert exported.pictures == (120 - 2) * 12
    roots = volume_roots({"usb1": held.volume})
    report = Audit(DataDir(rig.data), roots, SystemClock(), running=False).run()
    (serious,) = [one for one in report.findings if one.serious]
    assert serious.kind == "changed"
    assert "pictures 720 to 731" in serious.text
    whole = sum(account.recorded_s + account.explained_s for account in report.cameras.values())
    assert sum(account.unexplained_s for account in report.cameras.values()) == 0
    assert whole > 0


def test_a_flipped_byte_of_the_index_is_told_and_costs_no_picture(held: Held) -> None:
    held.flip(1, held.footage[1].fragments[-1].end + 100)
    with held.keeper():
        row = held.row(1, "damaged")
    assert row.damaged == "its bytes are not those that were written, but those of every picture are"
    assert held.gaps() == []
    assert [alert.state for alert in held.rig.events(Alert)] == ["raised"]


def test_nobody_knows_where_a_file_of_an_older_version_is_damaged(held: Held) -> None:
    data = bytearray(held.paths[1].read_bytes())
    infos = held.footage[1].fragments  # without hashes
    with held.paths[1].open("rb") as file:
        data[infos[-1].end :] = build_index(scan(file).header, infos)
    data[infos[3].end - 100] ^= 1
    held.paths[1].write_bytes(bytes(data))
    with held.keeper():
        row = held.row(1, "damaged")
    assert row.damaged == "its bytes are not those that were written"
    (gap,) = held.gaps()
    assert (gap.cause, gap.start, gap.end) == (Cause.FOOTAGE_DAMAGED, row.start_utc, row.end_utc)


def test_a_file_whose_end_is_gone_has_lost_its_last_pictures(held: Held) -> None:
    with open(held.paths[0], "r+b") as file:
        file.truncate(held.footage[0].fragments[4].end - 10)
    with held.keeper():
        held.row(0, "damaged")
    (event,) = held.rig.events(SegmentDamaged)
    assert [(one.first_video, one.last_video) for one in event.spans] == [(48, 71)]


def test_what_is_brought_back_is_whole_again(held: Held) -> None:
    whole = held.paths[0].read_bytes()
    held.hurt_header(0, 2)
    with held.keeper(rate=0) as keeper:
        assert [held.row(number, "hash").checked_at for number in range(2)] == [None, None]
        keeper.supervisor.send(CheckSegments(segments=(held.footage[0].segment,)))
        held.row(0, "damaged")
        held.paths[0].write_bytes(whole)
        keeper.supervisor.send(CheckSegments(segments=(held.footage[0].segment,)))
        look(held.rig, lambda index: not (index.segment(held.footage[0].segment) or held.row(0, "id")).damaged)
        look(held.rig, lambda _index: not held.gaps())
    assert [alert.state for alert in held.rig.events(Alert)] == ["raised", "ended"]


def test_nothing_is_read_if_nobody_wants_it(held: Held) -> None:
    held.hurt_header(0, 2)
    with held.keeper(rate=0) as keeper:
        assert [held.row(number, "hash").checked_at for number in range(2)] == [None, None]
        keeper.supervisor.send(CheckSegments(segments=(held.footage[1].segment,)))
        held.row(1, "checked_at")
        with Index.open_readonly(held.rig.data / "index.sqlite3") as index:
            row = index.segment(held.footage[0].segment)
        assert row is not None
        assert (row.checked_at, row.damaged) == (None, "")


def test_the_verb_finds_the_same_without_a_service(held: Held) -> None:
    held.hurt_header(0, 2)
    held.flip(1, held.footage[1].fragments[3].end - 100)
    with held.keeper(rate=0):
        rows = [held.row(number, "hash") for number in range(2)]
    told: list[tuple[int, int]] = []
    report = scrub(rows, lambda row: held.volume / row.path, progress=lambda n, of: told.append((n, of)))
    assert (report.files, report.unhashed, report.away) == (2, 0, 0)
    assert [(one.first_video, one.last_video) for hurt in report.damaged for one in hurt.lost] == [
        (24, 35),
        (108, 119),
    ]
    assert report.damaged[1].problem == "its bytes are not those that were written: pictures 108 to 119"
    assert told[-1][0] == report.bytes == sum(path.stat().st_size for path in held.paths)
    assert scrub(rows, lambda _row: None).away == 2
    held.paths[0].unlink()
    assert scrub(rows[:1], lambda row: held.volume / row.path).damaged[0].problem == "it is not there"


def test_every_nth_file_is_decoded_and_what_the_decoder_says_counts(held: Held) -> None:
    with held.keeper(rate=0):
        rows = [held.row(number, "hash") for number in range(2)] * 2
    seen: list[Path] = []

    def decode(path: Path) -> str:
        seen.append(path)
        return "3 of its 72 pictures can be decoded"

    report = scrub(rows, lambda row: held.volume / row.path, every=3, decode=decode)
    assert seen == [held.paths[0], held.paths[1]]
    assert [hurt.problem for hurt in report.damaged] == ["3 of its 72 pictures can be decoded"] * 2
