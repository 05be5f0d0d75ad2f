"""A bar with its text in it, and a line of its recent past. GUI thread only."""

from __future__ import annotations

from collections import deque

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPalette, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QWidget

from evertape_desktop.theme import colours

PAST = 120
"""Looks that are remembered: four minutes at two seconds each."""


class Meter(QWidget):
    """See the module.

    Args:
        title: what is measured.
        warn: from which share on it is coloured as a warning.
        bad: likewise, as bad.
    """

    def __init__(self, title: str, parent: QWidget | None = None, *, warn: float = 0.85, bad: float = 0.95) -> None:
        super().__init__(parent)
        self._title = title
        self._warn, self._bad = warn, bad
        self._share: float | None = None
        self._text = ""
        self._past: deque[float] = deque(maxlen=PAST)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(title)

    @property
    def share(self) -> float | None:
        """What it shows, 0 to 1; ``None``: not known."""
        return self._share

    @property
    def text(self) -> str:
        """The words beside the title."""
        return self._text

    def set(self, share: float | None, text: str) -> None:
        """What it is now."""
        self._share, self._text = share, text
        if share is not None:
            self._past.append(share)
        self.setAccessibleDescription(text)
        self.setToolTip(f"{self._title}: {text}")
        self.update()

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's
        """See Qt."""
        return QSize(220, self.fontMetrics().height() * 2 + 8)

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802 - Qt's
        """Title and text above, the bar with its past beneath."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        high = self.fontMetrics().height()
        top = QRectF(0, 0, self.width(), high)
        painter.setPen(self.palette().color(QPalette.ColorRole.WindowText))
        painter.drawText(top, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, self._title)
        painter.drawText(top, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, self._text)
        bar = QRectF(0.5, high + 3.5, self.width() - 1, self.height() - high - 5)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self.palette().color(QPalette.ColorRole.Base))
        painter.drawRoundedRect(bar, 3, 3)
        colour = self._colour()
        if self._share is not None:
            faint = QColor(colour)
            faint.setAlpha(90)
            painter.setBrush(faint)
            painter.drawRoundedRect(
                QRectF(bar.left(), bar.top(), bar.width() * min(1, self._share), bar.height()), 3, 3
            )
        if len(self._past) > 1:
            step = bar.width() / (PAST - 1)
            first = bar.right() - step * (len(self._past) - 1)
            points = [
                QPointF(first + n * step, bar.bottom() - min(1, share) * bar.height())
                for n, share in enumerate(self._past)
            ]
            painter.setPen(QPen(colour, 1.2))
            painter.drawPolyline(QPolygonF(points))

    def _colour(self) -> QColor:
        share = self._share or 0.0
        palette = colours()
        return QColor(palette.bad if share >= self._bad else palette.warn if share >= self._warn else palette.recorded)
