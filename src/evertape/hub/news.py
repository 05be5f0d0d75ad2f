"""The event bus: what the engine tells once goes to any number of listeners, none of whom can hold up another.

Threads: the owner's loop only.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Iterator, Sequence

from evertape.ipc.events import AnyEvent

MOST = 1000
"""So many events wait for a listener at most; the oldest go first, and are counted."""


class Listener:
    """One who listens; see ``News.listen``."""

    def __init__(self, wanted: Callable[[AnyEvent], bool]) -> None:
        self._wanted = wanted
        self._waiting: deque[AnyEvent] = deque()
        self._some = asyncio.Event()
        self._missed = 0

    def put(self, events: Sequence[AnyEvent]) -> None:
        """Take those that are wanted."""
        for event in events:
            if self._wanted(event):
                if len(self._waiting) >= MOST:
                    self._waiting.popleft()
                    self._missed += 1
                self._waiting.append(event)
                self._some.set()

    def miss(self) -> None:
        """The line to the engine was broken: something may have happened that nobody heard."""
        self._missed += 1
        self._some.set()

    async def next(self) -> tuple[list[AnyEvent], bool]:
        """What has happened since the last call, waiting until something has; and whether something was missed."""
        await self._some.wait()
        self._some.clear()
        events, missed = list(self._waiting), bool(self._missed)
        self._waiting.clear()
        self._missed = 0
        return events, missed


class News:
    """See the module."""

    def __init__(self) -> None:
        self._listeners: set[Listener] = set()
        self._direct: list[Callable[[Sequence[AnyEvent]], None]] = []

    def put(self, events: Sequence[AnyEvent]) -> None:
        """Something happened."""
        for call in self._direct:
            call(events)
        for listener in list(self._listeners):
            listener.put(events)

    def interrupted(self) -> None:
        """The line to the engine stands again; what happened in between was not heard."""
        for listener in list(self._listeners):
            listener.miss()

    def call(self, function: Callable[[Sequence[AnyEvent]], None]) -> None:
        """Have a part of the hub called with all news, for as long as the hub lives; it must be quick."""
        self._direct.append(function)

    @contextlib.contextmanager
    def listen(self, wanted: Callable[[AnyEvent], bool] = lambda _: True) -> Iterator[Listener]:
        """Listen to the news for which ``wanted`` says yes."""
        listener = Listener(wanted)
        self._listeners.add(listener)
        try:
            yield listener
        finally:
            self._listeners.discard(listener)
