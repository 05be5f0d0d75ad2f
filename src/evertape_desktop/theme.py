"""Light and dark: one palette each for Qt's Fusion style, and the colours that mean something. GUI thread only.

Status colours are told apart by colour-blind people too, and nothing is told by colour alone.
"""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QGuiApplication, QPalette
from PySide6.QtWidgets import QApplication

from evertape.config.desktop import Theme


@dataclass(frozen=True, slots=True)
class Colours:
    """By what they mean: ``#rrggbb``.

    Args:
        good: as it should be.
        warn: somebody should look.
        bad: footage is being lost, or could be.
        idle: nothing is wanted here.
        recorded, spilled, gap: on time lines.
    """

    good: str
    warn: str
    bad: str
    idle: str
    recorded: str
    spilled: str
    gap: str


LIGHT = Colours("#1a7f4b", "#9a6700", "#c62828", "#667085", "#2f7dd1", "#8e5bb5", "#d9485f")
DARK = Colours("#4cc38a", "#e2a336", "#ff6b6b", "#98a2b3", "#58a6ff", "#b98be0", "#ff7b8a")

_ROLES = QPalette.ColorRole


def colours() -> Colours:
    """Those of the theme in force."""
    return DARK if is_dark() else LIGHT


def is_dark() -> bool:
    """Whether the window is dark now."""
    return QGuiApplication.palette().color(_ROLES.Window).lightness() < 128


def apply_theme(app: QApplication, theme: Theme) -> None:
    """Have every window look so, at once."""
    app.setStyle("Fusion")
    dark = theme is Theme.DARK or (theme is Theme.SYSTEM and app.styleHints().colorScheme() is Qt.ColorScheme.Dark)
    app.setPalette(_dark() if dark else _light())


def _light() -> QPalette:
    return _palette("#f5f6f8", "#1d2430", "#ffffff", "#eceef2", "#2f6fbe", "#ffffff", "#8a93a3")


def _dark() -> QPalette:
    return _palette("#1b1f27", "#e6e9ef", "#12151b", "#262b35", "#3b82d6", "#ffffff", "#7b8494")


def _palette(window: str, text: str, base: str, button: str, accent: str, on_accent: str, off: str) -> QPalette:
    palette = QPalette()
    for role, colour in {
        _ROLES.Window: window, _ROLES.WindowText: text, _ROLES.Base: base, _ROLES.AlternateBase: button,
        _ROLES.Text: text, _ROLES.Button: button, _ROLES.ButtonText: text, _ROLES.ToolTipBase: base,
        _ROLES.ToolTipText: text, _ROLES.Highlight: accent, _ROLES.HighlightedText: on_accent, _ROLES.Link: accent,
        _ROLES.PlaceholderText: off, _ROLES.BrightText: "#ff5252",
    }.items():  # fmt: skip
        palette.setColor(role, QColor(colour))
    for role in (_ROLES.WindowText, _ROLES.Text, _ROLES.ButtonText):
        palette.setColor(QPalette.ColorGroup.Disabled, role, QColor(off))
    return palette
