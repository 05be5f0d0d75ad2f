"""Keeps PySide6 from using up ``None``, ``True`` and ``False`` on Python 3.11.

PySide6 6.12.0 returns them from functions of Qt without counting the reference, as one may from Python 3.12 on, where
they are never counted (PEP 683). Before, each such call takes one away: after some thousand (``QTimer.start``,
``QWidget.update``) the interpreter ends with "deallocating None". So they are given more than any process will use up.
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
    for one in (None, True, False, NotImplemented, ...):
        count = ctypes.c_ssize_t.from_address(id(one))
        if count.value < _PLENTY // 2:
            count.value += _PLENTY
