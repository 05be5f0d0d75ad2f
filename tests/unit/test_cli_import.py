"""``evertape import`` as a person or a program types it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from evertape.cli.main import app
from unit.predecessor_databases import FRONT, SECRETS, YARD, changed, write


class Cli:
    """Runs verbs on one data directory, and holds what they print against the passwords."""

    def __init__(self, data: Path) -> None:
        self.data = data

    def __call__(self, *arguments: str, code: int = 0) -> Result:
        result = CliRunner().invoke(app, [*arguments, "--data", str(self.data)])
        assert result.exit_code == code, result.output + repr(result.exception)
        assert [secret for secret in SECRETS if secret in result.output] == []
        return result

    def json(self, *arguments: str, code: int = 0) -> Any:
        return json.loads(self(*arguments, "--json", code=code).stdout)

    @property
    def config(self) -> str:
        return (self.data / "evertape.toml").read_text(encoding="utf-8")


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cli:
    monkeypatch.delenv("EVERTAPE_DATA", raising=False)
    monkeypatch.setenv("COLUMNS", "200")
    return Cli(tmp_path / "data")


def test_a_dry_run_needs_no_installation_and_makes_none(cli: Cli, tmp_path: Path) -> None:
    found = cli.json("import", str(write(tmp_path / "IT_RNVR.db")), "--dry-run")
    assert [camera["id"] for camera in found["cameras"]] == ["cam_02", "cam_01"]
    assert (found["applied"], cli.data.exists()) == (None, False)


def test_without_an_installation_it_says_how_to_make_one(cli: Cli, tmp_path: Path) -> None:
    assert "evertape init" in cli("import", str(write(tmp_path / "IT_RNVR.db")), code=2).stderr


def test_cameras_are_configured_and_the_second_time_left_alone(cli: Cli, tmp_path: Path) -> None:
    database = str(write(tmp_path / "IT_RNVR.db"))
    cli("init")
    first = cli.json("import", database)
    assert first["applied"]["cameras"] == ["cam_02", "cam_01"]
    assert [row["id"] for row in cli.json("camera", "list")["cameras"]] == ["cam_02", "cam_01"]
    assert 'password = "Zebra!7/x"' in cli.config
    before = cli.config
    again = cli.json("import", database)
    assert (again["applied"], cli.config) == ({"cameras": [], "values": [], "volume": "", "desktop": []}, before)


def test_a_person_is_told_what_becomes_of_everything(cli: Cli, tmp_path: Path) -> None:
    cli("init")
    told = cli("import", str(write(tmp_path / "IT_RNVR.db"))).stdout
    for line in (
        "IT_RNVR 1.0.0",
        "✓ cameras.cam_01 → cameras.cam_01",
        "password = ***",
        "✓ recording.rotation_minutes → recording.rotation = 2min",
        "! ptz_keys.pan_left, up, stop, zoom_in: PTZ is not supported yet: not imported",
        "✓ streaming.default_layout → desktop:layout.grid = 3x3",
    ):
        assert line in told


def test_a_camera_that_cannot_be_taken_fails_the_import_and_no_other_camera(cli: Cli, tmp_path: Path) -> None:
    cli("init")
    bad = FRONT | {"camera_id": "web", "rtsp_url": "http://u:Zebra!7@192.0.2.9/mjpeg"}
    found = cli.json("import", str(write(tmp_path / "IT_RNVR.db", [bad, YARD])), code=1)
    assert (found["cameras_left_out"], found["applied"]["cameras"]) == (["web"], ["cam_02"])


def test_a_disk_of_the_system_is_used_only_if_somebody_says_so(cli: Cli, tmp_path: Path) -> None:
    place = tmp_path / "Recordings"
    place.mkdir()
    database = str(write(tmp_path / "IT_RNVR.db", settings=changed("storage", recording_path=str(place))))
    cli("init")
    found = cli.json("import", database)
    if not found["volume"]["needs_consent"]:
        pytest.skip("temporary files are not on the disk of the system here")
    assert found["applied"]["volume"] == ""
    assert cli.json("import", database, "--system-disk")["applied"]["volume"] == "old_disk"
    assert (place / "evertape").is_dir()


def test_recordings_are_named_with_the_command_that_takes_them_in(cli: Cli, tmp_path: Path) -> None:
    day = tmp_path / "recordings" / "cam_01" / "20251110"
    day.mkdir(parents=True)
    (day / "cam_01_20251110_134724.mp4").write_bytes(b"x")
    (day / "cam_01_20251110_134924.avi").write_bytes(b"x")
    told = cli("import", str(write(tmp_path / "IT_RNVR.db")), "--dry-run").stdout
    assert f"evertape adopt {day.parent} --camera cam_01 --data {cli.data}" in told
    assert "1 .avi cannot be taken in" in told


def test_recordings_that_are_none_are_told_and_the_cameras_come_all_the_same(cli: Cli, tmp_path: Path) -> None:
    day = tmp_path / "rec" / "cam_01" / "20251110"
    day.mkdir(parents=True)
    (day / "cam_01_20251110_134724.mp4").write_bytes(b"no movie")
    cli("init")
    found = cli.json("import", str(write(tmp_path / "IT_RNVR.db")), "--recordings", str(tmp_path / "rec"), code=1)
    assert found["adopted"][0]["broken"] == {"20251110/cam_01_20251110_134724.mp4": "it is no MP4"}
    assert found["applied"]["cameras"] == ["cam_02", "cam_01"]


def test_a_folder_of_recordings_that_is_not_there_changes_nothing(cli: Cli, tmp_path: Path) -> None:
    cli("init")
    before = cli.config
    cli("import", str(write(tmp_path / "IT_RNVR.db")), "--recordings", str(tmp_path / "none"), code=2)
    assert cli.config == before


def test_a_database_that_is_none_is_an_error_for_programs_too(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "IT_RNVR.db").write_bytes(b"not a database at all")
    assert "no SQLite database" in cli.json("import", str(tmp_path / "IT_RNVR.db"), code=1)["error"]


def test_others_who_can_read_the_passwords_are_warned_of(cli: Cli, tmp_path: Path) -> None:
    cli("init")
    (cli.data / "evertape.toml").chmod(0o644)
    assert "chmod 600" in cli("import", str(write(tmp_path / "IT_RNVR.db"))).stderr
