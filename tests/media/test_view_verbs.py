"""``evertape view`` and ``evertape snapshot`` with nothing configured, and what plays files."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from evertape.errors import SetupError
from evertape.media.gst.lib import Gst, join_disposals
from evertape.media.view.output import window_sink
from evertape.media.view.playback import FilePlayer
from evertape.media.view.snapshot import NoPictureError, take_snapshot
from evertape.media.view.terms import (
    Picture,
    Pictures,
    SinkKind,
    SourceCaps,
    SourceEvent,
    SourceState,
    ViewOptions,
)
from evertape.types import Codec, Epoch, VideoCaps
from evertape_lab import LabCameras

EVERTAPE = [sys.executable, "-m", "evertape.cli.main"]
ENV = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}


@pytest.fixture(scope="module")
def camera() -> Iterator[LabCameras]:
    with LabCameras(1, size="320x192", gop=10, user="viewer", password="s3cret/word") as cameras:
        yield cameras


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("film") / "film.mp4"
    pipeline = Gst.parse_launch(
        f"videotestsrc num-buffers=50 ! video/x-raw,width=64,height=48,framerate=25/1 ! x264enc ! mp4mux "
        f"! filesink location={path}"
    )
    pipeline.set_state(Gst.State.PLAYING)
    pipeline.get_bus().timed_pop_filtered(20 * Gst.SECOND, Gst.MessageType.EOS | Gst.MessageType.ERROR)
    pipeline.set_state(Gst.State.NULL)
    return path


def run(folder: Path, *arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    command = [*EVERTAPE, "--data", str(folder), *arguments]
    done = subprocess.run(command, env=ENV, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    assert "s3cret" not in done.stdout + done.stderr
    return done


def test_a_url_is_viewed_with_nothing_configured(camera: LabCameras, tmp_path: Path) -> None:
    done = run(tmp_path, "view", camera.urls[0], "--sink", "fake", "--seconds", "3", "--json")
    said: dict[str, Any] = json.loads(done.stdout)
    assert said["decoded"] > 20
    assert said["backward"] == 0
    events = {event["event"]: event for event in said["events"]}
    assert events["first_picture"]["width"] == 320
    assert "fallback_activated" not in events
    assert list(tmp_path.iterdir()) == []


def test_what_happens_is_told_in_words(tmp_path: Path) -> None:
    url = "rtsp://viewer:s3cret@127.0.0.1:9/x"
    done = run(tmp_path, "view", url, "--sink", "fake", "--seconds", "2", "--fallback", "restart", "--timeout", "1s")
    assert "the camera is away: refused" in done.stdout
    assert "no signal (refused)" in done.stdout


@pytest.mark.parametrize("name, magic", [("a.jpg", b"\xff\xd8\xff"), ("a.png", b"\x89PNG")])
def test_a_snapshot_is_a_picture_of_the_cameras_size(
    camera: LabCameras, tmp_path: Path, name: str, magic: bytes
) -> None:
    run(tmp_path, "snapshot", camera.urls[0], "-o", str(tmp_path / name))
    data = (tmp_path / name).read_bytes()
    assert data.startswith(magic)
    probed = subprocess.run(
        ["ffprobe", "-v", "error", "-show_entries", "stream=width,height", "-of", "csv=p=0", str(tmp_path / name)],
        capture_output=True, text=True, check=True, timeout=30,
    )  # fmt: skip
    assert probed.stdout.strip() == "320,192"
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["snapshot", "rtsp://127.0.0.1:9/x", "-o", "a.gif"], "neither a .jpg nor a .png"),
        (["snapshot", "rtsp://127.0.0.1:9/x", "-o", "/nowhere/a.jpg"], "no folder /nowhere"),
        (["view", "yard"], "there is no camera 'yard'"),
        (["view", "rtsp://x/", "--timeout", "5"], "--timeout: '5' has no unit"),
        (["view", "rtsp://x/", "--fallback-source", "blue"], "neither 'card', 'snow', an absolute path, nor a URI"),
        (["view", "rtsp://x/", "--sink", "wall"], "--sink can be auto or fake"),
    ],
)
def test_what_makes_no_sense_is_said(tmp_path: Path, arguments: list[str], words: str) -> None:
    done = run(tmp_path, *arguments, code=2)
    assert words in done.stderr


def test_no_picture_is_a_failure_with_its_reason(tmp_path: Path) -> None:
    done = run(tmp_path, "snapshot", "rtsp://127.0.0.1:9/x", "-o", str(tmp_path / "a.jpg"), "--timeout", "1.5", code=1)
    assert "there is no picture: refused" in done.stderr
    assert list(tmp_path.iterdir()) == []


class Feed:
    """A service's feed of a camera: the newest pictures it has, also of one that is away."""

    def __init__(self, *, flowing: bool) -> None:
        caps = SourceCaps(VideoCaps(Codec.H264, b"", 64, 48))
        state = SourceState(flowing, "" if flowing else "camera unreachable")
        self._events: list[SourceEvent] = [state, caps, Pictures([Picture(Epoch("e" * 32), 0, True, b"no picture")])]

    def poll(self, now_ns: int) -> list[SourceEvent]:
        events, self._events = self._events, []
        return events

    def fileno(self) -> None:
        return None

    def close(self) -> None: ...


