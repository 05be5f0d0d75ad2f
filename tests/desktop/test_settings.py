"""The settings dialog, against a recorder with canned answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QApplication, QComboBox, QLabel, QLineEdit, QSpinBox
from pytestqt.qtbot import QtBot

from desktop.canned_link import CannedLink
from evertape.config.desktop import Theme
from evertape.config.load import load_text
from evertape.config.show import shown
from evertape_desktop.backend.problem import Problem
from evertape_desktop.context import Context
from evertape_desktop.settings.dialog import SettingsDialog
from evertape_desktop.settings.pages.hotkeys import HotKeysPage
from evertape_desktop.theme import apply_theme, is_dark

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


@pytest.fixture
def recorder(link: CannedLink) -> CannedLink:
    """The canned recorder with a configuration; whatever is sent is accepted."""
    config = load_text(
        CONFIG,
        Path("/data/evertape.toml"),
    ).config
    link.answers |= {
        "GET /config": {"file": "/data/evertape.toml", "config": shown(config)},
        "GET /session": {"name": "ann", "role": "admin", "cameras": [], "via": "session", "csrf": "", "warnings": []},
        "POST /config/check": {"ok": True, "problems": [], "warnings": []},
        "PATCH /config": {"in_force": True, "changed": ["recording"], "warnings": [], "problem": ""},
    }
    return link


@pytest.fixture
def opened(qtbot: QtBot, context: Context, recorder: CannedLink) -> Iterator[MakeDialog]:
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


def test_only_what_changed_is_sent_and_only_when_applied(
    qtbot: QtBot, opened: MakeDialog, recorder: CannedLink
) -> None:
    dialog = opened()
    assert not dialog.button("apply").isEnabled()
    rotation = line(dialog, "recording", "recording.rotation")
    assert rotation.text() == "10min"
    type_into(qtbot, rotation, "5min")
    assert dialog.button("apply").isEnabled()
    assert not sent(recorder, "POST /config/check") and not sent(recorder, "PATCH /config"), "nothing while typing"
    retries = dialog.show_page("recording").findChild(QSpinBox, "storage.retry_max")
    assert retries is not None
    retries.setValue(7)
    qtbot.mouseClick(dialog.button("apply"), Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: bool(sent(recorder, "PATCH /config")))
    assert sent(recorder, "PATCH /config") == [{"recording.rotation": "5min", "storage.retry_max": 7}]
    qtbot.waitUntil(lambda: not dialog.button("apply").isEnabled())
    assert dialog.isVisible()


def test_what_is_typed_back_is_no_change(qtbot: QtBot, opened: MakeDialog) -> None:
    dialog = opened()
    rotation = line(dialog, "recording", "recording.rotation")
    type_into(qtbot, rotation, "5min")
    type_into(qtbot, rotation, "10min")
    assert not dialog.draft.is_changed and not dialog.button("apply").isEnabled()


def test_every_mistake_is_shown_at_its_field_once_a_person_has_left_it(
    qtbot: QtBot, opened: MakeDialog, recorder: CannedLink
) -> None:
    dialog = opened()
    recorder.answers["POST /config/check"] = {
        "ok": False,
        "warnings": [],
        "problems": [
            {"what": "recording.rotation: must be a duration", "hint": "", "where": ["recording", "rotation"]},
            {"what": "is out of bounds", "hint": "", "where": ["body", "streaming.stall_timeout"]},
        ],
    }
    type_into(qtbot, line(dialog, "streaming", "streaming.stall_timeout"), "1ms")
    rotation = line(dialog, "recording", "recording.rotation")
    type_into(qtbot, rotation, "soon")
    leave(rotation)
    qtbot.waitUntil(lambda: "recording.rotation" in dialog.draft.problems)
    assert problem_at(dialog, "recording", "recording.rotation") == "must be a duration"
    assert problem_at(dialog, "streaming", "streaming.stall_timeout") == "is out of bounds"
    marked = [dialog._names.item(at).text() for at in range(dialog._names.count())]
    assert [text for text in marked if text.startswith("⚠")] == ["⚠ Streaming", "⚠ Recording"]


def problem_at(dialog: SettingsDialog, page: str, key: str) -> str:
    label = dialog.show_page(page).findChild(QLabel, f"{key}.problem")
    assert isinstance(label, QLabel) and label.isVisible()
    return label.text()


def test_a_refused_change_keeps_the_dialog_open_at_the_field(
    qtbot: QtBot, opened: MakeDialog, recorder: CannedLink
) -> None:
    dialog = opened()
    mistake = {"what": "recording.rotation: 1s is out of bounds", "hint": "", "where": ["recording", "rotation"]}
    recorder.answers["PATCH /config"] = Problem("config_invalid", "it has a problem", "", 422, (mistake,))
    type_into(qtbot, line(dialog, "recording", "recording.rotation"), "1s")
    dialog.show_page("appearance")
    dialog.button("ok").click()
    qtbot.waitUntil(lambda: bool(dialog.draft.problems))
    assert dialog.isVisible() and dialog._stack.currentWidget() is dialog.pages["recording"]
    assert dialog.draft.changes == {"recording.rotation": "1s"}
    recorder.answers["PATCH /config"] = {"in_force": True, "changed": [], "warnings": [], "problem": ""}
    dialog.button("ok").click()
    qtbot.waitUntil(lambda: not dialog.isVisible())


def test_a_field_goes_back_to_its_default(qtbot: QtBot, opened: MakeDialog, recorder: CannedLink) -> None:
    recorder.answers["GET /config"]["config"]["recording"]["rotation"] = "3min"
    dialog = opened()
    row = dialog.pages["recording"].forms[0].rows["recording.rotation"]
    assert line(dialog, "recording", "recording.rotation").text() == "3min"
    row._reset.click()
    assert dialog.draft.changes == {"recording.rotation": None}
    assert line(dialog, "recording", "recording.rotation").text() == "10min"


def test_who_may_not_sees_why_and_can_still_set_the_window(
    qtbot: QtBot, opened: MakeDialog, recorder: CannedLink, context: Context
) -> None:
    recorder.answers["GET /config"] = Problem("not_allowed", "this needs the role admin", status=403)
    dialog = opened()
    assert "administrator" in dialog.draft.refusal
    rotation = line(dialog, "recording", "recording.rotation")
    assert not rotation.isEnabled()
    refusal = dialog.pages["recording"].findChild(QLabel, "refusal")
    assert isinstance(refusal, QLabel) and refusal.isVisible() and "administrator" in refusal.text()
    choose(dialog, "appearance", "desktop.appearance.theme", "dark")
    dialog.button("ok").click()
    assert context.settings.now.appearance.theme is Theme.DARK
    assert not sent(recorder, "PATCH /config")


def choose(dialog: SettingsDialog, page: str, key: str, value: str) -> None:
    box = dialog.show_page(page).findChild(QComboBox, key)
    assert isinstance(box, QComboBox)
    box.setCurrentIndex(box.findData(value))
    box.activated.emit(box.currentIndex())


@pytest.fixture
def as_it_was(qapp: QApplication) -> Iterator[None]:
    before, style = qapp.palette(), qapp.style().objectName()
    yield
    qapp.setStyle(style)
    qapp.setPalette(before)


def test_a_theme_is_seen_at_once_and_gone_again_with_cancel(
    qapp: QApplication, opened: MakeDialog, context: Context, as_it_was: None
) -> None:
    apply_theme(qapp, Theme.LIGHT)
    context.settings.set("appearance", theme=Theme.LIGHT)
    dialog = opened()
    choose(dialog, "appearance", "desktop.appearance.theme", "dark")
    assert is_dark()
    dialog.button("cancel").click()
    assert not is_dark() and context.settings.now.appearance.theme is Theme.LIGHT


def test_two_deeds_with_one_key_are_named_at_once_and_not_applied(
    qtbot: QtBot, opened: MakeDialog, context: Context
) -> None:
    context.actions.add("full_screen", "Full screen", print, group="Window", key="F11")
    context.actions.add("record_all", "Record all", print, group="Recording", key="Ctrl+R")
    dialog = opened()
    page = dialog.show_page("hotkeys")
    assert isinstance(page, HotKeysPage)
    edit = page.row("record_all").edit
    edit.setFocus()
    qtbot.keyClick(edit, Qt.Key.Key_F11)
    said = page.findChild(QLabel, "key_conflicts")
    assert isinstance(said, QLabel) and said.isVisible()
    assert "“Full screen”" in said.text() and "“Record all”" in said.text()
    dialog.button("apply").click()
    assert context.actions.key("record_all") == "Ctrl+R" and dialog.isVisible()
    qtbot.keyClick(edit, Qt.Key.Key_F9)
    assert not said.isVisible()
    dialog.button("apply").click()
    assert context.actions.key("record_all") == "F9"
    assert context.actions["record_all"].shortcut() == QKeySequence("F9")
    assert context.settings.now.keys == {"record_all": "F9"}
    page.findChild(object, "reset_all_keys").click()  # type: ignore[call-overload]
    dialog.button("ok").click()
    assert context.actions.key("record_all") == "Ctrl+R" and context.settings.now.keys == {}
