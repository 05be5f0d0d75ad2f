"""The mark in the tray: how it stands while the window is hidden, and messages when a disk goes or comes back.

GUI thread only. Where there is no tray, or nobody wants a mark in it, there is nothing.
"""

from __future__ import annotations

import time

from PySide6.QtCore import QObject, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QIcon, QPainter, QPen, QPixmap
from PySide6.QtWidgets import QMenu, QSystemTrayIcon, QWidget

from evertape.config.desktop import DesktopSettings
from evertape_desktop.backend.problem import Connection
from evertape_desktop.context import Context
from evertape_desktop.recording.labels import headline, label_text, spare_headline
from evertape_desktop.recording.outlook import Loss, Standing, loss_of, standing_of
from evertape_desktop.recording.storage_watch import StorageWatch
from evertape_desktop.theme import DARK, LIGHT

_SIZES = (16, 22, 32, 64)
_CALM_S = 1.0
"""A loose plug that makes contact for less than that is still out."""
_MESSAGE_MS = 10_000


class Tray(QObject):
    """See the module.

    Args:
        context: of the window.
        parent: the window, which the menu shows and hides.
    """

    message_shown = Signal(str, str)
    """Title and text of each message."""

    def __init__(self, context: Context, parent: QWidget) -> None:
        super().__init__(parent)
        self._context = context
        self._window = parent
        self._storage = StorageWatch(context.backend, self)
        self._loss: Loss | None = None
        self._returned_at: float | None = None
        self._icon: QSystemTrayIcon | None = None
        self._menu: QMenu | None = None
        self.standing = Standing.UNKNOWN
        self._storage.changed.connect(self._judge)
        context.backend.connection_changed.connect(self._on_connection)
        context.settings.changed.connect(self._on_settings)
        self._on_settings(context.settings.now)

    @property
    def tool_tip(self) -> str:
        """What it says; empty where there is no tray."""
        return self._icon.toolTip() if self._icon is not None else ""

    def hide(self) -> None:
        """Take it away."""
        icon, self._icon = self._icon, None
        menu, self._menu = self._menu, None
        if icon is not None:
            icon.hide()
            icon.deleteLater()
        if menu is not None:
            menu.deleteLater()

    # -- inside ---------------------------------------------------------------------------------------------

    def _on_settings(self, settings: DesktopSettings) -> None:
        wanted = settings.appearance.tray and QSystemTrayIcon.isSystemTrayAvailable()
        if wanted and self._icon is None:
            self._make()
            self._judge()
        elif not wanted:
            self.hide()

    def _make(self) -> None:
        menu = QMenu(self._window)
        menu.addAction(self.tr("Show or hide the window")).triggered.connect(lambda: self.toggle_window())
        menu.addSeparator()
        menu.addAction(self.tr("Start recording all cameras")).triggered.connect(lambda: self._record(True))
        menu.addAction(self.tr("Stop recording all cameras")).triggered.connect(lambda: self._record(False))
        menu.addSeparator()
        menu.addAction(self.tr("Quit")).triggered.connect(lambda: self._window.close())
        icon = QSystemTrayIcon(self)
        icon.setContextMenu(menu)
        icon.activated.connect(self._on_activated)
        self._menu, self._icon = menu, icon
        self._paint()
        icon.show()

    def toggle_window(self) -> None:
        """Show it, or hide it."""
        window = self._window
        if window.isVisible() and not window.isMinimized():
            window.hide()
            return
        window.showNormal() if window.isMinimized() else window.show()
        window.raise_()
        window.activateWindow()

    def _on_activated(self, why: QSystemTrayIcon.ActivationReason) -> None:
        if why is QSystemTrayIcon.ActivationReason.Trigger:
            self.toggle_window()

    def _on_connection(self, _connection: Connection) -> None:
        self._judge()

    def _record(self, wanted: bool) -> None:
        look = self._context.backend.look
        cameras = [camera.id for camera in look.cameras if camera.enabled] if look is not None else []
        if cameras:
            self._context.backend.record(cameras, wanted)

    def _judge(self) -> None:
        backend = self._context.backend
        loss = loss_of(self._storage.volumes, backend.look)
        self.standing = standing_of(loss, backend.look, backend.connection)
        self._tell(loss)
        self._paint()

    def _tell(self, loss: Loss | None) -> None:
        """Once when a volume goes, and once when it is back; the next one that goes is another matter."""
        before, now = self._loss, time.monotonic()
        if loss is not None:
            is_other = (
                before is None or before.volume.name != loss.volume.name or before.volume.trouble != loss.volume.trouble
            )
            self._loss, self._returned_at = loss, None
            if is_other and (trouble := loss.volume.trouble) is not None:
                self._message(
                    f"⚠️ {spare_headline(trouble) if loss.is_spare else headline(trouble)}",
                    f"{loss.volume.name}: {label_text(loss.volume)}",
                    is_bad=True,
                )
        elif before is not None:
            self._returned_at = now if self._returned_at is None else self._returned_at
            if now - self._returned_at >= _CALM_S:
                self._loss, self._returned_at = None, None
                self._say_back(before)

    def _say_back(self, loss: Loss) -> None:
        volume = self._storage.book.volume(loss.volume.name)
        if volume is not None and volume.usable:
            self._message(self.tr("Recording resumed on {0}").format(volume.name), label_text(volume), is_bad=False)

    def _message(self, title: str, text: str, *, is_bad: bool) -> None:
        if self._icon is None:
            return
        kind = QSystemTrayIcon.MessageIcon.Critical if is_bad else QSystemTrayIcon.MessageIcon.Information
        self._icon.showMessage(title, text, kind, _MESSAGE_MS)
        self.message_shown.emit(title, text)

    def _paint(self) -> None:
        if self._icon is None:
            return
        self._icon.setIcon(standing_icon(self.standing))
        self._icon.setToolTip(self._summary())

    def _summary(self) -> str:
        look = self._context.backend.look
        if look is None:
            return self.tr("Evertape: no recorder has answered yet")
        on = sum(camera.is_recording for camera in look.cameras)
        lines = [self.tr("Evertape: {0} of {1} cameras recording").format(on, len(look.cameras))]
        if self._context.backend.connection.text:
            lines.append(self._context.backend.connection.text)
        lines += [
            f"{volume.name}: {label_text(volume)}" for volume in self._storage.volumes if volume.trouble is not None
        ]
        return "\n".join(lines)


