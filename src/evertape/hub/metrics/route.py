"""``/metrics``: gathers the figures, for whoever may see them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any, TypeVar

from fastapi import APIRouter, FastAPI, Request
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse, Response

from evertape.errors import EvertapeError
from evertape.hub.alerts.desk import PART as ALERTS
from evertape.hub.alerts.desk import AlertDesk
from evertape.hub.api.state import parse_cameras
from evertape.hub.auth.authority import address_of
from evertape.hub.auth.guard import viewer
from evertape.hub.auth.origin import is_local
from evertape.hub.errors import errors
from evertape.hub.live.route import streams_of
from evertape.hub.metrics import catalogue as m
from evertape.hub.metrics.cameras import Sees, put_cameras, put_counted, put_days
from evertape.hub.metrics.counted import RequestCount, counted_of
from evertape.hub.metrics.machinery import put_alerts, put_service, put_volumes
from evertape.hub.metrics.page import CONTENT_TYPE, Page
from evertape.hub.services import Services, Shared
from evertape.version import VERSION

router = APIRouter(tags=["machines"])
T = TypeVar("T")

_DEADLINE_S = 2.0
"""For the engine, and for the index: Prometheus waits 10 s, and to be told what is away is better than nothing."""
_FORWARDED = ("forwarded", "x-forwarded-for", "x-real-ip")


def install(app: FastAPI, services: Services) -> None:
    """Put the route, and what counts, into ``app``: outside of what turns requests away, whose answers count too."""
    app.include_router(router)
    app.add_middleware(RequestCount, counted=counted_of(services))


@router.get(
    "/metrics",
    summary="Figures for Prometheus",
    response_class=PlainTextResponse,
    responses=errors(401, 403),
    openapi_extra={"security": [{}, {"token": []}]},
)
async def metrics(services: Shared, request: Request) -> Response:
    """docs/reference/metrics.md has them all. From this machine without a token; else as a viewer.

    What is about a camera that whoever asks may not see is left out. While the engine is away `evertape_up` is 0.
    """
    page = await gather(services, await _sight(request))
    # A thread, because with many cameras it takes longer than viewers of live pictures should wait.
    return Response(await asyncio.to_thread(page.text), media_type=CONTENT_TYPE)


async def gather(services: Services, sees: Sees) -> Page:
    """All figures, as of now."""
    page, counted = Page(), counted_of(services)
    page.put(m.BUILD_INFO, 1, version=services.settings.version or VERSION)
    for status, number in counted.requests.items():
        page.put(m.REQUESTS, number, status=status)
    _live(page, services, sees)
    _alerts(page, services, sees)
    put_counted(page, counted, sees)
    raw, cursor = await asyncio.gather(
        _soon(services.engine.status()), _soon(services.reading.ask(lambda index: index.cursor()))
    )
    page.put(m.UP, raw is not None)
    page.put(m.INDEX_UP, cursor is not None)
    if raw is not None:
        put_cameras(page, raw, counted, sees)
        put_service(page, raw)
        await _of_the_index(page, services, raw, sees, readable=cursor is not None)
    return page


async def _of_the_index(page: Page, services: Services, raw: dict[str, Any], sees: Sees, *, readable: bool) -> None:
    # What it said before is not said again once it cannot be read: it would never change.
    looks = services.looks
    days = await _soon(looks.days(raw, parse_cameras(raw))) if readable else None
    usage = await _soon(looks.usage(raw)) if readable else None
    put_days(page, days or {}, sees)
    put_volumes(page, raw, usage)


def _live(page: Page, services: Services, sees: Sees) -> None:
    watched = dict.fromkeys(map(str, services.config.cameras), 0)
    for (camera, _stream), viewers in streams_of(services).viewers.items():
        watched[camera] = watched.get(camera, 0) + viewers
    for camera, viewers in watched.items():
        if sees(camera):
            page.put(m.LIVE_VIEWERS, viewers, camera=camera)


def _alerts(page: Page, services: Services, sees: Sees) -> None:
    desk: AlertDesk | None = services.parts.get(ALERTS)
    if desk is None:
        return
    put_alerts(page, desk.active, sees)
    for name, line in desk.lines.items():
        page.put(m.CHANNEL_FAILING, bool(line.problem), channel=name)
        page.put(m.CHANNEL_WAITING, line.waiting, channel=name)
    if services.config.alerts.heartbeat_url is not None:
        page.put(m.HEARTBEAT_FAILING, bool(desk.heartbeat.problem))


async def _soon(asked: Awaitable[T]) -> T | None:
    """The answer; ``None`` if there is none soon."""
    try:
        return await asyncio.wait_for(asked, _DEADLINE_S)
    except (EvertapeError, TimeoutError):
        return None


async def _sight(connection: HTTPConnection) -> Sees:
    """Which cameras whoever asks may see; raises 401 and 403.

    Whoever shows a token is judged by it, also on this machine: that is how to see what it gives.
    """
    # What a proxy on this machine passes on may come from anywhere.
    passed_on = any(header in connection.headers for header in _FORWARDED)
    known = "authorization" in connection.headers
    if is_local(address_of(connection)) and not passed_on and not known:
        return lambda _: True
    return (await viewer(connection)).sees
