"""How the time line is painted: names, spans, ruler, selection, the present, and the cursor. GUI thread only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import tzinfo

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QBrush, QFontMetrics, QPainter, QPalette, QPen, QPolygonF
from PySide6.QtWidgets import QWidget

from evertape_desktop.playback.paints import brush_of
from evertape_desktop.playback.scale import Window, ticks
from evertape_desktop.playback.spans import Kind
from evertape_desktop.playback.tiles import TileStore

RULER = 24
ROW = 24
NAMES = 130
"""Pixels: of the ruler's height, a row's, and the width of the column with the names."""

_ROLE = QPalette.ColorRole


@dataclass(frozen=True, slots=True)
class TimelineLook:
    """What is to be painted.

    Args:
        window: from when to when.
        cameras: ids and names, from above.
        zone: of the place.
        cursor: the instant that is shown.
        selection: from when to when.
        now: the present.
        row: height of a row, pixels.
    """

    window: Window
    cameras: tuple[tuple[str, str], ...]
    zone: tzinfo | None
    cursor: int
    selection: tuple[int, int] | None
    now: int
    row: float


class TimelinePaint:
    """See the module.

    Args:
        tiles: where spans come from.
    """

    def __init__(self, tiles: TileStore) -> None:
        self._tiles = tiles
        self._brushes: dict[Kind, QBrush] = {}

    def forget(self) -> None:
        """Light and dark have brushes of their own."""
        self._brushes.clear()

    def paint(self, painter: QPainter, on: QWidget, look: TimelineLook) -> None:
        """All of it."""
        painter.fillRect(on.rect(), on.palette().color(_ROLE.Base))
        width = max(1.0, float(on.width() - NAMES))
        self._rows(painter, on, look, width)
        _ruler(painter, on, look, width)
        _selection(painter, on, look, width)
        _marks(painter, on, look, width)
        if on.hasFocus():
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(on.palette().color(_ROLE.Highlight), 1))
            painter.drawRect(on.rect().adjusted(0, 0, -1, -1))

    def _rows(self, painter: QPainter, on: QWidget, look: TimelineLook, width: float) -> None:
        palette, metrics = on.palette(), QFontMetrics(on.font())
        for row, (camera, name) in enumerate(look.cameras):
            top = RULER + row * look.row
            if row % 2 == 0:
                painter.fillRect(QRectF(0, top, on.width(), look.row), palette.color(_ROLE.AlternateBase))
            painter.setPen(palette.color(_ROLE.Text))
            text = metrics.elidedText(name, Qt.TextElideMode.ElideRight, NAMES - 16)
            painter.drawText(QRectF(8, top, NAMES - 12, look.row), Qt.AlignmentFlag.AlignVCenter, text)
            self._spans(painter, camera, look.window, QRectF(NAMES, top + 3, width, look.row - 6))
        painter.setPen(palette.color(_ROLE.Mid))
        painter.drawLine(NAMES, 0, NAMES, on.height())

    def _spans(self, painter: QPainter, camera: str, window: Window, area: QRectF) -> None:
        width, height = area.width(), area.height()
        spans = self._tiles.spans(camera, window.start, window.end, window.length / width)
        painter.save()
        painter.setClipRect(area.adjusted(1, -3, 0, 3))
        for span in sorted(spans, key=lambda one: one.kind):
            left = max(-2.0, window.x_of(span.start, width))
            right = min(width + 2, window.x_of(span.end, width))
            # What is short is seen all the same, what is wrong twice as well.
            least = 1.0 if span.kind in (Kind.RECORDED, Kind.WANTED) else 2.0
            thin = span.kind is Kind.WANTED
            top = area.top() + (height / 2 - 2 if thin else 0)
            place = QRectF(area.left() + left, top, max(least, right - left), 4 if thin else height)
            painter.fillRect(place, self._brush(span.kind))
        painter.restore()

    def _brush(self, kind: Kind) -> QBrush:
        if kind not in self._brushes:
            self._brushes[kind] = brush_of(kind)
        return self._brushes[kind]


def _ruler(painter: QPainter, on: QWidget, look: TimelineLook, width: float) -> None:
    palette = on.palette()
    painter.fillRect(QRectF(0, 0, on.width(), RULER), palette.color(_ROLE.Button))
    text, faint = palette.color(_ROLE.Text), palette.color(_ROLE.Mid)
    painter.save()
    painter.setClipRect(QRectF(NAMES + 1, 0, width, on.height()))
    for tick in ticks(look.window, width, look.zone):
        x = NAMES + look.window.x_of(tick.at, width)
        painter.setPen(faint)
        if tick.is_midnight:
            painter.drawLine(QPointF(x, RULER), QPointF(x, on.height()))
        painter.drawLine(QPointF(x, RULER - (9 if tick.label else 4)), QPointF(x, RULER))
        if tick.label:
            painter.setPen(text)
            painter.drawText(QRectF(x + 4, 0, 120, RULER - 6), Qt.AlignmentFlag.AlignVCenter, tick.label)
    painter.restore()


def _selection(painter: QPainter, on: QWidget, look: TimelineLook, width: float) -> None:
    if look.selection is None:
        return
    left, right = (look.window.x_of(one, width) for one in look.selection)
    if right < 0 or left > width:
        return
    left, right = max(0.0, left), min(width, right)
    colour = on.palette().color(_ROLE.Highlight)
    painter.setPen(QPen(colour, 2))
    area = QRectF(NAMES + left, 1, max(1.0, right - left), on.height() - 2)
    colour.setAlphaF(0.25)
    painter.fillRect(area, colour)
    painter.drawLine(area.topLeft(), area.bottomLeft())
    painter.drawLine(area.topRight(), area.bottomRight())


def _marks(painter: QPainter, on: QWidget, look: TimelineLook, width: float) -> None:
    bottom = on.height()
    now = look.window.x_of(look.now, width)
    if 0 <= now <= width:
        painter.setPen(QPen(on.palette().color(_ROLE.PlaceholderText), 1, Qt.PenStyle.DashLine))
        painter.drawLine(QPointF(NAMES + now, RULER), QPointF(NAMES + now, bottom))
    x = NAMES + look.window.x_of(look.cursor, width)
    if NAMES <= x <= NAMES + width:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        colour = on.palette().color(_ROLE.Text)
        painter.setPen(QPen(colour, 2))
        painter.drawLine(QPointF(x, RULER - 6), QPointF(x, bottom))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colour)
        painter.drawPolygon(QPolygonF([QPointF(x - 5, RULER - 11), QPointF(x + 5, RULER - 11), QPointF(x, RULER - 3)]))
