"""Reads TOML and goes on after a mistake, so that one pass finds them all.

The standard parser stops at the first mistake. Here the statement it stopped at is blanked
out (line numbers stay), and it is asked again; what was blanked is remembered, because
its absence must not be reported as a second mistake.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field
from typing import Any

from evertape.config.positions import KeyMap, Kind, Path, Spot, Statement, scan
from evertape.config.problems import Problem, dotted

_AT = re.compile(r"\s*\(at (?:line (\d+), column (\d+)|end of document)\)")
_MAX_PROBLEMS = 50
"""A text with more mistakes than this is not meant to be a configuration."""

_QUOTES = "the value is not valid TOML; text, durations and sizes stand in quotes"


@dataclass(slots=True)
class Parsed:
    """What could be read of a text.

    Args:
        data: the tables that could be read.
        keys: where everything stands, in the text as it was given.
        problems: the mistakes in the syntax, in the order of the text.
        damaged: the paths of what was left out.
    """

    data: dict[str, Any]
    keys: KeyMap
    problems: list[Problem] = field(default_factory=list)
    damaged: list[Path] = field(default_factory=list)

    def touches_damage(self, path: Path) -> bool:
        """Whether something at, above or below ``path`` was left out."""
        return any(hurt[: len(path)] == path or path[: len(hurt)] == hurt for hurt in self.damaged)


def parse(text: str) -> Parsed:
    """Read as much of ``text`` as is TOML. Never raises; the mistakes are in the result."""
    parsed = Parsed({}, scan(text))
    while len(parsed.problems) < _MAX_PROBLEMS:
        try:
            parsed.data = tomllib.loads(text)
            return parsed
        except (ValueError, RecursionError) as error:
            # A number of thousands of digits, or hundreds of brackets, make it raise these without a place.
            text = _repair(text, error, parsed)
    return parsed


def _repair(text: str, failure: Exception, parsed: Parsed) -> str:
    """Note the mistake and blank it out; the text that is returned always holds less than before."""
    keymap = scan(text)
    known = isinstance(failure, tomllib.TOMLDecodeError)
    error = str(failure) if known else "too large or too deep"
    offset = _error_offset(error, keymap)
    statement = _culprit(keymap, offset) if known else _unreadable(keymap)
    if statement is None:  # not within any statement: blank the line, or the last one that holds anything
        start = max(text.rfind("\n", 0, min(offset, len(text.rstrip(" \t\n")) - 1)) + 1, 0)
        end = keymap.line_end(start)
        statement = Statement(Kind.BROKEN, (), start, end, end, False)
    spot = keymap.spot(statement.start)
    key = dotted(statement.path)
    parsed.problems.append(_explain(statement, _AT.sub("", error), parsed.keys, keymap, spot, key))
    parsed.damaged.append(statement.path)
    blanked = _blank(text, keymap, statement)
    return blanked if blanked != text else ""


def _error_offset(error: str, keymap: KeyMap) -> int:
    match = _AT.search(error)
    if match is None or match[1] is None:
        return len(keymap.text)
    return keymap.offset(int(match[1]), int(match[2]))


def _culprit(keymap: KeyMap, offset: int) -> Statement | None:
    """The statement that is to blame for a mistake noticed at ``offset``: an open bracket is noticed late."""
    for statement in keymap.statements:
        if statement.start > offset:
            break
        if statement.kind is Kind.BROKEN or offset <= keymap.line_end(statement.end):
            return statement
    return None


def _unreadable(keymap: KeyMap) -> Statement | None:
    """The first statement that cannot be read on its own, for errors that do not say where they happened."""
    for statement in keymap.statements:
        try:
            tomllib.loads(keymap.text[statement.start : statement.end])
        except (ValueError, RecursionError):
            return statement
    return None


def _blank(text: str, keymap: KeyMap, statement: Statement) -> str:
    """Replace a statement by blanks; a header takes what stands beneath it along, lest it fall to the table above."""
    end = statement.end
    if statement.header:
        later = [s.start for s in keymap.statements if s.start > statement.start and s.header]
        end = later[0] if later else len(text)
    elif statement.kind is not Kind.BROKEN:
        end = max(end, statement.start + 1)
    return text[: statement.start] + re.sub(r"[^\n]", " ", text[statement.start : end]) + text[end:]


def _explain(statement: Statement, error: str, full: KeyMap, keymap: KeyMap, spot: Spot, key: str) -> Problem:
    """The mistake in words that help; never with a value in them, it may be a password."""
    if first := _earlier(statement, keymap):
        line = keymap.spot(first.start).line
        shown = f"[{key}]" if statement.header else key
        again = "merge the two, or choose another name" if statement.header else "keep one"
        return Problem(shown, f"is there already, in line {line}; {again}", key, spot.line, spot.column)
    subject = key or "the text"
    if statement.header:
        reason = "the header is not valid TOML; write it like [cameras.front_door]"
        return Problem("table", reason if statement.kind is Kind.BROKEN else _lower(error), key, spot.line, spot.column)
    raw = full.text[statement.start : full.line_end(statement.start)]
    _, equals, value = raw.partition("=")
    if not equals:
        return Problem(subject, "a line is either [table] or key = value", key, spot.line, spot.column)
    return Problem(subject, _explain_value(value.strip(), error), key, spot.line, spot.column)


def _explain_value(value: str, error: str) -> str:
    if not value or value.startswith("#"):
        return "the value is missing"
    if value.split("#")[0].strip() in ("True", "False", "yes", "no", "on", "off"):
        return "a flag is written true or false"
    if value[0] in "\"'":
        closed = value.find(value[0], 1) > 0
        return f"the text is not valid TOML ({_lower(error)})" if closed else "the closing quote is missing"
    if value[0] in "[{":
        return f"the list or table is not valid TOML ({_lower(error)})"
    return _QUOTES


def _earlier(statement: Statement, keymap: KeyMap) -> Statement | None:
    """The statement that defined the same path before, if that is what is wrong."""
    if statement.kind in (Kind.BROKEN, Kind.ARRAY_TABLE):
        return None
    for other in keymap.statements:
        if other.start >= statement.start:
            return None
        if other.path == statement.path and other.kind is not Kind.BROKEN:
            return other
    return None


def _lower(error: str) -> str:
    return error[:1].lower() + error[1:]
