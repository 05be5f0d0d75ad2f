"""The lines of the log viewer: of events and of the processes' logs, in the order of time. GUI thread only."""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, QSortFilterProxyModel, Qt
from PySide6.QtGui import QBrush, QColor

from evertape_desktop import words
from evertape_desktop.logs.wording import LEVELS
from evertape_desktop.theme import colours

MOST = 20_000
"""Lines that are kept; the oldest go."""
_Index = QModelIndex | QPersistentModelIndex
_ROLE = Qt.ItemDataRole


@dataclass(frozen=True, slots=True, order=True)
class Line:
    """One line.

    Args:
        at: UTC, as the API writes it.
        key: names it for good, so that it is not listed twice.
        level: one of ``LEVELS``.
        source: which process, or ``event``.
        camera: its id; may be empty.
        text: for a person.
    """

    at: str
    key: str
    level: str
    source: str
    camera: str
    text: str

    @property
    def rank(self) -> int:
        """How grave, as a number."""
        return LEVELS.index(self.level) if self.level in LEVELS else len(LEVELS)


class LogModel(QAbstractTableModel):
    """See the module. Columns: time, level, source, camera, text."""

    def __init__(self) -> None:
        super().__init__()
        self._lines: list[Line] = []
        self._keys: set[str] = set()
        self.zone: tzinfo | None = None
        self._titles = (self.tr("Time"), self.tr("Level"), self.tr("Source"), self.tr("Camera"), self.tr("Message"))
        self._levels = {
            "debug": self.tr("detail"),
            "info": self.tr("info"),
            "warning": self.tr("warning"),
            "error": self.tr("error"),
        }

    @property
    def lines(self) -> Sequence[Line]:
        """All of them, oldest first."""
        return self._lines

    def add(self, lines: Iterable[Line]) -> None:
        """Further lines, in any order; those that are there already are ignored."""
        fresh = sorted(line for line in lines if line.key not in self._keys)
        if not fresh:
            return
        self._keys.update(line.key for line in fresh)
        if not self._lines or fresh[0] >= self._lines[-1]:
            self.beginInsertRows(QModelIndex(), len(self._lines), len(self._lines) + len(fresh) - 1)
            self._lines += fresh
            self.endInsertRows()
        else:
            self.beginResetModel()
            for line in fresh:
                bisect.insort(self._lines, line)
            self.endResetModel()
        self._trim()

    def clear(self) -> None:
        """None any more."""
        self.beginResetModel()
        self._lines.clear()
        self._keys.clear()
        self.endResetModel()

    def _trim(self) -> None:
        surplus = len(self._lines) - MOST
        if surplus > 0:
            self.beginRemoveRows(QModelIndex(), 0, surplus - 1)
            self._keys.difference_update(line.key for line in self._lines[:surplus])
            del self._lines[:surplus]
            self.endRemoveRows()

    # -- QAbstractTableModel --------------------------------------------------------------------------------

    def rowCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008, N802 - Qt's
        """See Qt."""
        return 0 if parent.isValid() else len(self._lines)

    def columnCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008, N802 - Qt's
        """See Qt."""
        return 0 if parent.isValid() else len(self._titles)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = _ROLE.DisplayRole) -> Any:  # noqa: N802
        """See Qt."""
        if orientation is Qt.Orientation.Horizontal and role == _ROLE.DisplayRole:
            return self._titles[section]
        return None

    def data(self, index: _Index, role: int = _ROLE.DisplayRole) -> Any:
        """See Qt."""
        line = self._lines[index.row()]
        if role == _ROLE.DisplayRole:
            return self._text(line, index.column())
        if role == _ROLE.ToolTipRole and index.column() == 4:
            return line.text
        if role == _ROLE.ForegroundRole and line.level in ("warning", "error") and index.column() in (1, 4):
            return QBrush(QColor(colours().bad if line.level == "error" else colours().warn))
        return None

    def _text(self, line: Line, column: int) -> str:
        match column:
            case 0:
                return words.date_clock(line.at, self.zone)
            case 1:
                return self._levels.get(line.level, line.level)
            case 2:
                return line.source
            case 3:
                return line.camera
            case _:
                return line.text.partition("\n")[0]


class LogFilter(QSortFilterProxyModel):
    """Lines of a level, a camera and a text."""

    def __init__(self, model: LogModel) -> None:
        super().__init__()
        self._model = model
        self._rank, self._camera, self._needle = 1, "", ""
        self.setSourceModel(model)

    def choose(self, *, level: str = "info", camera: str = "", text: str = "") -> None:
        """Only what is at least so grave, of this camera (empty: all), and has this text in it."""
        self._rank, self._camera, self._needle = LEVELS.index(level), camera, text.casefold()
        self.invalidate()

    def accepts(self, line: Line) -> bool:
        """Whether a line is shown."""
        return (
            line.rank >= self._rank
            and (not self._camera or line.camera == self._camera or self._camera in line.text)
            and (not self._needle or self._needle in f"{line.source} {line.camera} {line.text}".casefold())
        )

    def filterAcceptsRow(self, row: int, _parent: _Index) -> bool:  # noqa: N802 - Qt's
        """See Qt."""
        return self.accepts(self._model.lines[row])
