"""When a stream is looked at outside the regular round. Threads: the owner's loop only."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from evertape.clock import Clock
from evertape.types import NS_PER_S

_PROMPT_S = 0.01
"""While a session is being made its replies are a round trip apart; waiting for the next ordinary round each time
would cost half a second."""
_HAIR_S = 0.005


class PromptReader:
    """Calls ``drain`` as soon as a session's socket has something, and often while a session is being made."""

    def __init__(self, drain: Callable[[], None]) -> None:
        self._drain = drain
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self.watched: int | None = None
        """The descriptor that is waited for."""

    def follow(self, fd: int | None, waiting: bool) -> None:
        """Wait for ``fd``, if the session has one; look often as long as it is ``waiting`` for its first unit."""
        if fd != self.watched:
            self.stop()
            if fd is not None:
                self._loop.add_reader(fd, self._drain)
                self.watched = fd
        if waiting and self._timer is None:
            self._timer = self._loop.call_later(_PROMPT_S, self._look)

    def stop(self) -> None:
        """The session is over."""
        if self.watched is not None:
            self._loop.remove_reader(self.watched)
            self.watched = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        self._timer = None
        self._drain()


class RetryTimer:
    """The one pending retry, at a moment of the boot-time clock."""

    def __init__(self, clock: Clock, due: Callable[[], None]) -> None:
        self._clock = clock
        self._due = due
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None

    @property
    def pending(self) -> bool:
        """It has not fired yet."""
        return self._timer is not None

    def schedule(self, at: int | None) -> None:
        """Fire at ``at`` and at no other time; ``None``: not at all."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if at is not None:
            delay = max(0.0, (at - self._clock.boot_ns()) / NS_PER_S)
            self._timer = self._loop.call_later(delay, self._fire)

    def soon(self) -> None:
        """Fire again: the loop's clock and the boot-time clock differ by a hair."""
        self.schedule(None)
        self._timer = self._loop.call_later(_HAIR_S, self._fire)

    def _fire(self) -> None:
        self._timer = None
        self._due()
