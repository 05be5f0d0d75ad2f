"""The player's buttons, its rate, and what time is shown. GUI thread only."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QSize, Qt, Signal
from PySide6.QtGui import QAction, QFontDatabase
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QSizePolicy, QToolButton, QWidget

from evertape_desktop.playback.clock import RATES
from evertape_desktop.playback.icons import icon

_BACKWARD = tuple(-one for one in RATES if one >= 1)


class Controls(QWidget):
    """See the module.

    Args:
        groups: actions with the names of their signs, in groups.
    """

    rate_wanted = Signal(float)

    def __init__(self, groups: Sequence[Sequence[tuple[QAction, str]]], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("playback_controls")
        self._signs = [one for group in groups for one in group]
        self.time = QLabel("–", self)
        self.time.setObjectName("playback_time")
        self.time.setAccessibleName(self.tr("Time shown"))
        self.time.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self.time.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.state = QLabel("", self)
        self.state.setObjectName("playback_state")
        self.state.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.rate = QComboBox(self)
        self.rate.setObjectName("playback_rate")
        self.rate.setAccessibleName(self.tr("Rate"))
        for rate in (*RATES, *_BACKWARD):
            self.rate.addItem(f"{rate:g}×".replace("-", "\u2212"), rate)
        self.rate.activated.connect(lambda _: self.rate_wanted.emit(float(self.rate.currentData())))
        self._lay_out(groups)
        self._paint_signs()

    def _lay_out(self, groups: Sequence[Sequence[tuple[QAction, str]]]) -> None:
        row = QHBoxLayout(self)
        row.setContentsMargins(4, 2, 4, 2)
        row.setSpacing(2)
        for number, group in enumerate(groups):
            if number == 1:
                row.addWidget(self.rate)
                row.addSpacing(8)
                row.addWidget(self.time)
                row.addSpacing(8)
                row.addWidget(self.state, 1)
            elif number:
                row.addSpacing(10)
            for action, _sign in group:
                button = QToolButton(self)
                button.setDefaultAction(action)
                button.setAutoRaise(True)
                button.setIconSize(QSize(20, 20))
                button.setAccessibleName(action.text())
                button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonIconOnly)
                row.addWidget(button)

    def set_sign(self, action: QAction, name: str) -> None:
        """Another sign for it."""
        self._signs = [(one, name if one is action else sign) for one, sign in self._signs]
        action.setIcon(icon(name, self.palette()))

    def set_rate(self, rate: float) -> None:
        """What is shown as chosen."""
        self.rate.setCurrentIndex(max(0, self.rate.findData(rate)))

    def _paint_signs(self) -> None:
        for action, sign in self._signs:
            action.setIcon(icon(sign, self.palette()))
            key = action.shortcut().toString()
            action.setToolTip(f"{action.text()} ({key})" if key else action.text())

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802 - Qt's
        """Light and dark have signs of their own."""
        if event.type() == QEvent.Type.PaletteChange:
            self._paint_signs()
        super().changeEvent(event)
