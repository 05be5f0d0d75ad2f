"""What the colours and patterns of the time line mean. GUI thread only."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QRectF, QSize, Qt
from PySide6.QtGui import QFontMetrics, QPainter, QPaintEvent, QPalette
from PySide6.QtWidgets import QSizePolicy, QWidget

from evertape_desktop.playback.paints import brush_of, words_of
from evertape_desktop.playback.spans import Kind

_SIDE = 12
_ORDER = (
    Kind.RECORDED, Kind.SPILLED, Kind.CAMERA, Kind.STORAGE, Kind.PROGRAM, Kind.DAMAGE, Kind.UNKNOWN, Kind.WANTED,
)  # fmt: skip


class Legend(QWidget):
    """See the module."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(self.tr("What the colours mean: {0}").format(", ".join(map(words_of, _ORDER))))

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's
        """One line."""
        return QSize(300, QFontMetrics(self.font()).height() + 8)

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802 - Qt's
        """As many as there is room for."""
        painter = QPainter(self)
        metrics, x = QFontMetrics(self.font()), 8.0
        for kind in _ORDER:
            text = words_of(kind)
            width = metrics.horizontalAdvance(text)
            if x + _SIDE + 6 + width > self.width():
                break
            thin = kind is Kind.WANTED
            top = (self.height() - (4 if thin else _SIDE)) / 2
            painter.fillRect(QRectF(x, top, _SIDE, 4 if thin else _SIDE), brush_of(kind))
            painter.setPen(self.palette().color(QPalette.ColorRole.PlaceholderText))
            area = QRectF(x + _SIDE + 5, 0, width + 2, self.height())
            painter.drawText(area, Qt.AlignmentFlag.AlignVCenter, text)
            x += _SIDE + 5 + width + 18

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802 - Qt's
        """Light and dark."""
        self.update()
        super().changeEvent(event)
