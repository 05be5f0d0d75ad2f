"""The widget that shows a camera's pictures, with its label over them, or a card in their place. GUI thread only."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QRect, QSize, Qt, Signal
from PySide6.QtGui import QImage, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QWidget

from evertape_desktop.video.overlay import CARD, Card, Label, Strip, draw_card


@dataclass(slots=True)
class SurfaceStats:
    """Counters.

    Args:
        given: pictures.
        painted: those that were drawn.
        replaced: those that gave way to newer ones before they were drawn.
    """

    given: int = 0
    painted: int = 0
    replaced: int = 0


def fitted(picture: QSize, area: QRect) -> QRect:
    """Where a picture lies in ``area``: as large as it fits, in its own shape, in the middle. Pure."""
    size = picture.scaled(area.size(), Qt.AspectRatioMode.KeepAspectRatio)
    # A pixel or two beside is the rounding of the decoder's side, no bar.
    if abs(size.width() - area.width()) <= 2 and abs(size.height() - area.height()) <= 2:
        return QRect(area)
    at = area.topLeft()
    at.setX(at.x() + (area.width() - size.width()) // 2)
    at.setY(at.y() + (area.height() - size.height()) // 2)
    return QRect(at, size)


class VideoSurface(QWidget):
    """See the module. It paints once for each new picture, and else only when something over it changes."""

    resized = Signal()
    """Pictures of another size are wanted."""
    turned = Signal()
    """From picture to card, or back."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.stats = SurfaceStats()
        self.label = Label()
        self.card = Card("")
        self._image: QImage | None = None
        self._unpainted = False
        self._is_away = False
        self._strip = Strip()

    # -- what is shown --------------------------------------------------------------------------------------

    @property
    def image(self) -> QImage | None:
        """The picture on the screen; ``None``: the card is."""
        return None if self._is_away else self._image

    def wanted_size(self) -> tuple[int, int]:
        """See ``Watcher``."""
        ratio = self.devicePixelRatioF()
        return round(self.width() * ratio), round(self.height() * ratio)

    def show_picture(self, image: QImage) -> None:
        """See ``Watcher``."""
        if image is self._image and not self._is_away:
            return
        self.stats.given += 1
        if self.isVisible():
            self.stats.replaced += self._unpainted
            self._unpainted = True
        turned, self._image, self._is_away = self.image is None, image, False
        self.update()
        if turned:
            self.turned.emit()

    def show_away(self) -> None:
        """See ``Watcher``; the card, from now on."""
        if not self._is_away:
            self._is_away, self._unpainted = True, False
            self.update()
            self.turned.emit()

    def forget(self) -> None:
        """It is to show something else: neither the picture nor its absence means anything any more."""
        self._image, self._is_away, self._unpainted = None, False, False
        self.update()

    def say(self, label: Label, card: Card) -> None:
        """What stands over the picture, and what stands in its place."""
        if label != self.label:
            self.label = label
            # The next picture brings it along; without one it has to be asked for.
            self.update()
        if card != self.card:
            self.card = card
            if self.image is None:
                self.update()

    # -- Qt -------------------------------------------------------------------------------------------------

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802 - Qt's
        """Picture or card, bars, label."""
        painter = QPainter(self)
        area, image = self.rect(), self.image
        if image is None:
            draw_card(painter, self.card, area, self.font())
        else:
            self._paint_picture(painter, image, area)
        if self.label.name:
            strip = self._strip.pixmap(self.label, area.size(), self.devicePixelRatioF(), self.font())
            painter.drawPixmap(0, 0, strip)
        painter.end()

    def _paint_picture(self, painter: QPainter, image: QImage, area: QRect) -> None:
        where = fitted(image.size(), area)
        if where != area:
            painter.fillRect(QRect(0, 0, area.width(), where.top()), CARD)
            painter.fillRect(QRect(0, where.bottom() + 1, area.width(), area.height() - where.bottom()), CARD)
            painter.fillRect(QRect(0, where.top(), where.left(), where.height()), CARD)
            painter.fillRect(QRect(where.right() + 1, where.top(), area.width(), where.height()), CARD)
        if image.size() == where.size() * self.devicePixelRatioF():
            painter.drawImage(where.topLeft(), image)
        else:
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            painter.drawImage(where, image)
        if self._unpainted:
            self._unpainted = False
            self.stats.painted += 1

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's
        """Pictures of that size, please."""
        super().resizeEvent(event)
        self.resized.emit()
