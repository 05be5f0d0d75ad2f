"""Pictures on their way to the screen, and the hub's live pictures read back."""

from __future__ import annotations

import asyncio
import json
import os
import select
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ctypes.util import find_library
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QRect, QSize
from PySide6.QtGui import QColor, QImage
from pytestqt.qtbot import QtBot
from websockets.asyncio.server import ServerConnection, serve

from evertape.media.view.terms import Frame, Picture, Pictures, SourceCaps, SourceEvent, SourceState
from evertape.mp4.live import LiveMuxer
from evertape.types import NS_PER_MS, Codec, StreamCaps, Track, VideoCaps
from evertape_desktop.backend.http_link import HttpLink
from evertape_desktop.video.frames import DEPTH, FrameSlot, Ticker
from evertape_desktop.video.overlay import Card, Label
from evertape_desktop.video.remote import RemoteSource
from evertape_desktop.video.surface import VideoSurface, fitted

VIDEO = VideoCaps(Codec.H264, bytes.fromhex("0142c01fffe1000467420000010004680000"), 640, 360)


def frame(shade: int = 0) -> Frame:
    return Frame(bytes([shade]) * 64, 4, 4, "BGRx", 0, False)


def image(colour: str, width: int = 64, height: int = 36) -> QImage:
    made = QImage(width, height, QImage.Format.Format_RGB32)
    made.fill(QColor(colour))
    return made


# -- on the way -----------------------------------------------------------------------------------------------


def test_of_pictures_that_nobody_takes_the_newest_stay_and_the_others_are_counted() -> None:
    woken: list[int] = []
    slot = FrameSlot(lambda: woken.append(1))
    for shade in range(DEPTH + 3):
        slot.put(frame(shade))
    assert (slot.decoded, slot.replaced, len(woken)) == (DEPTH + 3, 3, DEPTH + 3)
    taken = [slot.take() for _ in range(DEPTH)]
    assert [one.data[0] for one, _ in taken if one is not None] == [*range(3, DEPTH + 3)]
    assert [more for _, more in taken] == [True] * (DEPTH - 1) + [False]
    assert slot.take() == (None, False)


def test_a_slot_that_is_closed_wakes_nobody() -> None:
    woken: list[int] = []
    slot = FrameSlot(lambda: woken.append(1))
    slot.put(frame())
    slot.close()
    slot.put(frame())
    assert woken == [1] and slot.take() == (None, False)


def test_a_thousand_pictures_wake_the_gui_no_oftener_than_a_screen_shows(qtbot: QtBot) -> None:
    times: list[float] = []

    def work() -> bool:
        assert threading.current_thread() is threading.main_thread()
        times.append(time.monotonic())
        return False

    ticker = Ticker(work)
    until = time.monotonic() + 0.5

    def decoder() -> None:
        while time.monotonic() < until:
            ticker.wake()
            time.sleep(0.0005)

    threads = [threading.Thread(target=decoder) for _ in range(2)]
    for thread in threads:
        thread.start()
    qtbot.waitUntil(lambda: not any(thread.is_alive() for thread in threads))
    qtbot.wait(40)
    assert 2 <= len(times) <= 0.6 * 60 + 2
    assert ticker.stats.ticks == len(times)
    seen = len(times)
    qtbot.wait(60)
    assert len(times) == seen, "nothing is done while nothing comes"


# -- the widget -----------------------------------------------------------------------------------------------


def test_pictures_keep_their_shape() -> None:
    assert fitted(QSize(640, 360), QRect(0, 0, 320, 240)) == QRect(0, 30, 320, 180)
    assert fitted(QSize(480, 640), QRect(0, 0, 640, 320)) == QRect(200, 0, 240, 320)
    assert fitted(QSize(317, 178), QRect(0, 0, 318, 179)) == QRect(0, 0, 318, 179), "no bar of a single pixel"


def test_a_picture_is_painted_once_with_bars_beside_it(qtbot: QtBot) -> None:
    surface = VideoSurface()
    qtbot.addWidget(surface)
    surface.resize(320, 240)
    surface.show()
    qtbot.waitExposed(surface)
    surface.show_picture(image("#00ff00"))
    qtbot.waitUntil(lambda: surface.stats.painted == 1)
    shown = surface.grab().toImage()
    assert shown.pixelColor(160, 120) == QColor("#00ff00")
    assert shown.pixelColor(160, 10).lightness() < 40 and shown.pixelColor(160, 230).lightness() < 40
    assert surface.stats.given == 1 and surface.stats.painted == 1
    surface.show_picture(image("#ff0000"))
    surface.show_picture(image("#0000ff"))
    qtbot.waitUntil(lambda: surface.stats.painted == 2)
    assert surface.stats.replaced == 1


