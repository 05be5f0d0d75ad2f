"""The log viewer: what happens and what the processes say, live and of the past. GUI thread only."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
from PySide6.QtCore import QEvent, QModelIndex, QTimer, Signal
from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFileDialog,
    QHeaderView,
    QLabel,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from evertape.redact import redact
from evertape_desktop import words
from evertape_desktop.backend.model import EventLook, ServiceLook
from evertape_desktop.backend.problem import Problem
from evertape_desktop.context import Context
from evertape_desktop.logs.bar import LogBar
from evertape_desktop.logs.model import Line, LogFilter, LogModel
from evertape_desktop.logs.wording import level_of, words_of

_POLL_MS = 2000
_PAGE = 1000
_MOST_PAGES = 20


class LogViewer(QWidget):
    """See the module.

    Args:
        context: what the window shares.
        parent: as for any widget.
    """

    exported = Signal(str)
    """Everything that is shown was written to this file."""

    def __init__(self, context: Context, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._context = context
        self._seq = 0
        self._asking = False
        self.model = LogModel()
        self.filter = LogFilter(self.model)
        self.bar = LogBar(self)
        self.said = QLabel(self)
        self._make_table()
        self._lay_out()
        self._timer = QTimer(self, interval=_POLL_MS)
        self._timer.timeout.connect(self._ask_for_lines)
        self._connect()

    # -- making it ------------------------------------------------------------------------------------------

    def _make_table(self) -> None:
        self.table = QTableView(self)
        self.table.setModel(self.filter)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.setAlternatingRowColors(True)
        self.table.setShowGrid(False)
        self.table.setWordWrap(False)
        self.table.setTabKeyNavigation(False)
        self.table.setAccessibleName(self.tr("Log"))
        self.table.verticalHeader().hide()
        self.table.verticalHeader().setDefaultSectionSize(self.fontMetrics().height() + 6)
        header = self.table.horizontalHeader()
        header.setStretchLastSection(True)
        header.setHighlightSections(False)
        wide = self.fontMetrics().horizontalAdvance("2026-11-24 10:30:00  ")
        for column, width in enumerate((wide, wide // 2, wide * 2 // 3, wide * 2 // 3)):
            header.setSectionResizeMode(column, QHeaderView.ResizeMode.Interactive)
            header.resizeSection(column, width)

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(6, 6, 6, 6)
        column.addWidget(self.bar)
        column.addWidget(self.table, 1)
        column.addWidget(self.said)

    def _connect(self) -> None:
        backend = self._context.backend
        backend.happened.connect(self._happened)
        backend.missed.connect(self._missed)
        backend.state_changed.connect(self._saw)
        self.bar.chosen.connect(self._choose)
        self.bar.live.toggled.connect(self._live_toggled)
        self.bar.past_wanted.connect(self._load_past)
        self.bar.export.clicked.connect(self._choose_file)
        self.filter.rowsInserted.connect(self._follow)
        self._context.actions.add("log_export", self.tr("Export the log…"), self._choose_file, group=self.tr("Log"))

    # -- live -----------------------------------------------------------------------------------------------

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 - Qt's
        """Begin to ask: nobody does while nobody looks."""
        super().showEvent(event)
        if self.bar.live.isChecked():
            self._begin_live()

    def hideEvent(self, event: QHideEvent) -> None:  # noqa: N802 - Qt's
        """Ask no more."""
        super().hideEvent(event)
        self._timer.stop()

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802 - Qt's
        """Other colours."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:
            self.table.viewport().update()

    def _begin_live(self) -> None:
        self._timer.start()
        self._ask_for_lines()
        self._context.backend.get("/events", limit=500).then(self._page, self._refused, owner=self)

    def _ask_for_lines(self) -> None:
        if self._asking:
            return
        self._asking = True
        self._context.backend.get("/log", after=self._seq, limit=2000).then(self._lines, self._no_lines, owner=self)

    def _lines(self, answer: dict[str, Any]) -> None:
        self._asking = False
        if not self.bar.live.isChecked():
            return
        lines = answer.get("lines", [])
        if lines and int(lines[-1]["seq"]) < self._seq:
            self._seq = 0  # another run of the service
        self._seq = max([self._seq, *(int(line["seq"]) for line in lines)])
        self.model.add(
            Line(
                line["at"],
                f"{line['at']}/{line['seq']}",
                line["level"],
                line["process"],
                self._named(line["text"]),
                line["text"],
            )
            for line in lines
        )

    def _no_lines(self, problem: Problem) -> None:
        self._asking = False
        if problem.status == 503 or not problem.status:
            self._seq = 0
        self._refused(problem)

    def _refused(self, problem: Problem) -> None:
        self.said.setText(str(problem))

    def _happened(self, event: EventLook) -> None:
        if self.bar.live.isChecked():
            self.said.clear()
            self.model.add([self._line(event)])

    def _missed(self) -> None:
        if self.bar.live.isChecked() and self.isVisible():
            self._begin_live()

    def _page(self, answer: dict[str, Any]) -> None:
        if self.bar.live.isChecked():
            self.model.add(self._line(msgspec.convert(event, EventLook)) for event in answer.get("events", []))

    def _line(self, event: EventLook) -> Line:
        return Line(event.at, event.id, level_of(event), self.tr("event"), event.camera, redact(words_of(event)))

    def _named(self, text: str) -> str:
        """The camera that a line of a log is about: its id stands in it as a word."""
        spaced = "".join(letter if letter.isalnum() or letter in "_-" else " " for letter in text).split()
        return next((camera for camera in self.bar.cameras if camera in spaced), "")

    def _follow(self, _parent: QModelIndex, _first: int, last: int) -> None:
        """Stay at the end, unless a person has scrolled away from it."""
        bar = self.table.verticalScrollBar()
        if self.bar.live.isChecked() and bar.value() >= bar.maximum() - 2:
            QTimer.singleShot(0, self.table, self.table.scrollToBottom)

    # -- the past -------------------------------------------------------------------------------------------

    def _live_toggled(self, live: bool) -> None:
        self.model.clear()
        self._seq = 0
        if live:
            self._begin_live()
        else:
            self._timer.stop()
            self._load_past()

    def _load_past(self) -> None:
        start, end = self.bar.span
        camera = self.bar.camera_id or None
        self.model.clear()
        self.said.setText(self.tr("Reading …"))
        self._context.backend.do(self._read_past(start, end, camera)).then(self._past, self._refused, owner=self)

    async def _read_past(self, start: str, end: str, camera: str | None) -> tuple[list[EventLook], bool]:
        """On the link's thread: page by page, newest first, up to a bound."""
        found: list[EventLook] = []
        before: str | None = end
        for _ in range(_MOST_PAGES):
            query = {"after": start, "before": before, "limit": _PAGE, "camera": camera}
            answer = await self._context.backend.request("GET", "/events", query=query)
            page = msgspec.json.decode(answer.body)
            found += msgspec.convert(page["events"], list[EventLook])
            before = page["next"]
            if before is None:
                return found, True
        return found, False

    def _past(self, answer: tuple[Sequence[EventLook], bool]) -> None:
        events, whole = answer
        if self.bar.live.isChecked():
            return
        self.model.add(map(self._line, events))
        if whole:
            self.said.setText(self.tr("{0} events").format(len(events)))
        else:
            self.said.setText(self.tr("The newest {0} events of that time; choose a shorter one").format(len(events)))

    # -- filter and export ----------------------------------------------------------------------------------

    def _saw(self, look: ServiceLook) -> None:
        self.model.zone = words.zone_of(look.timezone)
        self.bar.show_cameras(look)

    def _choose(self) -> None:
        self.filter.choose(level=self.bar.level.currentData(), camera=self.bar.camera_id, text=self.bar.text.text())
        if self.bar.live.isChecked():
            self.table.scrollToBottom()

    def shown(self) -> list[Line]:
        """What the filter lets through, oldest first."""
        return [line for line in self.model.lines if self.filter.accepts(line)]

    def _choose_file(self) -> None:
        path, _ = QFileDialog.getSaveFileName(self, self.tr("Export the log"), "evertape.log", "*.log *.txt")
        if path:
            self.export_to(Path(path))

    def export_to(self, path: Path) -> None:
        """Write what is shown to a file, one line each, fields between tabs; ``exported`` tells when it is done."""
        rows = [
            "\t".join(
                (line.at, line.level, line.source, line.camera, line.text.replace("\n", " ⏎ ").replace("\t", " "))
            )
            for line in self.shown()
        ]
        text = "".join(f"{row}\n" for row in rows)
        self._context.backend.do(_write(path, text)).then(
            lambda _: self._exported(path, len(rows)), self._refused, owner=self
        )

    def _exported(self, path: Path, count: int) -> None:
        self.said.setText(self.tr("{0} lines were written to {1}").format(count, path))
        self.exported.emit(str(path))


async def _write(path: Path, text: str) -> None:
    """On the link's thread: a slow disk holds up nobody."""
    try:
        await asyncio.to_thread(path.write_text, text, "utf-8")
    except OSError as error:
        raise Problem("not_written", f"{path} cannot be written: {error.strerror or error}") from None
