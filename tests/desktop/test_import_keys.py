"""Hot keys that an import takes over are those of actions that the window has."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtWidgets import QApplication, QWidget

from evertape.engine.predecessor.desktop import KEYS, USUAL
from evertape_desktop.actions import Actions

pytest.importorskip("evertape_desktop.parts", reason="the window's parts are not all there")

from desktop.canned_link import CannedLink
from evertape_desktop.backend.backend import Backend
from evertape_desktop.store import SettingsStore
from evertape_desktop.window import MainWindow


@pytest.fixture
def actions(qapp: QApplication, link: CannedLink) -> Iterator[Actions]:
    """Those of the whole window; no recorder answers."""
    backend = Backend(link)
    window: QWidget = MainWindow(backend, SettingsStore(None))
    assert isinstance(window, MainWindow)
    yield window.actions_
    window.close()
    backend.close()


def test_every_key_is_taken_over_to_an_action_that_there_is(actions: Actions) -> None:
    assert set(KEYS.values()) - {deed.name for deed in actions} == set()


def test_the_keys_that_the_desktop_has_by_itself_are_known(actions: Actions) -> None:
    usual = {deed.default: deed.name for deed in actions if deed.default}
    assert {key: usual.get(key) for key in USUAL} == dict(USUAL)
