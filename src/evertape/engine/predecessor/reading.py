"""The old recorder's database as plain tables, whatever shape they have. Blocking; reads only.

Its tables of settings have one row with a column for each setting; others of its kind have a row for each setting, with
its name and its value. Either may keep several settings as JSON in one column. All of that comes out as one row.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from evertape.engine.predecessor.database import opened, rows, tables
from evertape.engine.predecessor.model import Predecessor, PredecessorError, Row, Table, Value
from evertape.engine.predecessor.values import column, table_in

TABLES = (
    "app", "ui", "streaming", "cameras", "recording", "storage", "backup", "performance", "menu_keys", "ptz_keys",
    "logging",
)  # fmt: skip
"""What is known of it."""
_NAMES = ("setting", "option", "action", "function", "item", "name", "key")
_VALUES = ("value", "val", "shortcut", "hotkey", "sequence", "key")
_BOOKKEEPING = frozenset(("id", "description", "comment", "type", "created_at", "updated_at", "category", "section"))
"""Columns of which nothing depends."""
_WHOLE = frozenset(("config", "data", "json", "settings"))
"""Columns whose JSON stands for the row itself, so that its names get nothing put before them."""


def read_predecessor(path: Path) -> Predecessor:
    """Read it.

    Args:
        path: ``IT_RNVR.db``.

    Raises:
        PredecessorError: it is no such database, or cannot be read.
    """
    where = Path(os.path.abspath(path.expanduser()))
    with opened(where) as db:
        names = {column(name): name for name in tables(db)}
        found = {name: _table(name, *rows(db, names[name])) for name in TABLES if name in names}
    if not found:
        raise PredecessorError(
            f"{where} is a database, but not that of the recorder that Evertape grew out of",
            hint=f"that one has tables such as {', '.join(TABLES[:4])}",
        )
    missing = tuple(name for name in TABLES if name not in found)
    return Predecessor(where, found, missing, tuple(name for plain, name in names.items() if plain not in TABLES))


def _table(name: str, columns: Sequence[str], lines: Sequence[Sequence[Value]]) -> Table:
    plain = [column(one) for one in columns]
    if name != "cameras" and (pair := _pair(name, plain)) is not None:
        return Table(name, (_folded(lines, *pair),))
    kept = tuple(_expanded(name, dict(zip(plain, line, strict=True))) for line in lines)
    if name == "cameras":
        return Table(name, kept)
    return Table(name, kept[:1], max(0, len(kept) - 1))


def _pair(name: str, columns: Sequence[str]) -> tuple[int, int] | None:
    """Where names and values stand, if that is all there is in the table."""
    used = [one for one in columns if one not in _BOOKKEEPING and not _is_number_of(name, one)]
    if len(used) != 2:
        return None
    names = next((one for one in _NAMES if one in used), None)
    values = next((one for one in _VALUES if one in used and one != names), None)
    return (columns.index(names), columns.index(values)) if names and values else None


def _folded(lines: Sequence[Sequence[Value]], name_at: int, value_at: int) -> Row:
    row: dict[str, Value] = {}
    for line in lines:
        name, value = column(str(line[name_at] or "")), line[value_at]
        inner = table_in(value)
        row |= {f"{name}_{one}": found for one, found in inner.items()} if inner is not None else {name: value}
    return row


def _expanded(table: str, row: Row) -> Row:
    """The row with what is JSON in it spread out; its number in the table is left out."""
    spread: dict[str, Value] = {}
    for name, value in row.items():
        inner = table_in(value)
        if inner is None:
            spread.setdefault(name, value)
        else:
            before = "" if name in _WHOLE else f"{name}_"
            spread |= {before + one: found for one, found in inner.items()}
    return {name: value for name, value in spread.items() if not _is_number_of(table, name)}


def _is_number_of(table: str, name: str) -> bool:
    return name in (f"{table}_idx", "idx", "rowid")
