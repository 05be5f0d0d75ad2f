"""The page that says where everything is agrees with the code that puts it there."""

from __future__ import annotations

from pathlib import Path

import pytest

from evertape.config.paths import DataDir
from evertape.disk import journal_file, journal_format, layout, marker
from evertape.engine import state_files

PAGE = (Path(__file__).parents[2] / "docs/reference/layout.md").read_text()


@pytest.mark.parametrize("name", ["config_file", "journal", "index_file", "recordings", "run"])
def test_every_part_of_the_data_directory_is_described(name: str) -> None:
    path: Path = getattr(DataDir(Path("/data")), name)
    assert f"`{path.name}`" in PAGE or f"`{path.name}/`" in PAGE


def test_state_files_marker_and_reserve_are_described() -> None:
    assert f"`state/{state_files.WISHES}`" in PAGE
    assert f"`state/{state_files.VOLUMES}`" in PAGE
    assert f"`{layout.CONTROL_DIR}/{marker.MARKER}`" in PAGE
    assert f"`{journal_file.RESERVE}`" in PAGE
    assert f"`{layout.CONTROL_DIR}/{journal_format.FOLDER}/`" in PAGE


@pytest.mark.parametrize(
    ("file_time", "day", "time"),
    [
        ("utc", "20260101", "003000"),
        ("Asia/Seoul", "20260101", "093000"),
        ("America/New_York", "20251231", "193000"),
        ("Nowhere/Land", "20260101", "003000"),
    ],
)
def test_names_follow_the_configured_time_zone(file_time: str, day: str, time: str) -> None:
    assert layout.day_and_time(1_767_227_400_000_000_000, file_time) == (day, time)
