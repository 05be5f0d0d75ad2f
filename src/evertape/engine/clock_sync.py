"""Whether the kernel has been told the time: by chrony, systemd-timesyncd, ntpd, ptp4l. Any thread; does not block."""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable

_TIMEX_BYTES = 512
"""More than ``struct timex`` has anywhere; zero in its first field (``modes``) means: only tell."""
_TIME_ERROR = 5
"""``adjtimex(2)``: the clock is not synchronised."""


def told_the_time() -> bool:
    """False if the kernel says that its clock is not synchronised; True too where there is no way to ask."""
    ask = _adjtimex()
    if ask is None:
        return True
    return ask(ctypes.create_string_buffer(_TIMEX_BYTES)) != _TIME_ERROR


@functools.cache
def _adjtimex() -> Callable[[object], int] | None:
    try:
        asking: Callable[[object], int] = ctypes.CDLL(None).adjtimex
    except (OSError, AttributeError):
        return None
    return asking
