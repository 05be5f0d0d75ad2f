"""Keeps PySide6 from using up ``None`` on Python 3.11.

PySide6 6.12.0 returns ``None`` from functions of Qt that return nothing without counting the reference, as one may from
Python 3.12 on, where ``None`` is never counted (PEP 683). Before, each such call takes one away: after some thousand
(``QTimer.start``, ``QWidget.update``) the interpreter ends with "deallocating None". So it is given more than any
process will use up, as 3.12 does.
"""

from __future__ import annotations

import ctypes
import sys

_PLENTY = 1 << 40
"""A hundred thousand calls in a second take four months."""


def make_none_last() -> None:
    """Do it, where it is needed; once in a process is enough, and more often does no harm."""
    if sys.version_info >= (3, 12) or sys.implementation.name != "cpython" or ctypes.sizeof(ctypes.c_ssize_t) < 8:
        return
    count = ctypes.c_ssize_t.from_address(id(None))
    if count.value < _PLENTY // 2:
        count.value += _PLENTY
