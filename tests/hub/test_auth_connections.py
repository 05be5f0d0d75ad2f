"""Connections to a real server: idle ones, slow ones, too many, and what is no HTTP."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import pytest
import uvicorn

from evertape.hub.connections import Connections, protocols
from evertape.hub.serving import HEADER_BYTES, Server

GOOD = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
DEADLINE_S = 10.0


class App:
    """Answers at once, or when it is told."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.asked = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.accept"})
            await receive()
            return
        self.asked += 1
        if scope["path"] == "/wait":
            await self.gate.wait()
        if scope["path"] == "/body":
            while (await receive()).get("more_body"):
                pass
        size = 64 << 20 if scope["path"] == "/large" else 2
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % size)]})
        if size > 2:
            for _ in range(size >> 20):
                await send({"type": "http.response.body", "body": bytes(1 << 20), "more_body": True})
        await send({"type": "http.response.body", "body": b"" if size > 2 else b"ok"})


class Line:
    """A client's end of a connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self._writer = reader, writer

    def send(self, data: bytes) -> None:
        self._writer.write(data)

    async def head(self) -> str:
        async with asyncio.timeout(DEADLINE_S):
            return (await self.reader.readuntil(b"\r\n\r\n")).decode()

    async def ask(self) -> str:
        self.send(GOOD)
        head = await self.head()
        assert await self.reader.readexactly(2) == b"ok"
        return head.partition("\r\n")[0]

    async def ended(self) -> bytes:
        """What comes until the server hangs up."""
        rest = b""
        async with asyncio.timeout(DEADLINE_S):
            with contextlib.suppress(ConnectionError):
                rest = await self.reader.read()
        return rest

    async def close(self) -> None:
        self._writer.close()
        with contextlib.suppress(ConnectionError):
            await self._writer.wait_closed()


class Place:
    """The server, and who connects to it."""

    def __init__(self, port: int, connections: Connections, app: App) -> None:
        self.port, self.connections, self.app = port, connections, app
        self.lines: list[Line] = []

    async def connect(self, receive_bytes: int = 0) -> Line:
        sock = socket.socket()
        if receive_bytes:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", self.port))
        line = Line(*await asyncio.open_connection(sock=sock))
        self.lines.append(line)
        return line

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(DEADLINE_S):
            while not condition():
                await asyncio.sleep(0.005)


@contextlib.asynccontextmanager
async def serving(connections: Connections, head_s: float) -> AsyncIterator[Place]:
    app = App()
    http, websocket = protocols(connections, head_s)
    config = uvicorn.Config(
        app, http=http, ws=websocket, log_config=None, lifespan="off", h11_max_incomplete_event_size=HEADER_BYTES,
        timeout_keep_alive=60, timeout_graceful_shutdown=1,
    )  # fmt: skip
    sock = socket.create_server(("127.0.0.1", 0))
    server = Server(config)
    task = asyncio.create_task(server.serve(sockets=[sock]))
    place = Place(sock.getsockname()[1], connections, app)
    await place.until(lambda: server.started)
    try:
        yield place
    finally:
        app.gate.set()
        for line in place.lines:
            await line.close()
        server.should_exit = True
        await task
        sock.close()


def play(scenario: Callable[[Place], Coroutine[Any, Any, None]], *, head_s: float = 60.0, **limits: int) -> Connections:
    connections = Connections(**limits)

    async def run() -> None:
        async with serving(connections, head_s) as place:
            await scenario(place)

    asyncio.run(run())
    return connections


def test_two_hundred_idle_connections_change_nothing() -> None:
    async def scenario(place: Place) -> None:
        idle = [await place.connect() for _ in range(200)]
        for _ in range(5):
            line = await place.connect()
            assert await line.ask() == "HTTP/1.1 200 OK"
        assert len(place.connections) <= 100
        assert await idle[0].ended() == b"", "the oldest had to go"
        assert await idle[-1].ask() == "HTTP/1.1 200 OK", "the newest may stay"

    assert len(play(scenario)) == 0, "nothing is kept of connections that are gone"


def test_a_connection_in_use_is_never_taken_for_a_new_one() -> None:
    async def scenario(place: Place) -> None:
        busy = [await place.connect() for _ in range(3)]
        for line in busy:
            line.send(GOOD.replace(b"/", b"/wait", 1))
        await place.until(lambda: place.app.asked == 3)
        refused = await place.connect()
        assert await refused.ended() == b""
        place.app.gate.set()
        for line in busy:
            assert "200 OK" in await line.head()
        assert await (await place.connect()).ask() == "HTTP/1.1 200 OK", "they are idle now"

    play(scenario, per_address=3)


def test_all_addresses_together_are_bounded_too() -> None:
    async def scenario(place: Place) -> None:
        first = await place.connect()
        assert await first.ask() == "HTTP/1.1 200 OK"
        for _ in range(3):
            assert await (await place.connect()).ask() == "HTTP/1.1 200 OK"
        assert await first.ended() == b""

    play(scenario, total=3)


@pytest.mark.parametrize(
    "begun",
    [b"", b"GET / HTTP/1.1\r\nHost: x\r\n", GOOD + b"GET / HT", b"\r\n"],
    ids=["nothing", "head", "second", "crlf"],
)
def test_who_does_not_complete_a_head_in_time_is_cut_off(begun: bytes) -> None:
    async def scenario(place: Place) -> None:
        line = await place.connect()
        line.send(begun)
        assert (await line.ended()).count(b"200 OK") == begun.count(GOOD)
        assert await (await place.connect()).ask() == "HTTP/1.1 200 OK"

    play(scenario, head_s=0.1)


def test_a_drop_at_a_time_does_not_hold_a_connection() -> None:
    async def scenario(place: Place) -> None:
        line = await place.connect()

        async def drip() -> None:
            for byte in b"GET / HTTP/1.1\r\nX: " + b"x" * 10_000:
                line.send(bytes([byte]))
                await asyncio.sleep(0.01)

        dripping = asyncio.create_task(drip())
        assert await line.ended() == b""
        dripping.cancel()

    play(scenario, head_s=0.2)


def test_a_patient_answer_is_not_cut_off_by_the_heads_deadline() -> None:
    async def scenario(place: Place) -> None:
        line = await place.connect()
        line.send(GOOD.replace(b"/", b"/wait", 1))
        other = await place.connect()
        assert await other.ended() == b"", "somebody who says nothing is gone"
        place.app.gate.set()
        assert "200 OK" in await line.head()

    play(scenario, head_s=0.1)


@pytest.mark.parametrize(
    "rubbish",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost : x\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 400_000 + b"\r\n\r\n",
        b"POST /body HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        GOOD + b"\x00\x01\x02",
        b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
    ],
)
def test_what_is_no_http_ends_its_connection_and_nothing_else(rubbish: bytes, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario(place: Place) -> None:
        line = await place.connect()
        line.send(rubbish)
        rest = await line.ended()
        assert not rest or rest.startswith((b"HTTP/1.1 4", b"HTTP/1.1 200", b"HTTP/1.1 101")), rest[:100]
        assert await (await place.connect()).ask() == "HTTP/1.1 200 OK"

    with caplog.at_level(logging.ERROR):
        play(scenario, head_s=0.5)
    assert [record.getMessage() for record in caplog.records] == []


def test_who_reads_nothing_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evertape.hub.connections.READ_S", 0.1)

    async def scenario(place: Place) -> None:
        line = await place.connect(4096)
        line.send(GOOD.replace(b"/", b"/large", 1))
        await place.until(lambda: place.app.asked == 1)
        await place.until(lambda: len(place.connections) == 0)

    play(scenario)


def test_a_websocket_is_counted_until_it_ends() -> None:
    async def scenario(place: Place) -> None:
        line = await place.connect()
        line.send(
            b"GET /live HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        assert "101" in await line.head()
        refused = await place.connect()
        assert await refused.ended() == b""
        await line.close()
        await place.until(lambda: len(place.connections) == 0)
        assert await (await place.connect()).ask() == "HTTP/1.1 200 OK"

    play(scenario, per_address=1)
