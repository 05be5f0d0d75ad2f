"""One cell of the grid: a camera's surface that can be chosen, dragged and asked for more. GUI thread only."""

from __future__ import annotations

from PySide6.QtCore import QMimeData, QPoint, QRect, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QContextMenuEvent,
    QDrag,
    QDragEnterEvent,
    QDropEvent,
    QFocusEvent,
    QImage,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPalette,
    QPen,
)
from PySide6.QtWidgets import QApplication, QWidget

from evertape_desktop.video.native import NativeWindow
from evertape_desktop.video.overlay import strip_height
from evertape_desktop.video.pool import LiveView, ViewPool
from evertape_desktop.video.surface import VideoSurface

MIME = "application/x-evertape-camera"
_BORDER = 3


class _Watch:
    """A cell's interest in one view; the cell may have two while it changes from one to the other."""

    def __init__(self, cell: Cell, stream: str) -> None:
        self._cell = cell
        self.stream = stream
        self.view: LiveView | None = None

    def wanted_size(self) -> tuple[int, int]:
        """See ``Watcher``."""
        return self._cell.wanted_size()

    def show_picture(self, image: QImage) -> None:
        """See ``Watcher``."""
        self._cell.came(self, image)

    def show_away(self) -> None:
        """See ``Watcher``."""
        self._cell.went(self)

    def show_overlay(self) -> None:
        """See ``Watcher``."""
        self._cell.drawn(self)

    def overlay_window(self) -> int:
        """See ``Watcher``."""
        return self._cell.window_for(self.stream)


