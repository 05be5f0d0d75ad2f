"""The controls of the settings: one for each kind of value. GUI thread only; nothing here asks the recorder."""

from __future__ import annotations

from typing import Any, cast

from PySide6.QtCore import QCoreApplication, QObject, Qt, Signal
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import QCheckBox, QComboBox, QDoubleSpinBox, QLineEdit, QSpinBox, QWidget

from evertape_desktop.settings.fields import Field, Terms

_WIDE = 300
_FREE = 16777215
"""Qt's own, for no limit."""


class Editor(QObject):
    """A control for one value.

    Args:
        widget: the control.
    """

    edited = Signal(object)
    """A person has changed it to this; with each key that is typed."""
    finished = Signal()
    """He is done with it for now."""

    def __init__(self, widget: QWidget) -> None:
        super().__init__(widget)
        self.widget = widget

    def show_value(self, value: Any) -> None:
        """What is set; nobody is told."""
        raise NotImplementedError


class TextEditor(Editor):
    """A line of text; an empty one is no value where there need not be one."""

    def __init__(self, asked: Field, terms: Terms, parent: QWidget) -> None:
        self._line = QLineEdit(parent)
        super().__init__(self._line)
        self._line.setPlaceholderText(asked.placeholder)
        _size(self._line, _is_long(asked))
        # Emptied, a value that has a default is given back to it.
        self._line.textEdited.connect(lambda text: self.edited.emit(text.strip() or None))
        self._line.editingFinished.connect(self.finished)

    def show_value(self, value: Any) -> None:
        """See ``Editor``; a text that says the same already is left alone, and so is the cursor in it."""
        text = "" if value is None else str(value)
        if self._line.text().strip() != text:
            self._line.setText(text)
            self._line.setCursorPosition(0)


class SecretEditor(Editor):
    """A password or the like: never shown; left empty it stays as it is."""

    def __init__(self, asked: Field, terms: Terms, parent: QWidget) -> None:
        self._line = QLineEdit(parent)
        super().__init__(self._line)
        self._line.setEchoMode(QLineEdit.EchoMode.PasswordEchoOnEdit)
        _size(self._line, _is_long(asked))
        self._placeholder = asked.placeholder
        self._is_set: Any = None
        self._line.textEdited.connect(lambda text: self.edited.emit(text or self._is_set))
        self._line.editingFinished.connect(self.finished)

    def show_value(self, value: Any) -> None:
        """See ``Editor``; ``value`` is a mask, nothing, or what was typed just now."""
        if value == self._line.text() and value:
            return
        if value is None or set(str(value)) == {"*"}:
            self._is_set = value
            self._line.clear()
            there = QCoreApplication.translate("evertape", "set – type to replace it")
            self._line.setPlaceholderText(there if value else self._placeholder)
        else:
            self._line.setText(str(value))


class FlagEditor(Editor):
    """Yes or no."""

    def __init__(self, asked: Field, _terms: Terms, parent: QWidget) -> None:
        self._box = QCheckBox(asked.label, parent)
        super().__init__(self._box)
        self._box.clicked.connect(self._on_clicked)

    def _on_clicked(self, checked: bool) -> None:
        self.edited.emit(checked)
        self.finished.emit()

    def show_value(self, value: Any) -> None:
        """See ``Editor``."""
        self._box.setChecked(bool(value))


class ChoiceEditor(Editor):
    """One of several words; a value that is none of them is shown all the same."""

    def __init__(self, asked: Field, terms: Terms, parent: QWidget) -> None:
        self._box = _CalmCombo(parent)
        super().__init__(self._box)
        _size(self._box)
        if terms.optional:
            self._box.addItem(asked.placeholder or QCoreApplication.translate("evertape", "not set"), None)
        for value, words in terms.choices:
            self._box.addItem(words, value)
        self._box.activated.connect(self._on_activated)

    def _on_activated(self, _index: int) -> None:
        self.edited.emit(self._box.currentData())
        self.finished.emit()

    def show_value(self, value: Any) -> None:
        """See ``Editor``."""
        at = self._box.findData(value)
        if at < 0 and value is not None:
            self._box.addItem(str(value), value)
            at = self._box.count() - 1
        self._box.setCurrentIndex(at)


