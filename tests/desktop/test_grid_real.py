"""The grid over a real service: no picture is missed by changes of layout, cameras go and return, nothing is left."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QImage
from pytestqt.qtbot import QtBot

pytest.importorskip("gi", reason="GStreamer's bindings are not installed")

from PySide6.QtWidgets import QWidget

from evertape.config.desktop import Grid, Layout
from evertape.media.gst.lib import join_disposals
from evertape_desktop.actions import Actions
from evertape_desktop.backend.backend import Backend
from evertape_desktop.backend.http_link import HttpLink, LocalLink
from evertape_desktop.backend.link import Link
from evertape_desktop.context import Context
from evertape_desktop.grid.grid import VideoGrid
from evertape_desktop.store import SettingsStore
from evertape_desktop.video import frames
from evertape_desktop.video.pool import LiveView
from evertape_lab import LabCameras
from evertape_lab.burned_in import number_in
from hub.served_hub import ServedHub

MAIN, SUB = (640, 360), (320, 180)
LOOP = 100
"""Pictures after which the cameras count from 0 again."""


@pytest.fixture(scope="module")
def cameras() -> Iterator[LabCameras]:
    with LabCameras(count=2, size="640x360", bitrate=500) as lab:
        yield lab


@pytest.fixture(scope="module")
def hub(cameras: LabCameras, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedHub]:
    pairs = zip(("door", "gate"), cameras.urls, cameras.sub_urls, strict=True)
    config = "".join(f'[cameras.{name}]\nurl = "{url}"\nsub_url = "{sub}"\n' for name, url, sub in pairs)
    served = ServedHub(tmp_path_factory.mktemp("data"), config)
    served.start()
    served.log_in()
    yield served
    assert served.stop() == 0


class Shown:
    """A watcher that keeps the numbers of a view's pictures."""

    def __init__(self) -> None:
        self.numbers: list[int | None] = []
        self.away = 0

    def wanted_size(self) -> tuple[int, int]:
        return (0, 0)

    def show_picture(self, image: QImage) -> None:
        self.numbers.append(number(image))

    def show_away(self) -> None:
        self.away += 1

    def show_overlay(self) -> None:
        raise AssertionError("frames were asked for")

    def overlay_window(self) -> int:
        return 0

    @property
    def missed(self) -> int:
        """Pictures that were left out, or could not be read, since it began."""
        read = [one for one in self.numbers if one is not None]
        steps = [(b - a) % LOOP for a, b in pairwise(read)]
        return sum(step - 1 for step in steps) + len(self.numbers) - len(read)


def number(image: QImage) -> int | None:
    """Burned into the picture."""

    def brightness(x: int, y: int) -> int:
        pixel = image.pixelColor(x, y)
        return (pixel.red() * 299 + pixel.green() * 587 + pixel.blue() * 114) // 1000

    size = MAIN if image.width() > SUB[0] else SUB
    return number_in(brightness, image.width(), image.height(), size)


class Window:
    """A grid in a window of its own, with all that it needs."""

    def __init__(self, link: Link, grid: Grid = Grid.TWO) -> None:
        self.keys = QWidget()
        self.settings = SettingsStore(None)
        self.settings.replace(self.settings.now.model_copy(update={"layout": Layout(grid=grid)}))
        self.backend = Backend(link)
        self.grid = VideoGrid(Context(self.backend, self.settings, Actions(self.keys)))
        self.grid.resize(1280, 720)
        self.grid.show()
        self.backend.start()

    def close(self) -> None:
        self.grid.close_views()
        self.backend.close()
        self.grid.deleteLater()
        self.keys.deleteLater()

    def has_picture(self, camera: str) -> bool:
        return camera in self.grid.shown and self.grid.cell(camera).image is not None

    def view(self, camera: str, stream: str) -> LiveView:
        return self.grid.pool.views[camera, stream]


@pytest.fixture
def window(qtbot: QtBot, hub: ServedHub) -> Iterator[Window]:
    made = Window(LocalLink(hub.data))
    yield made
    made.close()


def pictures(qtbot: QtBot, window: Window, *names: str, seconds: float = 30) -> None:
    qtbot.waitUntil(lambda: all(window.has_picture(name) for name in names), timeout=int(seconds * 1000))


