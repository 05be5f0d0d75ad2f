"""Recording control in a program that embeds the engine: no service, no hub, no window of ours."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path

import pytest
from PySide6.QtCore import Qt, QThread
from pytestqt.qtbot import QtBot

pytest.importorskip("gi", reason="GStreamer's bindings are not installed")

from evertape import RobustNVRPipeline, StorageNotice
from evertape.errors import NotRunningError
from evertape_desktop import RecordingControlWidget
from evertape_lab.fleet import LabCameras


def test_a_program_records_and_is_told_of_its_storage_by_the_widget_alone(qtbot: QtBot, tmp_path: Path) -> None:
    told: list[tuple[StorageNotice, bool]] = []

    def on_storage(notice: StorageNotice) -> None:
        told.append((notice, QThread.currentThread() is control.thread()))

    before = set(threading.enumerate())
    with (
        LabCameras(count=2, size="320x180", bitrate=300) as lab,
        RobustNVRPipeline(lab.urls[0], tmp_path, "door") as door,
        RobustNVRPipeline(lab.urls[1], tmp_path, "gate"),
    ):
        control = RecordingControlWidget.for_pipelines(door)
        qtbot.waitUntil(lambda: set(control._rows) == {"door", "gate"}, timeout=10_000)
        control.register_storage_error_callback("door", on_storage)
        control.register_storage_error_callback("gate", on_storage)
        row = control.row("door")
        qtbot.waitUntil(row.start_button.isEnabled, timeout=5000)
        with qtbot.waitSignal(control.recording_started, timeout=20_000) as started:
            qtbot.mouseClick(row.start_button, Qt.MouseButton.LeftButton)
        assert started.args == ["door"] and row.state_text == "Recording to recordings"
        qtbot.waitUntil(lambda: row.file.full.startswith("door/") and "kbit/s" in row.numbers.full, timeout=10_000)
        assert door.recording
        # At one stroke: file by file it would be a volume without its marker for a moment.
        shutil.rmtree((tmp_path / "recordings").rename(tmp_path / "deleted"))
        qtbot.waitUntil(lambda: [notice.usable for notice, _ in told][-2:] == [False, True], timeout=10_000)
        assert told[-2][0].label == "⚠ Storage: Directory Not Found"
        assert all(is_gui for _, is_gui in told), "on the GUI thread"
        assert {notice.volume for notice, _ in told} == {"recordings"}
        assert len(told) <= 3, "the camera that records was told once of each change, the other one of none"
        qtbot.waitUntil(lambda: control.storage_text.startswith(("Disk Usage", "Free")), timeout=5000)
        control.stop_all()
        with qtbot.waitSignal(control.recording_stopped, timeout=10_000):
            pass
        gone: list[bool] = []
        control.destroyed.connect(lambda: gone.append(True))
        control.deleteLater()
        qtbot.waitUntil(lambda: bool(gone), timeout=10_000)
        assert not any(thread.name == "evertape link" for thread in set(threading.enumerate()) - before)


def test_without_a_pipeline_there_is_nothing_to_control(qtbot: QtBot, tmp_path: Path) -> None:
    with pytest.raises(NotRunningError):
        RecordingControlWidget.for_pipelines(tmp_path)
