"""The time line, the tips over it and the player's deeds, with canned answers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QMouseEvent, QWheelEvent
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from desktop.canned_link import NOW, CannedLink
from evertape.types import NS_PER_S
from evertape_desktop.backend.backend import Backend
from evertape_desktop.backend.model import instant, utc_ns
from evertape_desktop.backend.problem import Problem
from evertape_desktop.context import Context
from evertape_desktop.playback.dialogs import RunDialog
from evertape_desktop.playback.player import Player
from evertape_desktop.playback.scale import Window
from evertape_desktop.playback.selection import DeleteDialog, ExportDialog
from evertape_desktop.playback.spans import Kind
from evertape_desktop.playback.timeline import TimelineWidget
from evertape_desktop.playback.timeline_paint import NAMES, RULER
from evertape_desktop.playback.widget import PlaybackWidget
from evertape_desktop.theme import colours

T = utc_ns(NOW)
GAP = (T - 300 * NS_PER_S, T - 240 * NS_PER_S)


def spans(query: dict[str, Any], _body: Any) -> Any:
    """Recorded for ten minutes, with a gap of the disk's in the middle."""
    start, end = utc_ns(query["start"]), min(utc_ns(query["end"]), T)
    marks = [(T - 600 * NS_PER_S, GAP[0], ""), (*GAP, "storage_hung"), (GAP[1], T, "")]
    found = [
        {"start": instant(max(a, start)), "end": instant(min(b, end)), "kind": "gap" if cause else "recorded",
         "cause": cause, "on_purpose": False, "volume": "" if cause else "usb1", "gaps": int(bool(cause)),
         "recorded_s": 0 if cause else 1}
        for a, b, cause in marks if a < end and b > start
    ]  # fmt: skip
    names = query["camera"] if isinstance(query["camera"], list) else [query["camera"]]
    return {"cameras": [{"camera": name, "spans": found} for name in names]}


@pytest.fixture
def widget(qtbot: QtBot, link: CannedLink, backend: Backend, context: Context) -> Iterator[PlaybackWidget]:
    link.answers["GET /timeline"] = spans
    for camera in ("door", "gate"):
        link.answers[f"GET /cameras/{camera}/segments"] = {"camera": camera, "parts": [], "next": None}
        link.answers[f"GET /cameras/{camera}/at"] = {"kind": "nothing", "gap": None, "next": None}
    made = PlaybackWidget(context)
    made.resize(1200, 520)
    backend.start()
    made.show()
    qtbot.waitUntil(lambda: len(made.player.tracks) == 2)
    made.timeline.show_window(Window(T - 600 * NS_PER_S, T))
    made.grab()
    qtbot.waitUntil(lambda: bool(made.tiles.spans("door", T - 600 * NS_PER_S, T, NS_PER_S)))
    yield made
    made.close_player()
    made.close()
    made.deleteLater()


def place(timeline: TimelineWidget, at: int, row: int = 0) -> QPointF:
    x = timeline.window_shown.x_of(at, timeline.width() - NAMES)
    return QPointF(NAMES + x, RULER + row * 24 + 12)


def mouse(timeline: TimelineWidget, kind: QEvent.Type, at: QPointF, held: bool, shift: bool = False) -> None:
    button = Qt.MouseButton.LeftButton
    modifier = Qt.KeyboardModifier.ShiftModifier if shift else Qt.KeyboardModifier.NoModifier
    buttons = button if held else Qt.MouseButton.NoButton
    pressed = Qt.MouseButton.NoButton if kind is QEvent.Type.MouseMove else button
    event = QMouseEvent(kind, at, timeline.mapToGlobal(at), pressed, buttons, modifier)
    QApplication.sendEvent(timeline, event)


