"""A WebSocket lasts for days; whoever opened it is looked at again, and has to go when he may not stay.

Threads: the hub's loop.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from evertape.hub.auth.guard import Authority, Who
from evertape.hub.auth.refusal import Refusal

EVERY_S = 10.0
_POLICY = 1008
"""RFC 6455 7.4.1: a message, or here a person, that is against the policy."""


class Recheck:
    """Ends WebSockets whose session or token is over, or whose account may or sees something else now.

    The page connects again by itself, and is let in as what he is then.

    Args:
        app: the application within.
        authority: knows who somebody is.
        every_s: how often it is asked.
    """

    def __init__(self, app: ASGIApp, authority: Authority, every_s: float = EVERY_S) -> None:
        self._app = app
        self._authority = authority
        self._every_s = every_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "websocket":
            await self._app(scope, receive, send)
            return
        line = _Line(receive, send)
        watching = asyncio.create_task(self._watch(scope, line), name="recheck")
        try:
            await self._app(scope, line.receive, line.send)
        finally:
            watching.cancel()

    async def _watch(self, scope: Scope, line: _Line) -> None:
        while True:
            await asyncio.sleep(self._every_s)
            known: Who | None = getattr(HTTPConnection(scope).state, "who", None)
            if known is not None and not await self._is_still(known, scope):
                await line.end()
                return

    async def _is_still(self, known: Who, scope: Scope) -> bool:
        afresh = {**scope, "state": {key: value for key, value in scope["state"].items() if key != "who"}}
        try:
            return await self._authority.identify(HTTPConnection(afresh)) == known
        except Refusal as refusal:
            # The accounts cannot be asked now: that is not his fault.
            return refusal.status_code == 503


class _Line:
    """The two directions; once ended, the application finds its client gone."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        self._is_open = False
        self._ended = asyncio.Event()

    async def end(self) -> None:
        """Close it."""
        if self._is_open:
            self._ended.set()
            with contextlib.suppress(OSError):
                await self._send({"type": "websocket.close", "code": _POLICY, "reason": "not_logged_in"})

    async def send(self, message: Message) -> None:
        """To the client."""
        if self._ended.is_set():
            raise OSError("the connection was ended")  # what servers raise when the client is gone
        if message["type"] == "websocket.accept":
            self._is_open = True
        elif message["type"] == "websocket.close":
            self._is_open = False
        await self._send(message)

    async def receive(self) -> Message:
        """From the client, or that it is over."""
        gone: dict[str, Any] = {"type": "websocket.disconnect", "code": _POLICY}
        hearing = asyncio.ensure_future(self._receive())
        ended = asyncio.ensure_future(self._ended.wait())
        try:
            await asyncio.wait({hearing, ended}, return_when=asyncio.FIRST_COMPLETED)
            return gone if ended.done() else hearing.result()
        finally:
            for task in (hearing, ended):
                task.cancel()
