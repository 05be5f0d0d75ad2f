"""What is relied on in Qt for Python."""

from __future__ import annotations

import sys

from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot


def test_calls_of_qt_take_no_reference_of_none(qtbot: QtBot) -> None:
    """Version 6.12.0 does; before Python 3.12 a window that is left open would die of it after some hours."""
    widget = QWidget()
    qtbot.addWidget(widget)
    before = sys.getrefcount(None)
    for _ in range(10_000):
        widget.update()
    assert sys.getrefcount(None) > before - 5_000
