"""A recorder with a configuration, canned, and the settings dialog open on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtWidgets import QApplication, QComboBox, QLabel, QLineEdit, QMessageBox, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from desktop.canned_link import NOW, CannedLink
from evertape.config.load import load_text
from evertape.config.show import shown
from evertape_desktop.context import Context
from evertape_desktop.settings.dialog import SettingsDialog

CONFIG = """
[cameras.door]
url = "rtsp://viewer:geheim@192.0.2.10/stream1"
name = "Front door"
[cameras.gate]
url = "rtsp://192.0.2.11/stream1"
user = "viewer"
password_file = "gate.password"
[volumes.usb1]
path = "/mnt/usb1"
[alerts.channels.mail]
url = "json://hooks.example/1"
"""
MakeDialog = Callable[[], SettingsDialog]


def answers() -> dict[str, Any]:
    """What a recorder with the configuration above says; whatever is sent is accepted."""
    config = load_text(CONFIG, Path("/data/evertape.toml")).config
    channel = {"name": "mail", "to": "json://hooks.example", "alerts": "all", "ended": True, "ok": True}
    user = {"role": "admin", "cameras": [], "created": NOW, "password_set": NOW}
    done = {"in_force": True, "changed": ["recording"], "warnings": [], "problem": ""}
    token = {"id": "t1", "name": "Home automation", "user": "ann", "role": "viewer", "created": NOW, "ends": None,
             "used": NOW}  # fmt: skip
    row = {"volume": "usb1", "camera": "door", "why": "retention_age", "files": 12, "bytes": 3_400_000_000,
           "oldest": NOW, "newest": NOW}  # fmt: skip
    return {
        "GET /config": {"file": "/data/evertape.toml", "config": shown(config)},
        "GET /session": {"name": "ann", "role": "admin", "cameras": [], "via": "session", "csrf": "", "warnings": []},
        "GET /alerts": {"alerts": [], "channels": [{**channel, "problem": "", "waiting": 0}]},
        "GET /users": {"users": [{"name": "ann", **user}, {"name": "ben", **user, "role": "viewer"}]},
        "GET /tokens": {"tokens": [token]},
        "GET /retention/plan": {
            "rows": [row], "files": 12, "bytes": 3_400_000_000, "protected": 2, "protected_bytes": 500_000_000,
            "young": 0, "volumes": [],
        },
        "POST /config/check": {"ok": True, "problems": [], "warnings": []},
        "PATCH /config": done, "POST /cameras": done, "POST /volumes": done, "POST /alerts/channels": done,
    }  # fmt: skip


@pytest.fixture
def configured(link: CannedLink) -> CannedLink:
    """The canned recorder with a configuration."""
    link.answers |= answers()
    return link


@pytest.fixture
def open_settings(qtbot: QtBot, context: Context, configured: CannedLink) -> Iterator[MakeDialog]:
    """Opens the dialog, once the recorder has answered."""
    made: list[SettingsDialog] = []

    def make() -> SettingsDialog:
        context.backend.start()
        dialog = SettingsDialog(context)
        qtbot.addWidget(dialog)
        made.append(dialog)
        dialog.show()
        qtbot.waitUntil(lambda: dialog.draft.is_loaded or bool(dialog.draft.refusal))
        return dialog

    yield make
    for dialog in made:
        dialog.close()


@pytest.fixture
def theme_as_it_was(qapp: QApplication) -> Iterator[None]:
    """Whatever a test makes of the looks is undone."""
    before, style = qapp.palette(), qapp.style().objectName()
    yield
    qapp.setStyle(style)
    qapp.setPalette(before)


def line(dialog: SettingsDialog, page: str, key: str) -> QLineEdit:
    found = dialog.show_page(page).findChild(QLineEdit, key)
    assert isinstance(found, QLineEdit), key
    return found


def type_into(qtbot: QtBot, field: QLineEdit, text: str) -> None:
    field.setFocus()
    field.selectAll()
    qtbot.keyClicks(field, text)


def leave(field: QLineEdit) -> None:
    field.editingFinished.emit()


def sent(link: CannedLink, request: str) -> list[Any]:
    return [body for asked, _, body in link.asked if asked == request]


def problem_at(dialog: SettingsDialog, page: str, key: str) -> str:
    label = dialog.show_page(page).findChild(QLabel, f"{key}.problem")
    assert isinstance(label, QLabel) and label.isVisible()
    return label.text()


def choose(dialog: SettingsDialog, page: str, key: str, value: Any) -> None:
    box = dialog.show_page(page).findChild(QComboBox, key)
    assert isinstance(box, QComboBox)
    box.setCurrentIndex(box.findData(value))
    box.activated.emit(box.currentIndex())


def press(parent: QWidget, name: str) -> None:
    """Press a button, by its object name."""
    found = parent.findChild(QPushButton, name)
    assert isinstance(found, QPushButton) and found.isEnabled(), name
    found.click()


def agree(qtbot: QtBot, parent: QWidget) -> str:
    """Say yes to the question that is asked; returns it."""
    qtbot.waitUntil(lambda: parent.findChild(QMessageBox) is not None)
    box = parent.findChild(QMessageBox)
    assert isinstance(box, QMessageBox)
    asked = f"{box.text()} {box.informativeText()}"
    press(box, "confirm")
    return asked
