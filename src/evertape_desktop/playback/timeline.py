"""The time line: all cameras above each other, from some months to a second. GUI thread only.

The wheel zooms, dragging moves, a click plays there, dragging with Shift selects; by keyboard plus and minus zoom,
Page Up and Page Down move, Ctrl with an arrow goes a tenth of the window on, and Shift with an arrow selects.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import tzinfo

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import (
    QBrush,
    QFocusEvent,
    QFontMetrics,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPalette,
    QPen,
    QPolygonF,
    QWheelEvent,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from evertape.types import NS_PER_S
from evertape_desktop.playback.now import RecorderClock
from evertape_desktop.playback.paints import brush_of
from evertape_desktop.playback.scale import Window, ticks
from evertape_desktop.playback.spans import Kind, Span
from evertape_desktop.playback.tiles import TileStore

RULER = 24
ROW = 24
NAMES = 130
_LEAST_ROW = 14
_WHEEL = 1.25
_DRAG = 4
_ALONE_MS = 1000


class TimelineWidget(QWidget):
    """See the module.

    Args:
        tiles: where spans come from.
        clock: what time it is for the recorder.
    """

    seek_wanted = Signal(object)
    """An instant, UTC ns, that somebody clicked."""
    selection_changed = Signal(object)
    """``(start, end)`` in UTC ns, or ``None``."""
    hovered = Signal(str, object, object)
    """Camera, instant and ``Span`` under the mouse; an empty camera: none."""

    def __init__(self, tiles: TileStore, clock: RecorderClock, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("timeline")
        self.setAccessibleName(self.tr("Time line"))
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self._tiles = tiles
        self._clock = clock
        now = clock.now()
        self._window = Window(now - 3600 * NS_PER_S, now + 120 * NS_PER_S)
        self._cameras: list[tuple[str, str]] = []
        self._zone: tzinfo | None = None
        self._cursor = now
        self._selection: tuple[int, int] | None = None
        self._drag_from: QPointF | None = None
        self._drag_window = self._window
        self._dragging = ""
        self._brushes: dict[Kind, QBrush] = {}
        tiles.changed.connect(self.update)
        self._moving = QTimer(self, interval=_ALONE_MS)
        self._moving.timeout.connect(self.update)

    # -- what is shown --------------------------------------------------------------------------------------

    @property
    def window_shown(self) -> Window:
        """From when to when."""
        return self._window

    def show_window(self, window: Window) -> None:
        """Show that time."""
        self._window = window
        self.update()

    def set_cameras(self, cameras: Sequence[tuple[str, str]]) -> None:
        """Ids and names, from above."""
        self._cameras = list(cameras)
        self.updateGeometry()
        self.update()

    def set_zone(self, zone: tzinfo | None) -> None:
        """Of the place."""
        self._zone = zone
        self.update()

    def set_cursor(self, at: int, *, follow: bool) -> None:
        """The instant that is shown; ``follow``: the window moves with it."""
        self._cursor = at
        if (
            follow
            and not self._dragging
            and not self._window.start <= at <= self._window.end - self._window.length // 20
        ):
            self._window = self._window.moved(at - self._window.start - self._window.length // 10)
        self.update()

    @property
    def selection(self) -> tuple[int, int] | None:
        """From when to when, UTC ns."""
        return self._selection

    def select(self, selection: tuple[int, int] | None) -> None:
        """Select that time."""
        if selection is not None:
            selection = (min(selection), max(selection))
            if selection[0] == selection[1]:
                selection = None
        if selection != self._selection:
            self._selection = selection
            self.selection_changed.emit(selection)
            self.update()

    def zoom(self, factor: float, around: int | None = None) -> None:
        """Show more (above 1) or less time around an instant; default: the cursor, or the middle."""
        if around is None:
            inside = self._window.start <= self._cursor <= self._window.end
            around = self._cursor if inside else (self._window.start + self._window.end) // 2
        self.show_window(self._window.zoomed(factor, around))

    def span_at(self, place: QPointF) -> tuple[str, int, Span | None]:
        """Camera, instant and span at a place; an empty camera: none is there."""
        row = int((place.y() - RULER) // self._row_height()) if place.y() >= RULER else -1
        if not 0 <= row < len(self._cameras) or place.x() < NAMES:
            return "", 0, None
        camera = self._cameras[row][0]
        at = self._window.at_x(place.x() - NAMES, self._width())
        near = 2 * self._window.length / max(1.0, self._width())
        spans = self._tiles.spans(camera, self._window.start, self._window.end, self._window.length / self._width())
        here = [one for one in spans if one.start - near <= at < one.end + near]
        inside = [one for one in here if one.start <= at < one.end]
        return camera, at, max(inside or here, key=lambda one: one.kind, default=None)

    # -- painting -------------------------------------------------------------------------------------------

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's
        """All rows."""
        return QSize(600, RULER + ROW * max(1, len(self._cameras)) + 2)

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's
        """All rows, low ones."""
        return QSize(300, RULER + _LEAST_ROW * max(1, len(self._cameras)) + 2)

    def _width(self) -> float:
        return max(1.0, float(self.width() - NAMES))

    def _row_height(self) -> float:
        return max(_LEAST_ROW, min(32.0, (self.height() - RULER) / max(1, len(self._cameras))))

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802 - Qt's
        """Rows, ruler, selection, cursor."""
        painter = QPainter(self)
        palette = self.palette()
        painter.fillRect(self.rect(), palette.color(QPalette.ColorRole.Base))
        self._paint_rows(painter)
        self._paint_ruler(painter)
        self._paint_selection(painter)
        self._paint_marks(painter)
        if self.hasFocus():
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(palette.color(QPalette.ColorRole.Highlight), 1))
            painter.drawRect(self.rect().adjusted(0, 0, -1, -1))

    def _paint_rows(self, painter: QPainter) -> None:
        height, palette = self._row_height(), self.palette()
        metrics = QFontMetrics(self.font())
        for row, (camera, name) in enumerate(self._cameras):
            top = RULER + row * height
            if row % 2 == 0:
                painter.fillRect(QRectF(0, top, self.width(), height), palette.color(QPalette.ColorRole.AlternateBase))
            painter.setPen(palette.color(QPalette.ColorRole.Text))
            text = metrics.elidedText(name, Qt.TextElideMode.ElideRight, NAMES - 16)
            painter.drawText(QRectF(8, top, NAMES - 12, height), Qt.AlignmentFlag.AlignVCenter, text)
            self._paint_spans(painter, camera, top + 3, height - 6)
        painter.setPen(palette.color(QPalette.ColorRole.Mid))
        painter.drawLine(NAMES, 0, NAMES, self.height())

    def _paint_spans(self, painter: QPainter, camera: str, top: float, height: float) -> None:
        window, width = self._window, self._width()
        spans = self._tiles.spans(camera, window.start, window.end, window.length / width)
        painter.save()
        painter.setClipRect(QRectF(NAMES + 1, top - 3, width, height + 6))
        for span in sorted(spans, key=lambda one: one.kind):
            left = max(-2.0, window.x_of(span.start, width))
            right = min(width + 2, window.x_of(span.end, width))
            least = 1.0 if span.kind in (Kind.RECORDED, Kind.WANTED) else 2.0
            thin = span.kind is Kind.WANTED
            area = QRectF(
                NAMES + left, top + (height / 2 - 2 if thin else 0), max(least, right - left), 4 if thin else height
            )
            painter.fillRect(area, self._brush(span.kind))
        painter.restore()

    def _brush(self, kind: Kind) -> QBrush:
        if kind not in self._brushes:
            self._brushes[kind] = brush_of(kind)
        return self._brushes[kind]

    def _paint_ruler(self, painter: QPainter) -> None:
        palette, width = self.palette(), self._width()
        painter.fillRect(QRectF(0, 0, self.width(), RULER), palette.color(QPalette.ColorRole.Button))
        text = palette.color(QPalette.ColorRole.Text)
        faint = palette.color(QPalette.ColorRole.Mid)
        painter.save()
        painter.setClipRect(QRectF(NAMES + 1, 0, width, self.height()))
        for tick in ticks(self._window, width, self._zone):
            x = NAMES + self._window.x_of(tick.at, width)
            painter.setPen(faint)
            if tick.is_midnight:
                painter.drawLine(QPointF(x, RULER), QPointF(x, self.height()))
            painter.drawLine(QPointF(x, RULER - (9 if tick.label else 4)), QPointF(x, RULER))
            if tick.label:
                painter.setPen(text)
                painter.drawText(QRectF(x + 4, 0, 120, RULER - 6), Qt.AlignmentFlag.AlignVCenter, tick.label)
        painter.restore()

    def _paint_selection(self, painter: QPainter) -> None:
        if self._selection is None:
            return
        width = self._width()
        left, right = (self._window.x_of(one, width) for one in self._selection)
        if right < 0 or left > width:
            return
        left, right = max(0.0, left), min(width, right)
        colour = self.palette().color(QPalette.ColorRole.Highlight)
        painter.setPen(QPen(colour, 2))
        area = QRectF(NAMES + left, 1, max(1.0, right - left), self.height() - 2)
        colour.setAlphaF(0.25)
        painter.fillRect(area, colour)
        painter.drawLine(area.topLeft(), area.bottomLeft())
        painter.drawLine(area.topRight(), area.bottomRight())

    def _paint_marks(self, painter: QPainter) -> None:
        width, bottom = self._width(), self.height()
        now = self._window.x_of(self._clock.now(), width)
        if 0 <= now <= width:
            painter.setPen(QPen(self.palette().color(QPalette.ColorRole.PlaceholderText), 1, Qt.PenStyle.DashLine))
            painter.drawLine(QPointF(NAMES + now, RULER), QPointF(NAMES + now, bottom))
        x = self._window.x_of(self._cursor, width)
        if 0 <= x <= width:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            colour = self.palette().color(QPalette.ColorRole.Text)
            painter.setPen(QPen(colour, 2))
            painter.drawLine(QPointF(NAMES + x, RULER - 6), QPointF(NAMES + x, bottom))
            painter.setBrush(colour)
            head = [QPointF(-5, RULER - 11), QPointF(5, RULER - 11), QPointF(0, RULER - 3)]
            painter.setPen(Qt.PenStyle.NoPen)
            painter.drawPolygon(QPolygonF([QPointF(NAMES + x + one.x(), one.y()) for one in head]))

    # -- mouse and keys -------------------------------------------------------------------------------------

    def wheelEvent(self, event: QWheelEvent) -> None:  # noqa: N802 - Qt's
        """Zoom around the mouse; sideways, or with Shift, move."""
        delta = event.angleDelta()
        if delta.x() or event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            turned = delta.x() or delta.y()
            self.show_window(self._window.moved(-round(turned / 120 * self._window.length / 10)))
        elif delta.y():
            around = self._window.at_x(max(0.0, event.position().x() - NAMES), self._width())
            self.zoom(_WHEEL ** (-delta.y() / 120), around)
        event.accept()

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's
        """Begin a click, a move or a selection."""
        if event.button() is not Qt.MouseButton.LeftButton:
            return
        self._drag_from, self._drag_window = event.position(), self._window
        self._dragging = "select" if event.modifiers() & Qt.KeyboardModifier.ShiftModifier else "click"

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's
        """Move, select, or tell what is under the mouse."""
        place = event.position()
        if self._drag_from is None:
            self.hovered.emit(*self.span_at(place))
            return
        by = place.x() - self._drag_from.x()
        if self._dragging == "click" and abs(by) > _DRAG:
            self._dragging = "move"
        if self._dragging == "move":
            self.show_window(self._drag_window.moved(-round(by / self._width() * self._drag_window.length)))
        elif self._dragging == "select":
            self.select((self._at(self._drag_from.x()), self._at(place.x())))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's
        """A click plays there."""
        dragging, self._dragging, self._drag_from = self._dragging, "", None
        if dragging == "click" and event.position().x() >= NAMES:
            self.seek_wanted.emit(self._at(event.position().x()))

    def leaveEvent(self, event: QEvent) -> None:  # noqa: N802 - Qt's
        """Nothing is under the mouse."""
        self.hovered.emit("", 0, None)
        super().leaveEvent(event)

    def _at(self, x: float) -> int:
        return self._window.at_x(min(max(x - NAMES, 0.0), self._width()), self._width())

    def event(self, event: QEvent) -> bool:
        """Its own keys go before hot keys of the window."""
        if (
            event.type() is QEvent.Type.ShortcutOverride
            and isinstance(event, QKeyEvent)
            and self._deed(event) is not None
        ):
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's
        """See the module."""
        deed = self._deed(event)
        if deed is None:
            super().keyPressEvent(event)
            return
        kind, by = deed
        tenth = round(self._window.length / 10 * by)
        if kind == "zoom":
            self.zoom(_WHEEL**by)
        elif kind == "move":
            self.show_window(self._window.moved(tenth * 5))
        elif kind == "seek":
            self.seek_wanted.emit(self._cursor + tenth)
        else:
            start, end = self._selection or (self._cursor, self._cursor)
            self.select((start, end + tenth // 5))

    def _deed(self, event: QKeyEvent) -> tuple[str, int] | None:
        key, held = event.key(), event.modifiers()
        if key in (Qt.Key.Key_Plus, Qt.Key.Key_Equal, Qt.Key.Key_Minus):
            return "zoom", 1 if key == Qt.Key.Key_Minus else -1
        if key in (Qt.Key.Key_PageUp, Qt.Key.Key_PageDown):
            return "move", 1 if key == Qt.Key.Key_PageDown else -1
        if key in (Qt.Key.Key_Left, Qt.Key.Key_Right):
            by = 1 if key == Qt.Key.Key_Right else -1
            if held & Qt.KeyboardModifier.ControlModifier:
                return "seek", by
            if held & Qt.KeyboardModifier.ShiftModifier:
                return "select", by
        return None

    # -- the rest of Qt -------------------------------------------------------------------------------------

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802 - Qt's
        """Light and dark have brushes of their own."""
        if event.type() in (QEvent.Type.PaletteChange, QEvent.Type.StyleChange):
            self._brushes.clear()
            self.update()
        super().changeEvent(event)

    def showEvent(self, event: QEvent) -> None:  # noqa: N802 - Qt's
        """The present moves on by itself."""
        self._moving.start()

    def hideEvent(self, event: QEvent) -> None:  # noqa: N802 - Qt's
        """Nobody looks."""
        self._moving.stop()

    def focusInEvent(self, event: QFocusEvent) -> None:  # noqa: N802 - Qt's
        """It has a frame then."""
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:  # noqa: N802 - Qt's
        """No more."""
        self.update()
