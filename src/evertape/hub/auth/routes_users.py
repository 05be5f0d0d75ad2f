"""``/users``: who may log in."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request

from evertape.domain.roles import Role
from evertape.hub.api.asking import Admin, Viewer
from evertape.hub.auth.authority import address_of
from evertape.hub.auth.guard import COOKIE, Via, Who
from evertape.hub.auth.models import NewUser, User, UserChange, Users
from evertape.hub.auth.refusal import Refusal
from evertape.hub.auth.security import Secured
from evertape.hub.auth.trail import about
from evertape.hub.errors import HubError, errors, unknown
from evertape.hub.services import Services, Shared
from evertape.store.accounts import AccountExistsError, AccountUnknownError, LastAdminError

router = APIRouter(tags=["users"])

Name = Annotated[str, Path(max_length=200, description="The account.")]


@router.get("/users", summary="All accounts", responses=errors(401, 403, 503))
async def users(security: Secured, _who: Admin) -> Users:
    """By name; without what is secret."""
    return Users(users=[User.of(account) for account in await security.accounts.all()])


@router.post("/users", summary="Add an account", status_code=201, responses=errors(401, 403, 409, 503))
async def add_user(body: NewUser, request: Request, services: Shared, security: Secured, _who: Admin) -> User:
    """Somebody who may log in, with a password that he can change."""
    _known_cameras(services, body.cameras)
    try:
        account = await security.accounts.make(
            body.name, body.password.get_secret_value(), body.role, frozenset(body.cameras)
        )
    except AccountExistsError as error:
        raise HubError(409, "user_exists", error.what, where=["body", "name"]) from None
    about(request, account.name)
    return User.of(account)


@router.patch("/users/{name}", summary="Change an account", responses=errors(401, 403, 404, 409, 429, 503))
async def change_user(
    name: Name, body: UserChange, request: Request, services: Shared, security: Secured, who: Viewer
) -> User:
    """What is left out stays. Everybody may change his own password, with the old one; a change ends other sessions.

    Role, cameras and other people's passwords are for admins.
    """
    _may_change(name, body, who)
    _known_cameras(services, body.cameras or [])
    if body.password is not None and name == who.name:
        await _old_password(body, request, security, who)
    try:
        account = await security.accounts.change(
            name,
            role=body.role,
            cameras=None if body.cameras is None else frozenset(body.cameras),
            password=None if body.password is None else body.password.get_secret_value(),
            keep_cookie=request.cookies.get(COOKIE, "") if who.via is Via.SESSION else "",
        )
    except AccountUnknownError:
        raise unknown("user", name, parameter="name") from None
    except LastAdminError as error:
        raise HubError(409, "last_admin", error.what, hint=error.hint) from None
    return User.of(account)


@router.delete("/users/{name}", summary="Remove an account", status_code=204, responses=errors(401, 403, 404, 409, 503))
async def remove_user(name: Name, security: Secured, _who: Admin) -> None:
    """With its sessions and tokens. The last admin stays."""
    try:
        await security.accounts.remove(name)
    except AccountUnknownError:
        raise unknown("user", name, parameter="name") from None
    except LastAdminError as error:
        raise HubError(409, "last_admin", error.what, hint=error.hint) from None


def _may_change(name: str, body: UserChange, who: Who) -> None:
    if who.may(Role.ADMIN):
        return
    if name != who.name or body.role is not None or body.cameras is not None:
        raise Refusal(403, "not_allowed", "only an admin may change that", hint="your own password you may change")


async def _old_password(body: UserChange, request: Request, security: Secured, who: Who) -> None:
    """A page that was left open, or a token that was found, is not enough to take an account over."""
    given = "" if body.old_password is None else body.old_password.get_secret_value()
    try:
        await security.accounts.check(who.name, given, address_of(request))
    except Refusal as refusal:
        if refusal.status_code != 401:
            raise
        raise HubError(403, "wrong_password", "the old password is wrong", where=["body", "old_password"]) from None


def _known_cameras(services: Services, cameras: list[str]) -> None:
    known = services.config.cameras
    if strange := [camera for camera in cameras if camera not in known]:
        what = f"there is no camera {', '.join(map(repr, strange))}"
        hint = f"the cameras are: {', '.join(known) or 'none'}"
        raise HubError(422, "camera_unknown", what, hint=hint, where=["body", "cameras"])
