"""Small widgets of the recording panel and the banner. GUI thread only."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen, QResizeEvent
from PySide6.QtWidgets import QLabel, QSizePolicy, QWidget

from evertape_desktop.theme import Colours, colours

Pick = Callable[[Colours], str]
"""One of the theme's colours."""


def good(colour: Colours) -> str:
    """All is well."""
    return colour.good


def warn(colour: Colours) -> str:
    """Somebody should look."""
    return colour.warn


def bad(colour: Colours) -> str:
    """Footage is being lost, or could be."""
    return colour.bad


def idle(colour: Colours) -> str:
    """Nothing is wanted."""
    return colour.idle


class Dot(QWidget):
    """A mark in a colour that means something; filled, or a ring. What it means stands beside it in words."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._pick: Pick = idle
        self._filled = False
        self.setFixedSize(QSize(12, 16))

    def show_as(self, pick: Pick, *, filled: bool = True) -> None:
        """From now on."""
        if (pick, filled) != (self._pick, self._filled):
            self._pick, self._filled = pick, filled
            self.update()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's
        """See ``QWidget``."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        colour = QColor(self._pick(colours()))
        painter.setPen(QPen(colour, 1.6))
        painter.setBrush(colour if self._filled else Qt.BrushStyle.NoBrush)
        painter.drawEllipse(QRectF(2, self.height() / 2 - 4, 8, 8))


class Line(QLabel):
    """One line of text that is shortened where there is no room for it; the whole of it is in the tool tip."""

    def __init__(self, parent: QWidget | None = None, *, elide: Qt.TextElideMode = Qt.TextElideMode.ElideRight) -> None:
        super().__init__(parent)
        self._elide = elide
        self._full = ""
        self._pick: Pick | None = None
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    @property
    def full(self) -> str:
        """All of the text."""
        return self._full

    def say(self, text: str, pick: Pick | None = None) -> None:
        """Show ``text``, in a colour that means something if there is one."""
        self._pick = pick
        if text != self._full:
            self._full = text
            self.setAccessibleName(text)
            self._fit()
        self.recolour()

    def recolour(self) -> None:
        """The theme may be another one."""
        sheet = "" if self._pick is None else f"color: {self._pick(colours())}"
        if sheet != self.styleSheet():
            self.setStyleSheet(sheet)

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's
        """As high as a line."""
        metrics = self.fontMetrics()
        return QSize(metrics.horizontalAdvance(self._full), metrics.height() + 2)

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's
        """It can be shortened."""
        return QSize(40, self.fontMetrics().height() + 2)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's
        """See ``QWidget``."""
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        shown = self.fontMetrics().elidedText(self._full, self._elide, max(self.width(), 40))
        self.setText(shown)
        self.setToolTip(self._full if shown != self._full else "")
