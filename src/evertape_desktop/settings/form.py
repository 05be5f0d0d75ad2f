"""Fields as widgets: label, control, what it does, what is wrong with it, and the way back to the default.

GUI thread only. A form shows what its ``Draft`` says and tells it of each change; it decides nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from PySide6.QtCore import QCoreApplication, Qt
from PySide6.QtWidgets import QGridLayout, QGroupBox, QHBoxLayout, QLabel, QLineEdit, QToolButton, QVBoxLayout, QWidget

from evertape_desktop.settings.draft import Draft
from evertape_desktop.settings.editors import Editor, make_editor
from evertape_desktop.settings.fields import DESKTOP, Field, Group, terms_of
from evertape_desktop.settings.note import Note, Tone

_LONGEST = 2000
"""Pixels; what may be wider is as wide as there is room."""
_LABELS = 176
"""Pixels: so that the labels of all groups are as wide."""


class Row:
    """One field's widgets, in a grid.

    Args:
        asked: the field.
        draft: what is set.
        grid: where it goes, at the end.
        schema_key: of the field, with ``ID`` or ``NAME`` for what a person chooses.
    """

    def __init__(self, asked: Field, draft: Draft, grid: QGridLayout, schema_key: str) -> None:
        parent = grid.parentWidget()
        assert parent is not None
        self.asked = asked
        self.key = schema_key
        self._draft = draft
        self._terms = terms_of(asked, schema_key)
        self.editor: Editor = make_editor(asked, self._terms, parent)
        self._help = Note(self._terms.help, Tone.HELP, parent)
        self._problem = Note("", Tone.BAD, parent)
        self._problem.setObjectName(f"{asked.key}.problem")
        self._reset = QToolButton(parent)
        self._reset.setText("↺")
        self._reset.setAutoRaise(True)
        self._reset.setToolTip(QCoreApplication.translate("evertape", "Use the default"))
        words = QCoreApplication.translate("evertape", "Use the default for {0}").format(asked.label)
        self._reset.setAccessibleName(words)
        self._reset.clicked.connect(self._on_reset)
        self._place(grid)
        self.editor.edited.connect(self._on_edited)
        self.editor.finished.connect(self._on_finished)

    def _place(self, grid: QGridLayout) -> None:
        at = grid.rowCount()
        if self._terms.kind != "flag":
            label = QLabel(self.asked.label, grid.parentWidget())
            label.setBuddy(self.editor.widget)
            label.setWordWrap(True)
            label.setFixedWidth(_LABELS)
            grid.addWidget(label, at, 0, Qt.AlignmentFlag.AlignVCenter)
        line = QHBoxLayout()
        line.setSpacing(4)
        is_long = isinstance(self.editor.widget, QLineEdit) and self.editor.widget.maximumWidth() > _LONGEST
        line.addWidget(self.editor.widget, int(is_long))
        line.addWidget(self._reset)
        if not is_long:
            line.addStretch(1)
        grid.addLayout(line, at, 1)
        column = QVBoxLayout()
        column.setContentsMargins(0, 0, 0, 8)
        column.setSpacing(1)
        column.addWidget(self._problem)
        column.addWidget(self._help)
        grid.addLayout(column, at + 1, 1)

    def refresh(self, *, also_typing: bool = True) -> None:
        """Show what the draft says; unless ``also_typing``, not beneath the fingers of whoever types here just now."""
        is_typing = self.editor.widget.hasFocus() and self.key in self._draft.changes
        if also_typing or not is_typing:
            self.editor.show_value(self._shown())
        self._show_reset()
        self.show_problem()

    def _shown(self) -> Any:
        """The value, or the default that counts once the change is applied."""
        value = self._draft.value(self.key)
        return self._terms.default if value is None and self.key in self._draft.changes else value

    def show_problem(self) -> None:
        """Show what is wrong with it."""
        text = self._draft.problem(self.key)
        self._problem.say(text)
        self.editor.widget.setAccessibleDescription(f"{text} {self._terms.help}".strip())

    def set_enabled(self, enabled: bool) -> None:
        """Whether it may be changed."""
        self.editor.widget.setEnabled(enabled)
        self._reset.setEnabled(enabled)

    def _show_reset(self) -> None:
        differs = self._shown() not in (None, self._terms.default)
        self._reset.setVisible(differs and self._may_be_unset())

    def _may_be_unset(self) -> bool:
        return not self.key.startswith(DESKTOP) and (self._terms.optional or self._terms.default is not None)

    def _on_edited(self, value: object) -> None:
        self._draft.set(self.key, value)

    def _on_finished(self) -> None:
        self.refresh()
        if self.key in self._draft.changes or self.key in self._draft.problems:
            self._draft.check()

    def _on_reset(self) -> None:
        there = self._draft.set_value(self.key)
        self._draft.set(self.key, there if there in (None, self._terms.default) else None)
        self.refresh()
        self._draft.check()


class Form(QWidget):
    """Groups of fields, one beneath the other.

    Args:
        draft: what is set.
        groups: the fields.
        table: what their keys are below; with ``ID`` or ``NAME`` at its end until ``bind`` says whose.
    """

    def __init__(self, draft: Draft, groups: Iterable[Group], table: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._draft = draft
        self.table = table
        self.rows: dict[str, Row] = {}
        """By the key of the field, without ``table``."""
        self._is_bound = not table
        self._bound = ""
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(10)
        for group in groups:
            column.addWidget(self._box(group))
        column.addStretch(1)
        draft.loaded.connect(self.refresh)
        draft.edited.connect(self._on_edited)
        draft.problems_changed.connect(self._on_problems)
        self.refresh()

    def _box(self, group: Group) -> QGroupBox:
        box = QGroupBox(group.title, self)
        grid = QGridLayout(box)
        grid.setColumnMinimumWidth(0, _LABELS)
        grid.setColumnStretch(1, 1)
        grid.setHorizontalSpacing(12)
        grid.setVerticalSpacing(2)
        grid.setContentsMargins(12, 8, 8, 2)
        if group.note:
            grid.addWidget(Note(group.note, parent=box), 0, 0, 1, 2)
        prefix = f"{self.table}." if self.table else ""
        for asked in group.fields:
            self.rows[asked.key] = Row(asked, self._draft, grid, f"{prefix}{asked.key}")
        return box

    def bind(self, table: str) -> None:
        """Show the fields of this table; empty: of none."""
        if table and table == self._bound:
            return
        self._bound = table
        self._is_bound = bool(table)
        for name, row in self.rows.items():
            row.key = f"{table or self.table}.{name}"
        self.refresh()

    def refresh(self) -> None:
        """Show what the draft says, all of it."""
        for row in self.rows.values():
            row.refresh(also_typing=False)
            row.set_enabled(self._is_bound and (row.key.startswith(DESKTOP) or self._draft.may_edit))

    def keys(self) -> Iterator[tuple[str, Row]]:
        """The full keys of its fields."""
        for row in self.rows.values():
            yield row.key, row

    def _on_edited(self, key: str) -> None:
        for row in self.rows.values():
            if row.key == key:
                row.refresh(also_typing=False)

    def _on_problems(self) -> None:
        for row in self.rows.values():
            row.show_problem()
