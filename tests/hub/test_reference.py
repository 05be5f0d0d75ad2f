"""The OpenAPI document and the page that is made from it are complete."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from fastapi.routing import APIRoute

from evertape.hub.app import API, ROUTERS
from evertape.hub.auth.guard import admin, operator, viewer
from evertape.hub.reference import application, render

ROOT = Path(__file__).parents[2]
OPEN = {"/session", "/setup"}
"""Asked before anybody is known; ``GET /session`` finds out itself."""


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return application().openapi()


def operations(document: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return [
        (f"{method.upper()} {path}", operation)
        for path, item in document["paths"].items()
        for method, operation in item.items()
    ]


def test_the_page_is_up_to_date() -> None:
    page = (ROOT / "docs/reference/http.md").read_text()
    assert page == render(), "run: python -m evertape.hub.reference > docs/reference/http.md"


def test_every_operation_says_what_it_is_and_how_it_fails(document: dict[str, Any]) -> None:
    found = operations(document)
    assert len(found) > 50
    assert len({operation["operationId"] for _, operation in found}) == len(found)
    for name, operation in found:
        assert operation.get("summary") and operation.get("description") and operation.get("tags"), name
        if f" {API}/" in name:
            failures = {status for status in operation["responses"] if status[0] in "45"}
            assert failures - {"422"}, name
            for status in failures:
                schema = operation["responses"][status]["content"]["application/json"]["schema"]
                assert schema == {"$ref": "#/components/schemas/ErrorAnswer"}, (name, status)


def test_every_parameter_and_field_of_a_request_has_a_meaning_or_a_plain_name(document: dict[str, Any]) -> None:
    plain = {"name", "camera", "start", "end", "cameras", "user", "limit", "run", "role", "password", "kind", "wanted"}
    for name, operation in operations(document):
        for parameter in operation.get("parameters", ()):
            assert parameter.get("description") or parameter["name"] in plain or parameter["in"] == "header", name


def test_every_route_asks_who_it_is() -> None:
    routes = [route for router in ROUTERS for route in router.routes if isinstance(route, APIRoute)]
    for route in routes:
        calls = {dependency.call for dependency in route.dependant.dependencies}
        assert calls & {viewer, operator, admin} or route.path in OPEN, route.path


def test_what_changes_something_is_not_for_viewers_unless_it_is_their_own() -> None:
    own = {"/session", "/setup", "/exports", "/exports/{export}", "/tokens", "/tokens/{id}", "/users/{name}"}
    for router in ROUTERS:
        for route in router.routes:
            if not isinstance(route, APIRoute) or route.methods <= {"GET", "HEAD"} or route.path in own:
                continue
            calls = {dependency.call for dependency in route.dependant.dependencies}
            assert calls & {operator, admin}, (route.methods, route.path)
