"""The settings dialog, against a recorder with canned answers."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QApplication, QLabel, QSpinBox
from pytestqt.qtbot import QtBot

from desktop.canned_link import CannedLink
from desktop.settings_case import MakeDialog, choose, leave, line, problem_at, sent, type_into
from evertape.config.desktop import Theme
from evertape_desktop.backend.problem import Problem
from evertape_desktop.context import Context
from evertape_desktop.settings.pages.hotkeys import HotKeysPage
from evertape_desktop.theme import apply_theme, is_dark


def test_only_what_changed_is_sent_and_only_when_applied(
    qtbot: QtBot, open_settings: MakeDialog, configured: CannedLink
) -> None:
    dialog = open_settings()
    assert not dialog.button("apply").isEnabled()
    rotation = line(dialog, "recording", "recording.rotation")
    assert rotation.text() == "10min"
    type_into(qtbot, rotation, "5min")
    assert dialog.button("apply").isEnabled()
    assert not sent(configured, "POST /config/check") and not sent(configured, "PATCH /config"), "nothing while typing"
    retries = dialog.show_page("recording").findChild(QSpinBox, "storage.retry_max")
    assert retries is not None
    retries.setValue(7)
    qtbot.mouseClick(dialog.button("apply"), Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: bool(sent(configured, "PATCH /config")))
    assert sent(configured, "PATCH /config") == [{"recording.rotation": "5min", "storage.retry_max": 7}]
    qtbot.waitUntil(lambda: not dialog.button("apply").isEnabled())
    assert dialog.isVisible()


def test_what_is_typed_back_is_no_change(qtbot: QtBot, open_settings: MakeDialog) -> None:
    dialog = open_settings()
    rotation = line(dialog, "recording", "recording.rotation")
    type_into(qtbot, rotation, "5min")
    type_into(qtbot, rotation, "10min")
    assert not dialog.draft.is_changed and not dialog.button("apply").isEnabled()


def test_every_mistake_is_shown_at_its_field_once_a_person_has_left_it(
    qtbot: QtBot, open_settings: MakeDialog, configured: CannedLink
) -> None:
    dialog = open_settings()
    configured.answers["POST /config/check"] = {
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


def test_a_refused_change_keeps_the_dialog_open_at_the_field(
    qtbot: QtBot, open_settings: MakeDialog, configured: CannedLink
) -> None:
    dialog = open_settings()
    mistake = {"what": "recording.rotation: 1s is out of bounds", "hint": "", "where": ["recording", "rotation"]}
    configured.answers["PATCH /config"] = Problem("config_invalid", "it has a problem", "", 422, (mistake,))
    type_into(qtbot, line(dialog, "recording", "recording.rotation"), "1s")
    dialog.show_page("appearance")
    dialog.button("ok").click()
    qtbot.waitUntil(lambda: bool(dialog.draft.problems))
    assert dialog.isVisible() and dialog._stack.currentWidget() is dialog.pages["recording"]
    assert dialog.draft.changes == {"recording.rotation": "1s"}
    configured.answers["PATCH /config"] = {"in_force": True, "changed": [], "warnings": [], "problem": ""}
    dialog.button("ok").click()
    qtbot.waitUntil(lambda: not dialog.isVisible())


def test_a_field_goes_back_to_its_default(qtbot: QtBot, open_settings: MakeDialog, configured: CannedLink) -> None:
    configured.answers["GET /config"]["config"]["recording"]["rotation"] = "3min"
    dialog = open_settings()
    row = dialog.pages["recording"].forms[0].rows["recording.rotation"]
    assert line(dialog, "recording", "recording.rotation").text() == "3min"
    row._reset.click()
    assert dialog.draft.changes == {"recording.rotation": None}
    assert line(dialog, "recording", "recording.rotation").text() == "10min"


def test_who_may_not_sees_why_and_can_still_set_the_window(
    qtbot: QtBot, open_settings: MakeDialog, configured: CannedLink, context: Context
) -> None:
    configured.answers["GET /config"] = Problem("not_allowed", "this needs the role admin", status=403)
    dialog = open_settings()
    assert "administrator" in dialog.draft.refusal
    rotation = line(dialog, "recording", "recording.rotation")
    assert not rotation.isEnabled()
    refusal = dialog.pages["recording"].findChild(QLabel, "refusal")
    assert isinstance(refusal, QLabel) and refusal.isVisible() and "administrator" in refusal.text()
    choose(dialog, "appearance", "desktop.appearance.theme", "dark")
    dialog.button("ok").click()
    assert context.settings.now.appearance.theme is Theme.DARK
    assert not sent(configured, "PATCH /config")


def test_a_theme_is_seen_at_once_and_gone_again_with_cancel(
    qapp: QApplication, open_settings: MakeDialog, context: Context, theme_as_it_was: None
) -> None:
    apply_theme(qapp, Theme.LIGHT)
    context.settings.set("appearance", theme=Theme.LIGHT)
    dialog = open_settings()
    choose(dialog, "appearance", "desktop.appearance.theme", "dark")
    assert is_dark()
    dialog.button("cancel").click()
    assert not is_dark() and context.settings.now.appearance.theme is Theme.LIGHT


def test_two_deeds_with_one_key_are_named_at_once_and_not_applied(
    qtbot: QtBot, open_settings: MakeDialog, context: Context
) -> None:
    context.actions.add("full_screen", "Full screen", print, group="Window", key="F11")
    context.actions.add("record_all", "Record all", print, group="Recording", key="Ctrl+R")
    dialog = open_settings()
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
