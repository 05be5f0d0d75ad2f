from __future__ import annotations

import socket
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from evertape.engine.manager_news import summary
from evertape.engine.notify import ServiceManager
from evertape.ipc.messages import CameraInfo, RecordingInfo, StreamInfo


@pytest.fixture(params=["path", "abstract"])
def heard(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[socket.socket, str]]:
    name = f"@{uuid.uuid4().hex}" if request.param == "abstract" else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
        line.bind("\0" + name[1:] if name.startswith("@") else name)
        line.settimeout(5)
        yield line, name


def test_it_hears_each_word(heard: tuple[socket.socket, str]) -> None:
    line, name = heard
    manager = ServiceManager({"NOTIFY_SOCKET": name})
    manager.ready()
    manager.alive()
    manager.status("recording\n2 of 2")
    manager.stopping()
    said = [line.recv(200).decode() for _ in range(4)]
    assert said == ["READY=1", "WATCHDOG=1", "STATUS=recording 2 of 2", "STOPPING=1"]


def test_the_same_status_is_said_once(heard: tuple[socket.socket, str]) -> None:
    line, name = heard
    manager = ServiceManager({"NOTIFY_SOCKET": name})
    for text in ("a", "a", "b"):
        manager.status(text)
    manager.stopping()
    assert [line.recv(200) for _ in range(3)] == [b"STATUS=a", b"STATUS=b", b"STOPPING=1"]


def test_nobody_who_listens_is_no_trouble(tmp_path: Path) -> None:
    assert not ServiceManager({})
    ServiceManager({}).ready()
    ServiceManager({"NOTIFY_SOCKET": str(tmp_path / "gone")}).ready()


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "20000000"}, 20.0),
        ({"WATCHDOG_USEC": "20000000", "WATCHDOG_PID": "7"}, 20.0),
        ({"WATCHDOG_USEC": "20000000", "WATCHDOG_PID": "8"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
    ],
)
def test_patience_is_as_the_manager_says_for_this_process(environ: dict[str, str], expected: float | None) -> None:
    assert ServiceManager(environ, pid=7).watchdog_s == expected


def camera(name: str, state: str, reason: str = "", stream_reason: str = "", wanted: bool = True) -> CameraInfo:
    stream = StreamInfo(stream="main", state="waiting" if stream_reason else "connected", reason=stream_reason)
    recording = RecordingInfo(wanted=wanted, state=state, reason=reason)
    return CameraInfo(id=name, name=name, streams=(stream,), recording=recording)


def test_status_says_who_is_not_recorded_and_why() -> None:
    known = {
        "a": camera("a", "recording"),
        "b": camera("b", "waiting", stream_reason="camera_unreachable"),
        "c": camera("c", "stopped", wanted=False),
    }
    assert summary("abcd", known) == "recording 1 of 3 cameras; not: b (camera_unreachable), d (starting)"
    assert summary("ac", known) == "recording 1 of 1 cameras"


def test_status_of_many_is_short() -> None:
    names = [f"camera{number}" for number in range(64)]
    assert summary(names, {}).endswith("and 60 more")
