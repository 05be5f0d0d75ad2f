"""The hub's application: routers, the page, headers, and one shape for whatever goes wrong."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Match
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from evertape.hub import errors
from evertape.hub.api import (
    alerts,
    cameras,
    config,
    control,
    events,
    exports,
    health,
    ledger,
    log,
    machine,
    protections,
    retention,
    schedules,
    segments,
    snapshot,
    status,
    timeline,
    volumes,
)
from evertape.hub.auth.install import ROUTERS as ACCOUNTS
from evertape.hub.auth.install import secure
from evertape.hub.auth.security import Security
from evertape.hub.live import route as live
from evertape.hub.metrics import route as metrics
from evertape.hub.services import Services
from evertape.version import VERSION

WEB = Path(__file__).parent / "web"
API = "/api/v1"

ROUTERS: Sequence[APIRouter] = (
    *ACCOUNTS,
    status.router,
    health.parts_router,
    machine.router,
    cameras.router,
    control.router,
    volumes.router,
    timeline.router,
    segments.router,
    snapshot.router,
    live.router,
    ledger.router,
    events.router,
    log.router,
    alerts.router,
    exports.router,
    protections.router,
    retention.router,
    config.router,
    schedules.router,
)
"""Below ``/api/v1``, in the order of the reference."""

_CSP = (
    "default-src 'self'; media-src 'self' blob:; img-src 'self' blob: data:; connect-src 'self'; "
    "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
_HEADERS = (
    ("Content-Security-Policy", _CSP),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Permissions-Policy", "camera=(), microphone=(), geolocation=()"),
)

_DESCRIPTION = """\
Everything that Evertape's command line can do. Instants are ISO 8601 in UTC with a `Z`, written with nine digits
of a second and read with up to nine; durations are seconds.
Whatever goes wrong is answered as `{"error": {"code", "what", "hint", "where"}}`.
A browser logs in at `POST /api/v1/session`; a program sends `Authorization: Bearer et_…`."""


def create_app(
    services: Services,
    security: Security | None = None,
    *,
    routers: Sequence[APIRouter] = ROUTERS,
    web: Path = WEB,
) -> FastAPI:
    """The application.

    Args:
        services: what its routes use.
        security: who may what; without it nobody may anything.
        routers: below ``/api/v1``.
        web: the page's folder.
    """
    app = FastAPI(
        title="Evertape",
        version=VERSION,
        description=_DESCRIPTION,
        openapi_url=f"{API}/openapi.json",
        docs_url=None,
        redoc_url=None,
        swagger_ui_oauth2_redirect_url=None,
        generate_unique_id_function=lambda route: f"{route.tags[0]}_{route.name}" if route.tags else route.name,
        responses=errors.errors(413, 422, 503),
        redirect_slashes=False,
    )
    app.state.services = services
    errors.install(app)
    for router in routers:
        app.include_router(router, prefix=API)
    app.include_router(health.router)
    if security is not None:
        secure(app, services, security)
    metrics.install(app, services)
    app.add_middleware(SecureHeaders)
    app.mount(API, _Nothing(routers))
    app.mount("/", Page(directory=web, html=True, check_dir=False))
    return app


class SecureHeaders:
    """Sets the headers that keep a browser from being talked into something, on every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS:
                    headers.setdefault(name, value)
                if scope["path"].startswith(API):
                    headers.setdefault("Cache-Control", "no-store")
            await send(message)

        await self._app(scope, receive, sending)


class Page(StaticFiles):
    """The page's files. A browser asks each time whether they have changed, so that an update takes effect at once."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        """A file, or that it has not changed."""
        response = super().file_response(*args, **kwargs)
        response.headers["Cache-Control"] = "no-cache"
        return response

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Never the path in an error's text."""
        if "\0" in path:
            raise HTTPException(404)
        return await super().get_response(path, scope)


class _Nothing:
    """What is below ``/api/v1`` and no route is not a file of the page either."""

    def __init__(self, routers: Sequence[APIRouter]) -> None:
        self._routes = [route for router in routers for route in router.routes if isinstance(route, APIRoute)]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        inner = {**scope, "path": scope["path"].removeprefix(API), "root_path": ""}
        methods: set[str] = set()
        for route in self._routes:
            if scope["type"] == "http" and route.matches(inner)[0] is Match.PARTIAL:
                methods |= route.methods or set()
        if methods:
            raise HTTPException(405, headers={"Allow": ", ".join(sorted(methods))})
        raise HTTPException(404)
