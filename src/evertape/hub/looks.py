"""What everybody who looks at the whole wants to know, asked of the index once for all of them.

Threads: the owner's loop only.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Generic, TypeVar

from evertape.domain.account import Account, account
from evertape.engine.held import held, open_until
from evertape.engine.usage import Usage, usage_in
from evertape.hub.reading import Reading
from evertape.ipc.messages import CameraInfo
from evertape.store.failures import IndexBusyError, IndexDamagedError
from evertape.store.index import View
from evertape.types import NS_PER_S

T = TypeVar("T")

DAY_NS = 24 * 3600 * NS_PER_S
FRESH_S = 15.0
"""So long an account of a day is good enough for somebody who watches."""
_AGAIN_S = 1.0
"""What could not be read is asked for again after this long."""


class Kept(Generic[T]):
    """One answer, kept for a while; whoever asks meanwhile waits for the same one, or gets the old one at once.

    Args:
        empty: the answer as long as there is none.
        fresh_s: how long one is good enough.
    """

    def __init__(self, empty: T, fresh_s: float = FRESH_S) -> None:
        self._value = empty
        self._fresh_s = fresh_s
        self._until = 0.0
        self._known = False
        self._task: asyncio.Task[None] | None = None

    async def get(self, make: Callable[[], Awaitable[T]]) -> T:
        """The answer; made anew in the background when it is old."""
        if asyncio.get_running_loop().time() >= self._until and (self._task is None or self._task.done()):
            self._task = asyncio.get_running_loop().create_task(self._make(make))
        if not self._known and self._task is not None:
            await asyncio.shield(self._task)
        return self._value

    async def _make(self, make: Callable[[], Awaitable[T]]) -> None:
        loop = asyncio.get_running_loop()
        try:
            self._value = await make()
        except (IndexBusyError, IndexDamagedError):
            self._until = loop.time() + _AGAIN_S
        else:
            self._known = True
            self._until = loop.time() + self._fresh_s


class Looks:
    """The accounts of the last day by camera, and what lies on each volume by its id.

    Both are empty while the index cannot be read: nobody is kept from seeing the rest.

    Args:
        reading: of the index.
    """

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._days: Kept[dict[str, Account]] = Kept({})
        self._usage: Kept[dict[str, Usage]] = Kept({})

    async def days(self, raw: dict[str, Any], cameras: Sequence[CameraInfo]) -> dict[str, Account]:
        """By camera, from the answer to ``status``."""
        now = int(raw["now_utc"])

        def question(index: View) -> dict[str, Account]:
            memory, reach = held(cameras, now), open_until(cameras, index.open_segments())
            found = {}
            for camera in cameras:
                report = index.coverage(camera.id, now - DAY_NS, now, now, open_until=reach, held=memory.get(camera.id))
                if report.spans:
                    found[camera.id] = account(camera.id, report)
            return found

        return await self._days.get(lambda: self._reading.ask(question))

    async def usage(self, raw: dict[str, Any]) -> dict[str, Usage]:
        """By the volume's id."""
        now = int(raw["now_utc"])
        return await self._usage.get(lambda: self._reading.ask(lambda index: usage_in(index, now)))
