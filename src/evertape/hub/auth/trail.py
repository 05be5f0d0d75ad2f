"""Who changed what: noted for every request that is to change something, and put on record by the supervisor.

Threads: the hub's loop. What the supervisor cannot take now is kept and told later; the log has it at once.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from typing import Any

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from evertape.errors import NotRunningError, UsageError
from evertape.hub.auth.authority import SAFE, address_of
from evertape.hub.auth.guard import Via, Who
from evertape.hub.auth.limits import AttemptLimit

log = logging.getLogger(__name__)

MOST = 1000
"""Entries that wait for the supervisor; beyond it the oldest are only in the log."""
STRANGERS_PER_MINUTE = 30
"""Entries about requests of nobody who is known: else anybody could fill the journal."""
_AGAIN_S = 1.0
_LONGEST = 200
"""Characters of a target."""

Ask = Callable[..., Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Entry:
    """What ``ipc.events.Audited`` says."""

    who: str
    via: str
    address: str
    what: str
    target: str
    ok: bool
    status: int = 0


class Trail:
    """See the module.

    Args:
        ask: the line to the supervisor, ``Engine.ask``.
        again_s: how long to wait before a supervisor that is away is asked again.
    """

    def __init__(self, ask: Ask, again_s: float = _AGAIN_S) -> None:
        self._ask = ask
        self._again_s = again_s
        self._waiting: deque[Entry] = deque(maxlen=MOST)
        self._some = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def put(self, entry: Entry) -> None:
        """Note it."""
        log.info(
            "[HUB] %s (%s, from %s): %s %s: %s",
            entry.who or "somebody", entry.via, entry.address or "?", entry.what, entry.target,
            "done" if entry.ok else "refused",
        )  # fmt: skip
        if len(self._waiting) == MOST:
            log.warning("[HUB] the trail's oldest entry is only in the log: the engine has been away for long")
        self._waiting.append(entry)
        self._some.set()
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._tell(), name="trail")

    async def close(self, deadline_s: float = 1.0) -> None:
        """Tell what waits, if that is possible soon."""
        if self._task is None:
            return
        loop = asyncio.get_running_loop()
        until = loop.time() + deadline_s
        while self._waiting and loop.time() < until:
            await asyncio.sleep(0.01)
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _tell(self) -> None:
        while True:
            await self._some.wait()
            self._some.clear()
            while self._waiting:
                entry = self._waiting[0]
                try:
                    await self._ask("audit_trail", **asdict(entry))
                except NotRunningError:
                    await asyncio.sleep(self._again_s)
                    continue
                except UsageError as error:
                    log.error("[HUB] the trail: %s", error)
                if self._waiting and self._waiting[0] is entry:
                    self._waiting.popleft()


def about(connection: HTTPConnection, target: str) -> None:
    """What a request is about, where its path does not say."""
    connection.state.trail_target = target


def claimed_by(connection: HTTPConnection, name: str, via: str = "password") -> None:
    """A request without a ``Who`` is to be on the trail all the same: somebody logs in."""
    connection.state.trail_claim = (name, via)


class TrailMiddleware:
    """Notes each request that is to change something, of somebody known or who logs in, with what came of it.

    Args:
        app: the application within.
        trail: where to note it.
        clock: the boot-time clock, nanoseconds.
    """

    def __init__(self, app: ASGIApp, trail: Trail, clock: Callable[[], int]) -> None:
        self._app = app
        self._trail = trail
        self._clock = clock
        self._strangers = AttemptLimit(STRANGERS_PER_MINUTE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "http" or scope["method"] in SAFE:
            await self._app(scope, receive, send)
            return
        status = 500  # unless something else is answered

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, sending)
        finally:
            self._note(HTTPConnection(scope), status)

    def _note(self, connection: HTTPConnection, status: int) -> None:
        state = connection.state
        who: Who | None = getattr(state, "who", None)
        claim: tuple[str, str] | None = getattr(state, "trail_claim", None)
        if who is not None:
            name, via = who.name, f"token {who.token}" if who.via is Via.TOKEN else str(who.via)
        elif claim is not None:
            name, via = claim
        else:
            return
        ok = 200 <= status < 400
        if who is None and not ok and self._strangers.take(["strangers"], self._clock()):
            return
        target = getattr(state, "trail_target", "") or _parameters(connection.scope)
        what = f"{connection.scope['method']} {_route(connection.scope)}"
        self._trail.put(Entry(name, via, address_of(connection), what, target[:_LONGEST], ok, status))


def _route(scope: Scope) -> str:
    """The route as the reference has it: the path itself may hold anything."""
    route = scope.get("route")
    found = getattr(route, "path_format", "") or getattr(route, "path", "")
    return str(found).removeprefix("/api/v1") or "?"


def _parameters(scope: Scope) -> str:
    return ", ".join(str(value) for value in scope.get("path_params", {}).values())
