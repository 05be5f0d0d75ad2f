"""The one error shape: ``{"error": {"code", "what", "hint", "where", "problems"}}``, whatever went wrong."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.requests import Request

from evertape.config.problems import InvalidConfig
from evertape.errors import ConfigError, EvertapeError, NotRunningError, SetupError, UsageError, VolumeError
from evertape.hub.failure import HubError, unknown
from evertape.redact import redact
from evertape.store.failures import IndexBusyError, IndexDamagedError

__all__ = ["ErrorAnswer", "Failure", "HubError", "Problem", "answer", "errors", "install", "problems_of", "unknown"]

log = logging.getLogger(__name__)


class Problem(BaseModel):
    """One of several things that are wrong."""

    what: str = Field(description="What is wrong, for people.")
    hint: str = Field(default="", description="What was probably meant, or what the person can do.")
    where: Sequence[str | int] = Field(
        default=(), description="The part of the request, and the way into it; or the key."
    )


class Failure(BaseModel):
    """What went wrong."""

    code: str = Field(description="For programs, like `camera_unknown`.", examples=["camera_unknown"])
    what: str = Field(description="For people, one sentence.", examples=["there is no camera 'yard'"])
    hint: str = Field(default="", description="What the person can do.", examples=["the cameras are: door, gate"])
    where: list[str | int] = Field(
        [], description="The part of the request that is meant.", examples=[["path", "camera"]]
    )
    problems: Sequence[Problem] = Field(default=(), description="All of them, where there may be several.")


class ErrorAnswer(BaseModel):
    """The body of every answer that is no success."""

    error: Failure


def answer(
    status: int,
    code: str,
    what: str,
    *,
    hint: str = "",
    where: Sequence[str | int] = (),
    problems: Sequence[Problem] = (),
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """An error as a response; what is empty is left out."""
    failure = Failure(code=code, what=redact(what), hint=redact(hint), where=list(where), problems=list(problems))
    body: dict[str, Any] = {"code": failure.code, "what": failure.what, "hint": failure.hint}
    if failure.where:
        body["where"] = failure.where
    if failure.problems:
        body["problems"] = [problem.model_dump() for problem in failure.problems]
    return JSONResponse({"error": body}, status, dict(headers or {}))


def errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """For a route's ``responses``: these statuses have the one shape; 401, 403 and 422 are added by the app."""
    return {status: {"model": ErrorAnswer, "description": HTTPStatus(status).phrase} for status in statuses}


def install(app: FastAPI) -> None:
    """Have every failure answered in the one shape."""
    app.add_exception_handler(EvertapeError, _on_evertape)
    app.add_exception_handler(HTTPException, _on_http)
    app.add_exception_handler(RequestValidationError, _on_validation)
    app.add_exception_handler(Exception, _on_mistake)


_STATUS: tuple[tuple[type[EvertapeError], int, str], ...] = (
    (IndexBusyError, 503, "index_busy"),
    (IndexDamagedError, 503, "index_damaged"),
    (NotRunningError, 503, "engine_away"),
    (VolumeError, 503, "volume_unusable"),
    (SetupError, 501, "not_installed"),
    (ConfigError, 422, "config_refused"),
    (UsageError, 409, "refused"),
)


async def _on_evertape(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, EvertapeError)
    if isinstance(error, HubError):
        return answer(error.status, error.code, error.what, hint=error.hint, where=error.where, headers=error.headers)
    if isinstance(error, InvalidConfig):
        found = problems_of(error)
        # Its text lists them all; who has room for one sentence gets the first.
        head = error.what.splitlines()[0].removesuffix(":")
        what = f"{head}: {found[0].what}" if found else head
        return answer(422, "config_invalid", what, hint=error.hint, problems=found)
    for kind, status, code in _STATUS:
        if isinstance(error, kind):
            headers = {"Retry-After": "1"} if status == 503 else None
            return answer(status, code, error.what, hint=error.hint, headers=headers)
    return answer(500, "failed", error.what, hint=error.hint)


def problems_of(error: InvalidConfig) -> list[Problem]:
    """A configuration's mistakes, by key."""
    return [
        Problem(
            what=redact(str(p)), hint=f"did you mean {p.suggestion}?" if p.suggestion else "", where=p.key.split(".")
        )
        for p in error.problems
    ]


async def _on_http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    detail: Any = error.detail
    if isinstance(detail, dict):  # a refusal of ours
        return answer(
            error.status_code, detail["code"], detail["what"], hint=detail.get("hint", ""), headers=error.headers
        )
    if error.status_code == 404:
        return answer(
            404, "path_unknown", "there is nothing at this path", hint="/api/v1/openapi.json lists what there is"
        )
    if error.status_code == 405:
        return answer(405, "method_not_allowed", f"{request.method} is not possible here", headers=error.headers)
    if error.status_code == 400:  # FastAPI says so of bytes that are no text; of any other body that is no JSON, 422
        return answer(422, "request_invalid", "the body cannot be read: it is no JSON in UTF-8", where=["body"])
    code = HTTPStatus(error.status_code).name.lower()
    return answer(error.status_code, code, str(error.detail), headers=error.headers)


async def _on_validation(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    found = [Problem(what=_plain(one), where=[_part(part) for part in one["loc"]]) for one in error.errors()]
    where = found[0].where if found else []
    what = f"{'.'.join(map(str, where[1:])) or 'the body'}: {found[0].what}" if found else "the request makes no sense"
    return answer(422, "request_invalid", what, where=where, problems=found)


def _plain(one: Mapping[str, Any]) -> str:
    # Never the value itself, which may be a password.
    message = str(one["msg"])
    return message.removeprefix("Value error, ")


def _part(part: Any) -> str | int:
    return part if isinstance(part, int) else str(part)


async def _on_mistake(request: Request, error: Exception) -> JSONResponse:
    # A request's edge.
    log.error("[HUB] a mistake in answering %s %s", request.method, request.url.path, exc_info=error)
    return answer(500, "mistake", "this is a mistake in Evertape", hint="the log of the hub says more")
