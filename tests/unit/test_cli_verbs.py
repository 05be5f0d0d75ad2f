"""Every verb that needs no service, as a person or a program types it."""

from __future__ import annotations

import errno
import json
import os
import re
import resource
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from evertape import __version__
from evertape.cli import volume
from evertape.cli.main import app
from evertape.domain.wish import Said
from evertape.engine.state_files import KnownVolume, read_wishes, volumes_text

URL = "rtsp://127.0.0.1:9/cam"


class Cli:
    """Runs verbs on one data directory."""

    def __init__(self, data: Path) -> None:
        self.data = data

    def __call__(self, *arguments: str, code: int = 0, stdin: str | None = None) -> Result:
        result = CliRunner().invoke(app, [*arguments, "--data", str(self.data)], input=stdin)
        assert result.exit_code == code, result.output + repr(result.exception)
        return result

    def json(self, *arguments: str, code: int = 0, stdin: str | None = None) -> Any:
        return json.loads(self(*arguments, "--json", code=code, stdin=stdin).stdout)

    @property
    def config(self) -> str:
        return (self.data / "evertape.toml").read_text(encoding="utf-8")


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cli:
    monkeypatch.delenv("EVERTAPE_DATA", raising=False)
    monkeypatch.setenv("COLUMNS", "200")
    return Cli(tmp_path / "data")


@pytest.fixture
def ready(cli: Cli) -> Cli:
    cli("init")
    return cli


