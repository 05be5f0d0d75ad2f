"""The service as a service manager sees it: by its datagrams, its silence and its end."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

WATCHDOG_S = 4.0
CONFIG = '[hub]\nenabled = false\n[cameras.yard]\nurl = "rtsp://127.0.0.1:9/none"\n'


class Manager:
    """Listens as systemd does."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._line = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._line.bind(str(path))
        self.heard: list[tuple[float, str]] = []

    def listen(self, seconds: float, until: Callable[[str], bool] = lambda _text: False) -> str:
        """Hear what comes; returns the text that was waited for, or nothing."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            self._line.settimeout(left)
            try:
                text = self._line.recv(1000).decode()
            except TimeoutError:
                break
            self.heard.append((time.monotonic(), text))
            if until(text):
                return text
        return ""

    def close(self) -> None:
        self._line.close()


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    found = Manager(tmp_path / "notify")
    yield found
    found.close()


@pytest.fixture
def service(tmp_path: Path, manager: Manager) -> Iterator[subprocess.Popen[bytes]]:
    data = tmp_path / "data"
    data.mkdir()
    (data / "evertape.toml").write_text(CONFIG)
    env = {**os.environ, "NOTIFY_SOCKET": str(manager.path), "WATCHDOG_USEC": str(int(WATCHDOG_S * 1e6))}
    process = subprocess.Popen(
        [sys.executable, "-m", "evertape.cli.main", "--data", str(data), "serve"],
        env={**env, "PYTHONPATH": "src"}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    yield process
    process.kill()
    process.wait()


def test_the_manager_hears_ready_how_it_is_that_it_lives_and_that_it_ends(
    manager: Manager, service: subprocess.Popen[bytes]
) -> None:
    assert manager.listen(30, lambda text: text == "READY=1")
    said = manager.listen(30, lambda text: text.startswith("STATUS=recording") and "(camera" in text)
    assert said == "STATUS=recording 0 of 1 cameras; not: yard (camera_unreachable)"
    for _ in range(3):
        assert manager.listen(WATCHDOG_S, lambda text: text == "WATCHDOG=1"), "alive, before patience ends"
    service.send_signal(signal.SIGTERM)
    assert manager.listen(5, lambda text: text == "STOPPING=1")
    assert service.wait(timeout=15) == 0


def test_a_supervisor_that_hangs_is_silent_for_longer_than_its_manager_is_patient(
    manager: Manager, service: subprocess.Popen[bytes]
) -> None:
    assert manager.listen(30, lambda text: text == "READY=1")
    service.send_signal(signal.SIGSTOP)
    manager.listen(0.5)
    heard = len(manager.heard)
    manager.listen(WATCHDOG_S)
    assert len(manager.heard) == heard
    service.send_signal(signal.SIGCONT)
    assert manager.listen(WATCHDOG_S, lambda text: text == "WATCHDOG=1")