def test_a_gap_is_painted_in_another_colour_than_footage(widget: PlaybackWidget) -> None:
    picture = widget.timeline.grab().toImage()
    recorded = picture.pixelColor(place(widget.timeline, T - 500 * NS_PER_S).toPoint())
    assert recorded.name() == colours().recorded
    middle = place(widget.timeline, sum(GAP) // 2).toPoint()
    near = {picture.pixelColor(middle + QPoint(x, y)).name() for x in range(8) for y in range(8)}
    assert colours().recorded not in near and len(near) > 1, "a pattern, not only a colour"


def test_the_mouse_over_a_gap_tells_what_happened_and_what_was_done(
    qtbot: QtBot, link: CannedLink, widget: PlaybackWidget
) -> None:
    link.answers["GET /ledger"] = {"gaps": [{
        "cause": "storage_hung", "seconds": 60.0, "start": instant(GAP[0]), "end": instant(GAP[1]),
        "what": "The disk did not answer.", "frames_lost": 12,
        "deed": "Kept what memory could hold.",
        "remedy": "Check its cable, its power and, on a network share, its server.",
    }]}  # fmt: skip
    mouse(widget.timeline, QEvent.Type.MouseMove, place(widget.timeline, sum(GAP) // 2), held=False)
    assert "Storage hung" in widget.tips.text and "Front door" in widget.tips.text
    qtbot.waitUntil(lambda: "Kept what memory could hold" in widget.tips.text)
    assert "12 pictures are lost" in widget.tips.text and "Check its cable" in widget.tips.text
    mouse(widget.timeline, QEvent.Type.MouseMove, place(widget.timeline, T - 500 * NS_PER_S), held=False)
    assert "usb1" in widget.tips.text


def test_a_click_plays_there(qtbot: QtBot, widget: PlaybackWidget) -> None:
    at = T - 450 * NS_PER_S
    with qtbot.waitSignal(widget.timeline.seek_wanted) as asked:
        mouse(widget.timeline, QEvent.Type.MouseButtonPress, place(widget.timeline, at), held=True)
        mouse(widget.timeline, QEvent.Type.MouseButtonRelease, place(widget.timeline, at), held=False)
    assert asked.args is not None and abs(asked.args[0] - at) < NS_PER_S
    assert widget.player.playing and abs(widget.player.at - at) < 2 * NS_PER_S


def test_dragging_moves_and_with_shift_selects(widget: PlaybackWidget) -> None:
    timeline = widget.timeline
    begin, end = T - 500 * NS_PER_S, T - 400 * NS_PER_S
    for shift in (True, False):
        before = timeline.window_shown
        from_, to = place(timeline, begin), place(timeline, end)
        mouse(timeline, QEvent.Type.MouseButtonPress, from_, held=True, shift=shift)
        mouse(timeline, QEvent.Type.MouseMove, to, held=True, shift=shift)
        mouse(timeline, QEvent.Type.MouseButtonRelease, to, held=False, shift=shift)
        moved = before.start - timeline.window_shown.start
        assert moved == 0 if shift else abs(moved - 100 * NS_PER_S) < 2 * NS_PER_S
    assert timeline.selection is not None
    assert abs(timeline.selection[0] - begin) < NS_PER_S and abs(timeline.selection[1] - end) < NS_PER_S


def test_the_wheel_zooms_around_the_mouse(widget: PlaybackWidget) -> None:
    timeline, at = widget.timeline, T - 200 * NS_PER_S
    where = place(timeline, at)
    none = Qt.KeyboardModifier.NoModifier
    event = QWheelEvent(
        where, timeline.mapToGlobal(where), QPoint(), QPoint(0, 120), Qt.MouseButton.NoButton, none,
        Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    QApplication.sendEvent(timeline, event)
    assert timeline.window_shown.length == pytest.approx(480 * NS_PER_S, rel=1e-6)
    assert (place(timeline, at) - where).manhattanLength() < 2


def test_the_time_line_is_worked_by_keys(qtbot: QtBot, widget: PlaybackWidget) -> None:
    timeline = widget.timeline
    timeline.setFocus()
    timeline.set_cursor(T - 300 * NS_PER_S, follow=False)
    length = timeline.window_shown.length
    qtbot.keyClick(timeline, Qt.Key.Key_Plus)
    assert timeline.window_shown.length < length
    qtbot.keyClick(timeline, Qt.Key.Key_Minus)
    start = timeline.window_shown.start
    qtbot.keyClick(timeline, Qt.Key.Key_PageDown)
    assert timeline.window_shown.start > start
    qtbot.keyClick(timeline, Qt.Key.Key_Right, Qt.KeyboardModifier.ShiftModifier)
    assert timeline.selection is not None and timeline.selection[0] == T - 300 * NS_PER_S
    with qtbot.waitSignal(timeline.seek_wanted):
        qtbot.keyClick(timeline, Qt.Key.Key_Left, Qt.KeyboardModifier.ControlModifier)


def test_each_deed_has_a_hot_key_of_its_own_while_it_can_be_seen(widget: PlaybackWidget, context: Context) -> None:
    deeds = [deed for deed in context.actions if deed.name.startswith("playback_")]
    assert len(deeds) >= 20 and all(deed.default for deed in deeds) and not context.actions.conflicts()
    assert all(deed.action.isEnabled() for deed in deeds)
    widget.hide()
    assert not any(deed.action.isEnabled() for deed in deeds), "letters and arrows are others' while it is hidden"


def test_marks_make_a_selection_that_a_dialog_takes(widget: PlaybackWidget, context: Context) -> None:
    context.actions["playback_export"].trigger()
    assert widget.findChild(RunDialog) is None and "Select a time first" in widget.controls.state.text()
    widget.player.seek(T - 400 * NS_PER_S)
    context.actions["playback_mark_in"].trigger()
    widget.player.seek(T - 350 * NS_PER_S)
    context.actions["playback_mark_out"].trigger()
    assert widget.timeline.selection == (T - 400 * NS_PER_S, T - 350 * NS_PER_S)
    context.actions["playback_export"].trigger()
    dialog = widget.findChild(ExportDialog)
    assert dialog is not None and dialog.target.path.name == "2-cameras_2026-11-24_10-23-20.zip"
    assert "Front door, Gate" in dialog.what.text()
    dialog.close()


def test_an_export_that_is_refused_says_why_and_can_be_tried_again(
    qtbot: QtBot, link: CannedLink, widget: PlaybackWidget, context: Context
) -> None:
    link.answers["POST /exports"] = Problem("too_many", "there are too many exports", "wait for one", status=429)
    widget.timeline.select((T - 400 * NS_PER_S, T - 350 * NS_PER_S))
    context.actions["playback_export"].trigger()
    dialog = widget.findChild(ExportDialog)
    assert dialog is not None
    dialog.begin.click()
    qtbot.waitUntil(lambda: "there are too many exports" in dialog.status.text())
    assert dialog.begin.isEnabled()
    dialog.close()


def test_deleting_offers_what_is_finished_and_not_protected(
    qtbot: QtBot, link: CannedLink, widget: PlaybackWidget, backend: Backend
) -> None:
    def file(name: str, begin: int, end: int, state: str = "closed") -> Any:
        segment = {"id": name, "camera": "shed", "state": state, "bytes": 1000, "path": f"{name}.mp4", "hash": "",
                   "start": instant(T + begin * NS_PER_S), "end": instant(T + end * NS_PER_S)}  # fmt: skip
        return {"segment": segment, "start": segment["start"], "end": segment["end"], "whole": True}

    parts = [file("a", -90, -60), file("b", -60, -30), file("c", -30, 0), file("d", 0, 10, "open")]
    link.answers["GET /cameras/shed/segments"] = {"camera": "shed", "parts": parts, "next": None}
    held = {"camera": "shed", "start": instant(T - 59 * NS_PER_S), "end": instant(T - 50 * NS_PER_S)}
    link.answers["GET /protections"] = {"protections": [held]}
    link.answers["POST /retention/delete"] = {"run": 7, "done": False, "files": 0, "bytes": 0, "error": ""}
    link.answers["GET /retention/run/7"] = {"run": 7, "done": True, "files": 1, "bytes": 1000, "error": ""}
    dialog = DeleteDialog(backend, ("shed",), (T - 90 * NS_PER_S, T - 10 * NS_PER_S), "", widget)
    qtbot.waitUntil(lambda: dialog.begin.isEnabled())
    assert dialog.chosen == ("a",)
    assert "1 stay, because they are protected" in dialog.status.text()
    dialog.beyond.setChecked(True)
    assert dialog.chosen == ("a", "c")
    dialog.beyond.setChecked(False)
    with qtbot.waitSignal(dialog.finished_well):
        dialog.begin.click()
    assert ("POST /retention/delete", {}, {"segments": ["a"]}) in link.asked
    assert "1 files (1.00 kB) are deleted" in dialog.status.text()
    dialog.close()


def test_a_recorder_that_is_away_is_said_on_the_picture_and_asked_again(
    qtbot: QtBot, link: CannedLink, widget: PlaybackWidget
) -> None:
    link.answers["GET /cameras/door/segments"] = Problem("unreachable", "the recorder cannot be reached")
    widget.player.forget()
    widget.player.seek(T - 333 * NS_PER_S)
    surface = widget.wall.surfaces["door"]
    qtbot.waitUntil(lambda: surface.card is not None and "cannot be reached" in " ".join(surface.card.lines))
    link.answers["GET /cameras/door/segments"] = {"camera": "door", "parts": [], "next": None}
    qtbot.waitUntil(lambda: surface.card is not None and surface.card.headline == "No footage", timeout=8000)


def test_what_a_wider_window_shows_stands_in_until_the_finer_comes(
    qtbot: QtBot, link: CannedLink, widget: PlaybackWidget
) -> None:
    store = widget.tiles
    qtbot.waitUntil(lambda: bool(store.spans("door", T - 600 * NS_PER_S, T, NS_PER_S)))
    link.answers["GET /timeline"] = Problem("busy", "the index is busy", status=503)
    found = store.spans("door", GAP[0] + NS_PER_S, GAP[1] - NS_PER_S, NS_PER_S / 16)
    assert [one.kind for one in found] == [Kind.STORAGE]


def test_a_player_that_is_closed_stays_closed(qtbot: QtBot, backend: Backend) -> None:
    player = Player(backend)
    player.close()
    player.close()
    player.play()
    assert not player.tracks
