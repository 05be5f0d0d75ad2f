"""Names on a volume, and paths that come in messages."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evertape.disk.layout import day_and_time, file_name, is_camera, is_day, parse_name, segment_path, split_path
from evertape.errors import ProtocolError

NEW_YEAR = 1_767_225_600_000_000_000


def test_a_file_is_named_after_the_second_it_starts_in() -> None:
    assert day_and_time(NEW_YEAR + 999_999_999, "utc") == ("20260101", "000000")
    assert day_and_time(NEW_YEAR - 1, "utc") == ("20251231", "235959")
    assert file_name("door", "20260101", "000000") == "door_20260101_000000.mp4"
    assert file_name("door", "20260101", "000000", 2) == "door_20260101_000000_2.mp4"


def test_local_time_follows_the_machines_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        assert day_and_time(NEW_YEAR, "local") == ("20260101", "090000")
    finally:
        monkeypatch.undo()
        time.tzset()


@given(st.from_regex(r"[a-z0-9][a-z0-9_-]{0,47}", fullmatch=True), st.integers(0, 4_000_000_000), st.integers(0, 999))
def test_every_name_can_be_taken_apart_again(camera: str, second: int, number: int) -> None:
    day, time = day_and_time(second * 1_000_000_000, "utc")
    assert is_camera(camera)
    assert is_day(day)
    assert parse_name(file_name(camera, day, time, number)) == (camera, day, time, number)


@pytest.mark.parametrize(
    "name", ["door.mp4", "door_20260101_000000.mkv", "door_20260101_000000_0.mp4", "", "x_1_2.mp4"]
)
def test_other_names_are_nobodys(name: str) -> None:
    assert parse_name(name) is None


@pytest.mark.parametrize(
    "path", ["", "/etc/passwd", "..", "a/../b", "./a", "a//b", "a/", "a\0b", "door/20260101/../../../etc/passwd"]
)
def test_paths_that_could_lead_out_are_refused(path: str) -> None:
    with pytest.raises(ProtocolError):
        split_path(path)


@pytest.mark.parametrize("path", [".evertape/volume.mp4", "door/20260101/x.txt", ".evertape/journal/x.jsonl"])
def test_only_footage_can_be_named_as_a_segment(path: str) -> None:
    with pytest.raises(ProtocolError):
        segment_path(path)


def test_a_segment_path_is_split() -> None:
    assert segment_path("door/20260101/a.mp4") == ("door", "20260101", "a.mp4")
