"""Recording control: what it shows, asks and tells, against a recorder with canned answers."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from desktop.canned_link import NOW, CannedLink, camera, volume
from evertape.engine.storage_notice import StorageNotice
from evertape_desktop.backend.backend import Backend
from evertape_desktop.backend.problem import Problem
from evertape_desktop.context import Context
from evertape_desktop.recording.control import RecordingControlWidget

GONE = {"volume": "usb1", "old": "online", "state": "not_mounted", "reason": "/mnt/usb1 is no longer mounted"}


@pytest.fixture
def control(qtbot: QtBot, backend: Backend, link: CannedLink) -> RecordingControlWidget:
    """One that has seen the recorder's state, in no window."""
    made = RecordingControlWidget(backend)
    qtbot.addWidget(made)
    begin(qtbot, backend, link)
    return made


def begin(qtbot: QtBot, backend: Backend, link: CannedLink) -> None:
    backend.start()
    qtbot.waitUntil(lambda: backend.look is not None and link.is_heard)


def say_recording(link: CannedLink, camera_id: str, old: str, state: str, **more: Any) -> None:
    """The engine says so, and its state says it too."""
    for one in link.state["cameras"]:
        if one["id"] == camera_id:
            one["recording"].update(state=state, wanted=state != "stopped", **more)
    link.say("recording_state", camera_id, old=old, state=state, volume="usb1", **more)


def click(qtbot: QtBot, button: Any) -> None:
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def test_a_row_says_what_its_camera_does(control: RecordingControlWidget, link: CannedLink) -> None:
    door, gate = control.row("door"), control.row("gate")
    assert (door.name.full, door.state_text) == ("Front door", "Recording to usb1")
    assert door.file.full == "door/2026-11-24/10.mp4"
    assert door.numbers.full == "1:01 · 31.0 MB"
    assert gate.state_text == "Not recording"
    assert (door.start_button.isEnabled(), door.stop_button.isEnabled()) == (False, True)
    assert (gate.start_button.isEnabled(), gate.stop_button.isEnabled()) == (True, False)


def test_a_click_asks_and_the_engine_decides(qtbot: QtBot, control: RecordingControlWidget, link: CannedLink) -> None:
    gate = control.row("gate")
    with qtbot.assertNotEmitted(control.recording_started):
        click(qtbot, gate.start_button)
        assert gate.state_text == "starting…"
        qtbot.waitUntil(lambda: ("POST /recording", {}, {"cameras": ["gate"], "wanted": True}) in link.asked)
    say_recording(link, "gate", "stopped", "waiting")
    with qtbot.waitSignal(control.recording_started) as started:
        say_recording(link, "gate", "waiting", "recording")
    assert started.args == ["gate"]
    assert gate.state_text == "Recording to usb1"
    assert gate.numbers.full.startswith("0:00 · 0 B"), "what was recorded before is not of this recording"
    click(qtbot, gate.stop_button)
    assert gate.state_text == "stopping…"
    with qtbot.waitSignal(control.recording_stopped) as stopped:
        say_recording(link, "gate", "recording", "stopped")
    assert stopped.args == ["gate"]
    assert gate.state_text == "Not recording"


def test_each_transition_is_told_once_whoever_tells_it_first(
    qtbot: QtBot, control: RecordingControlWidget, backend: Backend, link: CannedLink
) -> None:
    told: list[str] = []
    control.recording_started.connect(lambda name: told.append(f"+{name}"))
    control.recording_stopped.connect(lambda name: told.append(f"-{name}"))
    # The state of before is still answered once after the event: it must not take the transition back.
    link.say("recording_state", "gate", old="stopped", state="recording", volume="usb1")
    qtbot.waitUntil(lambda: told == ["+gate"])
    looks: list[object] = []
    backend.state_changed.connect(looks.append)
    backend.look_now()
    qtbot.waitUntil(lambda: len(looks) >= 1)
    assert (told, control.row("gate").state_text) == (["+gate"], "Recording to usb1")
    # And what no event told is learnt from the state.
    link.state["cameras"][0]["recording"].update(state="stopped", wanted=False)
    link.state["cameras"][1]["recording"].update(state="recording", wanted=True)
    backend.look_now()
    qtbot.waitUntil(lambda: told == ["+gate", "-door"])


