"""``/session`` and ``/setup``: logging in and out, and the first account."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from evertape.errors import EvertapeError
from evertape.hub.api.asking import Viewer
from evertape.hub.auth.authority import address_of, check_origin
from evertape.hub.auth.guard import COOKIE, Who
from evertape.hub.auth.models import Credentials, FirstAccount, SessionAnswer
from evertape.hub.auth.refusal import Refusal
from evertape.hub.auth.security import Secured
from evertape.hub.auth.trail import claimed_by
from evertape.hub.errors import errors
from evertape.store.accounts import AlreadySetUpError

router = APIRouter(tags=["session"])


@router.post("/session", summary="Log in", responses=errors(401, 403, 429, 503))
async def log_in(body: Credentials, request: Request, response: Response, security: Secured) -> SessionAnswer:
    """Begin a session; its cookie comes with the answer. After five wrong passwords in a minute: 429."""
    check_origin(request, required=False)
    await _needs_setup(security)
    # Not the name that was tried, which is a password now and then: only one that there is.
    claimed_by(request, "")
    login = await security.accounts.log_in(
        body.name, body.password.get_secret_value(), address_of(request), request.cookies.get(COOKIE, "")
    )
    claimed_by(request, login.account.name)
    return security.logged_in(login, request, response)


@router.get("/session", summary="Who am I", responses=errors(401, 503))
async def session(request: Request, security: Secured) -> SessionAnswer:
    """Who is logged in, and the value that each change has to repeat in `X-Evertape-CSRF`.

    Before the first account is made the code of the error is `setup_needed`.
    """
    try:
        who: Who = await request.app.state.authority.identify(request)
    except Refusal as refusal:
        if refusal.status_code == 401:
            await _needs_setup(security)
        raise
    return security.session_answer(who, request.cookies.get(COOKIE, ""))


@router.delete("/session", summary="Log out", status_code=204, responses=errors(401, 403, 503))
async def log_out(request: Request, response: Response, security: Secured, _who: Viewer) -> None:
    """End this session. A token is not a session, and stays."""
    if cookie := request.cookies.get(COOKIE, ""):
        await security.accounts.end_session(cookie)
    security.logged_out(request, response)


@router.post("/setup", summary="Make the first account", status_code=201, responses=errors(403, 409, 429, 503))
async def set_up(body: FirstAccount, request: Request, response: Response, security: Secured) -> SessionAnswer:
    """Make the first admin by the one-time link that `evertape hub url` prints, and log in."""
    check_origin(request, required=False)
    claimed_by(request, "", "setup")
    try:
        login = await security.accounts.set_up(
            body.token.get_secret_value(), body.name, body.password.get_secret_value(), address_of(request)
        )
    except AlreadySetUpError as error:
        raise Refusal(403, "setup_refused", error.what, hint=error.hint) from None
    claimed_by(request, login.account.name, "setup")
    return security.logged_in(login, request, response)


async def _needs_setup(security: Secured) -> None:
    """Say so, if nobody can log in yet."""
    try:
        needed = not await security.accounts.any()
    except EvertapeError:
        return
    if needed:
        what = "there is no account yet"
        raise Refusal(401, "setup_needed", what, hint='open the link that "evertape hub url" prints')
