"""Retention's smaller parts: files by their names, the configuration, what is remembered, how long a disk lasts."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from evertape.cli.volume_forecast import lasts_text
from evertape.config.load import load_text
from evertape.config.schema import Config
from evertape.domain.forecast import Forecast
from evertape.domain.retention_terms import DAY_NS, ProtectedSpan, Protection, Rule, Terms
from evertape.engine.keeper_blind import pick
from evertape.engine.retention_state import PROTECTED, protected_text, read_protected, retention_terms
from evertape.engine.space import needs
from evertape.errors import ConfigError
from evertape.ipc.messages import FoundFile, VolumeInfo

GB = 10**9
NOON = int(datetime(2026, 3, 10, 12, tzinfo=UTC).timestamp()) * 10**9
NOW = NOON + 10 * DAY_NS


def file(day: int, *, camera: str = "door", size: int = 100, being_written: bool = False) -> FoundFile:
    name = f"{camera}/202603{day:02}/{camera}_202603{day:02}_120000.mp4"
    return FoundFile(path=name, bytes=size, open=being_written)


def days(files: list[FoundFile], need: int, terms: Terms, *spans: ProtectedSpan, full: bool = False) -> list[int]:
    found = pick(files, "v", need, terms, Protection(spans), NOW, full=full)
    return [int(eviction.segment.path.split("/")[1][-2:]) for eviction in found]


# -- without an index -----------------------------------------------------------------------------------------


def test_files_go_in_the_order_of_the_folders_until_there_is_room() -> None:
    files = [file(n) for n in range(1, 9)]
    assert days(files, 250, Terms()) == [1, 2, 3]
    assert days(files, 0, Terms()) == []


def test_a_file_that_is_being_written_or_has_a_strangers_name_stays() -> None:
    files = [file(1, being_written=True), FoundFile(path="door/20260302/holiday.mp4", bytes=9), file(3)]
    assert days(files, 1000, Terms()) == [3]


def test_a_protected_day_keeps_its_neighbours_because_names_say_the_time_only_roughly() -> None:
    files = [file(n) for n in range(1, 9)] + [file(5, camera="yard")]
    span = ProtectedSpan("p", "door", NOON - 5 * DAY_NS, NOON - 5 * DAY_NS + 1)  # the 5th
    assert days(files, 10_000, Terms(), span) == [1, 2, 3, 6, 7, 8, 5]


def test_a_minimum_age_counts_for_files_too_and_gives_way_on_a_full_volume() -> None:
    files = [file(n) for n in (1, 5, 12, 18)]
    terms = Terms(rule=Rule(min_age=14 * DAY_NS))
    assert days(files, 10_000, terms) == [1]
    assert days(files, 10_000, terms, full=True) == [1, 5]


# -- what needs room ------------------------------------------------------------------------------------------


def test_a_retired_volume_makes_no_room_and_one_that_was_not_measured_neither() -> None:
    def info(role: str, free: int, total: int) -> VolumeInfo:
        return VolumeInfo(name=role, volume_id=role, role=role, state="online", free=free, total=total)

    volumes = [info("primary", GB, 500 * GB), info("spill", 400 * GB, 500 * GB), info("retired", GB, 500 * GB)]
    assert needs(Terms(), [*volumes, info("unknown", 0, 0)], {}) == {"primary": 29 * GB}


# -- configuration --------------------------------------------------------------------------------------------

CAMERAS = """
[retention]
max_age = "90d"
start_percent = 10
[cameras.door]
url = "rtsp://192.0.2.1/a"
[cameras.yard]
url = "rtsp://192.0.2.1/b"
retention = { quota = "2TB", max_age = "none" }
"""


def loaded(text: str) -> Config:
    return load_text(text, Path("/nowhere/evertape.toml")).config


def test_a_cameras_own_rule_takes_the_rest_from_the_general_one() -> None:
    terms = retention_terms(loaded(CAMERAS))
    assert terms.rule == Rule(90 * DAY_NS, 0, 0)
    assert terms.cameras == {"yard": Rule(0, 0, 2000 * GB)}
    assert (terms.start_free, terms.start_percent, terms.emergency_age) == (5 * GB, 10.0, 7 * DAY_NS)
    assert retention_terms(loaded("")) == Terms()


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ('[retention]\nmax_age = "2d"\nmin_age = "3d"\n', "min_age"),
        (CAMERAS.replace('max_age = "none"', 'min_age = "91d"'), "min_age"),
        ('[retention]\nmax_age = "1s"\n', "max_age"),
        ("[retention]\nquota = 5\n", "quota"),
    ],
)
def test_ages_that_contradict_each_other_are_refused(text: str, key: str) -> None:
    with pytest.raises(ConfigError, match=key):
        loaded(text)


# -- what is remembered ---------------------------------------------------------------------------------------


def test_what_is_protected_is_remembered_and_a_broken_file_keeps_nobody_from_starting(tmp_path: Path) -> None:
    spans = [ProtectedSpan("p1", "door", 5, 9), ProtectedSpan("p2", "yard", 1, 2)]
    assert read_protected(tmp_path) == []
    (tmp_path / PROTECTED).write_bytes(protected_text(spans))
    assert read_protected(tmp_path) == spans
    for broken in (b"[[1]]", b"{", b"[[1,2,3,null]]"):
        (tmp_path / PROTECTED).write_bytes(broken)
        assert read_protected(tmp_path) == []


# -- in words -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("found", "text"),
    [
        (Forecast(), ""),
        (Forecast(GB, 12.4, 40), "12 d left"),
        (Forecast(GB, 3.14, 40), "3.1 d left"),
        (Forecast(GB, 0.5, 40), "12 h left"),
        (Forecast(GB, 0.01, 40), "14 min left"),
        (Forecast(GB, 0.0, 31.2), "keeps 31 d"),
    ],
)
def test_how_long_a_disk_lasts_reads_well(found: Forecast, text: str) -> None:
    assert lasts_text(found) == text
