"""A real service with a hub on a port that was free, and somebody who has logged in."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import httpx

from evertape.hub.place import hub_url
from evertape.ipc.client import ServiceClient

ENV = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
ENV.pop("EVERTAPE_DATA", None)
CONFIG = """
# A comment that has to survive.
[hub]
listen = "127.0.0.1:0"
[recording]
rotation = "4s"
align = false
[storage]
min_record_free = "1MB"
resume_free = "1MB"
[retention]
start_free = "1MB"
start_percent = 0.0
"""
T = TypeVar("T")


def until(ask: Callable[[], T], what: str, seconds: float = 30) -> T:
    """What ``ask`` returns, as soon as it is something."""
    deadline = time.monotonic() + seconds
    while not (found := ask()):
        assert time.monotonic() < deadline, f"waited {seconds} s in vain: {what}"
        time.sleep(0.05)
    return found


class ServedHub:
    """``evertape serve``, and a browser's session with its hub."""

    def __init__(self, data: Path, config: str) -> None:
        self.data = data
        data.mkdir(parents=True, exist_ok=True)
        (data / "evertape.toml").write_text(CONFIG + config)
        self._process: subprocess.Popen[bytes] | None = None
        self.http = httpx.Client()
        self.spare = ""
        """The URL of a camera that is not configured."""

    def start(self) -> None:
        command = [sys.executable, "-m", "evertape.cli.main", "serve", "--data", str(self.data)]
        with (self.data / "serve.log").open("ab") as log:
            self._process = subprocess.Popen(command, env=ENV, stderr=log)

    def log_in(self) -> None:
        """As whoever sets it up does, with the one-time token."""
        url = self.url()
        token = (
            until(lambda: (self.data / "setup.token").exists(), "a one-time link")
            and (self.data / "setup.token").read_text(encoding="ascii").strip()
        )
        self.http = httpx.Client(base_url=f"{url}/api/v1", headers={"Origin": url}, timeout=30)
        body = {"token": token, "name": "admin", "password": "correct horse battery"}
        answer = self.http.post("/setup", json=body)
        assert answer.status_code == 201, answer.text
        self.http.headers["X-Evertape-CSRF"] = answer.json()["csrf"]

    def url(self) -> str:
        def answers() -> str:
            url = hub_url(self.data)
            try:
                return url if url and httpx.get(f"{url}/healthz").status_code == 200 else ""
            except httpx.HTTPError:
                return ""

        return until(answers, "the hub listens")

    def follow(self) -> None:
        """To where the hub listens now; the session is as it was."""
        url = self.url()
        self.http.base_url = httpx.URL(f"{url}/api/v1/")
        self.http.headers["Origin"] = url

    def get(self, path: str, **query: Any) -> Any:
        answer = self.http.get(path, params=query)
        assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.text}"
        return answer.json()

    def post(self, path: str, body: Any = None, code: int = 200) -> Any:
        answer = self.http.post(path, json={} if body is None else body)
        assert answer.status_code == code, f"{path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    def camera(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.get(f"/cameras/{name}")
        return found

    def frames(self, name: str) -> int:
        recording = self.camera(name)["recording"]
        return 0 if recording is None else int(recording["frames"])

    def pid(self, process: str) -> int:
        with ServiceClient(self.data) as client:
            said = client.request("status")["processes"]
        return next((each["pid"] or 0 for each in said if each["name"] == process), 0)

    def log(self) -> str:
        return (self.data / "serve.log").read_text()

    def files(self) -> list[Path]:
        return sorted((self.data / "recordings").rglob("*.mp4"))

    def stop(self) -> int:
        self.http.close()
        if self._process is None:
            return 0
        self._process.send_signal(signal.SIGTERM)
        try:
            return self._process.wait(8)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise


def ffprobe(file: Path) -> dict[str, Any]:
    """What ffprobe finds; it counts every picture, and fails where one cannot be decoded."""
    command = ["ffprobe", "-v", "error", "-count_frames", "-show_streams", "-show_format", "-of", "json", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0 and not done.stderr, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def pictures(file: Path) -> int:
    """Those that a player shows."""
    video = next(stream for stream in ffprobe(file)["streams"] if stream["codec_type"] == "video")
    return int(video["nb_read_frames"])
