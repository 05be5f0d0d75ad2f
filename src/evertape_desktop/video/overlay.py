"""What is drawn over a picture, and the card in its place. GUI thread only.

The strip over the picture is drawn once for each text and laid over every picture, because drawing letters costs more
than the picture itself.
"""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QPainter, QPixmap

from evertape_desktop.theme import DARK

_PAPER = QColor(16, 19, 25, 168)
_INK = QColor("#f4f6fa")
_DIM = QColor("#aab3c2")
CARD = QColor("#171b22")
"""Behind the card, in both themes: it stands where a picture stood."""

_FLAGS = Qt.AlignmentFlag
_MODE = Qt.TextFlag.TextSingleLine


@dataclass(frozen=True, slots=True)
class Label:
    """What stands over a picture.

    Args:
        name: of the camera.
        clock: the time of the place; empty: not shown.
        state: if it is not as it should be.
        mark: ``recording``, ``waiting``, ``paused``, or empty: nothing is known.
        mark_text: the same in words, short.
        note: small, ``25 fps``.
    """

    name: str = ""
    clock: str = ""
    state: str = ""
    mark: str = ""
    mark_text: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Card:
    """What stands in the place of a picture.

    Args:
        headline: how it is.
        lines: since when, why, what is done about it.
        trouble: it is not as it should be.
    """

    headline: str
    lines: tuple[str, ...] = ()
    trouble: bool = False


def mark_colour(mark: str) -> QColor:
    """Of a recording mark; its shape and words say the same."""
    return QColor({"recording": "#ff5252", "waiting": DARK.warn}.get(mark, DARK.idle))


def draw_mark(painter: QPainter, mark: str, box: QRectF) -> None:
    """A disc: it records. A ring: it would, and waits. Two bars: it is not to."""
    colour = mark_colour(mark)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    match mark:
        case "recording":
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(colour)
            painter.drawEllipse(box)
        case "waiting":
            pen = painter.pen()
            pen.setColor(colour)
            pen.setWidthF(max(1.6, box.width() / 5))
            painter.setPen(pen)
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawEllipse(box.adjusted(1, 1, -1, -1))
        case "paused":
            width = box.width() / 3.2
            painter.fillRect(QRectF(box.left(), box.top(), width, box.height()), colour)
            painter.fillRect(QRectF(box.right() - width, box.top(), width, box.height()), colour)
        case _:
            pass


def label_font(height: int, base: QFont) -> QFont:
    """For a picture so high."""
    font = QFont(base)
    font.setPixelSize(max(11, min(18, height // 18)))
    return font


def strip_height(height: int, base: QFont) -> int:
    """Of the label over a picture so high."""
    return _strip_height(QFontMetrics(label_font(height, base)))


def _strip_height(metrics: QFontMetrics) -> int:
    return metrics.height() + _pad(metrics)


def _pad(metrics: QFontMetrics) -> int:
    return max(4, metrics.height() // 3)


class Strip:
    """The label of one cell, drawn when it changes."""

    def __init__(self) -> None:
        self._key: tuple[Label, QSize, float] | None = None
        self._pixmap = QPixmap()

    def pixmap(self, label: Label, size: QSize, ratio: float, base: QFont) -> QPixmap:
        """For a picture of ``size``; ``ratio``: pixels of the screen for each of Qt's."""
        key = (label, size, ratio)
        if key != self._key:
            self._key, self._pixmap = key, _draw(label, size, ratio, label_font(size.height(), base))
        return self._pixmap


def _draw(label: Label, size: QSize, ratio: float, font: QFont) -> QPixmap:
    metrics = QFontMetrics(font)
    pad = _pad(metrics)
    width, height = max(1, size.width()), _strip_height(metrics)
    pixmap = QPixmap(int(width * ratio), int(height * ratio))
    pixmap.setDevicePixelRatio(ratio)
    pixmap.fill(_PAPER)
    painter = QPainter(pixmap)
    painter.setFont(font)
    right = width - pad
    right = _right(painter, label.clock, right, height, _INK, metrics, pad)
    bold = QFont(font)
    bold.setBold(True)
    left = pad
    if label.mark:
        dot = metrics.ascent() * 0.72
        draw_mark(painter, label.mark, QRectF(left, (height - dot) / 2, dot, dot))
        left += int(dot) + pad
        painter.setPen(mark_colour(label.mark))
        painter.setFont(bold)
        wide = QFontMetrics(bold).horizontalAdvance(label.mark_text)
        if label.mark_text and left + wide + pad < right - 40:
            painter.drawText(QRect(left, 0, wide + 2, height), _FLAGS.AlignVCenter | _MODE, label.mark_text)
            left += wide + pad * 2
    painter.setFont(bold)
    painter.setPen(_INK)
    name = QFontMetrics(bold).elidedText(label.name, Qt.TextElideMode.ElideRight, max(0, right - left))
    painter.drawText(QRect(left, 0, right - left, height), _FLAGS.AlignVCenter | _MODE, name)
    left += QFontMetrics(bold).horizontalAdvance(name) + pad * 2
    painter.setFont(font)
    for text, colour in ((label.state, QColor(DARK.warn)), (label.note, _DIM)):
        if text and right - left > 40:
            shown = metrics.elidedText(text, Qt.TextElideMode.ElideRight, right - left)
            painter.setPen(colour)
            painter.drawText(QRect(left, 0, right - left, height), _FLAGS.AlignVCenter | _MODE, shown)
            left += metrics.horizontalAdvance(shown) + pad * 2
    painter.end()
    return pixmap


def _right(
    painter: QPainter, text: str, right: int, height: int, colour: QColor, metrics: QFontMetrics, pad: int
) -> int:
    """Draw a text that ends at ``right``; where the free room ends now."""
    if not text:
        return right
    wide = metrics.horizontalAdvance(text)
    painter.setPen(colour)
    painter.drawText(QRect(right - wide, 0, wide + 1, height), _FLAGS.AlignVCenter | _MODE, text)
    return right - wide - pad * 2


def draw_card(painter: QPainter, card: Card, area: QRect, base: QFont) -> None:
    """The card, in the middle of ``area``."""
    painter.fillRect(area, CARD)
    big, small = QFont(base), QFont(base)
    big.setPixelSize(max(13, min(34, area.height() // 9)))
    big.setBold(True)
    small.setPixelSize(max(11, min(18, area.height() // 17)))
    rows = [(card.headline, big, QColor(DARK.warn) if card.trouble else _INK)]
    rows += [(line, small, _DIM) for line in card.lines]
    gap = max(2, area.height() // 60)
    heights = [QFontMetrics(font).height() + gap for _, font, _ in rows]
    y = area.top() + (area.height() - sum(heights)) / 2
    room = area.width() - 16
    for (text, font, colour), height in zip(rows, heights, strict=True):
        painter.setFont(font)
        painter.setPen(colour)
        shown = QFontMetrics(font).elidedText(text, Qt.TextElideMode.ElideRight, room)
        painter.drawText(QRectF(QPointF(area.left() + 8, y), QSize(room, height).toSizeF()), _FLAGS.AlignCenter, shown)
        y += height
