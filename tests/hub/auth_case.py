"""The hub's application with canned services, real accounts in a folder, and hashes that cost nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from argon2 import PasswordHasher
from fastapi import APIRouter, FastAPI

from evertape.clock import ManualClock
from evertape.config.paths import DataDir
from evertape.config.schema import Config
from evertape.domain.roles import Role
from evertape.errors import NotRunningError
from evertape.hub.app import ROUTERS, create_app
from evertape.hub.auth.guard import CSRF_HEADER
from evertape.hub.auth.install import make_security
from evertape.hub.auth.passwords import Passwords
from evertape.hub.auth.security import Security
from evertape.hub.services import Services, Settings
from evertape.store.failures import IndexBusyError

ORIGIN = "http://127.0.0.1:8480"
PASSWORD = "correct horse"
CAMERAS = {name: {"url": f"rtsp://user:hunter2secret@127.0.0.1:9/{name}"} for name in ("door", "gate")}


def cheap() -> Passwords:
    """Hashes in microseconds."""
    return Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))


@dataclass
class CannedEngine:
    """Answers everything with nothing, and remembers what it was asked."""

    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    connected: bool = True

    async def ask(self, verb: str, timeout_s: float = 1.0, **args: Any) -> Any:
        if not self.connected:
            raise NotRunningError("the engine is not running")
        self.asked.append((verb, args))
        return {}

    async def status(self, *, fresh: bool = False) -> dict[str, Any]:
        raise NotRunningError("the engine is not running")

    def trail(self) -> list[dict[str, Any]]:
        return [args for verb, args in self.asked if verb == "audit_trail"]


class NoIndex:
    """There is none."""

    async def ask(self, question: Callable[[Any], Any]) -> Any:
        raise IndexBusyError("there is no index")


@dataclass
class Case:
    """See the module."""

    app: FastAPI
    services: Services
    security: Security
    engine: CannedEngine
    clock: ManualClock

    def client(self, address: str = "127.0.0.1", **more: Any) -> httpx.AsyncClient:
        transport = httpx.ASGITransport(self.app, client=(address, 50000), raise_app_exceptions=False)
        return httpx.AsyncClient(transport=transport, base_url=ORIGIN, **more)

    async def account(self, name: str, role: Role = Role.ADMIN, cameras: frozenset[str] = frozenset()) -> None:
        await self.security.accounts.make(name, PASSWORD, role, cameras)

    async def browser(self, name: str, password: str = PASSWORD, address: str = "127.0.0.1") -> httpx.AsyncClient:
        """Somebody who has logged in, and whose page does as it is told."""
        client = self.client(address, headers={"Origin": ORIGIN})
        answer = await client.post("/api/v1/session", json={"name": name, "password": password})
        assert answer.status_code == 200, answer.text
        client.headers[CSRF_HEADER] = answer.json()["csrf"]
        return client

    async def token(self, name: str, role: Role = Role.ADMIN, ends: int | None = None) -> httpx.AsyncClient:
        """A program with a token of ``name``'s."""
        made = await self.security.accounts.make_token(name, "a program", role, ends)
        return self.client(headers={"Authorization": f"Bearer {made.secret}"})


def make_case(folder: Path, *routers: APIRouter, hub: dict[str, Any] | None = None) -> Case:
    """Make one; ``routers`` are added to the hub's own."""
    clock, engine = ManualClock(), CannedEngine()
    config = Config.model_validate({"cameras": CAMERAS, "hub": hub or {}})
    settings = Settings(DataDir(folder), folder / "evertape.toml", config, "0", "s")
    services = Services(settings, engine, NoIndex(), clock=clock)
    security = make_security(services, cheap())
    app = create_app(services, security, routers=(*ROUTERS, *routers))
    return Case(app, services, security, engine, clock)


def run(folder: Path, scenario: Callable[[Case], Coroutine[Any, Any, None]], *routers: APIRouter, **more: Any) -> None:
    """Play ``scenario`` with a case of its own."""

    async def play() -> None:
        case = make_case(folder, *routers, **more)
        try:
            await scenario(case)
        finally:
            await case.security.trail.close()
            case.security.accounts.close()

    asyncio.run(play())


def error_code(answer: httpx.Response) -> str:
    """The code of an error, which has the one shape."""
    body = answer.json()
    assert set(body) == {"error"} and {"code", "what"} <= set(body["error"]), body
    return str(body["error"]["code"])
