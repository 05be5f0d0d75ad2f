"""The outermost layer: is a request meant for us, and is its body one that we want to read?

Bodies are read here, whole, before anybody works with them: bounded in size and in time, and all of them together in
memory. Files go out by this hub, not in, so that 1 MiB is plenty.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Collection

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from evertape.hub.auth.origin import is_host_ours

BODY_BYTES = 1 << 20
BODY_S = 15.0
"""How long a body may take to arrive: at a tenth of a megabyte per second it would not be a person's."""
BODIES_BYTES = 32 << 20
"""All bodies that are being read or worked on."""


class Gate:
    """See the module.

    Args:
        app: the application within.
        names: what this machine may be called, as of now; see ``origin``.
        body_bytes: the largest body.
        body_s: seconds that one may take.
        bodies_bytes: of all bodies at a time.
    """

    def __init__(
        self,
        app: ASGIApp,
        names: Callable[[], Collection[str]],
        body_bytes: int = BODY_BYTES,
        body_s: float = BODY_S,
        bodies_bytes: int = BODIES_BYTES,
    ) -> None:
        self._app = app
        self._names = names
        self._body_bytes = body_bytes
        self._body_s = body_s
        self._room = bodies_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        hosts = headers.getlist("host")
        if len(hosts) != 1 or not is_host_ours(hosts[0], self._names()):
            hint = "use its address, or add the name to hub.hosts"
            await _refuse(scope, receive, send, 421, "wrong_host", "this machine is not called that", hint)
        elif scope["type"] == "websocket" or not _has_body(headers):
            await self._app(scope, receive, send)
        else:
            await self._with_body(headers, scope, receive, send)

    async def _with_body(self, headers: Headers, scope: Scope, receive: Receive, send: Send) -> None:
        declared = headers.get("content-length", "")
        wanted = int(declared) if declared.isascii() and declared.isdigit() else self._body_bytes
        if wanted > self._body_bytes:
            await _refuse(scope, receive, send, 413, "too_large", f"a body may have {self._body_bytes} bytes at most")
            return
        if wanted > self._room:
            await _refuse(scope, receive, send, 503, "busy", "too much is being sent at this moment")
            return
        self._room -= wanted
        try:
            try:
                body = await asyncio.wait_for(self._read(receive), self._body_s)
            except TimeoutError:
                await _refuse(scope, receive, send, 408, "too_slow", f"the body did not come within {self._body_s:g} s")
            except _TooLargeError:
                what = f"a body may have {self._body_bytes} bytes at most"
                await _refuse(scope, receive, send, 413, "too_large", what)
            else:
                if body is not None:
                    await self._app(scope, _again(body, receive), send)
        finally:
            self._room += wanted

    async def _read(self, receive: Receive) -> bytes | None:
        """The body, in one piece however many it came in; ``None`` if the client is gone."""
        body = bytearray()
        while True:
            message = await receive()
            if message["type"] != "http.request":
                return None
            body += message.get("body", b"")
            if len(body) > self._body_bytes:
                raise _TooLargeError
            if not message.get("more_body", False):
                return bytes(body)


class _TooLargeError(Exception):
    """More came than was announced, or is allowed."""


def _has_body(headers: Headers) -> bool:
    return "transfer-encoding" in headers or headers.get("content-length", "0").strip("0") != ""


def _again(body: bytes, receive: Receive) -> Receive:
    read = False

    async def receiving() -> Message:
        nonlocal read
        if read:
            return await receive()
        read = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receiving


async def _refuse(
    scope: Scope, receive: Receive, send: Send, status: int, code: str, what: str, hint: str = ""
) -> None:
    """The one error shape. The connection ends: what the client still sends is not read."""
    if scope["type"] == "websocket":
        if "websocket.http.response" not in scope.get("extensions", {}):
            await receive()
            await send({"type": "websocket.close", "code": 1008, "reason": code})
            return
        kind = "websocket.http.response"
    else:
        kind = "http.response"
    body = json.dumps({"error": {"code": code, "what": what, "hint": hint}}).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
        (b"x-content-type-options", b"nosniff"),
        (b"cache-control", b"no-store"),
    ]
    await send({"type": f"{kind}.start", "status": status, "headers": headers})
    await send({"type": f"{kind}.body", "body": body})
