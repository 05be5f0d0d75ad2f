"""Writes the reference page of the API from its OpenAPI document.

``python -m evertape.hub.reference > docs/reference/http.md`` brings the page up to date; a test compares the two.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute, APIWebSocketRoute

from evertape.config.paths import DataDir
from evertape.config.schema import Config
from evertape.errors import NotRunningError
from evertape.hub.app import API, ROUTERS, create_app
from evertape.hub.auth.guard import admin, operator, viewer
from evertape.hub.services import Services, Settings

_HEAD = """\
# HTTP

Everything the command line can do, for browsers and programs, below `/api/v1`. This page is made from the routes by
`python -m evertape.hub.reference`; a running hub has the same as OpenAPI at `/api/v1/openapi.json`.

**Who.** A browser logs in with `POST /session` and gets a cookie; what it changes carries the header `X-Evertape-CSRF`
with the value that `GET /session` gives. A program sends `Authorization: Bearer et_…`
(`evertape hub token add`). A camera that somebody may not see does not exist for him.

**How.** JSON; instants are ISO 8601 in UTC with a `Z`, written with nine digits of a second (so they sort as text) and
read with up to nine; durations are seconds, sizes bytes. Unknown fields of answers are to be ignored: more may come.

**When it fails**, whatever went wrong: `{"error": {"code", "what", "hint", "where", "problems"}}` with a status that
fits. `code` is for programs, `what` and `hint` are for people, `where` says which part of the request is meant,
`problems` is there where there may be several. 401: log in; 403: another role is needed; 404: there is none, or not for
you; 409: not as things are; 422: the request makes no sense; 429: too often; 503: something is away for the moment, see
`Retry-After`.
"""

_ROLES = {viewer: "viewer", operator: "operator", admin: "admin"}
_COMMON = frozenset({"401", "403", "422"})


class _Nobody:
    """Nothing runs while the page is written."""

    connected = False

    async def ask(self, verb: str, timeout_s: float = 0, **args: Any) -> Any:
        raise NotRunningError(verb)

    async def status(self, *, fresh: bool = False) -> dict[str, Any]:
        raise NotRunningError("status")


def application() -> FastAPI:
    """The hub's, with nothing behind it."""
    nobody: Any = _Nobody()
    settings = Settings(DataDir(Path("/nonexistent")), Path("/nonexistent/evertape.toml"), Config())
    return create_app(Services(settings, nobody, nobody))


def render() -> str:
    """The page, in Markdown."""
    document = application().openapi()
    return _HEAD + "".join(_sections(document)) + "".join(_answers(document))


def _sections(document: Mapping[str, Any]) -> Iterator[str]:
    schemas = document["components"]["schemas"]
    tags: dict[str, list[str]] = {}
    routes = {(route.path, method): route for route in _http_routes() for method in route.methods or ()}
    for path, item in document["paths"].items():
        for method, operation in item.items():
            route = routes.get((path.removeprefix(API), method.upper()))
            text = _operation(path, method.upper(), operation, route, schemas)
            tags.setdefault(operation.get("tags", ["other"])[0], []).append(text)
    for socket in _sockets():
        tags.setdefault(str((getattr(socket, "tags", None) or ["events"])[0]), []).append(_socket(socket))
    for tag, texts in tags.items():
        yield f"\n## {tag[:1].upper()}{tag[1:]}\n" + "".join(texts)


def _operation(
    path: str, method: str, operation: Mapping[str, Any], route: APIRoute | None, schemas: Mapping[str, Any]
) -> str:
    role = "" if route is None else _role(route)
    lines = [f"\n### `{method} {path.removeprefix(API)}`\n", f"\n{operation['summary']}{role}.\n"]
    if text := operation.get("description"):
        lines.append(f"\n{text}\n")
    given = [_parameter(one) for one in operation.get("parameters", ()) if one["in"] in ("query", "path")]
    content = operation.get("requestBody", {}).get("content", {})
    given += [row for kind in content.values() for row in _fields(kind["schema"], schemas)]
    if given:
        lines.append("\n| asked | | meaning |\n|---|---|---|\n" + "".join(given))
    for status, answer in operation["responses"].items():
        if status.startswith("2"):
            shown = [_answer(kind, value, schemas) for kind, value in answer.get("content", {}).items()]
            lines.append(f"\n**{status}** {' or '.join(filter(None, shown)) or answer['description']}\n")
    failures = [status for status in operation["responses"] if status[0] in "345" and status not in _COMMON]
    if failures:
        lines.append(f"\nAlso {', '.join(failures)}.\n")
    return "".join(lines)


def _parameter(one: Mapping[str, Any]) -> str:
    need = "required" if one.get("required") else "optional"
    return f"| `{one['name']}` | {one['in']}, {need} | {one.get('description', '')} |\n"


def _fields(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> Iterator[str]:
    found = _resolved(schema, schemas)
    needed = found.get("required", ())
    for name, field in found.get("properties", {}).items():
        need = "required" if name in needed else "optional"
        yield f"| `{name}` | body, {need} | {_meaning(field, schemas)} |\n"


def _answer(kind: str, value: Mapping[str, Any], schemas: Mapping[str, Any]) -> str:
    if kind != "application/json":
        return f"`{kind}`"
    found = _resolved(value.get("schema", {}), schemas)
    names = ", ".join(f"`{name}`" for name in found.get("properties", {}))
    return f"`{found.get('title', 'JSON')}`: {names}" if names else ""


def _meaning(field: Mapping[str, Any], schemas: Mapping[str, Any]) -> str:
    return str(field.get("description") or _resolved(field, schemas).get("description", "")).replace("\n", " ")


def _resolved(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> Mapping[str, Any]:
    name = schema.get("$ref", "").rpartition("/")[2]
    return schemas[name] if name else schema


def _http_routes() -> list[APIRoute]:
    return [route for router in ROUTERS for route in router.routes if isinstance(route, APIRoute)]


def _sockets() -> list[APIWebSocketRoute]:
    return [route for router in ROUTERS for route in router.routes if isinstance(route, APIWebSocketRoute)]


def _socket(route: APIWebSocketRoute) -> str:
    text = " ".join((route.endpoint.__doc__ or "").split())
    return f"\n### WebSocket `{route.path}`\n\n{text}\n"


def _role(route: APIRoute) -> str:
    calls = {dependency.call for dependency in route.dependant.dependencies}
    return next((f" (at least {name})" for call, name in _ROLES.items() if call in calls), "")


def _answers(document: Mapping[str, Any]) -> Iterator[str]:
    schemas = document["components"]["schemas"]
    yield "\n# What is answered\n"
    for name, found in schemas.items():
        if found.get("type") != "object" or not found.get("properties"):
            continue
        yield f"\n## `{name}`\n\n{' '.join(found.get('description', '').split())}\n"
        yield "\n| field | type | meaning |\n|---|---|---|\n"
        for field, value in found["properties"].items():
            yield f"| `{field}` | {_type(value)} | {_meaning(value, schemas)} |\n"


def _type(value: Mapping[str, Any]) -> str:
    if "$ref" in value:
        return f"`{value['$ref'].rpartition('/')[2]}`"
    if "anyOf" in value:
        return " or ".join(_type(one) for one in value["anyOf"])
    if value.get("type") == "array":
        return f"list of {_type(value.get('items', {}))}"
    if value.get("format") == "date-time":
        return "instant"
    return str(value.get("type", "any"))


if __name__ == "__main__":
    sys.stdout.write(render())
