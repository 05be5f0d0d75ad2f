"""The outermost layer: names that are not ours, bodies that are too large or too slow, and headers on every answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from evertape.hub.auth.gate import BODY_BYTES, Gate
from hub.auth_case import PASSWORD, Case, error_code, run

SESSION, USERS = "/api/v1/session", "/api/v1/users"


def test_a_request_for_another_name_is_answered_by_nobody(tmp_path: Path) -> None:
    async def scenario(case: Case) -> None:
        async with case.client() as client:
            for path in ("/", SESSION, "/healthz", "/api/v1/openapi.json", "/nothing"):
                answer = await client.get(path, headers={"Host": "evil.example"})
                assert (answer.status_code, error_code(answer)) == (421, "wrong_host"), path
            assert (await client.get("/healthz", headers={"Host": "cameras.example.org"})).status_code != 421

    run(tmp_path, scenario, hub={"hosts": "Cameras.example.org"})


def test_a_body_beyond_the_limit_is_not_read(tmp_path: Path) -> None:
    async def scenario(case: Case) -> None:
        async with case.client() as client:
            answer = await client.post(SESSION, content=b"x" * (BODY_BYTES + 1))
            assert (answer.status_code, error_code(answer)) == (413, "too_large")
            sent = 0

            async def endless() -> AsyncIterator[bytes]:
                nonlocal sent
                while True:
                    sent += 65536
                    yield b"x" * 65536

            answer = await client.post(SESSION, content=endless())
            assert (answer.status_code, error_code(answer)) == (413, "too_large")
            assert sent <= BODY_BYTES + 2 * 65536
            full = await client.post(SESSION, content=b" " * BODY_BYTES)
            assert full.status_code == 422

    run(tmp_path, scenario)


def test_every_answer_carries_the_headers_that_protect_a_browser(tmp_path: Path) -> None:
    async def scenario(case: Case) -> None:
        await case.account("jo")
        async with case.client() as client:
            answers = [
                await client.get("/nothing"),
                await client.get(SESSION),
                await client.post(SESSION, json={"name": "jo", "password": PASSWORD}),
                await client.request("BREW", SESSION),
                await client.post(SESSION, content=b"x" * (BODY_BYTES + 1)),
                await client.get("/", headers={"Host": "evil.example"}),
            ]
        for answer in answers:
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
            assert "'unsafe" not in answer.headers["content-security-policy"]
            assert not {"server", "access-control-allow-origin"} & set(answer.headers)

    run(tmp_path, scenario)


# -- by itself ----------------------------------------------------------------------------------------------


class Line:
    """A client that sends what it is told, and hears what comes back."""

    def __init__(self, headers: dict[str, str], parts: list[dict[str, Any]], hold: bool = False) -> None:
        self.heard: list[dict[str, Any]] = []
        self._parts = parts
        self._hold = hold
        raw = [(name.encode(), value.encode()) for name, value in {"host": "localhost", **headers}.items()]
        self.scope = {"type": "http", "method": "POST", "path": "/", "headers": raw}

    async def receive(self) -> dict[str, Any]:
        if not self._parts and self._hold:
            await asyncio.Event().wait()
        return self._parts.pop(0)

    async def send(self, message: Any) -> None:
        self.heard.append(message)

    @property
    def status(self) -> int | None:
        return self.heard[0]["status"] if self.heard else None


def part(body: bytes, more: bool = True) -> dict[str, Any]:
    return {"type": "http.request", "body": body, "more_body": more}


class Inner:
    """The application within: reads what it gets."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def __call__(self, _scope: Any, receive: Any, send: Any) -> None:
        message = await receive()
        self.bodies.append(message["body"])
        await self.gate.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})


def test_a_body_comes_in_one_piece_however_it_was_sent() -> None:
    async def scenario() -> None:
        inner = Inner()
        line = Line({"transfer-encoding": "chunked"}, [part(b"a"), part(b"bc"), part(b"", more=False)])
        await Gate(inner, lambda: {"localhost"})(line.scope, line.receive, line.send)
        assert (inner.bodies, line.status) == ([b"abc"], 200)

    asyncio.run(scenario())


def test_a_body_that_does_not_come_is_given_up() -> None:
    async def scenario() -> None:
        inner = Inner()
        gate = Gate(inner, lambda: {"localhost"}, body_s=0.02)
        line = Line({"content-length": "100"}, [part(b"a")], hold=True)
        await gate(line.scope, line.receive, line.send)
        assert (inner.bodies, line.status) == ([], 408)

    asyncio.run(scenario())


def test_a_client_that_hangs_up_in_its_body_bothers_nobody() -> None:
    async def scenario() -> None:
        inner = Inner()
        line = Line({"content-length": "100"}, [part(b"a"), {"type": "http.disconnect"}])
        await Gate(inner, lambda: {"localhost"})(line.scope, line.receive, line.send)
        assert (inner.bodies, line.heard) == ([], [])

    asyncio.run(scenario())


@pytest.mark.parametrize("headers", [{"content-length": "800"}, {"transfer-encoding": "chunked"}])
def test_all_bodies_together_are_bounded_and_room_comes_back(headers: dict[str, str]) -> None:
    async def scenario() -> None:
        inner = Inner()
        inner.gate.clear()
        gate = Gate(inner, lambda: {"localhost"}, body_bytes=1000, bodies_bytes=2000)
        lines = [Line(headers, [part(b"x" * 800, more=False)]) for _ in range(4)]
        work = [asyncio.ensure_future(gate(line.scope, line.receive, line.send)) for line in lines[:3]]
        while lines[2].status is None:
            await asyncio.sleep(0)
        assert [line.status for line in lines] == [None, None, 503, None]
        inner.gate.set()
        await asyncio.gather(*work)
        await gate(lines[3].scope, lines[3].receive, lines[3].send)
        assert [line.status for line in lines] == [200, 200, 503, 200]

    asyncio.run(scenario())


@pytest.mark.parametrize("headers", [{"host": "evil.example"}, {"host": ""}])
def test_a_websocket_for_another_name_is_closed_where_it_cannot_be_answered(headers: dict[str, str]) -> None:
    async def scenario() -> None:
        inner = Inner()
        line = Line(headers, [{"type": "websocket.connect"}])
        line.scope |= {"type": "websocket"}
        await Gate(inner, lambda: {"localhost"})(line.scope, line.receive, line.send)
        assert line.heard == [{"type": "websocket.close", "code": 1008, "reason": "wrong_host"}]

    asyncio.run(scenario())
