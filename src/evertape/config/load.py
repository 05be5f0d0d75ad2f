"""Text in, frozen objects out; or one error that holds everything that is wrong.

On a reload the caller keeps the configuration it has when ``load`` raises: nothing here
changes anything, and an ``InvalidConfig`` means that the old one stays in force.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from evertape.config import describe
from evertape.config.checks import Finding
from evertape.config.diff import ConfigDiff, diff
from evertape.config.positions import Path as KeyPath
from evertape.config.problems import InvalidConfig, Problem, closest, dotted
from evertape.config.schema import Config
from evertape.config.secrets import resolve_secrets
from evertape.config.syntax import Parsed, parse
from evertape.config.values import FROM_FILE
from evertape.errors import ConfigError

__all__ = ["ConfigDiff", "LoadedConfig", "diff", "load", "load_text", "read_text"]

_MAX_BYTES = 4 << 20
_TYPE_WORDS = {
    "bool_type": "must be true or false",
    "string_type": "must be text, in quotes",
    "int_type": "must be a whole number, without quotes",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number, without quotes",
    "model_type": "is a table; write it as [{key}]",
    "model_attributes_type": "is a table; write it as [{key}]",
    "dict_type": "is a table of tables; write them as [{key}.name]",
    "missing": "is missing",
}


@dataclass(frozen=True, slots=True)
class LoadedConfig:
    """A configuration that can be used.

    Args:
        config: the frozen objects, passwords fetched.
        warnings: what is doubtful in it, in the order of the text.
        source: the file it came from; of a text, what the caller called it.
    """

    config: Config
    warnings: tuple[Problem, ...]
    source: Path


def load(path: Path, environ: Mapping[str, str] = os.environ, *, look: bool = False) -> LoadedConfig:
    """Read, parse and check the configuration file at ``path``; the arguments are those of ``load_text``.

    Raises:
        InvalidConfig: something in it is wrong; holds all of it.
        ConfigError: there is no such file, or it cannot be read.
    """
    return load_text(read_text(path), path, environ, look=look)


def read_text(path: Path) -> str:
    """The text of a configuration file, line ends as they are.

    Raises:
        ConfigError: it cannot be read, is no UTF-8, or is too large to be one.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(_MAX_BYTES + 1)
    except FileNotFoundError:
        raise ConfigError(f"there is no configuration at {path}", hint="evertape init writes one") from None
    except OSError as error:
        raise ConfigError(f"the configuration {path} cannot be read: {error.strerror}") from None
    if len(raw) > _MAX_BYTES:
        raise ConfigError(f"{path} is larger than 4 MiB, so it is not a configuration")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        problem = Problem("the text", "is not UTF-8; save the file in that encoding", line=line, column=1)
        raise InvalidConfig(str(path), [problem]) from None


def load_text(text: str, origin: Path, environ: Mapping[str, str] = os.environ, *, look: bool = False) -> LoadedConfig:
    """Parse and check a configuration's text.

    Args:
        text: the TOML text; a byte order mark in front does no harm.
        origin: its file, for messages and as the place that a relative ``password_file`` is relative to.
        environ: where ``password_env`` looks.
        look: look for the volumes' folders too, and warn of those that are not there. A folder on a disk that
            hangs blocks for as long as the disk does, so this is for a command that a person waits for, never for
            the supervisor: there the volumes' own processes find out.

    Raises:
        InvalidConfig: something in it is wrong; holds all of it.
    """
    parsed = parse(text.removeprefix("\ufeff"))
    config, findings, problems = _validate(parsed)
    errors = [*parsed.problems, *problems, *(_from_finding(f, parsed) for f in findings if f.error)]
    if errors or config is None:
        raise InvalidConfig(str(origin), errors)
    config, missing = resolve_secrets(config, origin.parent, environ)
    doubts = [f for f in [*findings, *missing, *(_unreachable(config) if look else [])] if not f.error]
    warnings = sorted((_from_finding(f, parsed) for f in doubts), key=lambda p: (p.line, p.column))
    return LoadedConfig(config, tuple(warnings), origin)


