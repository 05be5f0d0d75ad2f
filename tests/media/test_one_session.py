"""A camera with one session to give, and everybody of one installation who might want it."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from evertape.ipc.events import Alert, CameraStateChanged
from evertape_lab.audit import assert_every_frame_once
from evertape_lab.rig import Rig
from evertape_lab.strict import StrictCamera
from evertape_lab.strict_stream import Habits

ENV = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}


@pytest.fixture
def camera() -> Iterator[StrictCamera]:
    with StrictCamera(Habits("door")) as made:
        yield made


def command(data: Path, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "evertape.cli.main", "--data", str(data), *arguments]


def verb(data: Path, *arguments: str) -> tuple[int, Any, str]:
    done = subprocess.run(
        command(data, *arguments, "--json"), env=ENV, capture_output=True, text=True, timeout=60, check=False
    )
    return done.returncode, json.loads(done.stdout) if done.stdout else None, done.stderr


def by_name(camera: StrictCamera) -> str:
    """Its URL by another name of its host."""
    return camera.url.replace("127.0.0.1", "localhost")


def looking(data: Path, url: str, seconds: float) -> Watcher:
    return Watcher(command(data, "view", url, "--sink", "fake", "--seconds", str(seconds)))


class Watcher:
    """A view on the command line, and what it says."""

    def __init__(self, arguments: list[str]) -> None:
        self.process = subprocess.Popen(arguments, env=ENV, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.said = ""
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said += line

    def until(self, condition: Callable[[], bool], what: str, seconds: float = 30) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, f"{what}: {self.said}"
            time.sleep(0.02)

    def until_said(self, text: str) -> None:
        self.until(lambda: text in self.said, text)

    def end(self) -> None:
        self.process.terminate()
        self.process.wait(10)
        self._reader.join(10)
        assert self.process.stdout is not None
        self.process.stdout.close()


def test_whoever_looks_at_a_camera_by_another_name_gets_what_the_service_has(
    camera: StrictCamera, tmp_path: Path
) -> None:
    async def scenario() -> None:
        async with Rig(tmp_path, {"door": camera.url}) as rig:
            await rig.recorded(["door"], 1)
            data = rig.data.root
            code, probed, said = await asyncio.to_thread(verb, data, "camera", "probe", by_name(camera))
            assert code == 0, said
            assert (probed["from"], probed["codec"]) == ("service", "h264")
            url = by_name(camera)
            code, seen, said = await asyncio.to_thread(verb, data, "view", url, "--sink", "fake", "--seconds", "4")
            assert code == 0, said
            assert seen["decoded"] > 0
            picture = tmp_path / "door.jpg"
            code, _, said = await asyncio.to_thread(verb, data, "snapshot", url, "-o", str(picture))
            assert code == 0, said
            assert picture.stat().st_size > 0
        assert_every_frame_once(rig.files(), cameras=["door"], at_least=50)

    asyncio.run(scenario())
    assert (camera.books.opened, camera.books.most, camera.books.refused) == (1, 1, 0)


def test_a_second_view_and_a_probe_are_told_who_has_the_camera_and_follow_when_it_is_free(
    camera: StrictCamera, tmp_path: Path
) -> None:
    first = looking(tmp_path, camera.url, 60)
    second = None
    try:
        first.until_said("picture after")
        second = looking(tmp_path, by_name(camera), 60)
        second.until_said("another view or snapshot has this stream")
        code, probed, _ = verb(tmp_path, "camera", "probe", by_name(camera))
        assert (code, probed["ok"]) == (1, False)
        assert "another view or snapshot has this stream" in probed["error"]
        assert "--anyway" in probed["hint"]
        assert (camera.books.opened, camera.books.most, camera.books.refused) == (1, 1, 0)
        first.process.kill()  # what it held is free at once
        second.until_said("picture after")
    finally:
        first.end()
        if second is not None:
            second.end()
    assert (camera.books.most, camera.books.refused) == (1, 0)


def test_a_view_gives_way_to_the_service_that_records(camera: StrictCamera, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    # By the address it is not known as a configured camera, and so nobody tells it of the service.
    seen = looking(tmp_path / "data", by_name(camera), 60)

    async def scenario() -> list[CameraStateChanged]:
        await asyncio.to_thread(seen.until_said, "picture after")
        async with Rig(tmp_path, {"door": camera.url}) as rig:
            await rig.recorded(["door"], 1)
            await asyncio.to_thread(seen.until_said, "the service takes over this stream")
            return [e for e in rig.events() if isinstance(e, CameraStateChanged)]

    try:
        events = asyncio.run(scenario())
    finally:
        seen.end()
    assert [event.state for event in events][:2] == ["connecting", "receiving"]
    assert (camera.books.most, camera.books.refused) == (1, 0)


def test_a_stream_that_is_configured_twice_by_two_names_is_opened_once_and_that_is_said(
    camera: StrictCamera, tmp_path: Path
) -> None:
    async def scenario() -> Rig:
        async with Rig(tmp_path, {"door": camera.url, "twin": by_name(camera)}) as rig:
            await rig.until(lambda: "stream_in_use" in _reasons(rig), 15, "one is refused")
            lucky = next(name for name in ("door", "twin") if name != _reasons(rig)["stream_in_use"])
            await rig.recorded([lucky], 2)
            await rig.until(lambda: bool(_alerts(rig)), 15, "a person is told")
        return rig

    rig = asyncio.run(scenario())
    assert _alerts(rig) == [("camera_not_recording", _reasons(rig)["stream_in_use"], "stream_in_use")]
    assert (camera.books.opened, camera.books.most, camera.books.refused) == (1, 1, 0)


def _reasons(rig: Rig) -> dict[str, str]:
    return {e.reason: e.camera for e in rig.events() if isinstance(e, CameraStateChanged) and e.state == "error"}


def _alerts(rig: Rig) -> list[tuple[str, str, str]]:
    return [(e.kind, e.camera, e.detail["cause"]) for e in rig.events() if isinstance(e, Alert) and e.state == "raised"]
