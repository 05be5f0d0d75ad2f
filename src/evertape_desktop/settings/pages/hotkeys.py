"""Hot keys of everything that the window can do; two with the same are named at once. GUI thread only."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication, Qt
from PySide6.QtGui import QKeyEvent, QKeySequence
from PySide6.QtWidgets import (
    QGridLayout,
    QGroupBox,
    QHBoxLayout,
    QKeySequenceEdit,
    QLabel,
    QLineEdit,
    QPushButton,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from evertape_desktop.actions import Deed
from evertape_desktop.context import Context
from evertape_desktop.settings.draft import KEYS, Draft
from evertape_desktop.settings.note import Note, Tone
from evertape_desktop.settings.page import Page


class HotKeysPage(Page):
    """See the module."""

    def __init__(self, context: Context, draft: Draft, parent: QWidget | None = None) -> None:
        super().__init__(
            context, draft, "hotkeys", self.tr("Hot keys"),
            self.tr("Click into a field and press the keys; Backspace takes them away."), of_recorder=False,
            parent=parent,
        )  # fmt: skip
        self._rows = {deed.name: _KeyRow(deed, self) for deed in context.actions}
        self._filter = QLineEdit(self)
        self._filter.setPlaceholderText(self.tr("Search"))
        self._filter.setAccessibleName(self.tr("Search for a hot key"))
        self._filter.setClearButtonEnabled(True)
        self._filter.textChanged.connect(self._show_found)
        self._reset_all = QPushButton(self.tr("Reset all"), self)
        self._reset_all.setObjectName("reset_all_keys")
        self._reset_all.setAutoDefault(False)
        self._reset_all.clicked.connect(lambda: self._choose({}))
        self._summary = Note("", Tone.BAD, self, small=False)
        self._summary.setObjectName("key_conflicts")
        above = QWidget(self)
        line = QHBoxLayout(above)
        line.setContentsMargins(0, 0, 10, 0)
        line.addWidget(self._filter, 1)
        line.addWidget(self._reset_all)
        self.placed([(above, 0), (self._summary, 0)])
        self._boxes = self._groups()
        self.scrolled(*self._boxes)
        draft.edited.connect(lambda key: self._refresh() if key == KEYS else None)
        self._refresh()

    def _groups(self) -> list[QGroupBox]:
        boxes: dict[str, QGroupBox] = {}
        for row in self._rows.values():
            box = boxes.get(row.deed.group) or boxes.setdefault(row.deed.group, QGroupBox(row.deed.group, self))
            grid = box.layout()
            if not isinstance(grid, QGridLayout):
                grid = QGridLayout(box)
                grid.setColumnMinimumWidth(0, 230)
                grid.setColumnStretch(3, 1)
                grid.setVerticalSpacing(3)
            row.place(grid)
        return list(boxes.values())

    # -- what is chosen -------------------------------------------------------------------------------------

    def keys(self) -> dict[str, str]:
        """The hot keys as they would be, where they are not the defaults."""
        return dict(self.draft.value(KEYS) or {})

    def choose(self, name: str, key: str) -> None:
        """Another hot key for one deed; that of nobody else changes."""
        keys = {**self.keys(), name: key}
        if key == self._rows[name].deed.default:
            keys.pop(name)
        self._choose(keys)

    def _choose(self, keys: dict[str, str]) -> None:
        self.draft.set(KEYS, keys)
        self._refresh()

    def _refresh(self) -> None:
        keys = self.keys()
        found = self.context.actions.conflicts(keys)
        by_name = {name: [one for one in names if one != name] for names in found.values() for name in names}
        for name, row in self._rows.items():
            others = [self._text(other) for other in by_name.get(name, ())]
            row.show_key(keys.get(name, row.deed.default), others)
        said = [self._conflict(key, names) for key, names in found.items()]
        self._summary.say("\n".join(said))
        self.draft.refuse(KEYS, "\n".join(said))
        self._reset_all.setEnabled(bool(keys))

    def _conflict(self, key: str, names: list[str]) -> str:
        shown = QKeySequence(key).toString(QKeySequence.SequenceFormat.NativeText)
        wanted = ", ".join(f"“{self._text(name)}”" for name in names)
        return self.tr("{0} has more than one meaning: {1}").format(shown, wanted)

    def _text(self, name: str) -> str:
        return self._rows[name].text

    def _show_found(self, text: str) -> None:
        wanted = text.casefold().strip()
        for row in self._rows.values():
            key = QKeySequence(self.keys().get(row.deed.name, row.deed.default)).toString()
            row.set_visible(wanted in f"{row.text} {row.deed.group} {key}".casefold())
        for box in self._boxes:
            box.setVisible(any(row.is_shown for row in self._rows.values() if row.deed.group == box.title()))

    # -- for the dialog -------------------------------------------------------------------------------------

    def owns(self, key: str) -> bool:
        """See ``Page``."""
        return key == KEYS

    def show_key(self, key: str) -> bool:
        """See ``Page``."""
        clashing = next((row for row in self._rows.values() if row.clashes), None)
        if clashing is not None:
            clashing.edit.setFocus(Qt.FocusReason.OtherFocusReason)
        return key == KEYS

    def row(self, name: str) -> _KeyRow:
        """The widgets of one deed."""
        return self._rows[name]


class _KeyEdit(QKeySequenceEdit):
    """Backspace and Delete by themselves take the key away."""

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's
        plain = event.modifiers() == Qt.KeyboardModifier.NoModifier
        if plain and event.key() in (Qt.Key.Key_Backspace, Qt.Key.Key_Delete):
            self.clear()
        else:
            super().keyPressEvent(event)


class _KeyRow:
    """One deed: what it is, its key, and the way back."""

    def __init__(self, deed: Deed, page: HotKeysPage) -> None:
        self.deed = deed
        self.text = deed.action.text().replace("&", "").removesuffix("…")
        self.clashes = False
        self.is_shown = True
        self._label = QLabel(self.text, page)
        self.edit = _KeyEdit(page)
        self.edit.setObjectName(f"key_{deed.name}")
        self.edit.setMaximumSequenceLength(1)
        self.edit.setClearButtonEnabled(True)
        self.edit.setFixedWidth(240)
        self.edit.setAccessibleName(self.text)
        self._label.setBuddy(self.edit)
        self._label.setMinimumHeight(self.edit.sizeHint().height())
        self._problem = Note("", Tone.BAD, page)
        self._reset = QToolButton(page)
        self._reset.setText("↺")
        self._reset.setAutoRaise(True)
        self._reset.setToolTip(QCoreApplication.translate("evertape", "Use the default"))
        self._reset.setAccessibleName(
            QCoreApplication.translate("evertape", "Use the default for {0}").format(self.text)
        )
        self._reset.clicked.connect(lambda: page.choose(deed.name, deed.default))
        self.edit.keySequenceChanged.connect(lambda keys: page.choose(deed.name, keys.toString()))

    def place(self, grid: QGridLayout) -> None:
        """Into a group, at its end."""
        at = grid.rowCount()
        column = QVBoxLayout()
        column.setSpacing(1)
        column.addWidget(self.edit)
        column.addWidget(self._problem)
        grid.addWidget(self._label, at, 0, Qt.AlignmentFlag.AlignTop)
        grid.addLayout(column, at, 1)
        grid.addWidget(self._reset, at, 2, Qt.AlignmentFlag.AlignTop)

    def show_key(self, key: str, others: list[str]) -> None:
        """Its key, and who else has it."""
        sequence = QKeySequence(key)
        if self.edit.keySequence() != sequence:
            self.edit.blockSignals(True)
            self.edit.setKeySequence(sequence)
            self.edit.blockSignals(False)
        self.clashes = bool(others)
        text = QCoreApplication.translate("evertape", "also: {0}").format(", ".join(others)) if others else ""
        self._problem.say(text)
        self.edit.setAccessibleDescription(text)
        self._reset.setEnabled(QKeySequence(self.deed.default) != sequence)

    def set_visible(self, shown: bool) -> None:
        """Whether it is among what was searched for."""
        self.is_shown = shown
        for widget in (self._label, self.edit, self._reset):
            widget.setVisible(shown)
        self._problem.setVisible(shown and self.clashes)
