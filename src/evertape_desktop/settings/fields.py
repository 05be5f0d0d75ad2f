"""What a page of the settings asks for, as data: keys with their words; the rest comes from the configuration's schema.

Pure but for the language. Keys are those of docs/reference/config.md, and behind ``desktop.`` those of the window's own
``desktop.toml``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from PySide6.QtCore import QCoreApplication

from evertape.config.describe import Key, key_at

DESKTOP = "desktop."
"""What keys of the window's own settings begin with."""
CONTEXT = "config"
"""Under which the reference's texts are translated; ``settings.meanings`` lists them."""


@dataclass(frozen=True, slots=True)
class Field:
    """One thing that can be set.

    Args:
        key: dotted; behind a group's ``prefix``.
        label: what it is called, translated.
        help: what it does, translated; empty: as the reference says.
        kind: ``text``, ``flag``, ``number``, ``decimal``, ``choice``, ``secret``; empty: as the schema says.
        choices: for a choice: value and words; empty: as the schema says.
        placeholder: what is shown while nothing is set.
        bounds: of a number: least and most.
        unit: of a number, behind it.
    """

    key: str
    label: str
    help: str = ""
    kind: str = ""
    choices: tuple[tuple[str, str], ...] = ()
    placeholder: str = ""
    bounds: tuple[float, float] | None = None
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """Fields under one heading.

    Args:
        title: translated.
        fields: in this order.
        note: a sentence beneath the heading, translated.
    """

    title: str
    fields: Sequence[Field]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Terms:
    """A field with everything that its widgets need.

    Args:
        kind: see ``Field``; texts with a unit are ``text``.
        choices: value and words.
        help: one or two sentences.
        default: as the configuration shows it; ``None``: nothing is set then.
        bounds: of a number.
        optional: it may be left empty.
    """

    kind: str
    choices: tuple[tuple[Any, str], ...] = ()
    help: str = ""
    default: object = None
    bounds: tuple[float, float] = (0, 1_000_000)
    optional: bool = field(default=False)


def terms_of(asked: Field, key: str) -> Terms:
    """The field at its full key, with what the schema says of it."""
    known = None if key.startswith(DESKTOP) else _known(key)
    if known is None:
        return Terms(asked.kind or "text", asked.choices, asked.help, bounds=asked.bounds or (0, 1_000_000))
    kind = asked.kind or _KINDS.get(known.kind, "text")
    if kind == "number" and ("." in known.default or known.path[-1] == "factor"):
        kind = "decimal"
    choices: tuple[tuple[Any, str], ...] = asked.choices or tuple((word, word) for word in known.choices)
    optional = not known.default and not known.required
    if kind == "flag" and optional:
        yes, no = QCoreApplication.translate("evertape", "yes"), QCoreApplication.translate("evertape", "no")
        kind, choices = "choice", ((True, yes), (False, no))
    return Terms(
        kind=kind,
        choices=choices,
        help=_help(asked.help or meaning(known), known, kind),
        default=_default(known),
        bounds=asked.bounds or _bounds(known),
        optional=optional,
    )


_KINDS = {"flag": "flag", "number": "number", "choice": "choice", "secret": "secret"}


@lru_cache(maxsize=512)
def _known(key: str) -> Key | None:
    return key_at(key.split("."))


def meaning(key: Key) -> str:
    """What the reference says of a key, in the language of the window."""
    return QCoreApplication.translate(CONTEXT, key.meaning).replace("`", "")


def _help(text: str, key: Key, kind: str) -> str:
    more = []
    if key.bounds and key.kind in ("duration", "size", "schedule"):
        more.append(QCoreApplication.translate("evertape", "Allowed: {0}.").format(_allowed(key)))
    if key.default and kind in ("text", "number", "decimal", "choice"):
        default = key.default.strip('"')
        more.append(QCoreApplication.translate("evertape", "Usually {0}.").format(default))
    return " ".join([text, *more])


def _allowed(key: Key) -> str:
    """What the schema allows, in the language of the window."""
    if key.kind == "schedule":
        return QCoreApplication.translate(
            "evertape", "always, or weekly spans like mon-fri 07:30-19:00; sat 22:00-04:00"
        )
    found = re.fullmatch(r"(\S+) to ([^\s,]+)(?:, or `(\w+)`)?", key.bounds)
    if found is None:
        return key.bounds.replace("`", "")
    if found[3]:
        return QCoreApplication.translate("evertape", "{0} to {1}, or {2}").format(*found.groups())
    return QCoreApplication.translate("evertape", "{0} to {1}").format(*found.groups())


def _default(key: Key) -> object:
    if key.kind == "flag":
        return key.default == "true" if key.default else None
    if key.kind == "number" and key.default:
        return float(key.default) if "." in key.default else int(key.default)
    return key.default.strip('"') if key.default else None


def _bounds(key: Key) -> tuple[float, float]:
    low, _, high = key.bounds.partition(" to ")
    try:
        return float(low), float(high)
    except ValueError:
        return 0, 1_000_000