class Cell(VideoSurface):
    """See the module.

    Args:
        camera_id: whose pictures.
        pool: has them decoded.
    """

    chosen = Signal(str)
    opened = Signal(str)
    """Double-clicked."""
    menu_wanted = Signal(str, QPoint)
    dropped = Signal(str, str)
    """A camera was dropped on this one: that one, this one."""

    def __init__(self, camera_id: str, pool: ViewPool, parent: QWidget) -> None:
        super().__init__(parent)
        self.camera_id = camera_id
        self.setObjectName(f"cell_{camera_id}")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAcceptDrops(True)
        self._pool = pool
        self._current: _Watch | None = None
        self._next: _Watch | None = None
        self._is_chosen = False
        self._pressed_at: QPoint | None = None
        self._windows: dict[str, NativeWindow] = {}
        self.resized.connect(self._fit)

    # -- what is decoded for it -----------------------------------------------------------------------------

    @property
    def stream(self) -> str:
        """Which stream it shows, or is about to; empty: none."""
        watch = self._next or self._current
        return watch.stream if watch is not None else ""

    @property
    def view(self) -> LiveView | None:
        """The view whose pictures are on the screen."""
        return self._current.view if self._current is not None else None

    def want(self, stream: str) -> None:
        """Show this stream; the picture that is there stays until the first one of the new stream. Empty: none."""
        if stream == self.stream:
            return
        self._leave(self._next)
        self._next = None
        if self._current is not None and self._current.stream == stream:
            return
        if not stream:
            self._leave(self._current)
            self._current = None
            return
        watch = self._next = _Watch(self, stream)
        watch.view = self._pool.show((self.camera_id, stream), watch)
        if self._current is None:
            self._current, self._next = watch, None
        if watch.view.image is not None:
            self.came(watch, watch.view.image)
        elif watch.view.is_overlaid:
            self.drawn(watch)

    @property
    def has_picture(self) -> bool:
        """The camera's picture is on the screen, whoever drew it."""
        return self.image is not None or any(window.isVisibleTo(self) for window in self._windows.values())

    def came(self, watch: _Watch, image: QImage) -> None:
        """A picture."""
        self._change_to(watch)
        if watch is self._current:
            self._uncover("")
            self.show_picture(image)

    def drawn(self, watch: _Watch) -> None:
        """Pictures are drawn into the window for this stream."""
        self._change_to(watch)
        if watch is self._current:
            self._uncover(watch.stream)
            self.forget()
            self.turned.emit()

    def went(self, watch: _Watch) -> None:
        """No pictures come."""
        if watch is self._current:
            self._uncover("")
            self.show_away()

    def window_for(self, stream: str) -> int:
        """The number of the window that a stream is drawn into."""
        window = self._windows.get(stream)
        if window is None:
            window = self._windows[stream] = NativeWindow(self._redraw, self)
            self._place_windows()
        return int(window.winId())

    def _uncover(self, stream: str) -> None:
        for name, window in self._windows.items():
            window.setVisible(name == stream)

    def _place_windows(self) -> None:
        top = strip_height(self.height(), self.font())
        area = self.rect().adjusted(_BORDER, max(_BORDER, top), -_BORDER, -_BORDER)
        for window in self._windows.values():
            window.setGeometry(area)

    def _redraw(self) -> None:
        for watch in (self._current, self._next):
            if watch is not None and watch.view is not None:
                watch.view.redraw()

    def _change_to(self, watch: _Watch) -> None:
        if watch is self._next:
            self._leave(self._current)
            self._current, self._next = watch, None

    def _leave(self, watch: _Watch | None) -> None:
        if watch is not None and watch.view is not None:
            self._pool.leave(watch.view, watch)

    def _fit(self) -> None:
        self._place_windows()
        for watch in (self._current, self._next):
            if watch is not None and watch.view is not None:
                watch.view.fit()

    # -- how it looks ---------------------------------------------------------------------------------------

    def set_chosen(self, chosen: bool) -> None:
        """It is the one that keys and menus are about."""
        if chosen != self._is_chosen:
            self._is_chosen = chosen
            self.update()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's
        """A border marks the chosen one, a second line within it the keyboard's focus."""
        super().paintEvent(event)
        if not self._is_chosen:
            return
        painter = QPainter(self)
        accent = self.palette().color(QPalette.ColorRole.Highlight)
        pen = QPen(accent, _BORDER, Qt.PenStyle.SolidLine, Qt.PenCapStyle.SquareCap, Qt.PenJoinStyle.MiterJoin)
        painter.setPen(pen)
        half = _BORDER // 2
        painter.drawRect(self.rect().adjusted(half, half, -half - 1, -half - 1))
        if self.hasFocus():
            painter.setPen(QColor("#ffffff"))
            painter.drawRect(QRect(self.rect()).adjusted(_BORDER, _BORDER, -_BORDER - 1, -_BORDER - 1))
        painter.end()

    # -- what people do -------------------------------------------------------------------------------------

    def focusInEvent(self, event: QFocusEvent) -> None:  # noqa: N802 - Qt's
        """Whoever has the focus is chosen."""
        super().focusInEvent(event)
        self.chosen.emit(self.camera_id)
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:  # noqa: N802 - Qt's
        """It stays chosen."""
        super().focusOutEvent(event)
        self.update()

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's
        """Choose it; perhaps a drag begins."""
        if event.button() is Qt.MouseButton.LeftButton:
            self._pressed_at = event.position().toPoint()
        self.setFocus(Qt.FocusReason.MouseFocusReason)
        self.chosen.emit(self.camera_id)

    def mouseReleaseEvent(self, _event: QMouseEvent) -> None:  # noqa: N802 - Qt's
        """No drag."""
        self._pressed_at = None

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's
        """Larger, or back."""
        if event.button() is Qt.MouseButton.LeftButton:
            self._pressed_at = None
            self.opened.emit(self.camera_id)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's
        """Far enough: it is dragged."""
        begun = self._pressed_at
        if begun is None or not event.buttons() & Qt.MouseButton.LeftButton:
            return
        if (event.position().toPoint() - begun).manhattanLength() < QApplication.startDragDistance():
            return
        self._pressed_at = None
        mime = QMimeData()
        mime.setData(MIME, self.camera_id.encode())
        drag = QDrag(self)
        drag.setMimeData(mime)
        drag.setPixmap(self.grab().scaledToWidth(160, Qt.TransformationMode.SmoothTransformation))
        drag.exec(Qt.DropAction.MoveAction)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:  # noqa: N802 - Qt's
        """Only cameras."""
        if event.mimeData().hasFormat(MIME) and _camera_in(event.mimeData()) != self.camera_id:
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:  # noqa: N802 - Qt's
        """They change places."""
        event.acceptProposedAction()
        self.dropped.emit(_camera_in(event.mimeData()), self.camera_id)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:  # noqa: N802 - Qt's
        """What can be done with it."""
        self.chosen.emit(self.camera_id)
        self.menu_wanted.emit(self.camera_id, event.globalPos())


def _camera_in(mime: QMimeData) -> str:
    return bytes(mime.data(MIME).data()).decode()
