"""Values as SQLite holds them, where every column may hold anything: read with patience, refused with reasons. Pure."""

from __future__ import annotations

import json
import math
import re

from evertape.engine.predecessor.model import Value
from evertape.redact import MASK, redact

_YES = frozenset(("1", "true", "t", "yes", "y", "on"))
_NO = frozenset(("0", "false", "f", "no", "n", "off"))
_SECRET = re.compile(r"pass|pwd|secret|token|credential|auth", re.IGNORECASE)
_NUMBER = re.compile(r"[+-]?\d{1,18}(?:\.\d{1,9})?")
SHOWN = 80
"""Characters of a value that are shown."""


class Unfit(ValueError):  # noqa: N818  (it reads as what it is)
    """A value cannot be taken over; ``str()`` says why, and holds nothing secret."""


def flag(value: Value) -> bool:
    """Yes or no: 0 and 1, or a word. Raises ``Unfit``."""
    if isinstance(value, str):
        word = value.strip().lower()
        if word in _YES or word in _NO:
            return word in _YES
    elif value in (0, 1):
        return bool(value)
    raise Unfit("it is neither yes nor no")


def number(value: Value) -> float:
    """A finite number, also one that stands in a text. Raises ``Unfit``."""
    if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
        return float(value)
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e18 and math.isfinite(value):
        return float(value)
    raise Unfit("it is no number")


def whole(value: Value) -> int:
    """A whole number. Raises ``Unfit``."""
    found = number(value)
    if not found.is_integer():
        raise Unfit("it is no whole number")
    return int(found)


def text(value: Value) -> str:
    """A text on one line, without blanks around it; empty for nothing."""
    if value is None:
        return ""
    printable = "".join(c if c.isprintable() else " " for c in str(value))
    return " ".join(printable.split())


def secret(value: Value) -> str:
    """A password as it is; empty for nothing. Raises ``Unfit``."""
    found = "" if value is None else str(value)
    # What came out of damaged bytes would be another password.
    if "\ufffd" in found or any(ord(c) < 32 or ord(c) == 127 for c in found):
        raise Unfit("its password holds characters that nobody can type")
    return found


def table_in(value: Value) -> dict[str, Value] | None:
    """The table that a text holds as JSON, its inner tables joined with ``_``; ``None`` if it holds none."""
    if not isinstance(value, str) or not value.lstrip().startswith("{") or len(value) > 1 << 20:
        return None
    try:
        found = json.loads(value)
    except (ValueError, RecursionError):
        return None
    return _flat(found) if isinstance(found, dict) else None


def _flat(found: dict[str, object], before: str = "") -> dict[str, Value]:
    flat: dict[str, Value] = {}
    for name, value in found.items():
        key = before + column(name)
        if isinstance(value, dict):
            flat |= _flat(value, f"{key}_")
        elif isinstance(value, str | int | float | bool) or value is None:
            flat[key] = value
        else:
            flat[key] = json.dumps(value)
    return flat


def column(name: str) -> str:
    """A column's name as it is looked for: lower case, ``_`` between words."""
    return re.sub(r"[^a-z0-9]+", "_", name.strip().lower()).strip("_")


def shown(name: str, value: Value) -> str:
    """A value for a screen: one line, not too long, no secret in it."""
    if value is None:
        return ""
    if _SECRET.search(name):
        return MASK if str(value) else ""
    line = redact(text(value))
    return line if len(line) <= SHOWN else line[: SHOWN - 1] + "…"
