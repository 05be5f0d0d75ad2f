"""The window's parts over a real service, as a person sees them: pictures that are counted, labels with their times."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
pytest.importorskip("PySide6", reason="the desktop's libraries are not installed")
pytest.importorskip("pytestqt", reason="pytest-qt is not installed")
pytest.importorskip("gi", reason="GStreamer's bindings are not installed")

from PySide6.QtCore import QObject, Qt
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QApplication, QSystemTrayIcon
from pytestqt.qtbot import QtBot

from evertape.config.desktop import Appearance, Grid, Layout, Streaming, Theme
from evertape_desktop.backend.backend import Backend
from evertape_desktop.backend.link import Link
from evertape_desktop.store import SettingsStore
from evertape_desktop.theme import apply_theme
from evertape_desktop.video.pool import LiveView
from evertape_desktop.window import MainWindow
from evertape_lab.burned_in import number_in

LOOP = 100
"""Pictures after which the cameras' burned-in numbers begin anew."""
GUIDE = Path(__file__).parents[2] / "docs/guide"


class Numbers:
    """Watches a view beside the cell that shows it, and keeps the number of each picture.

    Args:
        view: what decodes.
        size: of the camera's pictures.
    """

    def __init__(self, view: LiveView, size: tuple[int, int]) -> None:
        self.view = view
        self.seen: list[int | None] = []
        self.away = 0
        self._size = size
        view.watchers.append(self)

    def wanted_size(self) -> tuple[int, int]:
        return self._size

    def show_picture(self, image: QImage) -> None:
        def brightness(x: int, y: int) -> int:
            pixel = image.pixelColor(x, y)
            return (pixel.red() * 299 + pixel.green() * 587 + pixel.blue() * 114) // 1000

        self.seen.append(number_in(brightness, image.width(), image.height(), self._size))

    def show_away(self) -> None:
        self.away += 1

    def show_overlay(self) -> None:
        raise AssertionError("frames were asked for")

    def overlay_window(self) -> int:
        return 0

    @property
    def missed(self) -> int:
        """Pictures that were left out, or could not be read."""
        read = [one for one in self.seen if one is not None]
        steps = [(b - a) % LOOP for a, b in pairwise(read)]
        return sum(step - 1 for step in steps) + len(self.seen) - len(read)

    @property
    def skipped(self) -> int:
        """Pictures that the view left out because this machine was too busy to decode them in time."""
        return self.view.view.stats.skipped if self.view.view is not None else 0


class Desk(QObject):
    """The main window over a recorder.

    Args:
        qtbot: of the test.
        link: to the recorder; the window ends with it.
        grid: how its cells lie.
        theme: how it looks.
    """

    def __init__(self, qtbot: QtBot, link: Link, grid: Grid = Grid.TWO, theme: Theme = Theme.LIGHT) -> None:
        super().__init__()
        self._qtbot = qtbot
        settings = SettingsStore(None)
        look = {
            "layout": Layout(grid=grid),
            "appearance": Appearance(theme=theme),
            "streaming": Streaming(output="frames"),
        }
        settings.replace(settings.now.model_copy(update=look))
        app = QApplication.instance()
        assert isinstance(app, QApplication)
        apply_theme(app, theme)
        self.backend = Backend(link)
        self.window = MainWindow(self.backend, settings)
        self.control, self.banner = self.window.parts.recording, self.window.parts.banner
        self.grid, self.tray = self.window.parts.grid, self.window.parts.tray
        self.labels: list[tuple[float, str]] = []
        """Each text that the storage line has had, and when by the monotonic clock."""
        self.told: list[str] = []
        """``+camera`` and ``-camera``, as the signals said."""
        self.messages: list[str] = []
        """Titles of the tray's messages."""
        self.control.storage.changed.connect(self._label)
        self.control.recording_started.connect(self._started)
        self.control.recording_stopped.connect(self._stopped)
        self.tray.message_shown.connect(self._message)
        self.window.show()
        self.backend.start()

    def until(self, condition: Callable[[], object], seconds: float, what: str = "") -> None:
        """Let the window live until it is so."""
        try:
            self._qtbot.waitUntil(lambda: bool(condition()), timeout=round(seconds * 1000))
        except Exception as error:
            rows = {name: row.state_text for name, row in self.control._rows.items()}
            raise AssertionError(f"waited {seconds} s in vain: {what}; {rows}, {self.control.storage_text}") from error

    def records(self, *names: str, seconds: float = 30) -> None:
        """Each of them is being recorded, as its row says."""
        self.until(lambda: all(self.states(name).startswith("Recording to") for name in names), seconds, "recording")

    def states(self, name: str) -> str:
        """What a row says; empty while there is none."""
        return self.control.row(name).state_text if name in self.control._rows else ""

    def count(self, *names: str, size: tuple[int, int]) -> dict[str, Numbers]:
        """Count the pictures of these cameras from now on."""
        cells = [self.grid.cell(name) for name in names if name in self.grid.shown]
        self.until(lambda: cells and all(cell.image is not None for cell in cells), 30, "pictures")
        views = {name: self.grid.pool.views[name, "main"] for name in names}
        return {name: Numbers(view, size) for name, view in views.items()}

    def label_after(self, began: float, text: str) -> float:
        """Seconds from ``began`` until the storage line read so."""
        found = [at for at, label in self.labels if at >= began and text in label]
        assert found, (began, self.labels)
        return found[0] - began

    def picture(self, name: str) -> None:
        """For the guide, if pictures are wanted."""
        if os.environ.get("EVERTAPE_GUIDE_PICTURES") == "1":
            image = self.window.grab().toImage().convertToFormat(QImage.Format.Format_RGB32)
            # The cameras' noise makes large files; the colours that are there most are those of the window.
            colours = [colour for colour, _ in Counter(memoryview(image.constBits()).cast("I")).most_common(256)]
            flat = Qt.ImageConversionFlag.ThresholdDither | Qt.ImageConversionFlag.AvoidDither
            small = image.convertToFormat(QImage.Format.Format_Indexed8, colours, flat)
            assert small.save(str(GUIDE / f"desktop-{name}.png"), quality=0)

    def close(self) -> None:
        """As a person does."""
        self.window.close()
        self.backend.close()
        self.window.deleteLater()

    def _label(self) -> None:
        text = self.control.storage_text
        if not self.labels or self.labels[-1][1] != text:
            self.labels.append((time.monotonic(), text))

    def _started(self, camera: str) -> None:
        self.told.append(f"+{camera}")

    def _stopped(self, camera: str) -> None:
        self.told.append(f"-{camera}")

    def _message(self, title: str, _text: str) -> None:
        self.messages.append(title)


def with_tray(patch: pytest.MonkeyPatch) -> None:
    """Let there be one, though this machine has no screen."""
    patch.setattr(QSystemTrayIcon, "isSystemTrayAvailable", lambda: True)
