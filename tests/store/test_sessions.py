"""An account by whole capture sessions says the same as one that looks at each file."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from evertape.domain.coverage import CoverageReport
from evertape.domain.spans import GapSpan
from evertape.store.index import AROUND, Index
from evertape.store.places import places
from evertape.store.reader import HELD
from evertape.store.sessions import Sessions, sessions
from evertape_lab.many import LENGTH, SESSION, START, make_index

COUNT = 1050
"""Ten sessions and a half."""
END = START + COUNT * LENGTH
CAMERA = "cam_00"
S = 1_000_000_000


@pytest.fixture
def place(tmp_path: Path) -> Path:
    make_index(tmp_path / "index", COUNT, cameras=1)
    return tmp_path / "index"


def change(place: Path, statement: str) -> None:
    with sqlite3.connect(place, isolation_level=None) as connection:
        connection.execute(statement)
    connection.close()


def nth(number: int) -> str:
    return f"id = printf('%032x', {number})"


def both(place: Path, start: int = START, end: int = END) -> tuple[Sessions, CoverageReport, CoverageReport]:
    """What is put together, the account of that, and the account of every file by itself."""
    with Index.open_readonly(place) as index:
        some = sessions(index, CAMERA, start - AROUND, end + AROUND)
        known = places(index, CAMERA, start - AROUND, end + AROUND)
        assert all(
            some.places[one.segment].volume == known[one.segment].volume for one in some.footage if one.state in HELD
        )
        short = index.coverage(CAMERA, start, end, END + LENGTH, footage=some.footage)
        return some, short, index.coverage(CAMERA, start, end, END + LENGTH)


def the_same(short: CoverageReport, long: CoverageReport) -> None:
    def told(report: CoverageReport) -> list[tuple[int, int, str]]:
        return [(span.start, span.end, str(span.cause) if isinstance(span, GapSpan) else "") for span in report.spans]

    assert told(short) == told(long)
    assert (short.recorded_s, short.explained_s, short.unexplained_s) == pytest.approx(
        (long.recorded_s, long.explained_s, long.unexplained_s)
    )


def test_each_session_is_one_piece_and_the_account_is_the_same(place: Path) -> None:
    some, short, long = both(place)
    # The newest file is being written, and stands by itself.
    assert len(some.footage) == COUNT // SESSION + 2
    assert sum(some.files.values()) == COUNT - 1
    the_same(short, long)


def test_a_window_that_begins_and_ends_within_sessions(place: Path) -> None:
    _, short, long = both(place, START + 250 * LENGTH + 7 * S, START + 730 * LENGTH)
    the_same(short, long)


@pytest.mark.parametrize(
    "statement",
    [
        f"UPDATE segments SET state = 'deleted', fate = 'retention' WHERE start_utc < {START + 130 * LENGTH}",
        f"UPDATE segments SET state = 'missing' WHERE {nth(555)}",
        f"DELETE FROM segments WHERE {nth(555)}",
        f"UPDATE segments SET end_utc = end_utc - 20000000000, last_video = last_video - 500 WHERE {nth(321)}",
        f"UPDATE segments SET start_utc = start_utc + {9 * S}, end_utc = end_utc + {9 * S}"
        f" WHERE start_utc >= {START + 444 * LENGTH} AND start_utc < {START + 500 * LENGTH}",
        f"UPDATE segments SET state = 'open', end_utc = NULL, last_video = NULL WHERE {nth(610)}",
    ],
    ids=["deleted", "missing", "vanished", "cut", "clock set", "left open"],
)
def test_what_is_wrong_within_a_session_shows(place: Path, statement: str) -> None:
    _, _, before = both(place)
    change(place, statement)
    some, short, long = both(place)
    the_same(short, long)
    assert len(some.files) > 5  # the other sessions are put together all the same
    if "'open'" not in statement:
        assert long.spans != before.spans


def test_what_two_files_hold_counts_once(place: Path) -> None:
    copy = "INSERT INTO segments SELECT 'copy', camera, stream, 'vol-2', path, epoch, generation + 5000, "
    with sqlite3.connect(place, isolation_level=None) as connection:
        names = [row[1] for row in connection.execute("PRAGMA table_info(segments)")]
    connection.close()
    rest = names[names.index("first_video") :]
    values = ["'x'" if name == "supersedes" else name for name in rest]
    change(place, copy + ", ".join(values) + f" FROM segments WHERE {nth(444)}")
    change(place, "INSERT INTO totals SELECT camera, 'vol-2', 1, 0, 0, longest FROM totals")
    some, short, long = both(place)
    the_same(short, long)
    assert some.places["copy"].volume == "vol-2"


def test_a_session_on_two_volumes_is_drawn_on_both(place: Path) -> None:
    change(place, f"UPDATE segments SET volume = 'vol-2' WHERE start_utc >= {START + 450 * LENGTH}")
    change(place, "INSERT INTO totals SELECT camera, 'vol-2', 1, 0, 0, longest FROM totals")
    some, short, long = both(place)
    the_same(short, long)
    assert {one.volume for one in some.places.values()} == {"vol-1", "vol-2"}


def test_of_nothing_but_trouble_each_file_is_looked_at(place: Path) -> None:
    change(place, f"DELETE FROM segments WHERE start_utc / {LENGTH} % 10 = 0")
    some, short, long = both(place)
    assert not some.files
    the_same(short, long)
