"""The settings: pages at the left, one draft behind all of them. GUI thread only.

OK and Apply send what was changed, and nothing else; Cancel leaves everything as it is, also the theme that was tried.
"""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QGuiApplication, QKeyEvent
from PySide6.QtWidgets import (
    QApplication,
    QDialog,
    QDialogButtonBox,
    QHBoxLayout,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from evertape_desktop.backend.problem import Problem
from evertape_desktop.context import Context
from evertape_desktop.settings.draft import Draft
from evertape_desktop.settings.note import Note, Tone
from evertape_desktop.settings.page import Page
from evertape_desktop.settings.pages import make_pages
from evertape_desktop.theme import apply_theme

_BUTTON = QDialogButtonBox.StandardButton


class SettingsDialog(QDialog):
    """See the module.

    Args:
        context: what every part of the window shares.
        parent: the window.
    """

    def __init__(self, context: Context, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("settings_dialog")
        self.setWindowTitle(self.tr("Settings"))
        self._context = context
        self.draft = Draft(context, self)
        self.pages: dict[str, Page] = {page.name: page for page in make_pages(context, self.draft, self)}
        self._closes = False
        self._names = QListWidget(self)
        self._names.setObjectName("settings_pages")
        self._names.setAccessibleName(self.tr("Pages of the settings"))
        self._stack = QStackedWidget(self)
        self._said = Note("", Tone.GOOD, self, small=False)
        self._said.setObjectName("settings_said")
        self._buttons = QDialogButtonBox(_BUTTON.Ok | _BUTTON.Apply | _BUTTON.Cancel, self)
        self._lay_out()
        self._connect()
        self._fit()
        self.draft.load()

    # -- making it ------------------------------------------------------------------------------------------

    def _lay_out(self) -> None:
        for page in self.pages.values():
            item = QListWidgetItem(page.title)
            item.setSizeHint(QSize(0, 30))
            self._names.addItem(item)
            self._stack.addWidget(page)
        self._names.setFixedWidth(max(170, self._names.fontMetrics().horizontalAdvance("M" * 14)))
        middle = QHBoxLayout()
        middle.setSpacing(0)
        middle.addWidget(self._names)
        middle.addWidget(self._stack, 1)
        below = QHBoxLayout()
        below.addWidget(self._said, 1)
        below.addWidget(self._buttons, 0, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        column = QVBoxLayout(self)
        column.addLayout(middle, 1)
        column.addLayout(below)

    def _connect(self) -> None:
        self._names.currentRowChanged.connect(self._on_page)
        self._buttons.accepted.connect(self._on_ok)
        self._buttons.rejected.connect(self.reject)
        self.button("apply").clicked.connect(self.apply)
        self.draft.edited.connect(self._on_edited)
        self.draft.problems_changed.connect(self._mark)
        self.draft.saved.connect(self._on_saved)
        self.draft.refused.connect(self._on_refused)
        self.draft.told.connect(self._on_told)
        self._names.setCurrentRow(0)
        self._on_edited("")

    def _fit(self) -> None:
        room = QGuiApplication.primaryScreen().availableGeometry()
        self.resize(min(1060, room.width() - 40), min(720, room.height() - 60))

    # -- what a person does ---------------------------------------------------------------------------------

    def button(self, name: str) -> QPushButton:
        """``ok``, ``apply`` or ``cancel``."""
        which = {"ok": _BUTTON.Ok, "apply": _BUTTON.Apply, "cancel": _BUTTON.Cancel}
        return self._buttons.button(which[name])

    def show_page(self, name: str) -> Page:
        """Turn to a page."""
        self._names.setCurrentRow(list(self.pages).index(name))
        return self.pages[name]

    def apply(self) -> None:
        """Send what was changed; the dialog stays."""
        self._closes = False
        self._save()

    def _on_ok(self) -> None:
        self._closes = True
        if self.draft.is_changed:
            self._save()
        else:
            self.accept()

    def _save(self) -> None:
        self._said.say("")
        self._enable(False)
        self.draft.save()

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's
        """Enter ends the input of one field, or presses the button that has the focus; it does not apply everything."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and not isinstance(self.focusWidget(), QPushButton):
            event.accept()
            return
        super().keyPressEvent(event)

    def done(self, result: int) -> None:
        """Also when it is closed by its frame: what was only tried is as it was."""
        app = QApplication.instance()
        if isinstance(app, QApplication) and "desktop.appearance.theme" in self.draft.changes:
            apply_theme(app, self._context.settings.now.appearance.theme)
        super().done(result)

    # -- what comes of it -----------------------------------------------------------------------------------

    def _on_page(self, row: int) -> None:
        self._stack.setCurrentIndex(row)
        page = self._stack.currentWidget()
        if isinstance(page, Page):
            page.opened()

    def _on_edited(self, _key: str) -> None:
        self._enable(not self.draft.is_saving)

    def _enable(self, may: bool) -> None:
        self.button("apply").setEnabled(may and self.draft.is_changed)
        self.button("ok").setEnabled(may)

    def _on_saved(self, answer: Any) -> None:
        self._enable(True)
        problem = str((answer or {}).get("problem") or "")
        if problem:
            self._said.say(self.tr("Saved, but not in force yet: {0}").format(problem), Tone.WARN)
        elif self._closes:
            self.accept()
        else:
            self._said.say(self.tr("✓ Applied."), Tone.GOOD)

    def _on_told(self, text: str, is_good: bool) -> None:
        self._said.say(text, Tone.GOOD if is_good else Tone.BAD)

    def _on_refused(self, problem: Problem) -> None:
        self._enable(True)
        self._mark()
        keys = [key for key in {**self.draft.local_problems, **self.draft.problems} if key]
        if not any(self._show_key(key) for key in keys):
            self._said.say(str(problem), Tone.BAD)
            return
        self._said.say(self.tr("Nothing was changed: see what is marked."), Tone.BAD)

    def _show_key(self, key: str) -> bool:
        for name, page in self.pages.items():
            if page.owns(key):
                self.show_page(name)
                return page.show_key(key)
        return False

    def _mark(self) -> None:
        """Say at the pages' names where something is wrong, and below what belongs to no field."""
        wrong = {key for key in {**self.draft.local_problems, **self.draft.problems} if self.draft.problem(key)}
        for at, page in enumerate(self.pages.values()):
            is_wrong = any(page.owns(key) for key in wrong)
            self._names.item(at).setText(f"⚠ {page.title}" if is_wrong else page.title)
        nowhere = [self.draft.problem(key) for key in wrong if not any(p.owns(key) for p in self.pages.values())]
        self._said.say("\n".join(nowhere), Tone.BAD)
