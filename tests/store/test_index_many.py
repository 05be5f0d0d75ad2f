"""An index of very many segments: what is read to answer a question, and that the short way answers as the long one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from evertape.domain.logical import Footage
from evertape.store.database import move_aside
from evertape.store.footage import footage
from evertape.store.index import Index
from evertape.store.reader import EVERY_STATE
from evertape.store.rows import Cursor, SegmentRow
from evertape_lab.many import LENGTH, SESSION, START, make_index
from evertape_lab.story import Story, utc

COUNT, CAMERAS = 20_000, 4
DAY = 1440 * LENGTH


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Index]:
    place = tmp_path_factory.mktemp("many") / "index"
    make_index(place, COUNT, cameras=CAMERAS)
    with Index.open_readonly(place) as index:
        yield index


def plans(index: Index) -> list[tuple[str, str]]:
    """Fills up with each statement that is run, and how SQLite means to go about it."""
    seen: list[tuple[str, str]] = []

    @event.listens_for(index._engine, "before_cursor_execute")
    def _explain(connection: Any, _cursor: Any, statement: str, parameters: Any, *_rest: Any) -> None:
        if statement.startswith("SELECT"):
            rows = connection.connection.driver_connection.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)
            seen.append((statement, " / ".join(row[3] for row in rows)))

    return seen


def test_a_days_account_reads_nothing_but_that_day(many: Index) -> None:
    seen = plans(many)
    start = START + DAY
    report = many.coverage("cam_01", start, start + DAY, start + 3 * DAY)
    assert report.gaps == 1440 // SESSION
    assert report.complete
    assert report.recorded_s == pytest.approx(86_400 - report.gaps * 30)
    of_segments = [plan for statement, plan in seen if "FROM segments" in statement]
    assert of_segments == [
        "SEARCH segments USING COVERING INDEX segments_camera (camera=? AND start_utc>? AND start_utc<?)",
        "SCAN segments USING INDEX segments_open",
    ]
    steps = [step for statement, plan in seen if "FROM gaps" in statement for step in plan.split(" / ")]
    assert [step for step in steps if " gaps" in step] == [
        "SEARCH gaps USING INDEX gaps_camera (camera=? AND end_utc>?)",
        "SEARCH gaps USING INDEX gaps_camera (camera=? AND end_utc=? AND start_utc<?)",
    ]


def test_an_instant_needs_one_connection_and_a_few_rows(many: Index) -> None:
    seen = plans(many)
    at = START + DAY + 90 * LENGTH + LENGTH // 3
    found = many.segment_at("cam_03", at)
    assert found is not None
    assert found.camera == "cam_03"
    assert found.start_utc <= at < (found.end_utc or 0)
    assert len(seen) == 4
    assert not [plan for _, plan in seen if plan.startswith("SCAN") and "segments_open" not in plan]


def test_between_two_sessions_nothing_is_shown(many: Index) -> None:
    broken = START + SESSION * LENGTH - LENGTH // 4
    assert many.segment_at("cam_00", broken) is None
    assert many.segment_at("cam_00", broken - LENGTH // 2) is not None


def as_footage(row: SegmentRow) -> Footage:
    return Footage(
        row.id, row.epoch, row.generation, row.start_utc, row.end_utc, row.first_video, row.last_video, row.state,
        row.fate,
    )  # fmt: skip


@pytest.mark.parametrize("states", [EVERY_STATE, ("closed",), ("open", "closed")])
def test_footage_is_what_segments_are(many: Index, states: tuple[str, ...]) -> None:
    end = START + COUNT // CAMERAS * LENGTH
    for start, stop in ((START, START + DAY), (end - LENGTH, end), (end + DAY, end + 2 * DAY), (START, START + 1)):
        for camera in ("cam_00", "cam_03", "nobody"):
            rows = many.segments(camera, start, stop, states)
            assert footage(many, camera, start, stop, states) == [as_footage(row) for row in rows]


def test_a_reader_goes_on_with_the_new_index_when_the_old_one_was_moved_aside(tmp_path: Path) -> None:
    place = tmp_path / "index"
    old, new = Story(), Story()
    old.segment(0, 60)
    new.segment(0, 60)
    new.segment(60, 120)
    with Index.open(place) as made:
        made.apply(old.events, Cursor("f", 1))
    with Index.open_readonly(place) as reader:
        assert len(reader.segments("door", utc(0), utc(120))) == 1
        move_aside(place)
        with Index.open(place) as made:
            made.apply(new.events, Cursor("f", 1))
        assert len(reader.segments("door", utc(0), utc(120))) == 2


def test_a_gap_that_was_never_ended_ends_with_its_recorder_however_long_ago(tmp_path: Path) -> None:
    """The recorder died hours after it had opened the entry; a window long after that is the crash's, not the gap's."""
    story = Story()
    story.started(0)
    story.wish(0)
    story.segment(0, 60)
    story.gap(60, None, "camera_unreachable")
    story.died(7 * 3600, "recorder-0")
    story.segment(7 * 3600 + 30, 8 * 3600)
    with Index.open(tmp_path / "index") as made:
        made.apply(story.events, Cursor("f", 1))
        report = made.coverage("door", utc(7 * 3600 - 600), utc(8 * 3600), utc(9 * 3600))
    assert [str(cause) for cause in report.causes] == ["camera_unreachable", "process_crash"]
    assert report.complete
