"""Full screen, with controls that hide while nobody moves the mouse. GUI thread only."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QEvent, QObject, Qt, QTimer
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QApplication, QMainWindow, QWidget

IDLE_MS = 3000
"""Controls that were called by a move of the mouse go after so long without another."""


class FullScreen(QObject):
    """See the module.

    Args:
        window: what fills the screen.
        controls: what hides meanwhile; asked each time.
        goes_back: Escape means something else now, such as one step back to all cameras.
    """

    def __init__(
        self, window: QMainWindow, controls: Callable[[], Sequence[QWidget]], goes_back: Callable[[], bool]
    ) -> None:
        super().__init__(window)
        self._goes_back = goes_back
        self._window = window
        self._controls = controls
        self._hidden: list[QWidget] = []
        self.is_on = False
        self._timer = QTimer(self, singleShot=True, interval=IDLE_MS)
        self._timer.timeout.connect(self._hide)

    def toggle(self) -> None:
        """Enter, or leave."""
        self.leave() if self.is_on else self.enter()

    def enter(self) -> None:
        """Fill the screen; what surrounds the pictures hides."""
        if self.is_on:
            return
        self.is_on = True
        self._was_maximized = self._window.isMaximized()
        self._window.showFullScreen()
        self._hide()
        app = QApplication.instance()
        assert app is not None
        app.installEventFilter(self)

    def leave(self) -> None:
        """A window again, with all that was there."""
        if not self.is_on:
            return
        self.is_on = False
        app = QApplication.instance()
        assert app is not None
        app.removeEventFilter(self)
        self._timer.stop()
        self._show()
        self._window.unsetCursor()
        self._window.showMaximized() if self._was_maximized else self._window.showNormal()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's
        """The mouse calls the controls; Escape leaves."""
        match event.type():
            case QEvent.Type.MouseMove | QEvent.Type.HoverMove:
                self._show()
                self._timer.start()
            case QEvent.Type.ShortcutOverride if self._is_ours(event):
                event.accept()  # or else it would be somebody's hot key
                return True
            case QEvent.Type.KeyPress if self._is_ours(event):
                self.leave()
                return True
            case _:
                pass
        return super().eventFilter(watched, event)

    def _is_ours(self, event: QEvent) -> bool:
        return isinstance(event, QKeyEvent) and event.key() == Qt.Key.Key_Escape and not self._goes_back()

    def _hide(self) -> None:
        self._hidden += [each for each in self._controls() if each.isVisible()]
        for each in self._hidden:
            each.hide()
        self._window.setCursor(Qt.CursorShape.BlankCursor)

    def _show(self) -> None:
        if not self._hidden:
            return
        hidden, self._hidden = self._hidden, []
        for each in hidden:
            each.show()
        self._window.unsetCursor()
