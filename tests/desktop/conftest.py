"""The desktop's tests: without a screen unless one is given, with nothing left behind."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

pytest.importorskip("PySide6", reason="the desktop's libraries are not installed")
pytest.importorskip("pytestqt", reason="pytest-qt is not installed")

from PySide6.QtWidgets import QApplication, QWidget

from desktop.canned_link import CannedLink
from desktop.settings_case import configured, open_settings, theme_as_it_was  # noqa: F401 - fixtures
from evertape_desktop.actions import Actions
from evertape_desktop.backend.backend import Backend
from evertape_desktop.context import Context
from evertape_desktop.store import SettingsStore


@pytest.fixture
def link() -> CannedLink:
    """A recorder with canned answers."""
    return CannedLink()


@pytest.fixture
def backend(qapp: QApplication, link: CannedLink) -> Iterator[Backend]:
    """The window's side of it; a test starts it."""
    made = Backend(link)
    yield made
    made.close()


@pytest.fixture
def context(qapp: QApplication, backend: Backend) -> Iterator[Context]:
    """What the parts of a window share, without a window."""
    window = QWidget()
    yield Context(backend, SettingsStore(None), Actions(window))
    window.deleteLater()
