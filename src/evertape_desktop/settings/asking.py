"""Small dialogs that ask for a few things and then have the recorder do something at once. GUI thread only."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QGridLayout,
    QLabel,
    QMessageBox,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from evertape_desktop.backend.problem import Problem
from evertape_desktop.backend.reply import Reply
from evertape_desktop.settings.editors import Editor, make_editor
from evertape_desktop.settings.fields import Field, terms_of
from evertape_desktop.settings.note import Note, Tone

_BUTTON = QDialogButtonBox.StandardButton


class Ask(QDialog):
    """See the module.

    Args:
        title: of the dialog.
        fields: what is asked for.
        ok: what the button says that does it.
        table: what the keys are below in the schema; empty: they are no keys of the configuration.
        about: a sentence above.
        parent: the page.
    """

    answered = Signal(object)
    """It was done; the recorder's answer."""

    def __init__(
        self,
        title: str,
        fields: Sequence[Field],
        ok: str,
        table: str = "",
        about: str = "",
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle(title)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setMinimumWidth(520)
        self.values: dict[str, Any] = {}
        """What was typed or chosen, by key; what was not touched is not in it."""
        self.editors: dict[str, Editor] = {}
        self._problems: dict[str, Note] = {}
        self._said = Note("", Tone.BAD, self, small=False)
        self._said.setObjectName("ask_said")
        self._buttons = QDialogButtonBox(_BUTTON.Ok | _BUTTON.Cancel, self)
        self.ok: QPushButton = self._buttons.button(_BUTTON.Ok)
        self.ok.setText(ok)
        self._buttons.accepted.connect(self._on_ok)
        self._buttons.rejected.connect(self.reject)
        self._grid = QGridLayout()
        self._grid.setColumnStretch(1, 1)
        self._grid.setHorizontalSpacing(10)
        self._grid.setVerticalSpacing(4)
        self.column = QVBoxLayout(self)
        self.column.addWidget(Note(about, parent=self, small=False))
        self.column.addLayout(self._grid)
        self.column.addWidget(self._said)
        self.column.addStretch(1)
        self.column.addWidget(self._buttons)
        for asked in fields:
            self._add(asked, f"{table}.{asked.key}" if table else f"desktop.{asked.key}")
        self.changed()

    def _add(self, asked: Field, schema_key: str) -> None:
        terms = terms_of(asked, schema_key)
        editor = make_editor(asked, terms, self)
        editor.widget.setMaximumWidth(16777215)
        editor.show_value(terms.default if terms.kind != "secret" else None)
        editor.edited.connect(lambda value, key=asked.key: self._on_edited(key, value))
        self.add_row("" if terms.kind == "flag" else asked.label, editor.widget)
        problem = Note("", Tone.BAD, self)
        problem.setObjectName(f"{asked.key}.problem")
        self.add_row("", problem)
        if asked.help:
            self.add_row("", Note(asked.help, Tone.HELP, self))
        self.editors[asked.key], self._problems[asked.key] = editor, problem

    def add_row(self, text: str, widget: QWidget) -> None:
        """A control with its label; beneath the others."""
        at = self._grid.rowCount()
        if text:
            label = QLabel(text, self)
            label.setBuddy(widget)
            self._grid.addWidget(label, at, 0)
        self._grid.addWidget(widget, at, 1)

    def add_wide(self, widget: QWidget) -> None:
        """Something as wide as the dialog; beneath the others."""
        self._grid.addWidget(widget, self._grid.rowCount(), 0, 1, 2)

    def preset(self, key: str, value: Any) -> None:
        """Show a value that may be changed."""
        self.editors[key].show_value(value)
        self.values[key] = value

    def _on_edited(self, key: str, value: Any) -> None:
        if value is None:
            self.values.pop(key, None)
        else:
            self.values[key] = value
        self._problems[key].say("")
        self.edited(key)
        self.changed()

    # -- for those that are made of it ----------------------------------------------------------------------

    def edited(self, key: str) -> None:
        """A person has changed this one."""

    def changed(self) -> None:
        """Whether it can be done now."""
        self.ok.setEnabled(self.is_complete())

    def is_complete(self) -> bool:
        """Everything that is needed is there."""
        return True

    def submit(self) -> Reply:
        """Have it done."""
        raise NotImplementedError

    # -- doing it -------------------------------------------------------------------------------------------

    def _on_ok(self) -> None:
        if not self.is_complete():
            return
        self.ok.setEnabled(False)
        self._said.say("")
        self.submit().then(self._on_done, self.refuse, owner=self)

    def _on_done(self, answer: Any) -> None:
        self.answered.emit(answer)
        self.accept()

    def refuse(self, problem: Problem) -> None:
        """Say what is wrong, at the fields where it is."""
        self.ok.setEnabled(True)
        found = problem.problems or ({"what": problem.what, "hint": problem.hint, "where": problem.where},)
        nowhere = []
        for one in found:
            key = next((str(part) for part in reversed(one.get("where") or ()) if str(part) in self._problems), "")
            text = str(Problem("", str(one.get("what", "")), str(one.get("hint") or "")))
            if key:
                self._problems[key].say(text)
                self.editors[key].widget.setFocus(Qt.FocusReason.OtherFocusReason)
            else:
                nowhere.append(text)
        self._said.say("\n".join(nowhere))


def confirm(parent: QWidget, title: str, text: str, ok: str, done: Callable[[], object]) -> QMessageBox:
    """Ask whether it is really meant; ``done`` is called if so. Nobody waits meanwhile."""
    box = QMessageBox(QMessageBox.Icon.Warning, title, title, QMessageBox.StandardButton.Cancel, parent)
    box.setInformativeText(text)
    box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    box.setTextFormat(Qt.TextFormat.PlainText)
    yes = box.addButton(ok, QMessageBox.ButtonRole.DestructiveRole)
    yes.setObjectName("confirm")
    yes.clicked.connect(lambda: done())
    box.setDefaultButton(QMessageBox.StandardButton.Cancel)
    box.open()
    return box
