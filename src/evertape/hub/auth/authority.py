"""Who sends a request: by an API token or by a session's cookie, and whether it is fit to be trusted.

Threads: the hub's loop.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass

from starlette.requests import HTTPConnection

from evertape.hub.auth.accounts import Accounts
from evertape.hub.auth.guard import COOKIE, CSRF_HEADER, Via, Who
from evertape.hub.auth.local_key import PREFIX, LocalKey
from evertape.hub.auth.origin import is_same_origin
from evertape.hub.auth.refusal import Refusal, not_logged_in
from evertape.hub.auth.sessions import csrf_of

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
"""What changes nothing (RFC 9110 9.2.1)."""


@dataclass
class AccountAuthority:
    """See the module; ``guard.Authority``."""

    accounts: Accounts
    key: LocalKey | None = None
    """That of programs on this machine."""

    async def identify(self, connection: HTTPConnection) -> Who:
        """See ``guard.Authority``. What was found stays in ``connection.state.who``."""
        known: Who | None = getattr(connection.state, "who", None)
        if known is None:
            known = await self._by_token(connection) or await self._by_session(connection)
            if known is None:
                raise not_logged_in()
            connection.state.who = known
        return known

    async def _by_token(self, connection: HTTPConnection) -> Who | None:
        header = connection.headers.get("authorization")
        if header is None:
            return None
        # Whoever shows a token is judged by it alone, also if a browser adds a cookie.
        scheme, _, secret = header.partition(" ")
        secret = secret.strip() if scheme.lower() == "bearer" else ""
        if secret.startswith(PREFIX) and self.key is not None and (local := self.key.who(secret, connection)):
            if connection.scope["type"] == "websocket" and "origin" in connection.headers:
                check_origin(connection)
            return local
        found = await self.accounts.token(secret) if secret else None
        if found is None:
            raise Refusal(
                401, "token_refused", "this token is not good, or not any more", hint="an admin can make another",
                headers={"WWW-Authenticate": 'Bearer error="invalid_token"'},
            )  # fmt: skip
        if connection.scope["type"] == "websocket" and "origin" in connection.headers:
            check_origin(connection)
        token, owner = found
        role = min(token.role, owner.role, key=lambda role: role.rank)
        return Who(owner.name, role, owner.cameras, Via.TOKEN, token.name, address_of(connection))

    async def _by_session(self, connection: HTTPConnection) -> Who | None:
        cookie = connection.cookies.get(COOKIE, "")
        if not cookie:
            return None
        found = await self.accounts.session(cookie)
        if found is None:
            return None
        if connection.scope["type"] == "websocket":
            check_origin(connection)
        elif connection.scope["method"] not in SAFE:
            check_origin(connection)
            given = connection.headers.get(CSRF_HEADER, "")
            if not hmac.compare_digest(given.encode(), csrf_of(cookie).encode()):
                what = f"the header {CSRF_HEADER} is missing or wrong"
                raise Refusal(403, "csrf", what, hint="GET /api/v1/session gives its value")
        account = found[1]
        return Who(account.name, account.role, account.cameras, Via.SESSION, "", address_of(connection))


def check_origin(connection: HTTPConnection, *, required: bool = True) -> None:
    """Refuse what another site's page has a browser send.

    Args:
        connection: the request.
        required: there has to be an ``Origin``; browsers always send one with what is checked here.

    Raises:
        Refusal: 403.
    """
    origin = connection.headers.get("origin")
    if origin is None and not required:
        return
    secure = connection.scope.get("scheme") in ("https", "wss")
    if origin is None or not is_same_origin(origin, connection.headers.get("host", ""), secure=secure):
        raise Refusal(403, "wrong_origin", "this request comes from a page that is not ours")


def address_of(connection: HTTPConnection) -> str:
    """The address that a request came from."""
    return connection.client.host if connection.client is not None else ""
