"""The pages of the settings, each with what it does, against a recorder with canned answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from PySide6.QtWidgets import (
    QApplication,
    QCheckBox,
    QComboBox,
    QDialog,
    QDoubleSpinBox,
    QLabel,
    QLineEdit,
    QPushButton,
    QTreeWidget,
    QWidget,
)
from pytestqt.qtbot import QtBot

from desktop.canned_link import CannedLink
from desktop.settings_case import MakeDialog, agree, choose, leave, line, press, problem_at, sent, type_into
from evertape.config.desktop import Grid, Theme, load_desktop
from evertape_desktop.backend.problem import Problem
from evertape_desktop.context import Context
from evertape_desktop.settings.camera_add import AddCamera, id_of
from evertape_desktop.settings.pages.backup import BackupPage
from evertape_desktop.settings.pages.cameras import CamerasPage
from evertape_desktop.settings.pages.retention import RetentionPage
from evertape_desktop.settings.pages.storage import AddVolume, StoragePage
from evertape_desktop.settings.user_dialogs import AskUser, ShowToken

LOOKED_AT = {
    "ok": True, "codec": "h264", "width": 1920, "height": 1080, "fps": 25.0, "gop_s": 2.0, "bit_rate": 4_100_000,
    "audio": {"codec": "aac"}, "notices": [{"kind": "b_frames", "text": "it sends B frames"}],
}  # fmt: skip


def said(parent: QWidget, name: str) -> str:
    label = parent.findChild(QLabel, name)
    assert isinstance(label, QLabel)
    return label.text() if label.isVisible() else ""


def cameras(open_settings: MakeDialog) -> CamerasPage:
    page = open_settings().show_page("cameras")
    assert isinstance(page, CamerasPage)
    return page


def field(dialog: QWidget, key: str) -> QLineEdit:
    found = dialog.findChild(QLineEdit, key)
    assert isinstance(found, QLineEdit)
    return found


def adding(qtbot: QtBot, page: CamerasPage) -> AddCamera:
    dialog = page.add()
    type_into(qtbot, field(dialog, "url"), "rtsp://192.0.2.12/main")
    return dialog


# -- cameras ------------------------------------------------------------------------------------------------


def test_a_camera_is_looked_at_and_only_what_was_typed_is_saved(
    qtbot: QtBot, open_settings: MakeDialog, configured: CannedLink
) -> None:
    configured.answers["POST /cameras/probe"] = LOOKED_AT
    dialog = adding(qtbot, cameras(open_settings))
    type_into(qtbot, field(dialog, "user"), "viewer")
    type_into(qtbot, field(dialog, "password"), "geheim")
    press(dialog, "probe")
    qtbot.waitUntil(lambda: "✓" in said(dialog, "probe_found"))
    found = said(dialog, "probe_found")
    assert all(text in found for text in ("H264 1920×1080", "25 fps", "every 2 s", "4.1 Mbit/s", "aac")), found
    assert "B frames" in said(dialog, "probe_notices")
    login = {"url": "rtsp://192.0.2.12/main", "user": "viewer", "password": "geheim"}
    assert sent(configured, "POST /cameras/probe") == [login]
    type_into(qtbot, field(dialog, "name"), "Back yard")
    assert field(dialog, "id").text() == "back_yard"
    dialog.ok.click()
    qtbot.waitUntil(lambda: bool(sent(configured, "POST /cameras")))
    assert sent(configured, "POST /cameras") == [{**login, "name": "Back yard", "id": "back_yard"}]


def test_a_camera_that_cannot_be_looked_at_says_why_and_what_to_do(
    qtbot: QtBot, open_settings: MakeDialog, configured: CannedLink
) -> None:
    configured.answers["POST /cameras/probe"] = {"ok": False, "error": "unreachable", "hint": "is it switched on?"}
    dialog = adding(qtbot, cameras(open_settings))
    press(dialog, "probe")
    qtbot.waitUntil(lambda: "unreachable" in said(dialog, "probe_found"))
    assert "is it switched on?" in said(dialog, "probe_found")
    assert not dialog.ok.isEnabled(), "it has no id yet"
    type_into(qtbot, field(dialog, "id"), "yard")
    assert dialog.ok.isEnabled(), "it may be only switched off"
    dialog.reject()


def test_looking_at_a_camera_can_be_ended(qtbot: QtBot, open_settings: MakeDialog, configured: CannedLink) -> None:
    dialog = adding(qtbot, cameras(open_settings))
    press(dialog, "probe")
    end = dialog.findChild(QPushButton, "probe_end")
    assert isinstance(end, QPushButton) and end.isVisible() and not dialog.probe.look.isEnabled()
    end.click()
    assert not end.isVisible() and dialog.probe.look.isEnabled() and said(dialog, "probe_found") == ""
    dialog.reject()


def test_a_refused_camera_is_told_at_its_field(qtbot: QtBot, open_settings: MakeDialog, configured: CannedLink) -> None:
    where = ("body", "id")
    configured.answers["POST /cameras"] = Problem("camera_exists", "there is one", status=409, where=where)
    dialog = adding(qtbot, cameras(open_settings))
    type_into(qtbot, field(dialog, "id"), "door")
    dialog.ok.click()
    qtbot.waitUntil(lambda: said(dialog, "id.problem") == "there is one")
    assert dialog.isVisible()
    dialog.reject()


def test_a_new_password_takes_the_place_of_the_file_it_was_in(
    qtbot: QtBot, open_settings: MakeDialog, configured: CannedLink
) -> None:
    page = cameras(open_settings)
    page.list.choose("gate")
    type_into(qtbot, field(page, "latency"), "500ms")
    type_into(qtbot, field(page, "password"), "neu")
    page.draft.save()
    qtbot.waitUntil(lambda: bool(sent(configured, "PATCH /config")))
    assert sent(configured, "PATCH /config") == [
        {"cameras.gate.latency": "500ms", "cameras.gate.password": "neu", "cameras.gate.password_file": None}
    ]
    page.list.choose("door")
    assert field(page, "latency").text() == "200ms"


def test_a_camera_gets_values_of_its_own_and_loses_them_again(
    qtbot: QtBot, open_settings: MakeDialog, configured: CannedLink
) -> None:
    page = cameras(open_settings)
    factor, give_up = page.form.rows["backoff.factor"], page.form.rows["backoff.give_up"]
    spin, box = factor.editor.widget, give_up.editor.widget
    assert isinstance(spin, QDoubleSpinBox) and isinstance(box, QComboBox)
    assert spin.text() == box.currentText() == "as for all"
    spin.setValue(3.5)
    choose(page.window(), "cameras", "backoff.give_up", True)
    assert page.draft.changes == {"cameras.door.backoff.factor": 3.5, "cameras.door.backoff.give_up": True}
    spin.setValue(spin.minimum())
    choose(page.window(), "cameras", "backoff.give_up", None)  # type: ignore[arg-type]
    assert not page.draft.changes


def test_a_url_whose_password_is_masked_is_not_saved_by_mistake(
    qtbot: QtBot, open_settings: MakeDialog, configured: CannedLink
) -> None:
    dialog = open_settings()
    url = line(dialog, "cameras", "url")
    assert url.text() == "rtsp://viewer:***@192.0.2.10/stream1"
    type_into(qtbot, url, "rtsp://viewer:***@192.0.2.10/stream2")
    assert "masked" in problem_at(dialog, "cameras", "url")
    dialog.button("apply").click()
    type_into(qtbot, url, "rtsp://viewer:neu@192.0.2.10/stream2")
    dialog.button("apply").click()
    qtbot.waitUntil(lambda: bool(sent(configured, "PATCH /config")))
    assert sent(configured, "PATCH /config") == [{"cameras.door.url": "rtsp://viewer:neu@192.0.2.10/stream2"}]


def test_the_order_of_cameras_is_the_windows_own(
    qtbot: QtBot, open_settings: MakeDialog, configured: CannedLink, context: Context
) -> None:
    page = cameras(open_settings)
    assert page.ids() == ["door", "gate"] and page.list.name == "door"
    press(page, "camera_down")
    assert page.ids() == ["gate", "door"] and page.list.name == "door"
    page.draft.save()
    assert context.settings.now.layout.order == ("gate", "door")
    assert not sent(configured, "PATCH /config")


def test_a_camera_is_removed_only_if_it_is_meant(
    qtbot: QtBot, open_settings: MakeDialog, configured: CannedLink
) -> None:
    page = cameras(open_settings)
    press(page, "remove_camera")
    assert not sent(configured, "DELETE /cameras/door")
    asked = agree(qtbot, page)
    assert "Front door" in asked and "footage stays" in asked
    qtbot.waitUntil(lambda: bool(sent(configured, "DELETE /cameras/door")))


def test_ids_are_made_of_names_in_any_script() -> None:
    assert id_of("Front door") == "front_door"
    assert id_of("Hof – Süd") == "hof_sud"
    assert id_of("현관", {"camera_1"}) == "camera_2"
    assert id_of("Door", {"door"}) == "door_2"


# -- volumes and retention ----------------------------------------------------------------------------------


def test_a_volume_on_the_systems_disk_is_told_at_its_folder(
    qtbot: QtBot, open_settings: MakeDialog, configured: CannedLink
) -> None:
    refusal = Problem("on_system_disk", "it is on the system's disk", status=409, where=("body", "path"))
    configured.answers["POST /volumes"] = refusal
    page = open_settings().show_page("storage")
    assert isinstance(page, StoragePage)
    dialog: AddVolume = page.add()
    type_into(qtbot, field(dialog, "name"), "usb2")
    type_into(qtbot, field(dialog, "path"), "/srv/footage")
    dialog.ok.click()
    qtbot.waitUntil(lambda: "system's disk" in said(dialog, "path.problem"))
    configured.answers["POST /volumes"] = {"in_force": True, "changed": [], "warnings": [], "problem": ""}
    box = dialog.findChild(QCheckBox, "on_system_disk")
    assert isinstance(box, QCheckBox)
    box.click()
    dialog.ok.click()
    qtbot.waitUntil(lambda: len(sent(configured, "POST /volumes")) == 2)
    assert sent(configured, "POST /volumes")[1] == {"name": "usb2", "path": "/srv/footage", "on_system_disk": True}


def test_a_volume_is_retired_only_if_it_is_meant(
    qtbot: QtBot, open_settings: MakeDialog, configured: CannedLink
) -> None:
    dialog = open_settings()
    page = dialog.show_page("storage")
    qtbot.waitUntil(lambda: dialog._context.backend.look is not None)
    qtbot.waitUntil(lambda: page.findChild(QTreeWidget, "entries").topLevelItemCount() == 1)  # type: ignore[attr-defined]
    press(page, "retire_volume")
    agree(qtbot, page)
    qtbot.waitUntil(lambda: bool(sent(configured, "POST /volumes/usb1/retire")))


def test_what_would_be_deleted_is_shown_and_deleted_only_if_it_is_meant(
    qtbot: QtBot, open_settings: MakeDialog, configured: CannedLink
) -> None:
    progress = iter([False, True])
    run = {"run": 3, "files": 12, "bytes": 3_400_000_000, "failed": 0, "protected": 2, "error": ""}
    configured.answers["POST /retention/run"] = {**run, "done": False, "files": 0, "bytes": 0}
    configured.answers["GET /retention/run/3"] = lambda _query, _body: {**run, "done": next(progress)}
    page = open_settings().show_page("retention")
    assert isinstance(page, RetentionPage)
    preview = page.preview
    assert not preview.delete.isEnabled()
    type_into(qtbot, preview.age, "12h")
    press(page, "preview")
    qtbot.waitUntil(lambda: "12 files, 3.40 GB" in said(page, "preview_said"))
    assert "2 protected files stay" in said(page, "preview_said")
    row = preview.table.topLevelItem(0)
    assert row is not None and row.text(2) == "too old"
    preview.delete.click()
    assert not sent(configured, "POST /retention/run")
    agree(qtbot, page)
    qtbot.waitUntil(lambda: "✓ 12 files deleted" in said(page, "preview_said"))
    assert sent(configured, "POST /retention/run") == [{"max_age": "12h"}]


# -- alerts and users ---------------------------------------------------------------------------------------


def test_channels_are_tried_and_what_came_of_it_is_said(
    qtbot: QtBot, open_settings: MakeDialog, configured: CannedLink
) -> None:
    channel = {**configured.answers["GET /alerts"]["channels"][0], "ok": False, "problem": "no answer"}
    configured.answers["POST /alerts/test"] = {"channels": [channel]}
    dialog = open_settings()
    page = dialog.show_page("alerts")
    qtbot.waitUntil(lambda: page.findChild(QPushButton, "test_alerts").isEnabled())  # type: ignore[attr-defined]
    press(page, "test_alerts")
    qtbot.waitUntil(lambda: said(page, "test_said") == "✗ mail: no answer")


def test_a_secret_is_not_shown_and_stays_unless_another_is_typed(
    qtbot: QtBot, open_settings: MakeDialog, configured: CannedLink
) -> None:
    dialog = open_settings()
    url = line(dialog, "alerts", "url")
    assert url.text() == "" and "set" in url.placeholderText()
    type_into(qtbot, url, "x")
    assert dialog.draft.changes == {"alerts.channels.mail.url": "x"}
    url.clear()
    url.textEdited.emit("")
    assert not dialog.draft.changes


def test_an_account_is_added_with_its_cameras(qtbot: QtBot, open_settings: MakeDialog, configured: CannedLink) -> None:
    settings = open_settings()
    qtbot.waitUntil(lambda: settings._context.backend.look is not None)
    page = settings.show_page("users")
    qtbot.waitUntil(lambda: page.findChild(QPushButton, "add_user").isEnabled())  # type: ignore[attr-defined]
    press(page, "add_user")
    dialog = page.findChild(AskUser)
    assert isinstance(dialog, AskUser)
    type_into(qtbot, field(dialog, "name"), "cem")
    type_into(qtbot, field(dialog, "password"), "too short")
    assert not dialog.ok.isEnabled()
    type_into(qtbot, field(dialog, "password"), "long enough now")
    box = dialog.findChild(QCheckBox, "sees_gate")
    assert isinstance(box, QCheckBox)
    box.click()
    dialog.ok.click()
    qtbot.waitUntil(lambda: bool(sent(configured, "POST /users")))
    assert sent(configured, "POST /users") == [
        {"role": "viewer", "name": "cem", "password": "long enough now", "cameras": ["gate"]}
    ]


def test_a_token_is_shown_once(qtbot: QtBot, open_settings: MakeDialog, configured: CannedLink) -> None:
    configured.answers["POST /tokens"] = {"id": "t2", "name": "grafana", "token": "et_secret", "role": "viewer"}
    page = open_settings().show_page("users")
    qtbot.waitUntil(lambda: page.findChild(QPushButton, "add_token").isEnabled())  # type: ignore[attr-defined]
    press(page, "add_token")
    dialog = next(one for one in page.findChildren(QDialog) if one.isVisible())
    type_into(qtbot, field(dialog, "name"), "grafana")
    dialog.ok.click()  # type: ignore[attr-defined]
    qtbot.waitUntil(lambda: page.findChild(ShowToken) is not None)
    shown = page.findChild(ShowToken)
    assert isinstance(shown, ShowToken)
    assert [one.text() for one in shown.findChildren(QLineEdit)] == ["et_secret"]
    shown.reject()


# -- this window --------------------------------------------------------------------------------------------


def test_the_windows_settings_are_saved_and_loaded(
    qtbot: QtBot, open_settings: MakeDialog, context: Context, tmp_path: Path
) -> None:
    context.settings.set("layout", grid=Grid.FOUR)
    dialog = open_settings()
    page = dialog.show_page("backup")
    assert isinstance(page, BackupPage)
    page.save_window(tmp_path / "window.toml")
    qtbot.waitUntil(lambda: "✓" in said(page, "backup_said"))
    assert load_desktop(tmp_path / "window.toml").layout.grid is Grid.FOUR
    context.settings.set("layout", grid=Grid.ONE)
    page.load_window(tmp_path / "window.toml")
    qtbot.waitUntil(lambda: dialog.draft.is_changed)
    dialog.button("ok").click()
    assert context.settings.now.layout.grid is Grid.FOUR


def test_the_configuration_is_saved_without_passwords(qtbot: QtBot, open_settings: MakeDialog, tmp_path: Path) -> None:
    page = open_settings().show_page("backup")
    assert isinstance(page, BackupPage)
    file = tmp_path / "config.json"
    page.save_config(file)
    qtbot.waitUntil(lambda: "✓" in said(page, "backup_said"))
    assert json.loads(file.read_text())["cameras"]["door"]["name"] == "Front door"
    assert "geheim" not in file.read_text() and file.stat().st_mode & 0o077 == 0
    page.save_config(tmp_path / "nowhere" / "config.json")
    qtbot.waitUntil(lambda: "No such file" in said(page, "backup_said"))


def test_the_level_of_the_windows_log_is_set(open_settings: MakeDialog, context: Context) -> None:
    dialog = open_settings()
    choose(dialog, "logging", "desktop.logging.level", "debug")
    choose(dialog, "appearance", "desktop.appearance.theme", "light")
    dialog.button("ok").click()
    assert context.settings.now.logging.level.value == "debug"
    assert context.settings.now.appearance.theme is Theme.LIGHT


# -- for everybody ------------------------------------------------------------------------------------------


def test_every_control_has_a_name_for_screen_readers(qtbot: QtBot, open_settings: MakeDialog) -> None:
    from PySide6.QtCore import Qt
    from PySide6.QtWidgets import QAbstractButton, QAbstractSpinBox, QComboBox, QKeySequenceEdit

    dialog = open_settings()
    kinds = (QAbstractButton, QAbstractSpinBox, QComboBox, QKeySequenceEdit, QLineEdit, QTreeWidget)
    nameless = []
    for name, page in dialog.pages.items():
        dialog.show_page(name)
        controls = [one for one in page.findChildren(QWidget) if isinstance(one, kinds) and one.isVisible()]
        for one in controls:
            inside = isinstance(one.parentWidget(), QAbstractSpinBox | QComboBox | QKeySequenceEdit | QLineEdit)
            text = one.text() if isinstance(one, QAbstractButton) else ""
            if not inside and one.focusPolicy() != Qt.FocusPolicy.NoFocus and not (one.accessibleName() or text):
                nameless.append(f"{name}: {type(one).__name__} {one.objectName()}")
    assert not nameless


def test_a_closed_dialog_asks_nothing_more(
    qtbot: QtBot, qapp: QApplication, context: Context, configured: CannedLink
) -> None:
    from PySide6.QtCore import QEvent

    from evertape_desktop.settings.dialog import SettingsDialog

    context.backend.start()
    dialog = SettingsDialog(context)
    qtbot.waitUntil(lambda: dialog.draft.is_loaded)
    dialog.deleteLater()
    qapp.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
    asked = len(sent(configured, "GET /config"))
    qtbot.waitUntil(lambda: configured._events is not None)
    seen: list[Any] = []
    context.backend.happened.connect(seen.append)
    configured.say("config_applied")
    qtbot.waitUntil(lambda: bool(seen))
    context.backend.get("/health").then(seen.append)
    qtbot.waitUntil(lambda: len(seen) == 2)
    assert len(sent(configured, "GET /config")) == asked


def test_what_somebody_else_changes_is_shown_and_what_was_typed_stays(
    qtbot: QtBot, open_settings: MakeDialog, configured: CannedLink
) -> None:
    dialog = open_settings()
    rotation, ring = line(dialog, "recording", "recording.rotation"), line(dialog, "recording", "ring.time")
    type_into(qtbot, rotation, "5min")
    leave(rotation)
    configured.answers["GET /config"]["config"]["ring"]["time"] = "2min"
    qtbot.waitUntil(lambda: configured._events is not None)
    configured.say("config_applied", changed=["ring"])
    qtbot.waitUntil(lambda: ring.text() == "2min")
    assert rotation.text() == "5min" and dialog.draft.changes == {"recording.rotation": "5min"}
