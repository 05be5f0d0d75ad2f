"""How each kind of span is painted: a colour of the theme and a pattern, so that nobody needs to tell colours apart."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication, QLineF, QPointF, QRectF
from PySide6.QtGui import QBrush, QColor, QPainter, QPen, QPixmap

from evertape_desktop.playback.spans import Kind
from evertape_desktop.theme import colours, is_dark

_SIDE = 8
_RISING = (QLineF(-1, 9, 9, -1), QLineF(-1, 1, 1, -1), QLineF(7, 9, 9, 7))
_FALLING = (QLineF(-1, -1, 9, 9), QLineF(7, -1, 9, 1), QLineF(-1, 7, 1, 9))
_BARS = (QLineF(2, 0, 2, 8), QLineF(6, 0, 6, 8))


def colour_of(kind: Kind) -> QColor:
    """The colour of a kind, in the theme in force."""
    all_of_them = colours()
    return QColor(
        {
            Kind.RECORDED: all_of_them.recorded,
            Kind.SPILLED: all_of_them.spilled,
            Kind.WANTED: all_of_them.idle,
            Kind.PROGRAM: all_of_them.warn,
            Kind.CAMERA: all_of_them.gap,
            Kind.STORAGE: all_of_them.bad,
            Kind.DAMAGE: all_of_them.bad,
            Kind.UNKNOWN: "#e6e9ef" if is_dark() else "#1d2430",
        }[kind]
    )


def brush_of(kind: Kind) -> QBrush:
    """Colour and pattern. Needs the application; make it once for a theme."""
    colour = colour_of(kind)
    if kind in (Kind.RECORDED, Kind.WANTED):
        return QBrush(colour)
    tile = QPixmap(_SIDE, _SIDE)
    tile.fill(colour)
    painter = QPainter(tile)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    ink = QColor("#0b0e11" if is_dark() else "#ffffff")
    ink.setAlphaF(0.6)
    painter.setPen(QPen(ink, 1.6))
    _pattern(painter, kind, ink)
    painter.end()
    return QBrush(tile)


def _pattern(painter: QPainter, kind: Kind, ink: QColor) -> None:
    match kind:
        case Kind.SPILLED:
            for place in (QPointF(2, 2), QPointF(6, 6)):
                painter.fillRect(QRectF(place.x() - 1, place.y() - 1, 2, 2), ink)
        case Kind.CAMERA:
            painter.drawLines(list(_RISING))
        case Kind.STORAGE:
            painter.drawLines(list(_FALLING))
        case Kind.PROGRAM:
            painter.drawLines(list(_BARS))
        case Kind.DAMAGE:
            painter.drawLines([*_RISING, *_FALLING])
        case _:
            painter.fillRect(QRectF(0, 0, 4, 4), ink)
            painter.fillRect(QRectF(4, 4, 4, 4), ink)


def words_of(kind: Kind) -> str:
    """What a kind is called in the legend."""
    translate = QCoreApplication.translate
    return {
        Kind.RECORDED: translate("evertape", "Recorded"),
        Kind.SPILLED: translate("evertape", "Recorded to a spill disk"),
        Kind.WANTED: translate("evertape", "Not wanted"),
        Kind.PROGRAM: translate("evertape", "Gap: recorder"),
        Kind.CAMERA: translate("evertape", "Gap: camera"),
        Kind.STORAGE: translate("evertape", "Gap: storage"),
        Kind.DAMAGE: translate("evertape", "Gap: damaged"),
        Kind.UNKNOWN: translate("evertape", "Gap: unknown"),
    }[kind]
