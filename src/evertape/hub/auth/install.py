"""Puts all of it into an application: the guard's authority, the routes, the layers around them."""

from __future__ import annotations

from pathlib import Path

from fastapi import FastAPI

from evertape.hub.auth import guard
from evertape.hub.auth.accounts import Accounts
from evertape.hub.auth.authority import AccountAuthority
from evertape.hub.auth.exposure import exposure
from evertape.hub.auth.gate import Gate
from evertape.hub.auth.local_key import LocalKey
from evertape.hub.auth.origin import listed, own_names
from evertape.hub.auth.passwords import Passwords
from evertape.hub.auth.recheck import Recheck
from evertape.hub.auth.routes_session import router as session_router
from evertape.hub.auth.routes_tokens import router as tokens_router
from evertape.hub.auth.routes_users import router as users_router
from evertape.hub.auth.security import Security
from evertape.hub.auth.setup import SetupLink
from evertape.hub.auth.trail import Trail, TrailMiddleware
from evertape.hub.services import Services
from evertape.store.accounts import FILE

ROUTERS = (session_router, users_router, tokens_router)


def make_security(services: Services, passwords: Passwords | None = None) -> Security:
    """For these services.

    Args:
        services: where the data directory is, and the line to the engine.
        passwords: hashes; tests take cheap ones.
    """
    root: Path = services.settings.data.root
    accounts = Accounts(root / FILE, SetupLink(root), services.clock, passwords)

    def warnings() -> list[str]:
        return list(filter(None, [exposure(services.config.hub)]))

    return Security(accounts, Trail(services.engine.ask), warnings, LocalKey(root))


def secure(app: FastAPI, services: Services, security: Security) -> None:
    """Let ``security`` decide who may what in ``app``. The routes of ``ROUTERS`` are the caller's to include."""
    app.state.security = security
    authority = AccountAuthority(security.accounts, security.key)
    guard.install(app, authority)
    names = own_names()

    def allowed() -> frozenset[str]:
        return names | set(listed(services.config.hub.hosts))

    # What is added last is outermost.
    app.add_middleware(Recheck, authority=authority)
    app.add_middleware(TrailMiddleware, trail=security.trail, clock=services.clock.boot_ns)
    app.add_middleware(Gate, names=allowed)
