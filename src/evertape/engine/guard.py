"""The edge around one camera's share of a recorder's work: a mistake in it must not stop the others.

Threads: the owner's loop only.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from types import TracebackType
from typing import ClassVar

log = logging.getLogger(__name__)


class Guard:
    """A context manager that keeps exceptions in, logs their traceback, counts them, and has the damage mended.

    It may be entered again inside itself; what stands behind the statement that raised is skipped.

    Args:
        part: whose work, for the log: ``streaming of cam_01``.
        mend: throws away what can no longer be trusted; called after each mistake.

    Attributes:
        exhausted: called when there is no memory left, which nothing here can mend; ``None``: it counts as a mistake.
    """

    exhausted: ClassVar[Callable[[], None] | None] = None

    def __init__(self, part: str, mend: Callable[[], None] | None = None) -> None:
        self._part = part
        self._mend = mend
        self._mending = False
        self.mistakes = 0

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> bool:
        if not isinstance(error, Exception):
            return False
        if isinstance(error, MemoryError) and Guard.exhausted is not None:
            Guard.exhausted()
            return True
        self.mistakes += 1
        # One that comes back ten times a second must not fill the disk with its tracebacks.
        if self.mistakes & (self.mistakes - 1) == 0:
            log.error("[PROCESS] a mistake in the %s (number %d)", self._part, self.mistakes, exc_info=error)
        if self._mend is not None and not self._mending:
            self._mending = True
            try:
                self._mend()
            except Exception:
                log.exception("[PROCESS] a mistake in mending the %s", self._part)
            finally:
                self._mending = False
        return True