def test_a_card_stands_where_no_picture_is_and_the_label_over_both(qtbot: QtBot) -> None:
    surface = VideoSurface()
    qtbot.addWidget(surface)
    surface.resize(320, 180)
    surface.say(Label(name="Yard", clock="10:00:00", mark="recording", mark_text="REC"), Card("No signal", ("why",)))
    surface.show()
    qtbot.waitExposed(surface)
    card = surface.grab().toImage()
    surface.show_picture(image("#404040"))
    picture = surface.grab().toImage()
    surface.show_away()
    assert surface.image is None and surface.grab().toImage() == card
    red = [picture.pixelColor(x, 8) for x in range(40)]
    assert any(one.red() > 200 and one.green() < 120 for one in red), "the mark is red"
    assert picture.pixelColor(160, 120) == QColor("#404040")
    surface.show_picture(image("#404040"))
    assert surface.grab().toImage() == picture


XVFB = """
import sys
from PySide6.QtGui import QColor, QImage
from PySide6.QtWidgets import QApplication
from evertape_desktop.video.overlay import Card, Label
from evertape_desktop.video.surface import VideoSurface
app = QApplication([])
surface = VideoSurface()
surface.resize(320, 180)
surface.say(Label(name="Yard", mark="recording", mark_text="REC"), Card("No signal"))
surface.show()
picture = QImage(640, 360, QImage.Format.Format_RGB32)
picture.fill(QColor("#00c000"))
surface.show_picture(picture)
while not surface.stats.painted:
    app.processEvents()
app.sync()
middle = surface.mapToGlobal(surface.rect().center())
print(app.platformName(), app.primaryScreen().grabWindow(0).toImage().pixelColor(middle).name())
"""


needs_xvfb = pytest.mark.skipif(
    shutil.which("Xvfb") is None or not find_library("xcb-cursor"),
    reason="Xvfb, or what Qt needs for X11 (libxcb-cursor0), is not installed",
)


@contextmanager
def screen() -> Iterator[dict[str, str]]:
    """A display of X11: the environment of a program that shows something there."""
    reading, writing = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(writing), "-screen", "0", "800x600x24", "-nolisten", "tcp"],
        pass_fds=[writing], stderr=subprocess.DEVNULL,
    )  # fmt: skip
    os.close(writing)
    try:
        with os.fdopen(reading) as told:
            display = f":{told.readline().strip()}"
        path = os.pathsep.join(filter(None, sys.path))
        yield {**os.environ, "DISPLAY": display, "QT_QPA_PLATFORM": "xcb", "PYTHONPATH": path}
    finally:
        server.terminate()
        server.wait()


@needs_xvfb
def test_the_picture_is_on_a_real_screen() -> None:
    with screen() as env:
        done = subprocess.run([sys.executable, "-c", XVFB], env=env, capture_output=True, text=True, timeout=60)
    assert done.stdout.split() == ["xcb", "#00c000"], done.stderr


@needs_xvfb
def test_gstreamer_draws_into_the_cells_by_itself_where_that_is_set() -> None:
    """Zoomed and back, away with a card and back, from frames and back, and with a camera removed: no error of X."""
    script = Path(__file__).parent / "overlay_window.py"
    with screen() as env:
        done = subprocess.run([sys.executable, str(script)], env=env, capture_output=True, text=True, timeout=90)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"large": True, "card": True}


# -- from a hub elsewhere -------------------------------------------------------------------------------------


class PretendHub:
    """Says on every WebSocket what it is told to say."""

    def __init__(self, talk: Callable[[ServerConnection, int], Any]) -> None:
        self.loop = asyncio.new_event_loop()
        self.link: HttpLink
        self.paths: list[str] = []
        self._talk = talk
        self._thread = threading.Thread(target=self._main, daemon=True)
        self._ready = threading.Event()

    def __enter__(self) -> PretendHub:
        self._thread.start()
        assert self._ready.wait(5)
        return self

    def __exit__(self, *_: object) -> None:
        self.loop.call_soon_threadsafe(self._over.set)
        self._thread.join(5)
        assert not self._thread.is_alive()

    def _main(self) -> None:
        self.loop.run_until_complete(self._serve())
        self.loop.close()

    async def _serve(self) -> None:
        self._over = asyncio.Event()
        async with serve(self._heard, "127.0.0.1", 0, close_timeout=0.2) as server:
            port = next(iter(server.sockets)).getsockname()[1]
            self.link = HttpLink(f"http://127.0.0.1:{port}", "et_token")
            self.link._loop = self.loop
            self._ready.set()
            await self._over.wait()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await self.link.close()

    async def _heard(self, socket: ServerConnection) -> None:
        assert socket.request is not None
        self.paths.append(socket.request.path)
        await self._talk(socket, len(self.paths))


