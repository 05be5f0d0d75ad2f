"""What goes wrong between the window and a recorder, in words for a person."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from evertape.redact import redact


@dataclass(frozen=True, slots=True)
class Problem(Exception):  # noqa: N818 - the hub's word for it
    """What a request came to, if not to what was asked.

    Args:
        code: for programs: the API's, or ``unreachable``, ``timeout``, ``untrusted``, ``malformed``.
        what: one line for a person.
        hint: what the person can do; may be empty.
        status: of HTTP; 0 if there was no answer.
        problems: if there are several (a configuration's mistakes): ``what``, ``hint``, ``where`` of each.
        where: the part of the request that is meant, and the way into it.
    """

    code: str
    what: str
    hint: str = ""
    status: int = 0
    problems: tuple[dict[str, Any], ...] = ()
    where: tuple[str | int, ...] = ()

    def __str__(self) -> str:
        return f"{self.what} → {self.hint}" if self.hint else self.what


def problem_of(status: int, body: bytes) -> Problem:
    """From an answer that says what is wrong; see docs/reference/http.md."""
    try:
        error = json.loads(body)["error"]
        return Problem(
            str(error["code"]), redact(str(error["what"])), redact(str(error.get("hint") or "")), status,
            tuple(error.get("problems") or ()), tuple(error.get("where") or ()),
        )  # fmt: skip
    except (ValueError, KeyError, TypeError):
        return Problem("malformed", f"the recorder answered {status}, and nothing that says why", status=status)


class Contact(StrEnum):
    """How it stands with the recorder."""

    CONNECTING = "connecting"
    CONNECTED = "connected"
    LOST = "lost"
    LOGIN_NEEDED = "login_needed"


@dataclass(frozen=True, slots=True)
class Connection:
    """How it stands with the recorder, and why.

    Args:
        contact: the state.
        text: for a person; empty while all is well.
    """

    contact: Contact
    text: str = ""
