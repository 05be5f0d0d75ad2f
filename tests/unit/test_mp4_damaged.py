"""What of a damaged segment is lost, exactly, and what an export makes of the rest."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pytest

from evertape.mp4.examine import examine
from evertape.mp4.export import ExportPart, export
from evertape.mp4.index import build_index
from evertape.mp4.scan import scan
from evertape_lab.disk_peer import FRAME_NS, START_UTC, Footage

FRAGMENT = 12


class File:
    """A finished segment of six fragments, keyframes at the start of every second one."""

    def __init__(self, path: Path) -> None:
        self.path = path
        footage = Footage()
        data = bytearray(footage.open()[1])
        for _ in range(6):
            data += footage.append()[1]
        data += build_index(scan(io.BytesIO(bytes(data))).header, footage.fragments)
        self.fragments, self.data = footage.fragments, data
        self.write()

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
