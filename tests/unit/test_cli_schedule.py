"""``evertape schedule``, as people and programs read it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from evertape.cli.main import app
from evertape.cli.schedule import plan_lines
from evertape.config.load import load_text
from evertape.engine.schedule_plan import plan
from evertape.types import NS_PER_S, UtcNs

CONFIG = """
[installation]
timezone = "Europe/Berlin"
[cameras.shop]
url = "rtsp://127.0.0.1:9/1"
schedule = "mon-fri 07:30-19:00"
[cameras.door]
url = "rtsp://127.0.0.1:9/2"
[cameras.dock]
url = "rtsp://127.0.0.1:9/3"
schedule = "sat 22:00-04:00"
timezone = "Asia/Seoul"
[cameras.spare]
url = "rtsp://127.0.0.1:9/4"
enabled = false
"""


def at(text: str) -> UtcNs:
    return UtcNs(int(datetime.fromisoformat(text).timestamp()) * NS_PER_S)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "evertape.toml").write_text(CONFIG)
    return folder


def asked(data: Path, *arguments: str, code: int = 0) -> str:
    result = CliRunner().invoke(app, ["schedule", *arguments, "--data", str(data)])
    assert result.exit_code == code, result.output
    return result.stdout if code == 0 else result.output


def answered(data: Path, *arguments: str) -> dict[str, dict[str, Any]]:
    return {each["camera"]: each for each in json.loads(asked(data, *arguments, "--json"))["cameras"]}


def test_people_see_what_holds_and_the_coming_week_in_the_schedules_own_time() -> None:
    config = load_text(CONFIG, Path("evertape.toml")).config
    now = at("2026-11-27T15:00+01:00")
    held = {"wanted": True, "by": "schedule", "until": at("2026-11-27T19:00+01:00")}
    assert plan_lines(plan(config, "shop", held, now)) == [
        "shop: recorded, by schedule, until Fri 27 Nov 19:00",
        "  weekdays 07:30-19:00 (Europe/Berlin)",
        "  Fri 27 Nov 15:00 to Fri 27 Nov 19:00",
        "  Mon 30 Nov 07:30 to Mon 30 Nov 19:00",
        "  Tue 01 Dec 07:30 to Tue 01 Dec 19:00",
        "  Wed 02 Dec 07:30 to Wed 02 Dec 19:00",
        "  Thu 03 Dec 07:30 to Thu 03 Dec 19:00",
        "  Fri 04 Dec 07:30 to Fri 04 Dec 15:00",
    ]
    dock = plan_lines(plan(config, "dock", {"wanted": False, "by": "person", "until": None}, now))
    assert dock == [
        "dock: not recorded, by hand", "  sat 22:00-04:00 (Asia/Seoul)", "  Sat 28 Nov 22:00 to Sun 29 Nov 04:00",
    ]  # fmt: skip
    door = plan(config, "door", {"wanted": True, "by": "configuration", "until": None}, now)
    assert plan_lines(door) == ["door: recorded, by configuration"]


def test_programs_get_the_same_without_a_service(data: Path) -> None:
    found = answered(data)
    assert list(found) == ["shop", "door", "dock"]
    assert (found["door"]["schedule"], found["door"]["week"], found["door"]["by"]) == ("always", None, "configuration")
    shop = found["shop"]
    assert (shop["by"], shop["timezone"]) == ("schedule", "Europe/Berlin")
    now = datetime.now(UTC)
    inside = any(
        datetime.fromisoformat(span["start"]) <= now < datetime.fromisoformat(span["end"]) for span in shop["week"]
    )
    assert shop["wanted"] is inside
    assert sum(span["end_utc"] - span["start_utc"] for span in shop["week"]) == 5 * 11.5 * 3600 * NS_PER_S
    assert datetime.fromisoformat(shop["until"]) - now < timedelta(days=3)
    assert list(answered(data, "dock")) == ["dock"]


def test_what_a_person_said_holds_until_the_next_change(data: Path) -> None:
    before = answered(data, "shop")["shop"]
    result = CliRunner().invoke(app, ["record", "stop" if before["wanted"] else "start", "shop", "--data", str(data)])
    assert result.exit_code == 0, result.output
    after = answered(data, "shop")["shop"]
    assert (after["wanted"], after["by"], after["until_utc"]) == (not before["wanted"], "person", before["until_utc"])


@pytest.mark.parametrize("name", ["nobody", "spare"])
def test_a_camera_that_is_not_used_has_no_plan(data: Path, name: str) -> None:
    assert f"no camera '{name}' is in use" in asked(data, name, code=2)
