"""The schema as data: which keys there are, of what type, with which default and bounds.

The loader takes its suggestions from here, the editor its conversions, the reference page and
the tests of the default file their lists.
"""

from __future__ import annotations

import types
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Le
from pydantic import SecretStr
from pydantic.fields import FieldInfo

from evertape.config.schema import Config
from evertape.config.sections import Section
from evertape.config.url import CameraUrl
from evertape.config.values import Bytes, FilePath, Span, Weekly

PLACEHOLDERS = {"cameras": "ID", "volumes": "NAME", "channels": "NAME"}
"""What stands on the reference page for the name a person chooses."""


@dataclass(frozen=True, slots=True)
class Key:
    """One key of the configuration.

    Args:
        path: from the top down; ``ID`` and ``NAME`` stand for what a person chooses.
        kind: ``duration``, ``size``, ``flag``, ``number``, ``choice``, ``text``, ``path``, ``url`` or ``secret``.
        default: as written in the file (a TOML value), or empty if there is none.
        required: it must be given.
        bounds: what is allowed, in words; empty if nothing is worth saying.
        meaning: what it does.
        choices: the allowed words of a choice.
    """

    path: tuple[str, ...]
    kind: str
    default: str
    required: bool
    bounds: str
    meaning: str
    choices: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The dotted path."""
        return ".".join(self.path)


def children(annotation: Any) -> tuple[type[Section] | None, bool]:
    """The table that a field's type is, and whether names chosen by a person stand between."""
    if get_origin(annotation) is dict:
        return get_args(annotation)[1], True
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return annotation, False
    return None, False


def table_at(path: Sequence[str | int]) -> type[Section] | None:
    """The table that ``path`` leads to, or ``None`` if it leads to a value, to nowhere, or to a dict of tables."""
    model: type[Section] = Config
    rest = list(path)
    while rest:
        info = model.model_fields.get(str(rest.pop(0)))
        inner, named = children(info.annotation) if info else (None, False)
        if inner is None or (named and not rest):
            return None
        if named:
            rest.pop(0)
        model = inner
    return model


def key_at(path: Sequence[str | int]) -> Key | None:
    """The key that ``path`` leads to, with its real names; ``None`` if it is no key, or a table."""
    table = table_at(path[:-1]) if path else None
    info = table.model_fields.get(str(path[-1])) if table else None
    if table is None or info is None or children(info.annotation)[0] is not None:
        return None
    return _key(tuple(map(str, path)), info)


def all_keys(model: type[Section] = Config, prefix: tuple[str, ...] = ()) -> Iterator[Key]:
    """Every key there is, in the order of the schema."""
    for name, info in model.model_fields.items():
        inner, named = children(info.annotation)
        if inner is None:
            yield _key((*prefix, name), info)
        else:
            yield from all_keys(inner, (*prefix, name, PLACEHOLDERS[name]) if named else (*prefix, name))


def all_tables(model: type[Section] = Config, prefix: tuple[str, ...] = ()) -> Iterator[tuple[str, type[Section]]]:
    """Every table there is, with its dotted path, in the order of the schema."""
    for name, info in model.model_fields.items():
        inner, named = children(info.annotation)
        if inner is not None:
            path = (*prefix, name, PLACEHOLDERS[name]) if named else (*prefix, name)
            yield ".".join(path), inner
            yield from all_tables(inner, path)


def _flatten(info: FieldInfo) -> tuple[list[Any], list[Any]]:
    """All types and all marks of a field, through optional and annotated ones."""
    kinds: list[Any] = []
    marks: list[Any] = list(info.metadata)
    todo = [info.annotation]
    while todo:
        annotation = todo.pop()
        if get_origin(annotation) is Annotated:
            inner, *more = get_args(annotation)
            marks += [m for mark in more for m in (mark.metadata if isinstance(mark, FieldInfo) else [mark])]
            todo.append(inner)
        elif get_origin(annotation) in (Union, types.UnionType):
            todo += [a for a in get_args(annotation) if a is not type(None)]
        elif get_origin(annotation) is not Literal:
            kinds.append(annotation)
    return kinds, marks


def _key(path: tuple[str, ...], info: FieldInfo) -> Key:
    kinds, marks = _flatten(info)
    kind, bounds, choices = _kind(kinds[0], marks)
    default = "" if info.is_required() or info.default is None else to_toml(info.default, marks)
    if path[-1] == "name" and info.default == "-":
        default = ""
    meaning = " ".join((info.description or "").split())
    return Key(path, kind, default, info.is_required(), bounds, meaning, choices)


def _kind(annotation: Any, marks: list[Any]) -> tuple[str, str, tuple[str, ...]]:
    for mark in marks:
        if isinstance(mark, Span):
            return "duration", mark.bounds, ()
        if isinstance(mark, Bytes):
            return "size", mark.bounds, ()
        if isinstance(mark, Weekly):
            return "schedule", mark.bounds, ()
        if isinstance(mark, FilePath):
            return "path", "absolute" if mark.absolute else "", ()
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        words = tuple(str(member.value) for member in annotation)
        return "choice", " or ".join(f"`{word}`" for word in words), words
    low, high = ([getattr(m, n) for m in marks if isinstance(m, c)] for c, n in ((Ge, "ge"), (Le, "le")))
    bounds = f"{low[0]:g} to {high[0]:.0f}" if low and high else ""
    if annotation is bool:
        return "flag", "`true` or `false`", ()
    names = {int: "number", float: "number", CameraUrl: "url", SecretStr: "secret"}
    if annotation is CameraUrl:
        bounds = "`rtsp://` or `rtsps://`"
    return names.get(annotation, "text"), bounds, ()


def to_toml(value: Any, marks: Sequence[Any] = ()) -> str:
    """A plain value as it is written in a TOML file."""
    for mark in marks:
        if isinstance(mark, Span):
            return f'"{mark.show(value)}"'
        if isinstance(mark, Bytes | Weekly):
            return f'"{mark.show(value)}"'
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int | float) else f'"{value}"'