def test_what_is_refused_is_said_in_the_row(qtbot: QtBot, control: RecordingControlWidget, link: CannedLink) -> None:
    link.answers["POST /recording"] = Problem("forbidden", "you may not do that", "ask an operator")
    click(qtbot, control.row("gate").start_button)
    qtbot.waitUntil(lambda: control.row("gate").state_text == "you may not do that → ask an operator")
    assert control.row("gate").start_button.isEnabled()


def test_all_are_started_and_stopped_at_once(qtbot: QtBot, control: RecordingControlWidget, link: CannedLink) -> None:
    click(qtbot, control.start_all_button)
    qtbot.waitUntil(lambda: ("POST /recording", {}, {"cameras": ["door", "gate"], "wanted": True}) in link.asked)
    assert control.row("door").state_text == "Recording to usb1", "it records already"
    say_recording(link, "gate", "stopped", "recording")
    qtbot.waitUntil(lambda: not control.start_all_button.isEnabled())
    click(qtbot, control.stop_all_button)
    qtbot.waitUntil(lambda: ("POST /recording", {}, {"cameras": ["door", "gate"], "wanted": False}) in link.asked)
    assert control.row("door").state_text == "stopping…"


def test_elapsed_counts_from_when_the_recording_was_begun(qtbot: QtBot, backend: Backend, link: CannedLink) -> None:
    began = NOW.replace("10:30:00", "08:27:57")
    before = NOW.replace("10:30:00", "07:00:00")
    link.answers["GET /events"] = {
        "events": [
            {"camera": "door", "at": began, "fields": {"old": "stopped", "state": "recording"}},
            {"camera": "door", "at": before, "fields": {"old": "stopped", "state": "recording"}},
        ]
    }
    control = RecordingControlWidget(backend)
    qtbot.addWidget(control)
    begin(qtbot, backend, link)
    qtbot.waitUntil(lambda: control.row("door").numbers.full.startswith("2:02:0"))


def test_the_retry_is_counted_down_each_second(qtbot: QtBot, control: RecordingControlWidget, link: CannedLink) -> None:
    say_recording(link, "door", "recording", "waiting", reason="storage_missing", attempt=2, retry_in_s=4.4)
    row = control.row("door")
    qtbot.waitUntil(lambda: row.retry.full == "attempt 3/20 in 4 s")
    assert row.state_text == "Waiting: the recording disk is missing"
    link.is_away = True
    for left in ("3 s", "2 s"):
        qtbot.waitUntil(lambda left=left: row.retry.full == f"attempt 3/20 in {left}", timeout=3000)


def test_the_label_changes_with_the_event_though_the_state_is_older(
    qtbot: QtBot, control: RecordingControlWidget, backend: Backend, link: CannedLink
) -> None:
    assert control.storage_text == "Disk Usage: 80.0 GB (371 files) | Free: 120.0 GB"
    looks: list[object] = []
    with qtbot.waitSignal(control.storage.changed):
        link.say("volume_state", **GONE)
    assert control.storage_text == "⚠ Storage: USB Disconnected"
    backend.state_changed.connect(looks.append)
    backend.look_now()
    qtbot.waitUntil(lambda: bool(looks))
    assert control.storage_text == "⚠ Storage: USB Disconnected", "the state was answered from before"


def test_the_worst_volume_comes_first(qtbot: QtBot, backend: Backend, link: CannedLink) -> None:
    link.state["volumes"] = [volume("usb1"), volume("usb2", state="denied", trouble="permission_denied")]
    control = RecordingControlWidget(backend)
    qtbot.addWidget(control)
    begin(qtbot, backend, link)
    assert [text.split("(")[0] for text in control._lines.texts] == [
        "⚠ Storage: Permission Denied", "Disk Usage: 80.0 GB "
    ]  # fmt: skip


