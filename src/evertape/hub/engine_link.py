"""The hub's line to the supervisor: questions, and events as they happen. Connects again by itself.

Threads: the owner's loop only.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import os
import socket
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from evertape.errors import NotRunningError, UsageError
from evertape.ipc.channel import Channel
from evertape.ipc.events import AnyEvent
from evertape.ipc.messages import EventNews, Hello, Message, Refused, Reply, Request, Welcome

log = logging.getLogger(__name__)

REPLY_S = 10.0
"""As ``ipc.client``."""
_CONNECT_S = 3.0
_AGAIN_S = 0.5
FRESH_S = 0.5
"""So long an answer to ``status`` is good enough for everybody who asks."""


class Engine(Protocol):
    """What routes ask of the engine."""

    @property
    def connected(self) -> bool:
        """Somebody answers."""

    async def ask(self, verb: str, timeout_s: float = REPLY_S, **args: Any) -> Any:
        """The answer to a verb of ``docs/design/ipc.md``.

        Raises:
            UsageError: the supervisor refused; the text is its own.
            NotRunningError: nobody answered in time.
        """

    async def status(self, *, fresh: bool = False) -> dict[str, Any]:
        """The answer to ``status``, at most half a second old; ``fresh``: from now. Raises as ``ask``."""


class EngineLink:
    """See the module.

    Args:
        path: of ``control.sock``.
        on_events: called with each batch of news.
        on_connected: called whenever the line stands again: what happened in between was not heard.
    """

    def __init__(
        self,
        path: str,
        on_events: Callable[[Sequence[AnyEvent]], None],
        on_connected: Callable[[], None] = lambda: None,
    ) -> None:
        self._path = path
        self._on_events = on_events
        self._on_connected = on_connected
        self._channel: Channel | None = None
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._gone = asyncio.Event()
        self._status: asyncio.Task[dict[str, Any]] | None = None
        self._status_at = 0.0
        self._task: asyncio.Task[None] | None = None

    @property
    def connected(self) -> bool:
        """Somebody answers."""
        return self._channel is not None

    def start(self) -> None:
        """Connect, now and whenever the line is lost."""
        self._task = asyncio.get_running_loop().create_task(self._keep(), name="engine")

    async def close(self) -> None:
        """Hang up for good."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        if self._channel is not None:
            self._channel.close()

    async def ask(self, verb: str, timeout_s: float = REPLY_S, **args: Any) -> Any:
        """See ``Engine``."""
        if self._channel is None:
            raise _away("is not running")
        number = next(self._numbers)
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting[number] = future
        try:
            self._channel.send(Request(request=number, verb=verb, args=args))
            # Not wait_for, which in Python 3.11 may swallow a cancellation.
            async with asyncio.timeout(timeout_s):
                return await future
        except TimeoutError:
            raise _away("did not answer in time") from None
        finally:
            self._waiting.pop(number, None)

    async def status(self, *, fresh: bool = False) -> dict[str, Any]:
        """See ``Engine``."""
        loop = asyncio.get_running_loop()
        old = self._status is None or (self._status.done() and (fresh or loop.time() - self._status_at > FRESH_S))
        if old or self._status is None:
            self._status_at = loop.time()
            self._status = loop.create_task(self.ask("status"))
        try:
            # One who hangs up does not take the answer from the others.
            return await asyncio.shield(self._status)
        except (NotRunningError, UsageError):
            self._status = None
            raise

    # -- inside ---------------------------------------------------------------------------------------------

    async def _keep(self) -> None:
        while True:
            try:
                await self._once()
            except (OSError, TimeoutError, NotRunningError) as error:
                log.debug("[IPC] the supervisor cannot be reached: %s", error)
            await asyncio.sleep(_AGAIN_S)

    async def _once(self) -> None:
        loop = asyncio.get_running_loop()
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.setblocking(False)
        try:
            async with asyncio.timeout(_CONNECT_S):
                await loop.sock_connect(sock, self._path)
        except BaseException:
            sock.close()
            raise
        self._gone.clear()
        greeted: asyncio.Future[None] = loop.create_future()
        channel = Channel(sock, lambda _, message, __: self._message(message, greeted), self._lost)
        channel.peer = "the supervisor"
        try:
            channel.send(Hello(role="client", name="hub", pid=os.getpid()))
            async with asyncio.timeout(_CONNECT_S):
                await greeted
            self._channel = channel
            await self.ask("events")
            self._on_connected()
            await self._gone.wait()
        finally:
            self._channel = None
            channel.close()

    def _message(self, message: Message, greeted: asyncio.Future[None]) -> None:
        match message:
            case Welcome() if not greeted.done():
                greeted.set_result(None)
            case Refused(reason=reason) if not greeted.done():
                greeted.set_exception(_away(f"refused the connection: {reason}"))
            case Reply(request=number):
                if (future := self._waiting.get(number)) is not None and not future.done():
                    _settle(future, message)
            case EventNews(events=events):
                self._on_events(events)
            case _:
                pass

    def _lost(self, _channel: Channel) -> None:
        self._gone.set()
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(_away("has ended"))


def _settle(future: asyncio.Future[Any], reply: Reply) -> None:
    if reply.ok:
        future.set_result(reply.data)
    else:
        future.set_exception(UsageError(reply.error, hint=reply.hint))


def _away(how: str) -> NotRunningError:
    return NotRunningError(f"the engine {how}", hint="it is started again by itself; recording may go on meanwhile")
