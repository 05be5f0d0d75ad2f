"""The main window as a whole, with a recorder of canned answers."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QPalette
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from desktop.canned_link import CannedLink
from evertape.config.desktop import Grid, Theme, load_desktop
from evertape.media.view.terms import SourceState
from evertape_desktop.app import make_application
from evertape_desktop.backend.backend import Backend
from evertape_desktop.backend.problem import Problem
from evertape_desktop.login import LoginDialog
from evertape_desktop.settings.dialog import SettingsDialog
from evertape_desktop.store import SettingsStore
from evertape_desktop.theme import apply_theme
from evertape_desktop.window import MainWindow


class Nothing:
    """A camera of which nothing comes."""

    def poll(self, _now_ns: int) -> list[SourceState]:
        return [SourceState(False, "unplugged")]

    def fileno(self) -> None:
        return None

    def close(self) -> None:
        pass


Open = Callable[[], MainWindow]


@pytest.fixture
def opened(qtbot: QtBot, link: CannedLink, tmp_path: Path) -> Iterator[Open]:
    """Opens a window; each is closed at the end."""
    link.sources = lambda _camera, _stream: Nothing()
    found: list[tuple[MainWindow, Backend]] = []

    def open_() -> MainWindow:
        backend = Backend(link)
        window = MainWindow(backend, SettingsStore(tmp_path / "desktop.toml"))
        found.append((window, backend))
        qtbot.addWidget(window)
        backend.start()
        window.show()
        qtbot.waitUntil(lambda: window.windowTitle() == "Farm – Evertape")
        return window

    yield open_
    for window, backend in found:
        window.close()
        backend.close()


def test_it_remembers_where_everything_was(qtbot: QtBot, opened: Open, tmp_path: Path) -> None:
    window = opened()
    window.dock("log").show()
    window.dock("cameras").setFloating(True)
    window.parts.grid.set_grid(Grid.ONE_AND_FIVE)
    window.resize(790, 600)
    window.close()
    kept = load_desktop(tmp_path / "desktop.toml")
    assert kept.layout.grid is Grid.ONE_AND_FIVE and kept.window.state
    again = opened()
    assert again.dock("log").isVisible() and again.dock("cameras").isFloating()
    assert (again.width(), again.height()) == (790, 600)
    assert again.context.settings.now.layout.grid is Grid.ONE_AND_FIVE


def test_full_screen_hides_the_controls_and_gives_them_back(qtbot: QtBot, opened: Open) -> None:
    window = opened()
    window.actions_["full_screen"].trigger()
    assert window.isFullScreen() and not window.menuBar().isVisible() and not window.dock("recording").isVisible()
    qtbot.mouseMove(window.parts.grid)
    qtbot.waitUntil(window.menuBar().isVisible)
    qtbot.keyClick(window.parts.grid, Qt.Key.Key_Escape)
    assert not window.isFullScreen() and window.dock("recording").isVisible()


def test_every_hot_key_is_somebodys_alone(opened: Open) -> None:
    assert opened().actions_.conflicts() == {}


def test_whoever_is_not_known_is_asked_to_log_in(qtbot: QtBot, opened: Open, link: CannedLink) -> None:
    window = opened()
    answer = Problem("not_logged_in", "log in first", status=401)
    link.answers["GET /alerts"] = answer
    window.context.backend.look_now()
    qtbot.waitUntil(lambda: window.findChild(LoginDialog) is not None)
    dialog = window.findChild(LoginDialog)
    assert isinstance(dialog, LoginDialog)
    dialog.name.setText("ann")
    dialog.password.setText("secret")
    link.answers["GET /alerts"] = {"alerts": []}
    dialog.ok.click()
    qtbot.waitUntil(lambda: ("log in", {"name": "ann"}, None) in link.asked)
    qtbot.waitUntil(lambda: window.findChild(LoginDialog) is None)


def test_settings_open_beside_the_pictures(qtbot: QtBot, opened: Open) -> None:
    window = opened()
    window.actions_["settings"].trigger()
    qtbot.waitUntil(lambda: window.findChild(SettingsDialog) is not None)
    dialog = window.findChild(SettingsDialog)
    assert isinstance(dialog, SettingsDialog)
    dialog.reject()
    qtbot.waitUntil(lambda: window.findChild(SettingsDialog) is None)


def test_closing_it_leaves_no_thread(qtbot: QtBot, opened: Open) -> None:
    before = set(threading.enumerate())
    window = opened()
    for grid in Grid:
        window.parts.grid.set_grid(grid)
    window.close()
    window.context.backend.close()
    qtbot.waitUntil(lambda: set(threading.enumerate()) <= before, timeout=10_000)


def test_light_and_dark_take_effect_at_once(qapp: QApplication, tmp_path: Path) -> None:
    settings = SettingsStore(tmp_path / "desktop.toml")
    app = make_application(["evertape"], settings)
    light = app.palette().color(QPalette.ColorRole.Window)
    settings.set("appearance", theme=Theme.DARK)
    dark = app.palette().color(QPalette.ColorRole.Window)
    assert QColor(light).lightness() > 128 > QColor(dark).lightness()
    apply_theme(app, Theme.SYSTEM)


def test_settings_with_mistakes_are_refused_and_kept(tmp_path: Path) -> None:
    file = tmp_path / "desktop.toml"
    file.write_text('[layout]\ngird = "2x2"\n')
    store = SettingsStore(file)
    assert store.problem is not None and "gird" in store.problem.what
    store.set("layout", grid=Grid.FOUR)
    store.flush()
    assert "gird" in file.read_text()
