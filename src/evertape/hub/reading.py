"""Questions to the index, in threads: four at a time, and the hub's loop never waits for a disk.

Threads: ``ask`` on the owner's loop; what it is given runs in the pool, with an index of its thread's own.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol, TypeVar

from evertape.store.failures import IndexBusyError, IndexDamagedError
from evertape.store.index import Index, View

T = TypeVar("T")

THREADS = 4
DEADLINE_S = 20.0
_MOST_WAITING = 64


class Reading(Protocol):
    """Asks the index."""

    async def ask(self, question: Callable[[View], T]) -> T:
        """The answer of ``question``, which is called in a thread.

        Raises:
            IndexBusyError: there is no index now, or too much is asked.
            IndexDamagedError: it cannot be read.
        """


class IndexReading:
    """See the module.

    Args:
        path: of the index.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="index")
        self._mine = threading.local()
        self._asked = 0

    async def ask(self, question: Callable[[View], T]) -> T:
        """See ``Reading``."""
        if self._asked >= _MOST_WAITING:
            raise IndexBusyError("too much is asked of the index at the moment", hint="try again in a moment")
        self._asked += 1
        future = asyncio.get_running_loop().run_in_executor(self._pool, self._answer, question)
        # Counted until the thread is done, even if whoever asked does not wait for it any more.
        future.add_done_callback(self._answered)
        try:
            # Not wait_for, which in Python 3.11 may swallow a cancellation.
            async with asyncio.timeout(DEADLINE_S):
                return await asyncio.shield(future)
        except TimeoutError:
            raise IndexBusyError("the index does not answer", hint="its disk may be slow; recording goes on") from None

    def close(self) -> None:
        """Answer nothing more; does not wait for a disk that hangs."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _answered(self, future: asyncio.Future[T]) -> None:
        self._asked -= 1
        if not future.cancelled():
            future.exception()  # it has been told, or nobody waits for it

    def _answer(self, question: Callable[[View], T]) -> T:
        index: Index | None = getattr(self._mine, "index", None)
        if index is None:
            index = self._mine.index = Index.open_readonly(self._path)
        try:
            return question(index)
        except (IndexBusyError, IndexDamagedError):
            # Another one may have taken its place, of another version.
            self._mine.index = None
            index.close()
            raise
