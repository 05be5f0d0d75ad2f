"""The settings dialog against a real service on this machine."""

from __future__ import annotations

import os
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QApplication, QLabel, QLineEdit, QTreeWidget, QWidget
from pytestqt.qtbot import QtBot

from desktop.settings_case import choose, leave, line, press, problem_at, type_into
from evertape import RobustNVRPipeline
from evertape.config.desktop import Grid, Theme
from evertape_desktop.actions import Actions
from evertape_desktop.backend.backend import Backend
from evertape_desktop.backend.http_link import LocalLink
from evertape_desktop.backend.in_process import InProcessLink
from evertape_desktop.context import Context
from evertape_desktop.settings.dialog import SettingsDialog
from evertape_desktop.settings.pages.backup import BackupPage
from evertape_desktop.settings.pages.cameras import CamerasPage
from evertape_desktop.settings.pages.hotkeys import HotKeysPage
from evertape_desktop.settings.pages.importing import ImportPage
from evertape_desktop.store import SettingsStore
from evertape_desktop.theme import apply_theme
from evertape_lab.fleet import LabCameras
from hub.served_hub import ServedHub
from unit.predecessor_databases import SECRETS, write

PICTURES = os.environ.get("EVERTAPE_GUIDE_PICTURES") == "1"
GUIDE = Path(__file__).parents[2] / "docs/guide"
DEEDS = (
    ("layout_1", "One camera", "Grid", "Alt+1"), ("layout_4", "Four cameras", "Grid", "Alt+2"),
    ("record_all", "Record all", "Recording", "Ctrl+R"), ("stop_all", "Stop all", "Recording", "Ctrl+T"),
    ("play", "Play or pause", "Playback", "Space"), ("full_screen", "Full screen", "Window", "F11"),
)  # fmt: skip


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedHub]:
    with LabCameras(count=2, size="320x180", bitrate=300) as lab:
        config = f'[cameras.door]\nurl = "{lab.urls[0]}"\nname = "Front door"\n'
        served = ServedHub(tmp_path_factory.mktemp("data"), config)
        served.spare = lab.urls[1]
        served.start()
        served.url()
        yield served
        assert served.stop() == 0


@pytest.fixture
def dialog(
    qtbot: QtBot, qapp: QApplication, theme_as_it_was: None, hub: ServedHub, tmp_path: Path
) -> Iterator[SettingsDialog]:
    window = QWidget()
    actions = Actions(window)
    for name, text, group, key in DEEDS:
        actions.add(name, text, print, group=group, key=key)
    backend = Backend(LocalLink(hub.data))
    backend.start()
    made = SettingsDialog(Context(backend, SettingsStore(tmp_path / "desktop.toml"), actions))
    qtbot.addWidget(made)
    apply_theme(qapp, Theme.LIGHT)
    made.show()
    made.resize(1060, 740)
    qtbot.waitUntil(lambda: made.draft.is_loaded and backend.look is not None, timeout=20_000)
    yield made
    made.close()
    backend.close()
    window.deleteLater()


def text(parent: QWidget, name: str) -> str:
    label = parent.findChild(QLabel, name)
    assert isinstance(label, QLabel)
    return label.text()


def picture(dialog: SettingsDialog, qapp: QApplication, name: str) -> None:
    """One of the guide's, if they are wanted."""
    if PICTURES:
        qapp.processEvents()
        assert dialog.grab().save(str(GUIDE / name))


def test_a_camera_is_looked_at_added_and_recorded(qtbot: QtBot, dialog: SettingsDialog, hub: ServedHub) -> None:
    page = dialog.show_page("cameras")
    assert isinstance(page, CamerasPage)
    asked = page.add()
    url = asked.findChild(QLineEdit, "url")
    assert isinstance(url, QLineEdit)
    type_into(qtbot, url, hub.spare)
    press(asked, "probe")
    qtbot.waitUntil(lambda: "✓ H264 320×180" in text(asked, "probe_found"), timeout=30_000)
    name = asked.findChild(QLineEdit, "name")
    assert isinstance(name, QLineEdit)
    type_into(qtbot, name, "Back yard")
    asked.ok.click()
    qtbot.waitUntil(lambda: page.ids() == ["door", "back_yard"], timeout=10_000)
    backend = dialog._context.backend

    def is_recorded() -> bool:
        camera = backend.look.camera("back_yard") if backend.look else None
        return camera is not None and camera.name == "Back yard" and camera.is_recording

    qtbot.waitUntil(is_recorded, timeout=30_000)
    assert "# A comment that has to survive." in (hub.data / "evertape.toml").read_text()


