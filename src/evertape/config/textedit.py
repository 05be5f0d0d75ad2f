"""Changes to a TOML text that leave every other character alone. Pure.

The scanner says where things stand, tomlkit writes the new value, and the result is read
back: a change that would do anything but what was asked is refused.
"""

from __future__ import annotations

import copy
import re
import tomllib
from collections.abc import Mapping
from typing import Any

import tomlkit

from evertape.config.positions import KeyMap, Kind, Path, Statement, scan
from evertape.config.problems import dotted
from evertape.errors import ConfigError

_COMMENT_RUN = re.compile(r"(?:[ \t]*#[^\n]*(?:\n|$))*")
_HEADER = re.compile(r"[ \t]*\[")
_BLANK_RUN = re.compile(r"(?:[ \t\r]*\n)*")

Plain = str | bool | int | float


def set_in(text: str, path: Path, value: Plain) -> str:
    """Give the key at ``path`` a value, where it stands already or else beside its neighbours.

    Raises:
        ConfigError: the text is written in a way that this cannot be done safely.
    """
    keys = scan(text)
    if path in keys.values:
        start, end = keys.values[path]
        new = text[:start] + _written(value) + text[end:]
    else:
        new = _insert(text, keys, path, value)
    return _verified(text, new, path, value)


def add_table_in(text: str, path: Path, values: Mapping[str, Any]) -> str:
    """Add a table behind its siblings, with ``values`` in it; values that are mappings become tables beneath it.

    Raises:
        ConfigError: the text is written in a way that this cannot be done safely.
    """
    keys = scan(text)
    block = _block(path, values)
    inline = _inline_around(text, keys, path)
    if inline is not None:
        table = tomlkit.inline_table()
        table.update(values)
        new = _insert_inline(text, keys, inline, path, table.as_string())
    else:
        new = _put_block(text, _block_place(text, keys, path), block)
    return _verified(text, new, path, dict(values))


def remove_in(text: str, path: Path) -> str:
    """Take out the key or table at ``path``, everything beneath it, and a table's own comment.

    What is not there stays away: the text is then returned as it is.

    Raises:
        ConfigError: the text is written in a way that this cannot be done safely.
    """
    new = text
    while (cut := _next_cut(new, path)) is not None:
        new = new[: cut[0]] + new[cut[1] :]
    return _verified(text, new, path, None)


def _written(value: Plain) -> str:
    return tomlkit.item(value).as_string()


def _key_text(parts: Path) -> str:
    return ".".join(tomlkit.key(str(part)).as_string() for part in parts)


def _block(path: Path, values: Mapping[str, Any]) -> str:
    plain = {key: value for key, value in values.items() if not isinstance(value, Mapping)}
    text = f"[{_key_text(path)}]\n" + "".join(f"{_key_text((k,))} = {_written(v)}\n" for k, v in plain.items())
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            text += "\n" + _block((*path, key), value)
    return text


def _verified(old: str, new: str, path: Path, value: object) -> str:
    """The new text, if it differs from the old one by this one value and nothing else."""
    wanted = _changed(tomllib.loads(old), path, value)
    try:
        safe = _without_empty(wanted) == _without_empty(tomllib.loads(new))
    except tomllib.TOMLDecodeError:
        safe = False
    if not safe:
        what = f"the file is written in a way that {dotted(path)} cannot be changed in it safely"
        raise ConfigError(what, hint="change it with an editor")
    return new


def _changed(data: dict[str, Any], path: Path, value: object) -> dict[str, Any]:
    data = copy.deepcopy(data)
    table: Any = data
    for part in path[:-1]:
        table = table.setdefault(part, {})
    if value is None:
        table.pop(path[-1], None)
    else:
        table[path[-1]] = value
    return data


def _without_empty(data: Any) -> Any:
    if not isinstance(data, dict):
        return data
    kept = {key: _without_empty(value) for key, value in data.items()}
    return {key: value for key, value in kept.items() if value != {}}


def _insert(text: str, keys: KeyMap, path: Path, value: Plain) -> str:
    inline = _inline_around(text, keys, path)
    if inline is not None:
        return _insert_inline(text, keys, inline, path, _written(value))
    place = _place_in_table(text, keys, path)
    if place is None:
        return _put_block(text, _block_place(text, keys, path[:-1]), _block(path[:-1], {str(path[-1]): value}))
    offset, header = place
    return _put_line(text, offset, f"{_key_text(path[len(header) :])} = {_written(value)}\n")


def _inline_around(text: str, keys: KeyMap, path: Path) -> Path | None:
    """The innermost inline table that ``path`` lies in."""
    for depth in range(len(path) - 1, 0, -1):
        span = keys.values.get(path[:depth])
        if span and text.startswith("{", span[0]):
            return path[:depth]
    return None


def _insert_inline(text: str, keys: KeyMap, table: Path, path: Path, written: str) -> str:
    start, end = keys.values[table]
    body = text[start + 1 : end - 1]
    entry = f"{_key_text(path[len(table) :])} = {written}"
    if not body.strip():
        return f"{text[:start]}{{ {entry} }}{text[end:]}"
    kept = body.rstrip()
    return f"{text[: start + 1]}{kept}, {entry}{body[len(kept) :]}{text[end - 1 :]}"


