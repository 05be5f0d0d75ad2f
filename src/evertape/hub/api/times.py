"""Instants as the API writes and reads them: ISO 8601 in UTC with a ``Z``; with nine digits, so they sort as text."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Annotated, Any, TypeAlias

from pydantic import BeforeValidator, Field, WithJsonSchema

from evertape.types import NS_PER_S

_FORM = re.compile(r"(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})(?:\.(\d{1,9}))?(Z|[+-]\d{2}:\d{2})", re.ASCII)
_EXAMPLE = "2026-11-24T13:30:00.25Z"
_DIGITS = 9
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECONDS = len("1970-01-01T00:00:00")


@lru_cache(maxsize=4096)
def instant(utc_ns: int) -> str:
    """UTC nanoseconds as text. Raises ``ValueError`` beyond the year 9999."""
    seconds, rest = divmod(utc_ns, NS_PER_S)
    try:
        # In a third of the time of strftime, and often asked for twice (where one span ends another begins): an account
        # of a year of sixteen cameras writes tens of thousands of these.
        text = (_EPOCH + timedelta(0, seconds)).isoformat()[:_SECONDS]
    except OverflowError as error:
        raise ValueError(str(error)) from None
    return f"{text}.{rest:09d}Z"


def optional_instant(utc_ns: int | None) -> str | None:
    """The same of what may not be known, which is 0 in messages."""
    return instant(utc_ns) if utc_ns else None


def parse_instant(value: Any) -> int:
    """UTC nanoseconds; raises ``ValueError``."""
    found = _FORM.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError(f"must be an instant like {_EXAMPLE}")
    zone = "+00:00" if found[3] == "Z" else found[3]
    try:
        seconds = round(datetime.fromisoformat(found[1] + zone).timestamp())
    except (ValueError, OverflowError):
        raise ValueError(f"is no date there is; write an instant like {_EXAMPLE}") from None
    if not 0 <= seconds < 1 << 33:
        raise ValueError("must lie between 1970 and 2242")
    return seconds * NS_PER_S + int((found[2] or "0").ljust(_DIGITS, "0"))


_SCHEMA = WithJsonSchema({"type": "string", "format": "date-time", "examples": [_EXAMPLE]})

Moment: TypeAlias = Annotated[int, BeforeValidator(parse_instant), _SCHEMA]
"""Of a request: an instant, which the route gets as UTC nanoseconds."""

Instant: TypeAlias = Annotated[str, Field(json_schema_extra={"format": "date-time"}, examples=[_EXAMPLE])]
"""Of an answer: an instant."""