class NumberEditor(Editor):
    """A whole number."""

    def __init__(self, asked: Field, terms: Terms, parent: QWidget) -> None:
        self._spin = _CalmSpin(parent)
        super().__init__(self._spin)
        self._least = int(terms.bounds[0]) - int(terms.optional)
        self._optional = terms.optional
        self._spin.setRange(self._least, int(terms.bounds[1]))
        if terms.optional:
            self._spin.setSpecialValueText(asked.placeholder or QCoreApplication.translate("evertape", "not set"))
        self._spin.setSuffix(asked.unit and f" {asked.unit}")
        _size(self._spin)
        self._spin.valueChanged.connect(self._on_changed)
        self._spin.editingFinished.connect(self.finished)

    def _on_changed(self, value: int) -> None:
        self.edited.emit(None if self._optional and value == self._least else value)

    def show_value(self, value: Any) -> None:
        """See ``Editor``."""
        self._spin.blockSignals(True)
        self._spin.setValue(self._least if value is None else int(value))
        self._spin.blockSignals(False)


class DecimalEditor(Editor):
    """A number with a fraction."""

    def __init__(self, asked: Field, terms: Terms, parent: QWidget) -> None:
        self._spin = _CalmDecimal(parent)
        super().__init__(self._spin)
        self._least = terms.bounds[0] - float(terms.optional)
        self._optional = terms.optional
        self._spin.setRange(self._least, terms.bounds[1])
        if terms.optional:
            self._spin.setSpecialValueText(asked.placeholder or QCoreApplication.translate("evertape", "not set"))
        self._spin.setDecimals(2)
        self._spin.setSingleStep(0.5)
        self._spin.setSuffix(asked.unit and f" {asked.unit}")
        _size(self._spin)
        self._spin.valueChanged.connect(self._on_changed)
        self._spin.editingFinished.connect(self.finished)

    def _on_changed(self, value: float) -> None:
        self.edited.emit(None if self._optional and value <= self._least else value)

    def show_value(self, value: Any) -> None:
        """See ``Editor``."""
        self._spin.blockSignals(True)
        self._spin.setValue(self._least if value is None else float(value))
        self._spin.blockSignals(False)


def make_editor(asked: Field, terms: Terms, parent: QWidget) -> Editor:
    """The one for this kind of value."""
    kinds: dict[str, type[Editor]] = {
        "flag": FlagEditor, "number": NumberEditor, "decimal": DecimalEditor, "choice": ChoiceEditor,
        "secret": SecretEditor,
    }  # fmt: skip
    made = cast("Any", kinds.get(terms.kind, TextEditor))(asked, terms, parent)
    assert isinstance(made, Editor)
    made.widget.setObjectName(asked.key)
    made.widget.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    made.widget.setAccessibleName(asked.label)
    return made


def _is_long(asked: Field) -> bool:
    return asked.key.rpartition(".")[2] in ("url", "sub_url", "path", "heartbeat_url", "schedule")


def _size(widget: QWidget, is_long: bool = False) -> None:
    """All of one width, so that a page looks quiet; what may be long gets the room there is."""
    widget.setMinimumWidth(_WIDE)
    widget.setMaximumWidth(_FREE if is_long else _WIDE)


class _CalmCombo(QComboBox):
    """The wheel scrolls the page, and does not choose something on its way."""

    def wheelEvent(self, event: QWheelEvent) -> None:  # noqa: N802 - Qt's
        event.ignore()


class _CalmSpin(QSpinBox):
    def wheelEvent(self, event: QWheelEvent) -> None:  # noqa: N802 - Qt's
        event.ignore()


class _CalmDecimal(QDoubleSpinBox):
    def wheelEvent(self, event: QWheelEvent) -> None:  # noqa: N802 - Qt's
        event.ignore()
