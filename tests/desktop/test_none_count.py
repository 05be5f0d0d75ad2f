"""``None`` is not used up by Qt's functions; see ``evertape_desktop.none_count``."""

from __future__ import annotations

import sys

import pytest
from PySide6.QtCore import QTimer

import evertape_desktop


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="None is not counted from Python 3.12 on")
def test_more_calls_of_qt_than_a_long_day_has_leave_none_alive(qapp: object) -> None:
    assert evertape_desktop.__doc__
    timer = QTimer()
    for _ in range(10_000):
        timer.start(1_000_000)
        timer.stop()
    assert sys.getrefcount(None) > 1 << 38
