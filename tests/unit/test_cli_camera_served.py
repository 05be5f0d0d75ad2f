"""``evertape camera probe`` beside a running service: no second session with a camera."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from evertape.cli import camera_probe, status
from evertape.cli.main import app
from evertape.cli.place import Place
from evertape.cli.status_view import ServiceStatus
from evertape.config.schema import Camera
from evertape.errors import EvertapeError
from evertape.ipc.messages import CameraInfo, RecordingInfo, StreamInfo

PROBED = "looked at by itself"


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    def look(_camera: Camera, *, sub: bool = False, data: Path | None = None) -> None:
        raise EvertapeError(PROBED)

    monkeypatch.setattr(camera_probe, "probe_camera", look)
    (tmp_path / "evertape.toml").write_text("[cameras.a]\nurl = 'rtsp://h/a'\nsub_url = 'rtsp://h/b'\n")
    return tmp_path


def probe(data: Path, monkeypatch: pytest.MonkeyPatch, state: str, *options: str) -> Result:
    stream = StreamInfo(stream="main", state=state, codec="h265", width=640, height=360, fps=25.0, gop_s=2.0)
    camera = CameraInfo(id="a", name="a", streams=(stream,), recording=RecordingInfo(wanted=True, state="recording"))

    def fetch(_place: Place) -> ServiceStatus:
        return ServiceStatus({}, [camera], [], [], 0, 0, 0.0)

    monkeypatch.setattr(status, "fetch", fetch)
    return CliRunner().invoke(app, ["camera", "probe", *options, "--data", str(data)])


def test_a_camera_that_the_service_receives_is_described_by_the_service(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = probe(data, monkeypatch, "connected", "a")
    assert (told.exit_code, "H265, 640×360, 25.0 fps" in told.stdout) == (0, True)
    answer = json.loads(probe(data, monkeypatch, "receiving", "--json").stdout)["cameras"][0]
    assert (answer["ok"], answer["from"], answer["gop_s"]) == (True, "service", 2.0)


@pytest.mark.parametrize("arguments", [("waiting", "a"), ("connected", "a", "--anyway"), ("connected", "a", "--sub")])
def test_where_the_service_has_no_session_or_a_person_insists_a_session_is_opened(
    data: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    told = probe(data, monkeypatch, *arguments)
    assert (told.exit_code, PROBED in told.stderr) == (1, True)


def test_a_refused_password_is_not_tried_once_more(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = probe(data, monkeypatch, "auth_failed", "a")
    assert told.exit_code == 1
    assert PROBED not in told.stderr
    assert "refuses the password" in told.stderr
