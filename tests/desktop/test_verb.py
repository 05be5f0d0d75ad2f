"""``evertape desktop`` as a person starts it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from PySide6.QtGui import QImage

from desktop.screen import screen, shoot
from evertape.ipc.client import ServiceClient
from evertape_lab.fleet import LabCameras
from hub.served_hub import ENV, until

CONFIG = """
[hub]
listen = "127.0.0.1:0"
[cameras.door]
url = "{url}"
"""
VERB = [sys.executable, "-m", "evertape.cli.main", "desktop"]


def _bars(picture: QImage) -> bool:
    """The lab's colour bars are somewhere on the screen."""
    seen = {picture.pixelColor(x, 250).name() for x in range(0, picture.width(), 4)}
    blue = [name for name in seen if int(name[5:7], 16) > 150 and int(name[1:3], 16) < 60 and int(name[3:5], 16) < 60]
    return bool(blue)


def test_it_starts_a_service_shows_pictures_and_leaves_the_service_running(tmp_path: Path) -> None:
    with LabCameras(count=1, size="320x180", bitrate=300) as lab, screen() as display:
        (tmp_path / "evertape.toml").write_text(CONFIG.format(url=lab.urls[0]))
        env = {**ENV, "DISPLAY": display, "HOME": str(tmp_path)}
        env.pop("QT_QPA_PLATFORM", None)
        with (tmp_path / "desktop.log").open("wb") as log:
            window = subprocess.Popen([*VERB, "--data", str(tmp_path)], env=env, stdout=log, stderr=log)
        try:

            def shown() -> bool:
                assert window.poll() is None, (tmp_path / "desktop.log").read_text()
                shoot(display, tmp_path / "shot.png")
                return _bars(QImage(str(tmp_path / "shot.png")))

            until(shown, "the camera's picture on the screen", 40)
            window.send_signal(signal.SIGTERM)
            assert window.wait(10) == 0
            said = (tmp_path / "desktop.log").read_text()
            assert "started the service" in said and "Traceback" not in said and "CRITICAL" not in said, said
            assert (tmp_path / "desktop.toml").exists()
            with ServiceClient(tmp_path) as client:
                assert client.request("status")["cameras"][0]["recording"]["state"] == "recording"
        finally:
            if window.poll() is None:
                window.kill()
                window.wait()
            with ServiceClient(tmp_path) as client:
                client.request("stop")
            until(lambda: not (tmp_path / "run/hub.json").exists(), "the service has ended")


def _refused(*arguments: str, **env: str) -> str:
    clean = {name: value for name, value in os.environ.items() if name not in ("DISPLAY", "WAYLAND_DISPLAY")}
    done = subprocess.run(
        [*VERB, *arguments], env={**clean, **env}, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode != 0 and "Traceback" not in done.stderr
    return done.stderr


def test_without_a_screen_it_says_so(tmp_path: Path) -> None:
    assert "no screen" in _refused("--data", str(tmp_path), QT_QPA_PLATFORM="")


def test_without_a_service_and_told_not_to_start_one_it_says_so(tmp_path: Path) -> None:
    assert "is not running" in _refused("--data", str(tmp_path), "--no-start")


def test_a_url_that_is_none_is_refused(tmp_path: Path) -> None:
    assert "no URL of a hub" in _refused("--hub", "nvr.lan")
    assert "cannot be read" in _refused("--hub", "https://nvr.lan", "--token-file", str(tmp_path / "none"))