def standing_icon(standing: Standing) -> QIcon:
    """A filled mark while all is recorded, a mark with a bar in trouble, a ring while nothing is."""
    icon = QIcon()
    for size in _SIZES:
        icon.addPixmap(_drawn(standing, size))
    return icon


def _drawn(standing: Standing, size: int) -> QPixmap:
    pixmap = QPixmap(size, size)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    # The tray's own colour is nobody's to know, so each mark is one that stands out from light and dark.
    colour = {
        Standing.ALL: QColor(DARK.good),
        Standing.TROUBLE: QColor(DARK.bad),
        Standing.NONE: QColor(DARK.idle),
        Standing.UNKNOWN: QColor(LIGHT.idle),
    }[standing]
    width = size / 8
    ring = QRectF(width, width, size - 2 * width, size - 2 * width)
    painter.setPen(QPen(colour, width))
    painter.drawEllipse(ring)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(colour)
    if standing is Standing.ALL:
        painter.drawEllipse(QRectF(size * 0.3, size * 0.3, size * 0.4, size * 0.4))
    elif standing is Standing.TROUBLE:
        painter.drawRect(QRectF(size * 0.44, size * 0.26, size * 0.12, size * 0.3))
        painter.drawRect(QRectF(size * 0.44, size * 0.62, size * 0.12, size * 0.12))
    painter.end()
    return pixmap
