"""A request that is refused for who sends it, or how."""

from __future__ import annotations

from fastapi import HTTPException


class Refusal(HTTPException):
    """An answer in the hub's one error shape; the app's handler of ``HTTPException`` puts ``detail`` under ``error``.

    Args:
        status: of HTTP.
        code: for programs, like ``not_logged_in``.
        what: for people, one sentence; never holds anything the client sent as a secret.
        hint: what the person can do.
        headers: ``Retry-After``, ``WWW-Authenticate``.
    """

    def __init__(
        self, status: int, code: str, what: str, *, hint: str = "", headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(status, {"code": code, "what": what, "hint": hint}, headers)
        self.code = code
        self.what = what
        self.hint = hint


def not_logged_in() -> Refusal:
    """Nobody is known by what this request carries."""
    return Refusal(
        401,
        "not_logged_in",
        "nobody is logged in",
        hint="log in, or send an API token",
        headers={"WWW-Authenticate": "Bearer"},
    )