def test_rotation_is_changed_while_recording_goes_on(
    qtbot: QtBot, qapp: QApplication, dialog: SettingsDialog, hub: ServedHub
) -> None:
    backend = dialog._context.backend
    rotation = line(dialog, "recording", "recording.rotation")
    assert rotation.text() == "4s"
    type_into(qtbot, rotation, "1s")
    leave(rotation)
    qtbot.waitUntil(lambda: "recording.rotation" in dialog.draft.problems, timeout=10_000)
    assert problem_at(dialog, "recording", "recording.rotation") == "1s is out of bounds; allowed is 2s to 24h"
    picture(dialog, qapp, "desktop-settings.png")
    assert 'rotation = "4s"' in (hub.data / "evertape.toml").read_text(), "it was only looked at"
    type_into(qtbot, rotation, "6s")
    with qtbot.waitSignal(dialog.draft.saved, timeout=10_000):
        dialog.button("apply").click()
    qtbot.waitUntil(lambda: dialog.draft.set_value("recording.rotation") == "6s", timeout=10_000)
    assert 'rotation = "6s"' in (hub.data / "evertape.toml").read_text()
    door = backend.look.camera("door") if backend.look else None
    assert door is not None and door.is_recording and door.recording is not None and not door.recording.frames_lost


def test_everything_but_the_footage_is_saved(
    qtbot: QtBot, dialog: SettingsDialog, hub: ServedHub, tmp_path: Path
) -> None:
    page = dialog.show_page("backup")
    assert isinstance(page, BackupPage)
    file = tmp_path / "evertape.tar.gz"
    page.save_whole(file)
    qtbot.waitUntil(lambda: "✓" in text(page, "backup_said"), timeout=20_000)
    with tarfile.open(file) as tar:
        names = tar.getnames()
    assert any(name.endswith("evertape.toml") for name in names), names
    assert not any(name.endswith(".mp4") for name in names)
    assert file.stat().st_mode & 0o077 == 0
    page.save_whole(file)
    qtbot.waitUntil(lambda: "exists already" in text(page, "backup_said"), timeout=10_000)


def test_what_the_old_recorder_had_is_shown_and_taken_over(
    qtbot: QtBot, dialog: SettingsDialog, hub: ServedHub, tmp_path: Path
) -> None:
    page = dialog.show_page("import")
    assert isinstance(page, ImportPage)
    type_into(qtbot, page.file, str(tmp_path / "nothing.db"))
    press(page, "import_look")
    qtbot.waitUntil(lambda: "nothing.db" in text(page, "import_said"), timeout=10_000)
    page.file.setText(str(write(tmp_path / "IT_RNVR.db")))
    press(page, "import_look")
    table = page.findChild(QTreeWidget, "import_rows")
    assert isinstance(table, QTreeWidget)
    qtbot.waitUntil(lambda: table.topLevelItemCount() > 20, timeout=10_000)
    shown = "\n".join(
        " ".join(item.text(at) for at in range(5))
        for item in (table.topLevelItem(row) for row in range(table.topLevelItemCount()))
        if item is not None
    )
    assert "cameras.cam_01" in shown and "is not taken over" in shown
    assert not any(secret in shown for secret in SECRETS)
    assert "cam_01" not in dialog.draft.names("cameras"), "nothing is changed by looking"
    press(page, "import_take")
    qtbot.waitUntil(lambda: "cam_01" in dialog.draft.names("cameras"), timeout=10_000)
    assert "2 cameras" in text(page, "import_said")
    assert dialog._context.settings.now.layout.grid is Grid.THREE


def test_hot_keys_that_clash_are_named(qtbot: QtBot, qapp: QApplication, dialog: SettingsDialog) -> None:
    page = dialog.show_page("hotkeys")
    assert isinstance(page, HotKeysPage)
    page.row("stop_all").edit.setKeySequence(QKeySequence("F11"))
    assert "“Full screen”" in text(page, "key_conflicts") and "“Stop all”" in text(page, "key_conflicts")
    choose(dialog, "appearance", "desktop.appearance.theme", Theme.DARK.value)
    dialog.show_page("hotkeys")
    picture(dialog, qapp, "desktop-hotkeys.png")


def test_an_engine_of_this_program_has_settings_and_no_accounts(
    qtbot: QtBot, theme_as_it_was: None, tmp_path: Path
) -> None:
    window = QWidget()
    with RobustNVRPipeline("rtsp://127.0.0.1:1/nobody", tmp_path / "footage", "yard"):
        backend = Backend(InProcessLink.of_pipelines(tmp_path / "footage"))
        backend.start()
        dialog = SettingsDialog(Context(backend, SettingsStore(None), Actions(window)))
        qtbot.addWidget(dialog)
        dialog.show()
        try:
            qtbot.waitUntil(lambda: dialog.draft.is_loaded, timeout=20_000)
            page = dialog.show_page("users")
            qtbot.waitUntil(lambda: "no accounts" in text(page, "users_said"), timeout=10_000)
            type_into(qtbot, line(dialog, "recording", "recording.rotation"), "5min")
            dialog.button("apply").click()
            qtbot.waitUntil(lambda: "there is no configuration" in text(dialog, "settings_said"), timeout=10_000)
        finally:
            dialog.close()
            backend.close()
    window.deleteLater()
