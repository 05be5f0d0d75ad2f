"""The signs on the player's buttons, in the colour of the text, so that they fit light and dark. GUI thread only."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QIcon, QPainter, QPainterPath, QPalette, QPen, QPixmap, QPolygonF

_SIDE = 20

# Triangles as (x, y) and bars as (x, y, width, height), in a square of 20.
_TRIANGLES: dict[str, tuple[tuple[float, ...], ...]] = {
    "play": ((5, 3, 17, 10, 5, 17),),
    "forward": ((2, 4, 10, 10, 2, 16), (10, 4, 18, 10, 10, 16)),
    "reverse": ((18, 4, 10, 10, 18, 16), (10, 4, 2, 10, 10, 16)),
    "step": ((8, 4, 17, 10, 8, 16),),
    "step_back": ((12, 4, 3, 10, 12, 16),),
    "next": ((3, 4, 12, 10, 3, 16),),
    "previous": ((17, 4, 8, 10, 17, 16),),
    "gap": ((2, 6, 8, 10, 2, 14),),
    "export": ((4, 9, 16, 9, 10, 15),),
}
_BARS: dict[str, tuple[tuple[float, float, float, float], ...]] = {
    "pause": ((4, 3, 4, 14), (12, 3, 4, 14)),
    "step": ((3, 4, 2.5, 12),),
    "step_back": ((14.5, 4, 2.5, 12),),
    "next": ((13, 4, 3, 12),),
    "previous": ((4, 4, 3, 12),),
    "gap": ((10, 5, 2, 10), (16, 5, 2, 10)),
    "export": ((8.5, 2, 3, 7), (3, 16, 14, 2)),
}


def icon(name: str, palette: QPalette) -> QIcon:
    """One of them."""
    found = QIcon()
    found.addPixmap(_drawn(name, palette.color(QPalette.ColorRole.ButtonText)))
    grey = palette.color(QPalette.ColorGroup.Disabled, QPalette.ColorRole.ButtonText)
    found.addPixmap(_drawn(name, grey), QIcon.Mode.Disabled)
    return found


def _drawn(name: str, colour: QColor) -> QPixmap:
    pixels = QPixmap(_SIDE * 2, _SIDE * 2)
    pixels.setDevicePixelRatio(2)
    pixels.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixels)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(colour)
    for x1, y1, x2, y2, x3, y3 in _TRIANGLES.get(name, ()):
        painter.drawPolygon(QPolygonF([QPointF(x1, y1), QPointF(x2, y2), QPointF(x3, y3)]))
    for bar in _BARS.get(name, ()):
        painter.drawRect(QRectF(*bar))
    _draw_outlined(painter, name, colour)
    painter.end()
    return pixels


def _draw_outlined(painter: QPainter, name: str, colour: QColor) -> None:
    painter.setPen(QPen(colour, 1.8))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    path = QPainterPath()
    if name == "snapshot":
        path.addRoundedRect(QRectF(2, 5, 16, 11), 2, 2)
        path.addEllipse(QPointF(10, 10.5), 3.2, 3.2)
        path.addRect(QRectF(7, 3, 6, 2))
    elif name == "protect":
        path.addRoundedRect(QRectF(4, 9, 12, 8), 1.5, 1.5)
        path.arcMoveTo(QRectF(6, 2.5, 8, 12), 0)
        path.arcTo(QRectF(6, 2.5, 8, 12), 0, 180)
    elif name == "backup":
        path.addEllipse(QRectF(3, 2.5, 14, 5))
        path.moveTo(3, 5)
        path.lineTo(3, 15)
        path.arcTo(QRectF(3, 12.5, 14, 5), 180, 180)
        path.lineTo(17, 5)
    elif name == "delete":
        path.moveTo(3, 5)
        path.lineTo(17, 5)
        path.addRect(QRectF(5, 5, 10, 12))
        path.addRect(QRectF(8, 2.5, 4, 2.5))
    painter.drawPath(path)
