"""A list of things with names, one of which is chosen, and what can be done with them. GUI thread only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QBrush, QColor
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QPushButton,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from evertape_desktop.settings.note import Tone
from evertape_desktop.theme import colours

_NAME = Qt.ItemDataRole.UserRole


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the list.

    Args:
        name: for programs.
        texts: of the columns.
        tone: of the column in which ``told`` is.
        told: the column that says how it is; -1: none.
    """

    name: str
    texts: Sequence[str]
    tone: Tone = Tone.PLAIN
    told: int = -1


class Collection(QWidget):
    """See the module.

    Args:
        columns: their titles.
        accessible: what it is a list of.
    """

    chosen = Signal(str)
    """The name of the one that is chosen; empty: none."""

    def __init__(self, columns: Sequence[str], accessible: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.tree = QTreeWidget(self)
        self.tree.setObjectName("entries")
        self.tree.setAccessibleName(accessible)
        self.tree.setColumnCount(len(columns))
        self.tree.setHeaderLabels(list(columns))
        self.tree.setRootIsDecorated(False)
        self.tree.setUniformRowHeights(True)
        self.tree.setAlternatingRowColors(True)
        self.tree.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.tree.setAllColumnsShowFocus(True)
        self.tree.header().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        self.tree.header().setStretchLastSection(True)
        self.tree.setMinimumHeight(110)
        self._line = QHBoxLayout()
        self._line.addStretch(1)
        self._is_filling = False
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 10, 0)
        column.addWidget(self.tree, 1)
        column.addLayout(self._line)
        self.tree.currentItemChanged.connect(self._on_current)

    def button(self, name: str, text: str, *, tip: str = "") -> QPushButton:
        """Another button below the list."""
        made = QPushButton(text, self)
        made.setObjectName(name)
        made.setAutoDefault(False)
        made.setToolTip(tip)
        self._line.insertWidget(self._line.count() - 1, made)
        return made

    @property
    def name(self) -> str:
        """Of the one that is chosen; empty: none."""
        item = self.tree.currentItem()
        return str(item.data(0, _NAME)) if item is not None else ""

    def show_entries(self, entries: Sequence[Entry]) -> None:
        """These, in this order; the chosen one stays chosen, else it is the first."""
        before = self.name
        self._is_filling = True
        there = [str(self._item(at).data(0, _NAME)) for at in range(self.tree.topLevelItemCount())]
        if there != [entry.name for entry in entries]:
            self.tree.clear()
            self.tree.addTopLevelItems([QTreeWidgetItem() for _ in entries])
        for at, entry in enumerate(entries):
            self._show(self._item(at), entry)
        self._is_filling = False
        self.choose(before if before in [entry.name for entry in entries] else entries[0].name if entries else "")
        if self.name != before:
            self.chosen.emit(self.name)

    def choose(self, name: str) -> None:
        """Choose one."""
        for at in range(self.tree.topLevelItemCount()):
            if self._item(at).data(0, _NAME) == name and self.tree.currentItem() is not self._item(at):
                self.tree.setCurrentItem(self._item(at))

    def _item(self, at: int) -> QTreeWidgetItem:
        item = self.tree.topLevelItem(at)
        assert item is not None
        return item

    def _show(self, item: QTreeWidgetItem, entry: Entry) -> None:
        item.setData(0, _NAME, entry.name)
        for at, text in enumerate(entry.texts):
            if item.text(at) != text:
                item.setText(at, text)
                item.setToolTip(at, text)
        if entry.told >= 0:
            meant = {Tone.GOOD: colours().good, Tone.WARN: colours().warn, Tone.BAD: colours().bad}
            brush = QBrush(QColor(meant[entry.tone])) if entry.tone in meant else QBrush()
            item.setForeground(entry.told, brush)

    def _on_current(self, _now: object, _before: object) -> None:
        if not self._is_filling:
            self.chosen.emit(self.name)
