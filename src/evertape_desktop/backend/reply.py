"""What a request will come to. Made and told on the GUI thread."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

import shiboken6
from PySide6.QtCore import QObject

from evertape_desktop.backend.problem import Problem


class Reply:
    """See the module. Whoever asks says what follows with ``then``; it happens on the GUI thread, once, later.

    Args:
        unhandled: is told of a problem that nobody took care of.
    """

    def __init__(self, unhandled: Callable[[Problem], None]) -> None:
        self._unhandled = unhandled
        self._done: Callable[[Any], object] | None = None
        self._failed: Callable[[Problem], object] | None = None
        self._owner: QObject | None = None
        self._is_over = False
        self._cancel: Callable[[], object] = lambda: None

    def then(
        self,
        done: Callable[[Any], object],
        failed: Callable[[Problem], object] | None = None,
        *,
        owner: QObject | None = None,
    ) -> Self:
        """What follows.

        Args:
            done: is told the answer.
            failed: is told what went wrong; else the backend's ``failed`` signal tells it.
            owner: if it is gone by then, nobody is told anything.
        """
        self._done, self._failed, self._owner = done, failed, owner
        return self

    def cancel(self) -> None:
        """Nobody wants it any more; nobody is told."""
        self._is_over = True
        self._cancel()

    # -- the backend's side ---------------------------------------------------------------------------------

    def bind(self, cancel: Callable[[], object]) -> None:
        """How the work is ended."""
        self._cancel = cancel

    def settle(self, answer: Any) -> None:
        """It came to ``answer``, which may be a ``Problem``."""
        if self._is_over or (self._owner is not None and not shiboken6.isValid(self._owner)):
            return
        self._is_over = True
        if not isinstance(answer, Problem):
            if self._done is not None:
                self._done(answer)
        elif self._failed is not None:
            self._failed(answer)
        else:
            self._unhandled(answer)
