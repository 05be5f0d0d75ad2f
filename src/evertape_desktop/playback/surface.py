"""Where a camera's recorded picture is seen: the picture, its name and time over it, or a card that says why none is.

GUI thread only.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, sqrt

from PySide6.QtCore import QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFont, QFontMetrics, QImage, QMouseEvent, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QGridLayout, QWidget

from evertape_desktop.playback.terms import Shown

_BACK, _CARD, _INK, _DIM = QColor("#0b0d11"), QColor("#1b1f27"), QColor("#f0f2f6"), QColor("#a9b2c0")
_SHADE = QColor(0, 0, 0, 150)


@dataclass(frozen=True, slots=True)
class Card:
    """What stands in a picture's place.

    Args:
        headline: in large letters.
        lines: below it.
    """

    headline: str
    lines: tuple[str, ...] = ()


class PlaySurface(QWidget):
    """See the module.

    Args:
        camera: its id.
        name: for people.
    """

    chosen = Signal(str)
    """The camera, when it is clicked."""
    opened = Signal(str)
    """The camera, when it is double-clicked."""

    def __init__(self, camera: str, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName(f"playback_{camera}")
        self.setAccessibleName(self.tr("Recorded picture of {0}").format(name))
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setMinimumSize(120, 68)
        self.camera = camera
        self.name = name
        self.card: Card | None = None
        """What is shown instead of a picture."""
        self.is_first = False
        self._shown: Shown | None = None
        self._image: QImage | None = None
        self._time = ""

    def show_picture(self, shown: Shown | None, time: str, card: Card | None) -> None:
        """Paint it; a card covers the picture."""
        if shown is not self._shown:
            # The image is a view of these bytes, which live as long as it does.
            self._shown = shown
            self._image = None
            if shown is not None:
                size = shown.width * 4
                self._image = QImage(shown.data, shown.width, shown.height, size, QImage.Format.Format_RGB32)
        self._time, self.card = time, card
        self.update()

    def pixels(self) -> tuple[int, int]:
        """How many the screen has here."""
        ratio = self.devicePixelRatioF()
        return max(2, round(self.width() * ratio)), max(2, round(self.height() * ratio))

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's
        """A small picture."""
        return QSize(320, 180)

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802 - Qt's
        """The picture or the card, and what is written over it."""
        painter = QPainter(self)
        painter.fillRect(self.rect(), _BACK)
        if self.card is not None:
            self._paint_card(painter, self.card)
        elif self._image is not None:
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            painter.drawImage(self._place(self._image.size()), self._image)
        self._paint_label(painter)
        if self.is_first:
            painter.setPen(self.palette().highlight().color())
            painter.drawRect(self.rect().adjusted(0, 0, -1, -1))

    def _place(self, picture: QSize) -> QRect:
        size = picture.scaled(self.size(), Qt.AspectRatioMode.KeepAspectRatio)
        if abs(size.width() - self.width()) <= 2 and abs(size.height() - self.height()) <= 2:
            size = self.size()
        return QRect(
            (self.width() - size.width()) // 2, (self.height() - size.height()) // 2, size.width(), size.height()
        )

    def _paint_label(self, painter: QPainter) -> None:
        metrics = QFontMetrics(self.font())
        height = metrics.height() + 8
        painter.setPen(_INK)
        for text, right in ((self.name, False), (self._time, True)):
            if not text:
                continue
            width = min(metrics.horizontalAdvance(text) + 14, self.width() // 2)
            area = QRectF(
                self.width() - width if right else 0, 0 if not right else self.height() - height, width, height
            )
            painter.fillRect(area, _SHADE)
            shown = metrics.elidedText(text, Qt.TextElideMode.ElideRight, int(width - 12))
            painter.drawText(area, Qt.AlignmentFlag.AlignCenter, shown)

    def _paint_card(self, painter: QPainter, card: Card) -> None:
        painter.fillRect(self.rect(), _CARD)
        large = QFont(self.font())
        large.setPointSizeF(min(18.0, max(9.0, self.height() / 14)))
        large.setBold(True)
        painter.setFont(large)
        painter.setPen(_INK)
        middle = self.rect().adjusted(12, 0, -12, -self.height() // 2)
        wrapped = Qt.TextFlag.TextWordWrap
        painter.drawText(middle, Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignBottom | wrapped, card.headline)
        painter.setFont(self.font())
        painter.setPen(_DIM)
        below = self.rect().adjusted(12, self.height() // 2 + 6, -12, -4)
        painter.drawText(
            below, Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop | wrapped, "\n".join(card.lines)
        )

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's
        """Steps go by this camera now."""
        self.chosen.emit(self.camera)
        event.accept()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's
        """Alone, or all again."""
        self.opened.emit(self.camera)
        event.accept()


class Wall(QWidget):
    """All surfaces beside and below each other."""

    resized = Signal()
    chosen = Signal(str)
    opened = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("playback_wall")
        self.surfaces: dict[str, PlaySurface] = {}
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(2)
        self._alone = ""

    def show_cameras(self, cameras: list[tuple[str, str]]) -> None:
        """Ids and names."""
        wanted = dict(cameras)
        for camera in [camera for camera in self.surfaces if camera not in wanted]:
            surface = self.surfaces.pop(camera)
            self._grid.removeWidget(surface)
            surface.deleteLater()
        for camera, name in cameras:
            if camera not in self.surfaces:
                surface = PlaySurface(camera, name, self)
                surface.chosen.connect(self.chosen)
                surface.opened.connect(self.opened)
                self.surfaces[camera] = surface
            self.surfaces[camera].name = name
        self.surfaces = {camera: self.surfaces[camera] for camera, _ in cameras}
        if self._alone not in self.surfaces:
            self._alone = ""
        self._lay_out()

    def show_alone(self, camera: str) -> None:
        """Only this one; the same again: all."""
        self._alone = "" if self._alone == camera else camera
        self._lay_out()
        self.resized.emit()

    def mark(self, first: str) -> None:
        """Show which one steps go by."""
        for camera, surface in self.surfaces.items():
            surface.is_first = camera == first and len(self.surfaces) > 1
            surface.update()

    def _lay_out(self) -> None:
        shown = [one for one in self.surfaces.values() if not self._alone or one.camera == self._alone]
        columns = max(1, ceil(sqrt(len(shown))))
        for surface in self.surfaces.values():
            self._grid.removeWidget(surface)
            surface.setVisible(surface in shown)
        for number, surface in enumerate(shown):
            self._grid.addWidget(surface, number // columns, number % columns)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's
        """Pictures of another size are wanted."""
        super().resizeEvent(event)
        self.resized.emit()