def _validate(parsed: Parsed) -> tuple[Config | None, list[Finding], list[Problem]]:
    """Validate; leave out what is wrong and validate the rest, so that contradictions show in the same pass."""
    problems: list[Problem] = []
    pruned: list[KeyPath] = []
    config: Config | None = None
    findings: list[Finding] = []
    # Each round leaves something out; a table may go whole in the second, when its key was required.
    for _ in range(4):
        findings = []
        try:
            config = Config.model_validate(parsed.data, context={**FROM_FILE, "findings": findings})
            break
        except ValidationError as failure:
            for error in failure.errors(include_url=False, include_input=False):
                path = _path(error["loc"])
                if error["type"] == "missing" and (_gone(path, pruned) or parsed.touches_damage(path)):
                    pruned.append(path[:-1])
                    continue
                problems.append(_from_error(error, path, parsed))
                pruned.append(path[:-1] if error["type"] == "missing" else path)
            for path in pruned:
                _prune(parsed.data, path)
    reliable = [f for f in findings if not any(_gone(key, pruned) or parsed.touches_damage(key) for key in f.keys)]
    return config, reliable, problems


def _path(loc: tuple[int | str, ...]) -> KeyPath:
    return tuple(part for part in loc if part != "[key]")


def _gone(path: KeyPath, pruned: list[KeyPath]) -> bool:
    return any(path[: len(gone)] == gone or gone[: len(path)] == path for gone in pruned)


def _prune(data: dict[str, Any], path: KeyPath) -> None:
    """Take what is at ``path`` out of the data; what is gone already is fine."""
    table: Any = data
    for part in path[:-1]:
        table = table.get(part) if isinstance(table, dict) else None
    if path and isinstance(table, dict):
        table.pop(path[-1], None)


def _from_error(error: Any, path: KeyPath, parsed: Parsed) -> Problem:
    spot = parsed.keys.find(path)
    key = dotted(path)
    kind, message = error["type"], error["msg"]
    if kind == "extra_forbidden":
        return _unknown(path, parsed)
    if kind == "enum":
        return _wrong_word(path, error["ctx"]["expected"], parsed)
    if kind in ("greater_than_equal", "less_than_equal"):
        known = describe.key_at(path)
        message = f"is out of bounds; allowed is {known.bounds}" if known else message
    # Our own words have the key filled in; others may quote what somebody wrote, braces and all.
    text = _TYPE_WORDS[kind].format(key=key) if kind in _TYPE_WORDS else message
    return Problem(key, text, key, spot.line, spot.column)


def _unknown(path: KeyPath, parsed: Parsed) -> Problem:
    """An unknown key, with what was probably meant: a key of this table, or the same key in another one."""
    spot, word = parsed.keys.find(path), str(path[-1])
    table = describe.table_at(path[:-1])
    named = tuple(describe.PLACEHOLDERS)  # keys of cameras and volumes need a name in between, so they are no answer
    elsewhere = [key.name for key in describe.all_keys() if key.path[-1] == word and key.path[0] not in named]
    suggestion = elsewhere[0] if len(elsewhere) == 1 else closest(word, table.model_fields) if table else ""
    where = f"[{dotted(path[:-1])}]" if len(path) > 1 else "the top level"
    kind = "table" if len(path) == 1 and isinstance(parsed.data.get(word), dict) else "key"
    return Problem(f"unknown {kind} {word!r} in {where}", "", dotted(path), spot.line, spot.column, suggestion)


def _wrong_word(path: KeyPath, expected: str, parsed: Parsed) -> Problem:
    spot, known = parsed.keys.find(path), describe.key_at(path)
    value: Any = parsed.data
    for part in path:
        value = value.get(part) if isinstance(value, dict) else None
    suggestion = closest(value, known.choices) if known and isinstance(value, str) else ""
    key = dotted(path)
    return Problem(key, f"must be {expected.replace(chr(39), chr(34))}", key, spot.line, spot.column, suggestion)


def _from_finding(finding: Finding, parsed: Parsed) -> Problem:
    """Show a finding at the first of its keys that is written in the text."""
    written = [key for key in finding.keys if key in parsed.keys.keys]
    spot = parsed.keys.find(written[0] if written else finding.keys[0])
    key = dotted(finding.keys[0])
    return Problem(key, finding.message, key, spot.line, spot.column)


def _unreachable(config: Config) -> list[Finding]:
    """Volumes whose folder cannot be seen now; a disk may be away, so this is never an error."""
    findings = []
    for name, volume in config.volumes.items():
        if not os.path.isdir(volume.path):
            text = f"there is no folder {str(volume.path)!r} now; recording onto it begins when it appears"
            findings.append(Finding((("volumes", name, "path"),), text, error=False))
    return findings
