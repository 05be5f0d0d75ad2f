"""The hub's application over a canned engine, a real index told by a story, and one real file of footage."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import msgspec
from fastapi import FastAPI
from starlette.requests import HTTPConnection

from evertape.clock import ManualClock
from evertape.config.load import load
from evertape.config.paths import DataDir
from evertape.disk.marker import create_marker
from evertape.disk.paths import DIRECTORY
from evertape.domain.roles import Role
from evertape.errors import EvertapeError
from evertape.hub.app import create_app
from evertape.hub.auth import guard
from evertape.hub.auth.guard import Who
from evertape.hub.reading import IndexReading
from evertape.hub.services import Services, Settings
from evertape.ipc.events import CameraStateChanged, SegmentClosed, SegmentOpened
from evertape.ipc.messages import CameraInfo, RecordingInfo, StreamInfo, VolumeInfo
from evertape.mp4.cutter import FragmentCutter
from evertape.mp4.index import build_index
from evertape.mp4.model import SegmentHeader
from evertape.mp4.writer import FragmentWriter
from evertape.store.index import Index
from evertape.store.rows import Cursor
from evertape.types import (
    AccessUnit,
    CameraId,
    Codec,
    Epoch,
    SegmentId,
    StreamCaps,
    Track,
    UtcSource,
    VideoCaps,
)
from evertape_lab.story import FPS, START, Story, utc

CONFIG = """\
# Somebody's words.
[hub]
listen = "127.0.0.1:0"

[recording]
rotation = "10min"  # because of the disk

[cameras.door]
url = "rtsp://viewer:hunter2@192.0.2.1/main"
sub_url = "rtsp://viewer:hunter2@192.0.2.1/sub"
name = "Front door"
schedule = "mon-fri 07:30-19:00"

[cameras.gate]
url = "rtsp://192.0.2.2/main"
password_file = "gate.password"
user = "viewer"

[cameras.spare]
url = "rtsp://192.0.2.3/main"
enabled = false

[volumes.usb1]
path = "{usb1}"
mount = false

