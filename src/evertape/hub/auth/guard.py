"""The dependencies that give a route its ``Who``, or refuse: ``Depends(viewer)``, ``operator`` and ``admin``.

They serve HTTP and WebSocket routes alike. Who somebody is is found out by the ``Authority`` in ``app.state.authority``
(``install``); without one everybody is refused. A route that is about a camera asks ``who.sees(camera)`` and answers as
for a camera that does not exist where it says no; lists, events and alerts leave such cameras out.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Protocol

from fastapi import FastAPI, Security
from fastapi.security import APIKeyCookie, HTTPBearer
from fastapi.security.http import HTTPAuthorizationCredentials
from starlette.requests import HTTPConnection

from evertape.domain.roles import Role
from evertape.hub.auth.refusal import Refusal, not_logged_in

COOKIE = "evertape_session"
CSRF_HEADER = "X-Evertape-CSRF"


class Via(StrEnum):
    """What a request showed to be let in."""

    SESSION = "session"
    TOKEN = "token"


@dataclass(frozen=True, slots=True)
class Who:
    """Whoever sent a request.

    Args:
        name: of the account.
        role: what he may; of a token, the lesser of its own and its owner's.
        cameras: those he may see; empty: all.
        via: a session of a browser, or an API token.
        token: the token's name, if it was one.
        address: the IP address he asks from.
    """

    name: str
    role: Role
    cameras: frozenset[str] = frozenset()
    via: Via = Via.SESSION
    token: str = ""
    address: str = ""

    def sees(self, camera: str) -> bool:
        """Whether this camera exists for him."""
        return not self.cameras or camera in self.cameras

    def visible(self, cameras: Iterable[str]) -> list[str]:
        """Those of ``cameras`` that exist for him, in their order."""
        return [camera for camera in cameras if self.sees(camera)]

    def may(self, role: Role) -> bool:
        """Whether he may do what ``role`` may."""
        return self.role.may(role)


class Authority(Protocol):
    """Knows who sends a request. Called on the loop."""

    async def identify(self, connection: HTTPConnection) -> Who:
        """Who this is. Raises ``Refusal`` if nobody, or if the request is not fit to be trusted (origin, CSRF)."""


def install(app: FastAPI, authority: Authority) -> None:
    """Let ``authority`` answer for every guarded route of ``app``."""
    app.state.authority = authority


# Only for the OpenAPI document: what is read is read by the authority.
_by_cookie = APIKeyCookie(name=COOKIE, scheme_name="session", description="A browser's session.", auto_error=False)
_by_token = HTTPBearer(scheme_name="token", description="An API token, `et_…`.", auto_error=False)
_Cookie = Annotated[str | None, Security(_by_cookie)]
_Token = Annotated[HTTPAuthorizationCredentials | None, Security(_by_token)]


async def viewer(connection: HTTPConnection, _cookie: _Cookie = None, _token: _Token = None) -> Who:
    """Anybody with an account."""
    return await _at_least(Role.VIEWER, connection)


async def operator(connection: HTTPConnection, _cookie: _Cookie = None, _token: _Token = None) -> Who:
    """Who may start and stop recording."""
    return await _at_least(Role.OPERATOR, connection)


async def admin(connection: HTTPConnection, _cookie: _Cookie = None, _token: _Token = None) -> Who:
    """Who may change the configuration."""
    return await _at_least(Role.ADMIN, connection)


async def _at_least(role: Role, connection: HTTPConnection) -> Who:
    authority: Authority | None = getattr(connection.app.state, "authority", None)
    if authority is None:
        raise not_logged_in()
    who = await authority.identify(connection)
    if not who.may(role):
        raise Refusal(
            403, "not_allowed", f"this needs the role {role}", hint=f"you are {who.role}; an admin can change that"
        )
    return who
