"""Labels that explain, warn, or say what is wrong, in the colours of the theme in force. GUI thread only."""

from __future__ import annotations

from enum import Enum

from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QColor, QPalette
from PySide6.QtWidgets import QApplication, QLabel, QSizePolicy, QWidget

from evertape_desktop.theme import colours


class Tone(Enum):
    """What a note is for."""

    PLAIN = "plain"
    HELP = "help"
    GOOD = "good"
    WARN = "warn"
    BAD = "bad"


class Note(QLabel):
    """A text of one tone, as wide as there is room. Hidden while it is empty, unless it is plain.

    Args:
        text: what it says.
        tone: how.
        small: a little smaller than the text around it.
    """

    def __init__(
        self, text: str = "", tone: Tone = Tone.HELP, parent: QWidget | None = None, *, small: bool = True
    ) -> None:
        super().__init__(text, parent)
        self._tone = tone
        self.setWordWrap(True)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        policy = QSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        if small:
            font = self.font()
            font.setPointSizeF(font.pointSizeF() * 0.92)
            self.setFont(font)
        self._paint()
        self.setVisible(bool(text))

    def say(self, text: str, tone: Tone | None = None) -> None:
        """Another text; none hides it."""
        if tone is not None:
            self._tone = tone
            self._paint()
        self.setText(text)
        self.setVisible(bool(text))

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802 - Qt's
        """Follow the theme."""
        super().changeEvent(event)
        if event.type() is QEvent.Type.PaletteChange:
            self._paint()

    def _paint(self) -> None:
        colour = _colour(self._tone)
        palette = self.palette()
        if palette.color(QPalette.ColorRole.WindowText) != colour:
            palette.setColor(QPalette.ColorRole.WindowText, colour)
            self.setPalette(palette)


def _colour(tone: Tone) -> QColor:
    meant = {Tone.GOOD: colours().good, Tone.WARN: colours().warn, Tone.BAD: colours().bad}
    if tone in meant:
        return QColor(meant[tone])
    text = QApplication.palette().color(QPalette.ColorRole.WindowText)
    return text if tone is Tone.PLAIN else _between(text, QApplication.palette().color(QPalette.ColorRole.Window))


def _between(text: QColor, ground: QColor) -> QColor:
    """Softer than text, and still readable (a contrast of 4.5 in both themes)."""
    share = 0.68
    pairs = ((text.red(), ground.red()), (text.green(), ground.green()), (text.blue(), ground.blue()))
    return QColor(*(round(share * a + (1 - share) * b) for a, b in pairs))
