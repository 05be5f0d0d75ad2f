"""Root that has to obey permissions, for the processes that a scenario starts. Linux only."""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

_PR_CAPBSET_DROP = 24
_CAP_DAC_OVERRIDE, _CAP_DAC_READ_SEARCH = 1, 2


def call_without_override(work: Callable[[], T]) -> T:
    """Call ``work`` on a thread whose child processes are root, and are refused what permissions refuse.

    A thread's bounding set (capabilities(7)) limits what root gets at ``execve``; the thread itself keeps what it has.

    Raises:
        OSError: the kernel refuses.
        BaseException: whatever ``work`` raises.
    """
    result: list[T] = []
    raised: list[BaseException] = []

    def run() -> None:
        try:
            libc = ctypes.CDLL(None, use_errno=True)
            for capability in (_CAP_DAC_OVERRIDE, _CAP_DAC_READ_SEARCH):
                if libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0):
                    raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
            result.append(work())
        except BaseException as error:  # noqa: BLE001 - raised again by whoever waits
            raised.append(error)

    thread = threading.Thread(target=run, name="without override")
    thread.start()
    thread.join()
    if raised:
        raise raised[0]
    return result[0]