def cpu_of_children() -> float:
    """Seconds of processor: what a start costs, however busy the machine is with others."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@pytest.mark.timed
def test_help_answers_at_once() -> None:
    command = [sys.executable, "-m", "evertape.cli.main", "--help"]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    took = []
    for _ in range(3):
        before = cpu_of_children()
        done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=20, check=True)
        took.append(cpu_of_children() - before)
    assert "timeline" in done.stdout
    assert min(took) < 0.3


@pytest.mark.parametrize("module", ["pydantic", "tomlkit", "sqlalchemy", "gi", "structlog", "asyncio", "msgspec"])
def test_help_imports_nothing_heavy(module: str) -> None:
    code = f"import sys, evertape.cli.main; sys.exit({module!r} in sys.modules)"
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    assert subprocess.run([sys.executable, "-c", code], env=env, check=False, timeout=20).returncode == 0


def test_version_is_the_packages(cli: Cli) -> None:
    assert cli("version").stdout == f"{__version__}\n"


def test_init_makes_what_is_missing_and_nothing_twice(cli: Cli) -> None:
    assert [Path(made).name for made in cli.json("init")["created"]] == ["data", "evertape.toml", "recordings"]
    before = cli.config
    assert cli.json("init")["created"] == []
    assert cli.config == before
    assert stat.S_IMODE((cli.data / "evertape.toml").stat().st_mode) == 0o600


def test_init_says_what_to_do_next(cli: Cli) -> None:
    assert "evertape serve" in cli("init").stdout


def test_init_where_nothing_can_be_made_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    result = CliRunner().invoke(app, ["init", "--data", str(tmp_path / "file" / "data")])
    assert result.exit_code == 2
    assert "cannot be made: Not a directory" in result.stderr
    assert "Traceback" not in result.stderr


def test_shared_options_stand_before_or_after_the_verb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVERTAPE_DATA", str(tmp_path / "environment"))
    runner = CliRunner()
    for arguments, name in [
        (["init"], "environment"),
        (["--data", str(tmp_path / "before"), "init"], "before"),
        (["--data", str(tmp_path / "before"), "init", "--data", str(tmp_path / "after")], "after"),
    ]:
        assert runner.invoke(app, arguments).exit_code == 0
        assert (tmp_path / name / "evertape.toml").is_file()
    other = tmp_path / "other.toml"
    assert runner.invoke(app, ["--config", str(other), "init"]).exit_code == 0
    assert runner.invoke(app, ["config", "set", "recording.rotation", "30s", "--config", str(other)]).exit_code == 0
    assert 'rotation = "30s"' in other.read_text(encoding="utf-8")


def test_config_is_set_read_and_unset(ready: Cli) -> None:
    ready("config", "set", "recording.rotation", "10s")
    assert ready("config", "get", "recording.rotation").stdout == "10s\n"
    assert ready.json("config", "get", "recording")["rotation"] == "10s"
    assert ready.json("config", "set", "recording.align", "no")["in_force"] is False
    assert ready("config", "get", "recording.align").stdout == "false\n"
    ready("config", "unset", "recording.rotation")
    assert ready.json("config", "get", "recording.rotation") == "10min"
    assert "# How long one file gets" in ready.config


def test_config_show_masks_passwords(ready: Cli) -> None:
    ready("camera", "add", "front", "rtsp://me:secret@127.0.0.1:9/cam", "--no-probe")
    for result in (ready("config", "show"), ready("config", "show", "--json"), ready("camera", "list")):
        assert "me:***@" in result.stdout
        assert "secret" not in result.output


def test_an_unknown_key_is_refused_with_a_suggestion(ready: Cli) -> None:
    before = ready.config
    result = ready("config", "set", "recording.rotaton", "10s", code=2)
    assert "did you mean 'recording.rotation'" in result.stderr
    assert ready.config == before


def test_with_json_an_error_is_json_and_nothing_else(ready: Cli) -> None:
    answer = ready.json("config", "set", "recording.rotation", "10", code=2)
    assert answer["problems"][0]["key"] == "recording.rotation"
    assert answer["problems"][0]["line"] > 0


def test_config_check_reports_everything_at_once(ready: Cli) -> None:
    with (ready.data / "evertape.toml").open("a") as file:
        file.write('\n[recrding]\nx = 1\n[cameras.a]\nurl = "http://x"\n')
    answer = ready.json("config", "check", code=2)
    assert len(answer["problems"]) == 2
    assert answer["problems"][0]["suggestion"] == "recording"


def test_config_check_without_a_config_names_the_way_out(cli: Cli) -> None:
    assert "evertape init" in cli("config", "check", code=2).stderr


def test_a_camera_is_added_edited_listed_and_removed(ready: Cli) -> None:
    ready("camera", "add", "front", URL, "--name", "Front door", "--transport", "udp", "--no-audio", "--no-probe")
    (row,) = ready.json("camera", "list")["cameras"]
    assert (row["id"], row["name"], row["transport"], row["audio"]) == ("front", "Front door", "udp", False)
    assert row["live"] is None
    ready("camera", "edit", "front", "--set", "latency=1s", "--disable", "--unset", "transport")
    (row,) = ready.json("camera", "list")["cameras"]
    assert (row["latency"], row["enabled"], row["transport"]) == ("1s", False, "tcp")
    ready("camera", "remove", "front")
    assert ready.json("camera", "list")["cameras"] == []


def test_a_camera_that_is_away_is_added_with_a_warning(ready: Cli) -> None:
    result = ready("camera", "add", "front", URL)
    assert "warning: the camera cannot be looked at now" in result.stderr
    assert "added all the same" in result.stderr
    assert ready.json("camera", "add", "back", f"{URL}2")["probe"]["ok"] is False
    assert set(json.loads(ready("config", "show", "--json").stdout)["cameras"]) == {"front", "back"}


def test_a_wrong_url_is_refused_before_anything_is_tried(ready: Cli) -> None:
    before = ready.config
    result = ready("camera", "add", "front", "http://127.0.0.1/cam", code=2)
    assert "rtsp://" in result.stderr
    assert "cannot be looked at" not in result.stderr
    assert ready.config == before


def test_a_second_camera_of_the_same_id_is_refused(ready: Cli) -> None:
    ready("camera", "add", "front", URL, "--no-probe")
    assert "already" in ready("camera", "add", "front", f"{URL}2", code=2).stderr


def test_a_password_comes_from_standard_input(ready: Cli) -> None:
    login = ("--user", "me", "--password-stdin")
    result = ready("camera", "add", "front", URL, *login, "--no-probe", stdin="s3cret\nmore\n")
    assert 'password = "s3cret"' in ready.config
    assert "s3cret" not in result.output


def test_another_kind_of_password_replaces_the_one_there_is(ready: Cli) -> None:
    ready("camera", "add", "front", URL, "--user", "me", "--password-stdin", "--no-probe", stdin="s3cret\n")
    ready("camera", "edit", "front", "--password-env", "CAMERA_PASSWORD")
    assert "s3cret" not in ready.config
    assert 'password_env = "CAMERA_PASSWORD"' in ready.config


@pytest.mark.parametrize(
    ("arguments", "stdin", "words"),
    [
        (["--password-stdin", "--password-env", "X"], "x\n", "more than once"),
        (["--password-stdin"], "", "no password on standard input"),
        (["--set", "latency"], None, "KEY=VALUE"),
        ([], None, "nothing is to be changed"),
        (["--set", "latencies=1s"], None, "did you mean"),
    ],
)
def test_an_edit_that_makes_no_sense_is_refused(ready: Cli, arguments: list[str], stdin: str, words: str) -> None:
    ready("camera", "add", "front", URL, "--no-probe")
    before = ready.config
    assert words in ready("camera", "edit", "front", *arguments, code=2, stdin=stdin).stderr
    assert ready.config == before


def test_probing_a_camera_that_is_away_fails_with_its_reason(ready: Cli) -> None:
    answer = ready.json("camera", "probe", "rtsp://me:secret@127.0.0.1:9/cam", code=1)
    assert (answer["ok"], answer["url"]) == (False, "rtsp://me:***@127.0.0.1:9/cam")
    assert "refused" in answer["error"]
    ready("camera", "add", "front", URL, "--no-probe")
    assert ready.json("camera", "probe", code=1)["cameras"][0]["id"] == "front"
    assert "there is no camera 'frnt'" in ready("camera", "probe", "frnt", code=2).stderr


def test_a_volume_on_the_system_disk_needs_a_yes(ready: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(volume, "on_system_disk", lambda path: path == tmp_path / "disk")
    (tmp_path / "disk").mkdir()
    before = ready.config
    result = ready("volume", "add", "disk1", str(tmp_path / "disk"), code=2)
    assert "--yes" in result.stderr
    assert ready.config == before
    ready("volume", "add", "disk1", str(tmp_path / "disk"), "--role", "spill", "--yes")
    shown = json.loads(ready("config", "show", "--json").stdout)["volumes"]["disk1"]
    assert (shown["path"], shown["role"], shown["mount"]) == (str(tmp_path / "disk"), "spill", False)


def test_nothing_is_made_where_a_volume_is_absent(ready: Cli, tmp_path: Path) -> None:
    path = tmp_path / "absent" / "disk"
    result = ready("volume", "add", "usb", str(path))
    assert "there is no folder" in result.stderr
    assert not path.parent.exists()
    (row,) = ready.json("volume", "check", code=1)["volumes"]
    assert (row["state"], row["usable"]) == ("missing", False)
    assert not path.parent.exists()


def test_a_file_is_no_volume(ready: Cli, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert "is no folder" in ready("volume", "add", "x", str(tmp_path / "file"), "--yes", code=2).stderr


def test_the_built_in_volume_is_listed_while_no_other_is_declared(ready: Cli, tmp_path: Path) -> None:
    assert [row["name"] for row in ready.json("volume", "list")["volumes"]] == ["recordings"]
    (tmp_path / "disk").mkdir()
    ready("volume", "add", "disk1", str(tmp_path / "disk"), "--yes")
    assert [row["name"] for row in ready.json("volume", "list")["volumes"]] == ["disk1"]
    assert "is recorded to" in ready("volume", "remove", "disk1").stderr
    assert [row["name"] for row in ready.json("volume", "list")["volumes"]] == ["recordings"]


def test_checking_a_volume_writes_nothing(ready: Cli) -> None:
    (row,) = ready.json("volume", "check")["volumes"]
    assert (row["state"], row["usable"], row["marker"]) == ("online", True, "")
    assert list((ready.data / "recordings").iterdir()) == []
    assert "there is no volume 'x'" in ready("volume", "check", "x", code=2).stderr


def test_a_retired_volume_stays_in_the_list_and_the_last_one_cannot_be_retired(ready: Cli, tmp_path: Path) -> None:
    for name in ("old", "new"):
        (tmp_path / name).mkdir()
        ready("volume", "add", name, str(tmp_path / name), "--yes")
    assert "retired" in ready("volume", "retire", "old").stdout
    rows = {row["name"]: row for row in ready.json("volume", "check")["volumes"]}
    assert (rows["old"]["role"], rows["new"]["role"]) == ("retired", "primary")
    before = ready.config
    assert "is the only volume in use" in ready("volume", "retire", "new", code=2).stderr
    assert "there is no volume 'x'" in ready("volume", "retire", "x", code=2).stderr
    assert ready.config == before
    ready("config", "set", "volumes.old.role", "primary")
    assert ready.json("volume", "retire", "new")["role"] == "retired"


def test_every_volume_retired_is_an_error_of_the_configuration(ready: Cli, tmp_path: Path) -> None:
    ready("volume", "add", "disk1", str(tmp_path / "absent"))
    assert "every volume is retired" in ready("config", "set", "volumes.disk1.role", "retired", code=2).stderr


def test_a_volume_is_labelled_also_while_no_service_runs(ready: Cli, tmp_path: Path) -> None:
    (row,) = ready.json("volume", "check")["volumes"]
    assert re.fullmatch(r"Free: [0-9.]+ [MGT]B", row["label"])
    ready("volume", "add", "usb", str(tmp_path / "absent"))
    (row,) = ready.json("volume", "check", code=1)["volumes"]
    assert row["label"] in ("⚠ Storage: Not Mounted", "⚠ Storage: Directory Not Found")
    assert row["label_reason"]


def test_a_volume_of_another_identity_is_told_and_not_measured(ready: Cli) -> None:
    (ready.data / "state").mkdir()
    known = {"recordings": KnownVolume(str(ready.data / "recordings"), "0" * 32, False)}
    (ready.data / "state" / "volumes.json").write_bytes(volumes_text(known))
    (row,) = ready.json("volume", "check", code=1)["volumes"]
    assert row["state"] == "wrong_volume"
    checks = {check["name"]: check for check in ready.json("doctor", code=1)["checks"]}
    assert checks["volume recordings"]["status"] == "fail"
    assert "holds no marker" in checks["volume recordings"]["detail"]
    assert list((ready.data / "recordings").iterdir()) == []


def test_doctor_measures_the_volumes_and_reports_a_broken_config(ready: Cli) -> None:
    names = {check["name"] for check in json.loads(ready("doctor", "--json").stdout)["checks"]}
    assert {"volume recordings", "python", "open files"} <= names
    with (ready.data / "evertape.toml").open("a") as file:
        file.write("nonsense")
    checks = {check["name"]: check for check in ready.json("doctor", code=1)["checks"]}
    assert "line" in checks["configuration"]["detail"]


def test_a_wish_is_written_down_while_no_service_runs(ready: Cli) -> None:
    for name in ("front", "back"):
        ready("camera", "add", name, f"{URL}/{name}", "--no-probe")
    ready("record", "stop", "--all")
    answer = ready.json("record", "start", "back")
    assert answer == {"cameras": ["back"], "wanted": True, "running": False}
    assert read_wishes(ready.data / "state") == {"front": Said(False), "back": Said(True)}


@pytest.mark.parametrize("arguments", [["front", "nobody"], [], ["front", "--all"]])
def test_a_wish_for_nothing_clear_is_refused(ready: Cli, arguments: list[str]) -> None:
    ready("camera", "add", "front", URL, "--no-probe")
    ready("record", "start", *arguments, code=2)
    assert not (ready.data / "state").exists()


@pytest.mark.parametrize(
    "arguments", [["status"], ["camera", "restart", "front"], ["camera", "split", "front"], ["status", "--watch"]]
)
def test_a_verb_that_needs_the_service_says_that_none_runs(ready: Cli, arguments: list[str]) -> None:
    assert "evertape serve" in ready(*arguments, code=3).stderr


def test_a_mistake_of_ours_is_told_with_its_traceback_masked(
    ready: Cli, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> bool:
        raise ValueError("rtsp://me:secret@host/")

    monkeypatch.setattr(volume, "on_system_disk", broken)
    answer = ready.json("volume", "add", "x", str(ready.data), code=1)
    assert "this is a mistake in Evertape" in answer["error"]
    assert "secret" not in answer["error"]
    assert caplog.records[-1].exc_info is not None


def test_an_error_of_the_system_is_no_mistake_of_ours(ready: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> bool:
        raise OSError(errno.EIO, "Input/output error", "/media/usb")

    monkeypatch.setattr(volume, "on_system_disk", broken)
    answer = ready.json("volume", "add", "x", str(ready.data), code=1)
    assert answer["error"] == "/media/usb: Input/output error"


@pytest.mark.parametrize(
    "arguments", [["audit"], ["timeline", "x"], ["export", "x", "--from", "1h ago", "-o", "x.mp4"]]
)
def test_nothing_recorded_yet_is_told(ready: Cli, arguments: list[str]) -> None:
    assert "nothing was ever recorded" in ready(*arguments, code=2).stderr


def test_lab_camera_passes_its_options_on() -> None:
    result = CliRunner().invoke(app, ["lab", "camera", "--count", "0"])
    assert result.exit_code == 2
