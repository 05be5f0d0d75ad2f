"""A window of the display within a cell, into which GStreamer draws by itself. GUI thread only; X11.

It has to outlive every sink that draws into it: the display answers the first picture for a window that is gone with an
error that ends the process.
"""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QGuiApplication, QPaintEngine, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QWidget

_SETTLE_MS = 80
"""After a change of size the display has to hear of it first, on Qt's line, before GStreamer asks on its own."""


def can_overlay() -> bool:
    """Whether windows of this display can be drawn into by others."""
    return QGuiApplication.platformName() == "xcb"


class NativeWindow(QWidget):
    """See the module.

    Args:
        resized: is called when it has another size, or has to be drawn again.
        parent: the cell.
    """

    def __init__(self, resized: Callable[[], None], parent: QWidget) -> None:
        super().__init__(parent)
        for attribute in (
            Qt.WidgetAttribute.WA_DontCreateNativeAncestors,
            Qt.WidgetAttribute.WA_NativeWindow,
            Qt.WidgetAttribute.WA_PaintOnScreen,
            Qt.WidgetAttribute.WA_NoSystemBackground,
            Qt.WidgetAttribute.WA_OpaquePaintEvent,
        ):
            self.setAttribute(attribute)
        self._timer = QTimer(self, singleShot=True, interval=_SETTLE_MS)
        self._timer.timeout.connect(resized)
        self.hide()

    def paintEngine(self) -> QPaintEngine:  # noqa: N802 - Qt's
        """Qt draws nothing here."""
        return None  # type: ignore[return-value]

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802 - Qt's
        """Its content was lost."""
        self._timer.start()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's
        """Pictures of that size, please."""
        super().resizeEvent(event)
        self._timer.start()