[volumes.usb2]
path = "{usb2}"
role = "spill"
mount = false
"""
NOW = 600
"""Seconds of the story."""
REAL = "a" * 32
"""The segment whose file is there: 20 s of the door from second 100 on."""


@dataclass
class CannedEngine:
    """Answers as told, and remembers what it was asked."""

    raw: dict[str, Any]
    answers: dict[str, Any] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    trouble: EvertapeError | None = None
    connected: bool = True

    async def ask(self, verb: str, timeout_s: float = 1.0, **args: Any) -> Any:
        if self.trouble is not None:
            raise self.trouble
        self.asked.append((verb, args))
        answer = self.answers.get(verb, {})
        return answer(args) if callable(answer) else answer

    async def status(self, *, fresh: bool = False) -> dict[str, Any]:
        if self.trouble is not None:
            raise self.trouble
        return self.raw


@dataclass
class Somebody:
    """Whoever asks."""

    who: Who

    async def identify(self, _connection: HTTPConnection) -> Who:
        return self.who


class Socket:
    """A WebSocket, without a server in between."""

    def __init__(self, app: FastAPI, path: str, query: str) -> None:
        self._scope = {
            "type": "websocket", "asgi": {"version": "3.0"}, "http_version": "1.1", "scheme": "ws", "path": path,
            "raw_path": path.encode(), "root_path": "", "query_string": query.encode(), "headers": [], "state": {},
            "subprotocols": [], "client": ("127.0.0.1", 5), "server": ("hub", 80), "extensions": {},
        }  # fmt: skip
        self._app = app
        self._in: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._out: asyncio.Queue[Any] = asyncio.Queue()

    async def __aenter__(self) -> Socket:
        self._in.put_nowait({"type": "websocket.connect"})
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, *_error: object) -> None:
        self._in.put_nowait({"type": "websocket.disconnect", "code": 1001})
        await asyncio.wait_for(self._task, 5)

    async def _run(self) -> None:
        await self._app(self._scope, self._in.get, self._out.put)

    async def hear(self) -> dict[str, Any]:
        """The next message of ASGI."""
        found: dict[str, Any] = await asyncio.wait_for(self._out.get(), 5)
        return found

    async def said(self) -> dict[str, Any]:
        """The next text, which is JSON."""
        found: dict[str, Any] = json.loads((await self.hear())["text"])
        return found


@dataclass
class Canned:
    """See the module."""

    root: Path
    app: FastAPI
    services: Services
    engine: CannedEngine
    clock: ManualClock
    authority: Somebody
    story: Story

    @property
    def config(self) -> str:
        return (self.root / "evertape.toml").read_text()

    @property
    def http(self) -> httpx.AsyncClient:
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        return httpx.AsyncClient(transport=transport, base_url="http://hub/api/v1")

    def become(self, role: Role, *cameras: str) -> None:
        self.authority.who = Who("somebody", role, frozenset(cameras))

    def socket(self, path: str, query: str = "") -> Socket:
        return Socket(self.app, f"/api/v1{path}", query)

    async def get(self, path: str, code: int = 200, **query: Any) -> Any:
        async with self.http as http:
            answer = await http.get(path, params=query)
        assert answer.status_code == code, answer.text
        return answer.json()

    async def send(self, method: str, path: str, body: Any = None, code: int = 200) -> Any:
        async with self.http as http:
            answer = await http.request(method, path, json=body)
        assert answer.status_code == code, answer.text
        return answer.json() if answer.content else None

    async def fails(self, method: str, path: str, code: int, word: str, **more: Any) -> dict[str, Any]:
        """The error, which has our shape and this word."""
        async with self.http as http:
            answer = await http.request(method, path, **more)
        assert answer.status_code == code, answer.text
        body = answer.json()
        assert set(body) == {"error"} and {"code", "what", "hint"} <= set(body["error"])
        assert body["error"]["code"] == word, body
        found: dict[str, Any] = body["error"]
        return found


def iso(second: float) -> str:
    """An instant of the story."""
    from evertape.hub.api.times import instant

    return instant(utc(second))


def play(folder: Path, scenario: Callable[[Canned], Coroutine[Any, Any, None]], role: Role = Role.ADMIN) -> None:
    """Play ``scenario`` with services of its own."""

    async def run() -> None:
        canned = make(folder)
        canned.become(role)
        try:
            await scenario(canned)
        finally:
            await canned.services.exports.close()
            canned.services.reading.close()  # type: ignore[attr-defined]

    asyncio.run(run())


def make(folder: Path) -> Canned:
    """All of it, in ``folder``."""
    root = folder / "data"
    (root / "state").mkdir(parents=True)
    (root / "gate.password").write_text("hunter3\n")
    (root / "gate.password").chmod(0o600)
    usb1, usb2 = folder / "usb1", folder / "usb2"
    usb1.mkdir()
    config = root / "evertape.toml"
    config.write_text(CONFIG.format(usb1=usb1, usb2=usb2))
    volume = _volume(usb1)
    story = _story(usb1, volume)
    with Index.open(root / "index.sqlite3") as index:
        index.apply(story.events, Cursor("f", 1))
    clock = ManualClock(utc_ns=utc(NOW))
    engine = CannedEngine(_status(usb1, usb2, volume))
    settings = Settings(DataDir(root), config, load(config).config, "1.2.3", "run-1")
    services = Services(settings, engine, IndexReading(root / "index.sqlite3"), clock=clock)
    app = create_app(services)
    authority = Somebody(Who("somebody", Role.ADMIN))
    guard.install(app, authority)
    return Canned(root, app, services, engine, clock, authority, story)


def _volume(path: Path) -> str:
    root = os.open(path, DIRECTORY)
    try:
        return str(create_marker(root, "usb1").id)
    finally:
        os.close(root)


def _story(usb1: Path, volume: str) -> Story:
    """The door: recorded but for 120 to 130 s, away, and 400 to 420, stopped. The gate: never."""
    story = Story()
    story.started(0)
    story.wish(0)
    story.wish(0, camera="gate")
    story.segment(0, 100, volume=volume)
    _real(story, usb1, volume)
    story.gap(120, 130, "camera_unreachable")
    story.segment(130, 400, volume=volume)
    story.wish(400, False)
    story.gap(400, 420, "stopped_by_person")
    story.wish(420)
    story.segment(420, 500, volume="vol-away")
    story.segment(500, 600, volume=volume, spill=True)
    story.gap(0, None, "auth_failed", camera="gate")
    for at, camera, state in ((1, "gate", "auth_failed"), (120, "door", "stalled"), (130, "door", "connected")):
        about = {"camera": camera, "stream": "main", "old": "connecting", "state": state, "reason": ""}
        story.add(CameraStateChanged(**story.stamp("recorder-0", at), **about))
    return story


def _real(story: Story, usb1: Path, volume: str) -> None:
    """Twenty seconds with a keyframe each second, as a file that is finished."""
    start, path = 100, "door/20260101/door_real.mp4"
    epoch = Epoch("e" * 32)
    caps = StreamCaps(0, VideoCaps(Codec.H264, b"\x01\x64\x00\x1e\xff", 640, 360))
    header = SegmentHeader(
        segment_id=SegmentId(REAL), camera_id=CameraId("door"), camera_name="Front door", epoch=epoch, caps_id=0,
        first_video_seq=0, base_dts_ns=0, start_utc_ns=utc(start), start_utc_source=UtcSource.RTCP,
        start_utc_error_ns=1_000_000, start_boot_ns=0,
    )  # fmt: skip
    units = [
        AccessUnit(
            epoch, Track.VIDEO, n, n * 10**9 // FPS, n * 10**9 // FPS, 0, utc(start) + n * 10**9 // FPS,
            UtcSource.RTCP, 1_000_000, n % FPS == 0, 0, bytes([n & 255]) * 90,
        )
        for n in range(20 * FPS)
    ]  # fmt: skip
    writer, cutter = FragmentWriter(header, caps), FragmentCutter()
    cuts = [*cutter.push(units), *([last] if (last := cutter.flush()) is not None else [])]
    out, infos = [writer.init_segment()], []
    for cut in cuts:
        info, buffers = writer.fragment(cut.units, cut.next_dts_ns)
        infos.append(info)
        out += buffers
    data = b"".join(map(bytes, out)) + build_index(header, infos)
    file = usb1 / path
    file.parent.mkdir(parents=True)
    file.write_bytes(data)
    about: dict[str, Any] = {
        "segment": REAL, "camera": "door", "volume": volume, "path": path, "epoch": str(epoch), "generation": 1,
        "first_video": 0, "start_utc": utc(start), "utc_source": "rtcp", "utc_error": 1_000_000, "codec": "h264",
        "width": 640, "height": 360,
    }  # fmt: skip
    story.add(SegmentOpened(**story.stamp("disk-usb1", start), **about))
    story.add(
        SegmentClosed(
            **story.stamp("disk-usb1", start + 20), **about, last_video=20 * FPS - 1, end_utc=utc(start + 20),
            duration=20 * 10**9, bytes=len(data), fragments=len(infos), reason="rotate",
        )
    )  # fmt: skip


def _status(usb1: Path, usb2: Path, volume: str) -> dict[str, Any]:
    door = CameraInfo(
        id="door",
        name="Front door",
        streams=(StreamInfo(stream="main", state="connected", codec="h264", width=640, height=360, fps=25.0),),
        recording=RecordingInfo(
            wanted=True, state="recording", volume="usb1", frames=500, durable_utc=utc(NOW - 1), durable_age_s=1.0
        ),
    )
    gate = CameraInfo(
        id="gate",
        name="gate",
        streams=(
            StreamInfo(
                stream="main", state="auth_failed", reason="rtsp://viewer:hunter3@192.0.2.2/main refused", attempt=3,
                retry_in_s=42.0, since_utc=utc(1),
            ),
        ),
        recording=RecordingInfo(wanted=True, state="waiting", reason="auth_failed"),
    )  # fmt: skip
    volumes = (
        VolumeInfo(
            name="usb1", volume_id=volume, role="primary", path=str(usb1), state="online", free=10**9, total=4 * 10**9
        ),
        VolumeInfo(name="usb2", role="spill", path=str(usb2), state="missing", reason="it is not mounted"),
    )
    return {
        "service": "run-1",
        "version": "1.2.3",
        "pid": 1,
        "started_utc": START,
        "now_utc": utc(NOW),
        "data": "/data",
        "cameras": msgspec.to_builtins([door, gate]),
        "waiting": [],
        "wishes": {
            "door": {"wanted": True, "by": "schedule", "until": utc(NOW + 60), "schedule": "mon-fri 07:30-19:00"},
            "gate": {"wanted": True, "by": "configuration", "until": None, "schedule": "always"},
        },
        "volumes": msgspec.to_builtins(volumes),
        "ring": {"bytes": 1000, "budget": 2000},
        "homecoming": None,
        "processes": [{"name": "hub", "pid": 7, "generation": 0, "rss": 5, "cpu_s": 1.5}],
    }