@contextmanager
def watching(hub: PretendHub) -> Iterator[tuple[RemoteSource, list[SourceEvent], Callable[[Callable[[], bool]], None]]]:
    source = RemoteSource(hub.link, "yard", "sub")
    seen: list[SourceEvent] = []

    def until(ready: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 8
        while not ready():
            assert time.monotonic() < deadline, seen
            waits = source.fileno()
            if waits is not None:
                select.select([waits], [], [], 0.05)
            seen.extend(source.poll(time.monotonic_ns()))

    try:
        yield source, seen, until
    finally:
        source.close()
        source.close()
        assert source.fileno() is None


def some(seen: list[SourceEvent]) -> list[Picture]:
    return [picture for event in seen if isinstance(event, Pictures) for picture in event.pictures]


async def greet(socket: ServerConnection) -> LiveMuxer:
    muxer = LiveMuxer(StreamCaps(0, VIDEO))
    await socket.send(json.dumps({"type": "state", "state": "connected", "reason": "", "retry_in_s": None}))
    await socket.send(json.dumps({"type": "format", "mime": muxer.mime, "width": 640, "height": 360, "stream": "sub"}))
    await socket.send(muxer.init())
    return muxer


def test_pictures_come_from_a_hub_and_go_on_after_it_was_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evertape_desktop.video.remote.RETRY_S", 0.1)

    async def talk(socket: ServerConnection, time_: int) -> None:
        muxer = await greet(socket)
        two = [muxer.fragment(Track.VIDEO, n * 40 * NS_PER_MS, n * 40 * NS_PER_MS, n == 0, b"%d" % n) for n in (0, 1)]
        await socket.send(b"".join(two))
        await socket.send(json.dumps({"type": "skipped", "pictures": 7}))
        await socket.send(muxer.fragment(Track.VIDEO, 10**9, 10**9, True, b"late"))
        if time_ == 1:
            return  # hangs up
        await socket.send(
            json.dumps({"type": "state", "state": "stalled", "reason": "stream_stalled", "retry_in_s": 4})
        )
        await socket.wait_closed()

    with PretendHub(talk) as hub, watching(hub) as (_, seen, until):
        until(lambda: any(isinstance(event, SourceState) and event.reason == "stream stalled" for event in seen))
        assert hub.paths == ["/api/v1/cameras/yard/live?stream=sub"] * 2
        assert [event.video for event in seen if isinstance(event, SourceCaps)] == [VIDEO, VIDEO]
        pictures = some(seen)
        assert [one.data for one in pictures] == [b"0", b"1", b"late"] * 2
        assert [one.key for one in pictures] == [True, False, True] * 2
        assert len({one.epoch for one in pictures}) == 2, "media time begins anew with each line"
        assert [event.skipped for event in seen if isinstance(event, Pictures)] == [0, 7] * 2
        states = [event for event in seen if isinstance(event, SourceState)]
        assert [state.flowing for state in states] == [True, False, True, False]
        assert states[-1].retry_at_ns is not None


def test_what_is_not_understood_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    async def talk(socket: ServerConnection, _time: int) -> None:
        await socket.send("{")
        await socket.send(b"no fragment at all")
        await socket.send(json.dumps({"type": "news of a newer hub"}))
        muxer = await greet(socket)
        await socket.send(muxer.fragment(Track.VIDEO, 0, 0, True, b"good"))
        await socket.wait_closed()

    with PretendHub(talk) as hub, watching(hub) as (_, seen, until):
        until(lambda: [one.data for one in some(seen)] == [b"good"])


def test_a_view_that_does_not_look_takes_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evertape_desktop.video.remote.MOST_WAITING", 1 << 16)
    sent: list[int] = []

    async def talk(socket: ServerConnection, _time: int) -> None:
        muxer = await greet(socket)
        while True:
            await socket.send(muxer.fragment(Track.VIDEO, 0, 0, True, bytes(1 << 15)))
            sent.append(1)
            await asyncio.sleep(0)

    with PretendHub(talk) as hub, watching(hub) as (source, _, until):
        until(lambda: source._waiting > 0 or bool(sent))
        deadline = time.monotonic() + 5
        last, at = -1, 0.0
        while time.monotonic() < deadline:  # until the hub cannot send any more
            if len(sent) != last:
                last, at = len(sent), time.monotonic()
            elif time.monotonic() - at > 0.3:
                break
            time.sleep(0.02)
        assert source._waiting < 1 << 18


def test_before_anybody_asked_anything_it_waits(tmp_path: Path) -> None:
    source = RemoteSource(HttpLink("http://127.0.0.1:1", "t"), "yard", "main")
    assert source.poll(0) == []
    source.close()
