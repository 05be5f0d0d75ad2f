"""``/tokens``: keys for programs. ``/trail``: who changed what."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request

from evertape.domain.roles import Role
from evertape.hub.api.asking import Admin, Viewer
from evertape.hub.api.times import Moment, instant
from evertape.hub.auth.guard import Via
from evertape.hub.auth.models import MadeToken, NewToken, TokenAnswer, Tokens, TrailAnswer, TrailEntry
from evertape.hub.auth.refusal import Refusal
from evertape.hub.auth.security import Secured
from evertape.hub.auth.trail import about
from evertape.hub.errors import HubError, errors, unknown
from evertape.hub.services import Shared
from evertape.ipc.events import Audited
from evertape.store.rows import EventRow

router = APIRouter(tags=["users"])


@router.get("/tokens", summary="API tokens", responses=errors(401, 503))
async def tokens(security: Secured, who: Viewer) -> Tokens:
    """One's own; all of them for an admin. The secrets were shown once and are not kept."""
    found = await security.accounts.tokens("" if who.may(Role.ADMIN) else who.name)
    return Tokens(tokens=[TokenAnswer.of(token) for token in found])


@router.post("/tokens", summary="Make an API token", status_code=201, responses=errors(401, 403, 503))
async def make_token(body: NewToken, request: Request, services: Shared, security: Secured, who: Viewer) -> MadeToken:
    """For a program of one's own, which may no more than oneself. Not with a token: one that was lost would breed."""
    if who.via is Via.TOKEN:
        raise Refusal(403, "not_by_token", "a token cannot make tokens", hint="log in with a password")
    if not who.may(body.role):
        raise Refusal(403, "not_allowed", f"a token of yours cannot have the role {body.role}")
    if body.ends is not None and body.ends <= services.clock.utc_ns():
        raise HubError(422, "ends_invalid", "a token cannot end in the past", where=["body", "ends"])
    made = await security.accounts.make_token(who.name, body.name, body.role, body.ends)
    about(request, body.name)
    return MadeToken(token=made.secret, **TokenAnswer.of(made.token).model_dump())


@router.delete("/tokens/{id}", summary="End an API token", status_code=204, responses=errors(401, 403, 404, 503))
async def remove_token(
    id: Annotated[str, Path(max_length=64, description="As `GET /tokens` gives it.")],
    request: Request,
    security: Secured,
    who: Viewer,
) -> None:
    """One's own; any for an admin. It is refused from the next request on."""
    removed = await security.accounts.remove_token(id, "" if who.may(Role.ADMIN) else who.name)
    if removed is None:
        raise unknown("token", id, parameter="id")
    about(request, removed.name)


@router.get("/trail", summary="Who changed what", responses=errors(401, 403, 503))
async def trail(
    services: Shared,
    _who: Admin,
    before: Annotated[Moment | None, Query(description="Only what happened earlier.")] = None,
    limit: Annotated[int, Query(ge=1, le=1000, description="So many at most.")] = 100,
) -> TrailAnswer:
    """Newest first; `before` the last one's `at` gives the next page. The journal has all of it."""
    end = 1 << 62 if before is None else before
    rows = await services.reading.ask(lambda index: index.events([Audited], end=end, limit=limit))
    return TrailAnswer(entries=[_entry(row) for row in rows])


def _entry(row: EventRow) -> TrailEntry:
    body = row.body
    return TrailEntry(
        at=instant(row.at),
        status=body.get("status", 0),
        ok=body["ok"],
        **{name: body.get(name, "") for name in ("who", "via", "address", "what", "target")},
    )