def _section(keys: KeyMap, header: int) -> list[Statement]:
    """The header at this index (-1: the text's beginning) and the statements beneath it."""
    section = [keys.statements[header]] if header >= 0 else []
    for statement in keys.statements[header + 1 :]:
        if statement.header:
            break
        section.append(statement)
    return section


def _place_in_table(text: str, keys: KeyMap, path: Path) -> tuple[int, Path] | None:
    """The end of the line that a new key goes behind, and the path of the header it then stands under."""
    table = path[:-1]
    for index, statement in enumerate(keys.statements):
        if statement.kind is Kind.TABLE and statement.path == table:
            last = _section(keys, index)[-1]
            return _example_or(text, keys, statement, str(path[-1]), keys.line_end(last.end)), table
    header: Path = ()
    found: tuple[int, Path] | None = None
    for statement in keys.statements:
        if statement.header:
            header = statement.path
        elif statement.path[: len(table)] == table != statement.path and table[: len(header)] == header:
            found = keys.line_end(statement.end), header
    return found


def _example_or(text: str, keys: KeyMap, header: Statement, name: str, otherwise: int) -> int:
    """The end of the line ``#name = …`` beneath the header, if the file holds one as an example; else ``otherwise``."""
    later = [s.start for s in keys.statements if s.start > header.start and s.header]
    example = re.compile(rf"^#{re.escape(name)}[ \t]*=[^\n]*|^#?\[[^\n]*", re.MULTILINE)
    match = example.search(text, keys.line_end(header.start), later[0] if later else len(text))
    return match.end() if match and not match[0].startswith(("[", "#[")) else otherwise


def _put_line(text: str, offset: int, line: str) -> str:
    """Put a whole line behind the line that ends at ``offset``."""
    if offset >= len(text):
        return text + ("\n" if text and not text.endswith("\n") else "") + line
    return text[: offset + 1] + line + text[offset + 1 :]


def _block_place(text: str, keys: KeyMap, path: Path) -> int:
    """Where a new table goes: behind its last sibling, else behind the last example of one, else at the end."""
    for depth in range(len(path) - 1, 0, -1):
        for index in range(len(keys.statements) - 1, -1, -1):
            statement = keys.statements[index]
            if statement.header and statement.path[:depth] == path[:depth]:
                return _section_end(text, keys, index)
    found = list(re.finditer(rf"^#\[{re.escape(str(path[0]))}\.[^\n]*(?:\n[^\n]*\S[^\n]*)*\n?", text, re.MULTILINE))
    later = [s for s in keys.statements if found and s.start >= found[-1].end()]
    # Never between a header and its keys: they would become the new table's.
    return found[-1].end() if found and (not later or later[0].header) else len(text)


def _section_end(text: str, keys: KeyMap, header: int) -> int:
    """The offset behind a section: its last line, and the comment directly beneath unless that is the next one's."""
    last = _section(keys, header)[-1]
    end = min(keys.line_end(last.end) + 1, len(text))
    match = _COMMENT_RUN.match(text, end)
    after = match.end() if match else end
    return end if _HEADER.match(text, after) else after


def _put_block(text: str, offset: int, block: str) -> str:
    """Put a table between its neighbours, with one empty line on either side."""
    before, after = text[:offset], text[offset:]
    if before and not before.endswith("\n"):
        before += "\n"
    if before and not before.endswith("\n\n"):
        before += "\n"
    if after.strip() and not after.startswith("\n"):
        after = "\n" + after
    return before + block + after


def _next_cut(text: str, path: Path) -> tuple[int, int] | None:
    """The next stretch of text to be cut so that ``path`` goes; ``None`` when it is gone."""
    keys = scan(text)
    for index, statement in enumerate(keys.statements):
        if statement.path[: len(path)] != path:
            continue
        if statement.header:
            return _section_cut(text, keys, index)
        if statement.kind is Kind.PAIR:
            return text.rfind("\n", 0, statement.start) + 1, min(keys.line_end(statement.end) + 1, len(text))
    members = [(span, inner) for inner, span in keys.values.items() if inner[: len(path)] == path]
    return _inline_cut(text, keys, min(members)[1]) if members else None


def _section_cut(text: str, keys: KeyMap, index: int) -> tuple[int, int]:
    start = text.rfind("\n", 0, keys.statements[index].start) + 1
    above = start
    # A line of a text that ends above may look like an explanation.
    floor = keys.line_end(keys.statements[index - 1].end) if index else 0
    while above > floor:  # the explanation directly above belongs to the table; the one at the top, to the file
        line = text.rfind("\n", 0, above - 1) + 1
        if not text.startswith("# ", line):
            start = above
            break
        above = line
    end = _section_end(text, keys, index)
    blank = _BLANK_RUN.match(text, end)
    end = blank.end() if blank else end
    if end >= len(text):  # the last table: the empty lines above it go instead
        start = len(text[:start].rstrip()) + 1 if text[:start].strip() else start
    return start, end


def _inline_cut(text: str, keys: KeyMap, path: Path) -> tuple[int, int]:
    """A member of an inline table, with one of the commas beside it."""
    start, end = keys.keys[path], keys.values[path][1]
    after = re.compile(r"[ \t\n]*,[ \t]*").match(text, end)
    if after:
        return start, after.end()
    before = re.search(r",[ \t\n]*$", text[:start])
    return (before.start() if before else start), end
