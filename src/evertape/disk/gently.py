"""Reading much without getting in recording's way: served last by the disk. Linux; elsewhere nothing happens."""

from __future__ import annotations

import contextlib
import ctypes
import platform
import sys
from collections.abc import Iterator

_CALLS = {
    "x86_64": (251, 252),
    "aarch64": (30, 31),
    "riscv64": (30, 31),
    "armv7l": (314, 315),
    "i686": (289, 290),
}
"""Numbers of ``ioprio_set`` and ``ioprio_get``, which the C library does not have (the kernel's ``unistd.h``)."""
_PROCESS = 1
IDLE = 3 << 13
"""The class *idle*, of ``linux/ioprio.h``: served when nobody else asks. Which schedulers heed it: BFQ, mq-deadline."""


def priority() -> int | None:
    """The calling thread's present one; ``None`` where there is none."""
    return _call(1, _PROCESS, 0)


@contextlib.contextmanager
def gently() -> Iterator[None]:
    """What the calling thread reads within comes after what everybody else reads and writes."""
    before = priority()
    if before is not None:
        _call(0, _PROCESS, 0, IDLE)
    try:
        yield
    finally:
        if before is not None:
            _call(0, _PROCESS, 0, before)


def _call(which: int, *arguments: int) -> int | None:
    numbers = _CALLS.get(platform.machine()) if sys.platform == "linux" else None
    # A 32-bit program on a 64-bit kernel has other numbers.
    if numbers is None or (sys.maxsize > 1 << 32) != platform.machine().endswith("64"):
        return None
    answer = int(ctypes.CDLL(None, use_errno=True).syscall(numbers[which], *arguments))
    return None if answer < 0 else answer