def test_a_camera_that_is_away_gives_no_old_picture() -> None:
    with pytest.raises(NoPictureError, match="there is no picture: camera unreachable"):
        take_snapshot(Feed(flowing=False), timeout_ns=100_000_000)
    with pytest.raises(NoPictureError, match="cannot be decoded"):  # it was taken
        take_snapshot(Feed(flowing=True), timeout_ns=100_000_000)


def test_a_machine_without_a_screen_is_told_so() -> None:
    assert window_sink("linux", {"DISPLAY": ":0"}, False) == "autovideosink"
    assert window_sink("linux", {"WAYLAND_DISPLAY": "wayland-0"}, True) == "autovideosink"
    assert window_sink("linux", {}, True) == "kmssink"
    assert window_sink("darwin", {}, False) == "autovideosink"
    with pytest.raises(SetupError, match="no screen"):
        window_sink("linux", {}, False)


# -- files --------------------------------------------------------------------------------------------------------


def test_a_file_is_played_to_its_end_at_its_own_pace(film: Path, tmp_path: Path) -> None:
    began = time.monotonic()
    done = run(tmp_path, "view", str(film), "--sink", "fake", "--json")
    assert time.monotonic() - began > 1.9
    said = json.loads(done.stdout)
    assert (said["shown"], said["ends"]) == (50, 1)


def test_a_buffer_that_runs_low_pauses_a_file_until_it_is_full(film: Path) -> None:
    heard: list[int] = []
    player = FilePlayer(str(film), ViewOptions(sink=SinkKind.FAKE), heard.append)
    player.start()

    def poll_until(condition: Any, what: str) -> None:
        deadline = time.monotonic() + 10
        while not condition():
            player.poll()
            assert time.monotonic() < deadline, what
            time.sleep(0.01)

    try:
        poll_until(lambda: player.stats.shown > 3, "it plays")
        pipeline = player.pipeline
        pipeline.get_bus().post(Gst.Message.new_buffering(pipeline, 30))
        poll_until(lambda: player.paused, "it pauses")
        assert pipeline.get_state(5 * Gst.SECOND)[1] == Gst.State.PAUSED
        player.poll()
        shown = player.stats.shown
        pipeline.get_bus().post(Gst.Message.new_buffering(pipeline, 80))
        until = time.monotonic() + 0.4
        while time.monotonic() < until:
            player.poll()
            time.sleep(0.01)
        assert player.paused
        assert player.stats.shown <= shown + 1
        pipeline.get_bus().post(Gst.Message.new_buffering(pipeline, 100))
        poll_until(lambda: not player.paused, "it goes on")
        poll_until(lambda: player.ended, "it ends")
    finally:
        player.stop()
    assert player.stats.shown == 50
    assert {30, 80, 100} <= set(heard)  # beside what the file's own buffer says
    assert join_disposals(5)


def test_what_is_no_film_is_said(tmp_path: Path) -> None:
    path = tmp_path / "notes.mp4"
    path.write_text("notes")
    with pytest.raises(SetupError, match="it cannot be played"):
        FilePlayer(str(path), ViewOptions(sink=SinkKind.FAKE)).run(10)
    with pytest.raises(SetupError, match="there is no file"):
        FilePlayer(str(tmp_path / "none.mp4"), ViewOptions(sink=SinkKind.FAKE))
    assert join_disposals(5)
