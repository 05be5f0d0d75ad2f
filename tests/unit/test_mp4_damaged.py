"""What of a damaged segment is lost, exactly, and what an export makes of the rest."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from evertape.mp4.digest import fragment_check
from evertape.mp4.examine import Examined, examine
from evertape.mp4.export import ExportPart, export
from evertape.mp4.index import build_index
from evertape.mp4.model import FragmentInfo
from evertape.mp4.scan import cut_plan, scan
from evertape_lab.disk_peer import FRAME_NS, START_UTC, Footage

FRAGMENT = 12


class File:
    """A finished segment, keyframes at the start of every second fragment.

    Args:
        path: of the file.
        count: of fragments.
        checked: their hashes stand in its table, as a disk process puts them there.
    """

    def __init__(self, path: Path, count: int = 6, *, checked: bool = True) -> None:
        self.path = path
        footage = Footage()
        data = bytearray(footage.open()[1])
        self.fragments: list[FragmentInfo] = []
        for at in range(count):
            payload = footage.append()[1]
            data += payload
            check = fragment_check(payload) if checked else b""
            self.fragments.append(replace(footage.fragments[at], check=check))
        data += build_index(scan(io.BytesIO(bytes(data))).header, self.fragments)
        self.data = data
        self.write()

    def flip(self, at: int) -> None:
        self.data[at] ^= 1
        self.write()

    def examined(self) -> Examined:
        with self.path.open("rb") as file:
            return examine(file, payload=True)

    def write(self) -> None:
        self.path.write_bytes(bytes(self.data))

    def hurt(self, *fragments: int) -> None:
        for fragment in fragments:
            self.data[self.fragments[fragment].moof_offset + 20] ^= 1
        self.write()


@pytest.fixture
def file(tmp_path: Path) -> File:
    return File(tmp_path / "a.mp4")


def lost(file: File) -> list[tuple[int, int]]:
    with file.path.open("rb") as opened:
        return [(one.first_video, one.last_video) for one in examine(opened).lost]


@pytest.mark.parametrize(
    ("fragments", "units"),
    [((), []), ((0,), [(0, 11)]), ((2, 3), [(24, 47)]), ((1, 4), [(12, 23), (48, 59)]), ((5,), [(60, 71)])],
)
def test_damaged_fragments_are_named_to_the_picture(
    file: File, fragments: tuple[int, ...], units: list[tuple[int, int]]
) -> None:
    file.hurt(*fragments)
    assert lost(file) == units


def test_times_of_what_is_lost_are_those_of_its_pictures(file: File) -> None:
    file.hurt(2)
    with file.path.open("rb") as opened:
        found = examine(opened)
    start = START_UTC + 24 * FRAME_NS
    assert [(one.start_utc, one.end_utc) for one in found.lost] == [(start, start + FRAGMENT * FRAME_NS)]
    assert (found.closed, found.last_video) == (True, 71)


def test_a_file_without_its_index_says_so_and_how_far_it_reaches(file: File) -> None:
    del file.data[file.fragments[4].end - 10 :]
    file.write()
    with file.path.open("rb") as opened:
        found = examine(opened)
    assert (found.closed, found.lost, found.last_video) == (False, (), 47)
    assert found.problem


@pytest.mark.parametrize(
    ("spoil", "pictures", "gaps"),
    [
        (
            lambda file: file.hurt(3),
            60,
            [],
        ),  # a keyframe is next; half a second is no gap to note
        (lambda file: file.hurt(2), 48, [2 * FRAGMENT]),  # the next one needs what is lost
    ],
)
def test_an_export_leaves_out_what_is_damaged_and_what_needs_it(
    file: File, spoil: Callable[[File], None], pictures: int, gaps: list[int]
) -> None:
    spoil(file)
    result = export([ExportPart(file.path, damaged=True)], io.BytesIO())
    assert result.pictures == pictures
    assert [one.duration_ns for one in result.gaps] == [gap * FRAME_NS for gap in gaps]
    assert sum(used.last_video - used.first_video + 1 for used in result.used) == pictures
    assert len(result.used) == 2


def test_one_flipped_byte_in_a_minute_of_pictures_is_one_fragment_and_the_rest_is_vouched_for(tmp_path: Path) -> None:
    file = File(tmp_path / "a.mp4", 120)
    file.flip(file.fragments[61].end - 1000)
    found = file.examined()
    assert [(one.first_video, one.last_video) for one in found.lost] == [(61 * FRAGMENT, 62 * FRAGMENT - 1)]
    assert [one.end_utc - one.start_utc for one in found.lost] == [FRAGMENT * FRAME_NS]
    assert (found.compared, found.closed) == (True, True)
    assert found.problem == "its bytes are not those that were written: pictures 732 to 743"
    result = export([ExportPart(file.path, damaged=True)], io.BytesIO())
    assert result.pictures == 119 * FRAGMENT


def test_each_byte_of_the_pictures_counts(file: File) -> None:
    fragment = file.fragments[3]
    for at in (*range(fragment.moof_offset + 150, fragment.end, 977), fragment.end - 1):
        file.flip(at)
        assert [(one.first_video, one.last_video) for one in file.examined().lost] == [(36, 47)], at
        file.flip(at)
    assert file.examined().problem == ""


def test_damage_in_two_places_and_in_a_header_is_told_together(file: File) -> None:
    file.hurt(1)
    file.flip(file.fragments[2].end - 10)
    file.flip(file.fragments[5].end - 10)
    found = file.examined()
    assert [(one.first_video, one.last_video) for one in found.lost] == [(12, 35), (60, 71)]
    assert found.compared
    assert (found.last_video, found.end_utc) == (59, START_UTC + 60 * FRAME_NS)


def test_damage_in_the_index_alone_costs_no_picture(file: File) -> None:
    end = file.fragments[-1].end
    for at in range(end + 24, len(file.data)):  # but its name, without which it is not found
        file.flip(at)
        found = file.examined()
        assert found.lost == (), at
        if found.compared:
            exported = export([ExportPart(file.path, damaged=True)], io.BytesIO())
            assert exported.pictures == 72
        else:
            assert at < end + 32 or at >= len(file.data) - 24, "only its own size and place are not told twice"
        file.flip(at)


def test_a_header_that_was_changed_vouches_for_no_picture(file: File) -> None:
    file.flip(file.data.find(b"avcC") + 10)
    found = file.examined()
    assert (found.compared, found.problem) == (False, "the file's header is damaged, what it says may be wrong")


def test_a_file_of_an_older_version_says_nothing_of_its_bytes_and_is_valid(tmp_path: Path) -> None:
    file = File(tmp_path / "a.mp4", checked=False)
    assert (file.examined().problem, file.examined().compared) == ("", False)
    file.flip(file.fragments[3].end - 10)
    assert (file.examined().problem, file.examined().lost) == ("", ())


def test_what_is_left_of_a_cut_file_keeps_its_hashes(file: File) -> None:
    with file.path.open("rb") as opened:
        plan = cut_plan(scan(opened), 48)
    del file.data[plan.truncate_to :]
    file.data += plan.append
    file.write()
    assert (file.examined().problem, file.examined().compared) == ("", True)
    file.flip(file.fragments[3].end - 10)
    assert [(one.first_video, one.last_video) for one in file.examined().lost] == [(36, 47)]
