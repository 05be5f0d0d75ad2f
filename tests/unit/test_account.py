"""A day in a line: what is recorded, what is missing, and never a hundred percent that is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from evertape.cli.day import DayAccounts, account_text, day_json, day_lines, share_text
from evertape.cli.place import Place
from evertape.cli.status_view import ServiceStatus
from evertape.config.paths import DataDir
from evertape.domain.account import Account, account, together
from evertape.domain.cause import Cause
from evertape.domain.coverage import CoverageReport
from evertape.domain.spans import GapSpan, RecordedSpan
from evertape.types import NS_PER_S, UtcNs


def t(second: float) -> UtcNs:
    return UtcNs(round(second * NS_PER_S))


def report(*gaps: GapSpan, recorded_s: float, unexplained_s: float = 0.0) -> CoverageReport:
    wanted = [gap for gap in gaps if not gap.cause.on_purpose]
    spans: tuple[RecordedSpan | GapSpan, ...] = (RecordedSpan(t(0), t(recorded_s), ("s",)), *gaps)
    worst = max(wanted, key=lambda gap: gap.end - gap.start, default=None)
    return CoverageReport(t(0), t(100), spans, recorded_s, 0.0, unexplained_s, {}, len(gaps), worst)


OUT = GapSpan(t(70), t(76), Cause.CAMERA_UNREACHABLE)
SHORT = GapSpan(t(80), t(81), Cause.PROCESS_CRASH)
NIGHT = GapSpan(t(81), t(100), Cause.OUTSIDE_SCHEDULE)


def test_time_outside_the_schedule_is_neither_recorded_nor_missing() -> None:
    found = account("door", report(OUT, SHORT, NIGHT, recorded_s=70))
    assert (found.wanted_s, found.recorded_s, found.gaps, found.missing_s) == (77, 70, 2, 7)
    assert found.causes == {Cause.CAMERA_UNREACHABLE: (1, 6.0), Cause.PROCESS_CRASH: (1, 1.0)}
    assert account_text(found) == ("100 % accounted, 90.90 % recorded, 2 gaps, 7.0 s, worst 6.0 s: camera unreachable")


def test_a_camera_that_was_never_to_be_recorded_says_so() -> None:
    assert account_text(account("door", report(NIGHT, recorded_s=0))) == "not to be recorded"


def test_all_cameras_together_name_the_worst() -> None:
    both = {"a": account("a", report(SHORT, recorded_s=99)), "b": account("b", report(OUT, recorded_s=94))}
    lines = day_lines(both)
    assert lines[0] == "last 24 h"
    assert lines[1].startswith("a    100 % accounted, 99.00 % recorded, 1 gap, 1.0 s")
    assert lines[3].endswith("2 gaps, 7.0 s, worst 6.0 s of b: camera unreachable")
    assert together(both.values()).recorded_s == 193
    assert together([*both.values(), both["b"]]).causes[Cause.CAMERA_UNREACHABLE] == (2, 12.0)
    assert day_json(both)["b"]["worst"] == "camera_unreachable"


def test_nothing_known_is_nothing_shown() -> None:
    assert day_lines({}) == []


def test_an_index_that_cannot_be_read_is_said_instead_of_nothing(tmp_path: Path) -> None:
    days = DayAccounts(Place(DataDir(tmp_path), tmp_path / "evertape.toml"))
    ring = {"bytes": 0, "budget": 0}
    now = ServiceStatus.parse(
        {"now_utc": 1, "started_utc": 0, "cameras": [], "waiting": [], "volumes": [], "ring": ring}
    )
    (line,) = day_lines(days.of(now), days.problem)
    assert line.startswith("last 24 h: not known now (there is no index at")
    assert together([]) == Account()


@pytest.mark.parametrize(("share", "text"), [(1.0, "100 %"), (0.999999, "99.99 %"), (0.5, "50.00 %"), (0.0, "0.00 %")])
def test_only_all_is_a_hundred_percent(share: float, text: str) -> None:
    assert share_text(share) == text


def test_what_nobody_can_explain_lowers_what_is_accounted() -> None:
    unknown = GapSpan(t(90), t(100), Cause.UNKNOWN)
    found = account("door", report(unknown, recorded_s=90, unexplained_s=10))
    assert account_text(found).startswith("90.00 % accounted, 90.00 % recorded, 1 gap")
