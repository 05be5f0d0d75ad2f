"""A camera that refuses a password sees it once a minute, from the whole installation, whoever is started anew."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from evertape.config.paths import DataDir
from evertape.disk.journal_reader import read_from
from evertape.errors import NotRunningError
from evertape.ipc.client import ServiceClient
from evertape.ipc.events import Alert
from evertape_lab.strict import StrictCamera
from evertape_lab.strict_login import Login
from evertape_lab.strict_stream import Habits

ENV = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "PASSWORD": "wrong horse"}


class Installation:
    """A data directory, the verbs on it, and its service, which is started and stopped."""

    def __init__(self, data: Path) -> None:
        self.data = data
        data.mkdir()
        (data / "evertape.toml").write_text("[hub]\nenabled = false\n")
        self.process: subprocess.Popen[bytes] | None = None

    def verb(self, *arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "evertape.cli.main", "--data", str(self.data), *arguments]
        return subprocess.run(command, env=ENV, input=given, capture_output=True, text=True, timeout=60, check=False)

    def camera(self) -> dict[str, Any]:
        with suppress(NotRunningError), ServiceClient(self.data) as client:
            cameras: list[dict[str, Any]] = client.request("status")["cameras"]
            return cameras[0] if cameras else {}
        return {}

    def start(self) -> None:
        command = [sys.executable, "-m", "evertape.cli.main", "serve", "--data", str(self.data)]
        self.process = subprocess.Popen(command, env=ENV, stderr=subprocess.DEVNULL)

    def stop(self, how: int = signal.SIGTERM) -> None:
        assert self.process is not None
        self.process.send_signal(how)
        self.process.wait(10)

    def alerts(self) -> list[tuple[str, str]]:
        events = read_from(DataDir(self.data).journal, "", 0).events
        return [(event.kind, event.state) for event in events if isinstance(event, Alert)]

    def state_is(self, state: str) -> Callable[[], bool]:
        return lambda: [s["state"] for s in self.camera().get("streams", ())] == [state]


def until(condition: Callable[[], bool], what: str, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds} s in vain: {what}"
        time.sleep(0.05)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Installation]:
    made = Installation(tmp_path / "data")
    yield made
    if made.process is not None and made.process.poll() is None:
        made.stop()


def test_neither_adding_the_camera_nor_restarting_the_service_costs_another_attempt(place: Installation) -> None:
    with StrictCamera(Habits("door"), login=Login("viewer", "right horse")) as camera:
        bare = f"rtsp://127.0.0.1:{camera.port}/live"
        added = place.verb("camera", "add", "door", bare, "--user", "viewer", "--password-env", "PASSWORD")
        assert added.returncode == 0, added.stderr
        assert camera.books.bad_logins == 1
        place.start()
        until(place.state_is("auth_failed"), "the service waits for the minute")
        until(lambda: place.alerts() == [("camera_login_refused", "raised")], "a person is told")
        place.stop()
        place.start()
        until(place.state_is("auth_failed"), "so does its successor")
        place.stop(signal.SIGKILL)
        place.start()
        until(place.state_is("auth_failed"), "and that one's")
        assert camera.books.bad_logins == 1
        # A corrected one is tried at once.
        begun = time.monotonic()
        edited = place.verb("camera", "edit", "door", "--password-stdin", given="right horse\n")
        assert edited.returncode == 0, edited.stderr
        until(lambda: place.alerts()[1:] == [("camera_login_refused", "ended")], "it is over")
        until(place.state_is("connected"), "the camera is recorded")
        assert time.monotonic() - begun < 20
        assert camera.books.bad_logins == 1
        place.stop()
    assert place.alerts() == [("camera_login_refused", "raised"), ("camera_login_refused", "ended")]
    assert "horse" not in (place.data / "state/refused.json").read_text()
