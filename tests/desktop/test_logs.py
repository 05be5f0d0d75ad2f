"""The log viewer: live and past, filters, export."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QDateTime
from pytestqt.qtbot import QtBot

from desktop.canned_link import NOW, CannedLink
from evertape.hub.api.events import HIDDEN, KINDS
from evertape_desktop.backend.model import EventLook
from evertape_desktop.context import Context
from evertape_desktop.logs.model import Line, LogFilter, LogModel
from evertape_desktop.logs.viewer import LogViewer
from evertape_desktop.logs.wording import LEVELS, level_of, words_of


def _line(seq: int, level: str, text: str) -> dict[str, Any]:
    return {"seq": seq, "at": f"2026-11-24T10:30:{seq:02d}.000000000Z", "level": level, "process": "r0", "text": text}


@pytest.fixture
def viewer(qtbot: QtBot, context: Context, link: CannedLink) -> LogViewer:
    link.answers["GET /log"] = {"lines": [_line(1, "info", "door: begins"), _line(2, "error", "gate: Disk failed")]}
    link.answers["GET /events"] = {"events": [], "next": None}
    made = LogViewer(context)
    qtbot.addWidget(made)
    context.backend.start()
    qtbot.waitUntil(lambda: context.backend.look is not None and link._events is not None)
    made.show()
    qtbot.waitUntil(lambda: len(made.model.lines) == 2)
    return made


def test_every_kind_of_event_has_words_and_a_level() -> None:
    for kind in KINDS.keys() - HIDDEN:
        event = EventLook(kind=kind, fields={})
        assert not words_of(event).startswith(f"{kind}:"), kind
        assert level_of(event) in LEVELS
    assert words_of(EventLook(kind="of_tomorrow", fields={"a": 1})) == "of_tomorrow: a=1"


def test_lines_and_events_stand_in_the_order_of_time(qtbot: QtBot, viewer: LogViewer, link: CannedLink) -> None:
    link.say("volume_state", volume="usb1", state="missing", reason="not mounted")
    qtbot.waitUntil(lambda: len(viewer.model.lines) == 3)
    assert [line.level for line in viewer.model.lines] == ["error", "info", "error"]
    assert "usb1" in viewer.model.lines[0].text and "not mounted" in viewer.model.lines[0].text


def test_filters_of_level_camera_and_text(qtbot: QtBot, viewer: LogViewer) -> None:
    viewer.bar.level.setCurrentIndex(LEVELS.index("warning"))
    assert [line.text for line in viewer.shown()] == ["gate: Disk failed"]
    viewer.bar.level.setCurrentIndex(0)
    viewer.bar.camera.setCurrentIndex(viewer.bar.camera.findData("door"))
    assert [line.camera for line in viewer.shown()] == ["door"]
    viewer.bar.camera.setCurrentIndex(0)
    viewer.bar.text.setText("DISK")
    qtbot.waitUntil(lambda: viewer.filter.rowCount() == 1)


def test_the_past_is_read_page_by_page(qtbot: QtBot, viewer: LogViewer, link: CannedLink) -> None:
    def page(query: dict[str, Any], _body: Any) -> Any:
        first = query["before"] != "next page"
        event = {"id": "a" if first else "b", "at": NOW, "kind": "notice", "camera": "door", "fields": {"text": "hm"}}
        return {"events": [event], "next": "next page" if first else None}

    link.answers["GET /events"] = page
    viewer.bar.start.setDateTime(QDateTime.fromString("2026-11-01 00:00", "yyyy-MM-dd HH:mm"))
    viewer.bar.live.setChecked(False)
    qtbot.waitUntil(lambda: len(viewer.model.lines) == 2)
    assert "2 " in viewer.said.text()


def test_what_is_shown_can_be_exported(qtbot: QtBot, viewer: LogViewer, tmp_path: Path) -> None:
    with qtbot.waitSignal(viewer.exported, timeout=5000):
        viewer.export_to(tmp_path / "out.log")
    rows = [row.split("\t") for row in (tmp_path / "out.log").read_text().splitlines()]
    assert [row[-1] for row in rows] == ["door: begins", "gate: Disk failed"] and all(len(row) == 5 for row in rows)
    viewer.export_to(tmp_path / "no" / "such" / "folder")
    qtbot.waitUntil(lambda: "cannot be written" in viewer.said.text())


def test_nobody_asks_while_nobody_looks(qtbot: QtBot, viewer: LogViewer) -> None:
    viewer.hide()
    assert not viewer._timer.isActive()


def test_a_line_is_listed_once_and_the_oldest_go(monkeypatch: pytest.MonkeyPatch, qtbot: QtBot) -> None:
    monkeypatch.setattr("evertape_desktop.logs.model.MOST", 3)
    model = LogModel()
    shown = LogFilter(model)
    lines = [Line(f"2026-11-24T10:30:0{n}Z", str(n), "info", "x", "", str(n)) for n in range(5)]
    model.add(reversed(lines))
    model.add(lines[:3])
    model.add(lines[3:])
    assert [line.text for line in model.lines][-2:] == ["3", "4"] and len(model.lines) == 3
    assert shown.rowCount() == 3
