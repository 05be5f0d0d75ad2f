"""What every page of the settings is: a title, what may not be, and its contents. GUI thread only."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QLabel, QScrollArea, QVBoxLayout, QWidget

from evertape_desktop.context import Context
from evertape_desktop.settings.draft import Draft
from evertape_desktop.settings.fields import Group
from evertape_desktop.settings.form import Form, Row
from evertape_desktop.settings.note import Note, Tone


class Page(QWidget):
    """See the module; ``column`` is where its contents go.

    Args:
        context: what every part of the window shares.
        draft: what is set and changed.
        name: for programs.
        title: for people.
        about: one sentence; may be empty.
        of_recorder: it is about the recorder, for whose settings one has to be an administrator.
    """

    def __init__(
        self,
        context: Context,
        draft: Draft,
        name: str,
        title: str,
        about: str = "",
        *,
        of_recorder: bool = True,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setObjectName(f"settings_{name}")
        self.context, self.draft = context, draft
        self.name, self.title = name, title
        self._of_recorder = of_recorder
        self.forms: list[Form] = []
        heading = QLabel(title, self)
        font = heading.font()
        font.setPointSizeF(font.pointSizeF() * 1.35)
        font.setBold(True)
        heading.setFont(font)
        self._refusal = Note("", Tone.WARN, self, small=False)
        self._refusal.setObjectName("refusal")
        whole = QVBoxLayout(self)
        whole.setContentsMargins(16, 12, 8, 0)
        whole.setSpacing(6)
        whole.addWidget(heading)
        whole.addWidget(Note(about, parent=self, small=False))
        whole.addWidget(self._refusal)
        self._whole = whole
        self.column = QVBoxLayout()
        draft.loaded.connect(self._show_refusal)
        self._show_refusal()

    def fill(self, *groups: Group) -> Form:
        """The usual page: a form that scrolls."""
        form = Form(self.draft, groups, parent=self)
        self.forms.append(form)
        self.scrolled(form)
        return form

    def scrolled(self, *widgets: QWidget) -> None:
        """Contents that scroll, one beneath the other."""
        inner = QWidget(self)
        column = QVBoxLayout(inner)
        column.setContentsMargins(0, 4, 10, 12)
        column.setSpacing(10)
        for widget in widgets:
            column.addWidget(widget)
        column.addStretch(1)
        self._whole.addWidget(scroll(inner), 1)

    def placed(self, widgets: Iterable[tuple[QWidget, int]]) -> None:
        """Contents that fill the page, with how much of the room each gets."""
        for widget, share in widgets:
            self._whole.addWidget(widget, share)

    def rows(self) -> Iterator[tuple[str, Row]]:
        """Fields with their keys."""
        for form in self.forms:
            yield from form.keys()

    def show_key(self, key: str) -> bool:
        """Show the field of this key, if it is on this page."""
        for found, row in self.rows():
            if found == key:
                row.editor.widget.setFocus(Qt.FocusReason.OtherFocusReason)
                return True
        return False

    def owns(self, key: str) -> bool:
        """Whether this page is about that key."""
        return any(found == key for found, _ in self.rows())

    def opened(self) -> None:
        """It is shown: ask for what only it needs."""

    def _show_refusal(self) -> None:
        self._refusal.say(self.draft.refusal if self._of_recorder else "")


def scroll(inner: QWidget) -> QScrollArea:
    """A frameless area in which ``inner`` scrolls, as wide as the area is."""
    area = QScrollArea()
    area.setWidgetResizable(True)
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    area.setWidget(inner)
    return area