def test_ten_layouts_and_a_zoom_miss_no_picture_and_restart_no_view(
    qtbot: QtBot, window: Window, cameras: LabCameras, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A GUI thread that the machine's other work keeps waiting is not what is tested here.
    monkeypatch.setattr(frames, "DEPTH", 1000)
    pictures(qtbot, window, "door", "gate")
    door = window.grid.cell("door")
    qtbot.waitUntil(lambda: door.stream == "sub" and door.view is not None and door.view.key == ("door", "sub"))
    live = {name: window.view(name, "sub") for name in ("door", "gate")}
    decoding = {name: view.view for name, view in live.items()}
    shown = {name: Shown() for name in live}
    for name, view in live.items():
        view.watchers.append(shown[name])
    away: list[str] = []
    monkeypatch.setattr(door, "show_away", lambda: away.append("door"))
    left_out = len(cameras.not_sent)

    grids = [Grid.FOUR, Grid.ONE_AND_FIVE, Grid.THREE, Grid.ONE_AND_SEVEN, Grid.TWO] * 2
    for grid in grids:
        window.grid.set_grid(grid)
        seen = len(shown["gate"].numbers)
        qtbot.waitUntil(lambda seen=seen: len(shown["gate"].numbers) >= seen + 5, timeout=10_000)
    window.grid.zoom_to("door")
    assert door.image is not None, "the sub picture stays until the main one is there"
    qtbot.waitUntil(lambda: door.view is not None and door.view.key == ("door", "main"), timeout=15_000)
    qtbot.waitUntil(lambda: door.image is not None and door.image.width() == MAIN[0], timeout=15_000)
    assert door.width() == window.grid.width()
    window.grid.zoom_to("")
    qtbot.waitUntil(lambda: door.view is not None and door.view.key == ("door", "sub"), timeout=15_000)

    assert {name: window.view(name, "sub") for name in live} == live
    assert {name: view.view for name, view in live.items()} == decoding
    for name, seen_ in shown.items():
        skipped = decoding[name].stats.skipped if decoding[name] is not None else 0  # type: ignore[union-attr]
        assert len(seen_.numbers) > 45 and seen_.away == 0
        assert seen_.missed == 0 or cameras.not_sent[left_out:] or skipped, (name, seen_.numbers)
    assert not away


def test_pictures_are_decoded_to_the_size_of_their_cell(qtbot: QtBot, window: Window) -> None:
    window.grid.set_grid(Grid.FOUR)
    pictures(qtbot, window, "door", "gate")
    gate = window.grid.cell("gate")
    qtbot.waitUntil(lambda: gate.image is not None and 0 < gate.image.width() <= gate.width(), timeout=15_000)
    image = gate.image
    assert image is not None and abs(image.width() * 9 - image.height() * 16) <= 16
    window.grid.resize(960, 540)
    qtbot.waitUntil(lambda: gate.image is not None and gate.image.width() <= 240, timeout=15_000)


def test_a_camera_that_goes_shows_its_card_and_returns_without_a_black_picture(
    qtbot: QtBot, window: Window, cameras: LabCameras
) -> None:
    pictures(qtbot, window, "door")
    door = window.grid.cell("door")
    cameras.kill()
    qtbot.waitUntil(lambda: door.image is None, timeout=20_000)
    qtbot.waitUntil(lambda: door.card.headline == "No signal", timeout=10_000)
    assert any("since" in line for line in door.card.lines)
    card = door.grab().toImage()
    assert max(card.pixelColor(x, card.height() // 2 - 20).lightness() for x in range(card.width())) > 100
    seen: list[QImage] = []
    show = door.show_picture
    door.show_picture = lambda image: (seen.append(image), show(image))  # type: ignore[assignment, func-returns-value]
    cameras.restart()
    qtbot.waitUntil(lambda: len(seen) > 10, timeout=40_000)
    assert all(number(image) is not None for image in seen), "every picture that returns is one of the camera's"
    assert door.image is not None


def test_what_is_set_about_decoding_holds_at_once_and_the_picture_stays(qtbot: QtBot, window: Window) -> None:
    pictures(qtbot, window, "door")
    door, away = window.grid.cell("door"), []
    show_away = door.show_away
    door.show_away = lambda: (away.append(1), show_away())  # type: ignore[assignment, func-returns-value]
    view = door.view
    assert view is not None
    before = view.view
    window.settings.set("streaming", fallback="restart", decoder="software")
    assert view.view is not before and type(view.view).__name__ == "RestartRTSP"
    given = door.stats.given
    qtbot.waitUntil(lambda: door.stats.given > given + 20, timeout=20_000)
    assert not away


def test_a_recorder_elsewhere_sends_every_picture(
    qtbot: QtBot, hub: ServedHub, cameras: LabCameras, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frames, "DEPTH", 1000)
    token = hub.post("/tokens", {"name": "desktop", "role": "viewer"}, code=201)["token"]
    window = Window(HttpLink(hub.url(), token))
    try:
        pictures(qtbot, window, "door", "gate")
        view = window.grid.cell("door").view
        assert view is not None
        shown, left_out = Shown(), len(cameras.not_sent)
        view.watchers.append(shown)
        qtbot.waitUntil(lambda: len(shown.numbers) > 50, timeout=20_000)
        assert shown.missed == 0 or cameras.not_sent[left_out:], shown.numbers
    finally:
        window.close()


IDLE = 2
"""GLib keeps so many threads of a pool for the next one who needs one."""


def decoding() -> int:
    """How many threads of pipelines there are."""
    found = 0
    for task in Path("/proc/self/task").iterdir():
        with contextlib.suppress(OSError):  # it has just ended
            found += (task / "comm").read_text().startswith("appsrc")
    return found


def test_closing_leaves_no_thread_and_no_view(qtbot: QtBot, hub: ServedHub) -> None:
    join_disposals(10)
    before = set(threading.enumerate())
    window = Window(LocalLink(hub.data))
    pictures(qtbot, window, "door", "gate")
    window.grid.zoom_to("gate")
    qtbot.waitUntil(lambda: ("gate", "main") in window.grid.pool.views)
    assert decoding() > IDLE
    window.close()
    assert not window.grid.pool.views

    def left() -> set[Any]:
        # A thread of GStreamer's that Python has seen is remembered for ever, though it is gone.
        found = set(threading.enumerate()) - before
        return {one for one in found if not isinstance(one, threading._DummyThread)}

    join_disposals(10)
    qtbot.waitUntil(lambda: not left() and decoding() <= IDLE, timeout=10_000)


def test_the_keys_choose_and_zoom(qtbot: QtBot, window: Window) -> None:
    pictures(qtbot, window, "door", "gate")
    qtbot.waitUntil(lambda: window.grid.shown == ["door", "gate"])
    window.grid.cell("door").setFocus()
    qtbot.keyClick(window.grid.cell("door"), Qt.Key.Key_Right)
    assert window.grid.selected == "gate"
