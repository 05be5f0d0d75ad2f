"""What the routes about accounts share, as ``app.state.security``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, TypeAlias

from fastapi import Depends
from starlette.requests import HTTPConnection
from starlette.responses import Response

from evertape.hub.auth.accounts import Accounts, Login
from evertape.hub.auth.guard import COOKIE, Via, Who
from evertape.hub.auth.local_key import LocalKey
from evertape.hub.auth.models import SessionAnswer
from evertape.hub.auth.sessions import LONGEST_NS, csrf_of
from evertape.hub.auth.trail import Trail
from evertape.hub.failure import HubError
from evertape.types import NS_PER_S


@dataclass
class Security:
    """See the module.

    Args:
        accounts: everything about who may what.
        trail: who did what.
        warnings: what about this hub is not safe, as of now.
        key: for programs on this machine.
    """

    accounts: Accounts
    trail: Trail
    warnings: Callable[[], list[str]]
    key: LocalKey | None = None

    def session_answer(self, who: Who, cookie: str) -> SessionAnswer:
        """Who is logged in, for himself."""
        return SessionAnswer(
            name=who.name,
            role=who.role,
            cameras=sorted(who.cameras),
            via=who.via,
            csrf=csrf_of(cookie) if who.via is Via.SESSION else "",
            warnings=self.warnings(),
        )

    def logged_in(self, login: Login, connection: HTTPConnection, response: Response) -> SessionAnswer:
        """The answer to a login, with its cookie."""
        account = login.account
        response.set_cookie(
            COOKIE, login.cookie, max_age=LONGEST_NS // NS_PER_S, path="/", secure=is_secure(connection),
            httponly=True, samesite="strict",
        )  # fmt: skip
        who = Who(account.name, account.role, account.cameras)
        return self.session_answer(who, login.cookie)

    def logged_out(self, connection: HTTPConnection, response: Response) -> None:
        """Have the browser forget its cookie."""
        response.delete_cookie(COOKIE, path="/", secure=is_secure(connection), httponly=True, samesite="strict")


def is_secure(connection: HTTPConnection) -> bool:
    """Whether the request came by TLS, as far as we or a proxy that is trusted can tell."""
    return connection.scope.get("scheme") in ("https", "wss")


def security_of(connection: HTTPConnection) -> Security:
    """That of the application that a request came to."""
    security = getattr(connection.app.state, "security", None)
    if security is None:
        # The engine of a program, reached from within it (evertape_desktop.backend.in_process).
        raise HubError(404, "no_accounts", "there are no accounts here")
    assert isinstance(security, Security)
    return security


Secured: TypeAlias = Annotated[Security, Depends(security_of)]
"""For a route: ``async def users(security: Secured)``."""
