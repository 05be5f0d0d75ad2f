"""The time line: all cameras above each other, from some months to a second. GUI thread only.

The wheel zooms, dragging moves, a click plays there, dragging with Shift selects; by keyboard plus and minus zoom,
Page Up and Page Down move, Ctrl with an arrow goes a tenth of the window on, and Shift with an arrow selects.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import tzinfo

from PySide6.QtCore import QEvent, QPointF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import (
    QFocusEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from evertape.types import NS_PER_S
from evertape_desktop.playback.now import RecorderClock
from evertape_desktop.playback.scale import Window
from evertape_desktop.playback.spans import Span
from evertape_desktop.playback.tiles import TileStore
from evertape_desktop.playback.timeline_paint import NAMES, ROW, RULER, TimelineLook, TimelinePaint

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
        self._paint = TimelinePaint(tiles)
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

    def height_of(self, rows: int) -> int:
        """So many pixels have that many rows."""
        return RULER + ROW * rows + 2

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's
        """All rows."""
        return QSize(600, self.height_of(max(1, len(self._cameras))))

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's
        """The same: where there is less room, it is scrolled."""
        return QSize(300, self.height_of(max(1, len(self._cameras))))

    def _width(self) -> float:
        return max(1.0, float(self.width() - NAMES))

    def _row_height(self) -> float:
        return max(float(ROW), min(32.0, (self.height() - RULER) / max(1, len(self._cameras))))

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802 - Qt's
        """Rows, ruler, selection, cursor."""
        painter = QPainter(self)
        self._paint.paint(painter, self, self._look())
        painter.end()

    def _look(self) -> TimelineLook:
        return TimelineLook(
            self._window, tuple(self._cameras), self._zone, self._cursor, self._selection, self._clock.now(),
            self._row_height(),
        )  # fmt: skip

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
            self._paint.forget()
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