def test_cameras_that_record_are_told_once_and_one_that_raises_stops_nobody(
    qtbot: QtBot, control: RecordingControlWidget, link: CannedLink, caplog: pytest.LogCaptureFixture
) -> None:
    told: dict[str, list[StorageNotice]] = {"door": [], "gate": []}

    def broken(_notice: StorageNotice) -> None:
        raise ZeroDivisionError("a mistake in the program")

    control.register_storage_error_callback("door", broken)
    control.register_storage_error_callback("door", told["door"].append)
    control.register_storage_error_callback("gate", told["gate"].append)
    link.say("volume_state", **GONE)
    qtbot.waitUntil(lambda: len(told["door"]) == 1)
    link.say("volume_state", **GONE)
    with qtbot.waitSignal(control.storage.changed):
        link.say("volume_state", volume="usb1", old="not_mounted", state="online")
    qtbot.waitUntil(lambda: len(told["door"]) == 2)
    gone, back = told["door"]
    assert (gone.label, gone.usable, back.usable) == ("⚠ Storage: USB Disconnected", False, True)
    assert told["gate"] == [], "it does not record"
    assert [bool(r.exc_info) for r in caplog.records if "callback of door failed" in r.getMessage()] == [True, True]


def test_a_camera_that_records_without_a_callback_is_a_warning(
    qtbot: QtBot, control: RecordingControlWidget, link: CannedLink, caplog: pytest.LogCaptureFixture
) -> None:
    warned = "door records, and nobody asked to be told about its storage"

    def warnings() -> int:
        return sum(warned in record.getMessage() for record in caplog.records)

    before = warnings()
    control.register_storage_error_callback("door", lambda notice: None)
    control.unregister_storage_error_callback("door")
    control.unregister_storage_error_callback("nobody")
    link.say("volume_state", **GONE)
    qtbot.waitUntil(lambda: warnings() == before + 1)
    assert any(r.levelno == logging.WARNING and warned in r.getMessage() for r in caplog.records)


def test_who_begins_to_record_while_a_disk_is_away_is_told_at_once(
    qtbot: QtBot, control: RecordingControlWidget, link: CannedLink
) -> None:
    told: list[StorageNotice] = []
    control.register_storage_error_callback("gate", told.append)
    link.state["volumes"] = [volume("usb1", state="not_mounted")]
    with qtbot.waitSignal(control.storage.changed):
        link.say("volume_state", **GONE)
    assert told == []
    say_recording(link, "gate", "stopped", "waiting", reason="storage_missing")
    qtbot.waitUntil(lambda: [notice.label for notice in told] == ["⚠ Storage: USB Disconnected"])


def test_in_a_window_the_rows_are_told_themselves(
    qtbot: QtBot, context: Context, link: CannedLink, caplog: pytest.LogCaptureFixture
) -> None:
    control = RecordingControlWidget(context.backend, actions=context.actions)
    qtbot.addWidget(control)
    begin(qtbot, context.backend, link)
    link.say("volume_state", **GONE)
    qtbot.waitUntil(lambda: control.row("door").state_text == "⚠ Storage: USB Disconnected")
    say_recording(link, "door", "recording", "waiting", reason="storage_missing")
    qtbot.waitUntil(lambda: control.row("door").state_text == "Waiting: the recording disk is missing")
    say_recording(link, "door", "waiting", "recording")
    qtbot.waitUntil(lambda: control.row("door").state_text == "Recording to usb1")
    assert not [r for r in caplog.records if "nobody asked" in r.getMessage()]
    context.actions["record_none"].trigger()
    assert control.row("door").state_text == "stopping…"


def test_cameras_come_and_go_while_it_is_open(
    qtbot: QtBot, control: RecordingControlWidget, backend: Backend, link: CannedLink
) -> None:
    link.state["cameras"] = [camera("yard"), link.state["cameras"][0]]
    with qtbot.waitSignal(backend.state_changed):
        backend.look_now()
    assert list(control._rows) == ["yard", "door"]
    with pytest.raises(KeyError):
        control.row("gate")


def test_no_timer_or_connection_is_left_when_it_is_closed(qtbot: QtBot, backend: Backend, link: CannedLink) -> None:
    gone: list[bool] = []
    control = RecordingControlWidget(backend)
    begin(qtbot, backend, link)
    control.destroyed.connect(lambda: gone.append(True))
    control.deleteLater()
    qtbot.waitUntil(lambda: bool(gone))
    with qtbot.waitSignal(backend.happened):
        link.say("volume_state", **GONE)
    with qtbot.waitSignal(backend.state_changed):
        backend.look_now()
