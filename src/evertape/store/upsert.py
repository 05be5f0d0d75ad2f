"""Reading and writing many rows by their ``id``, in portable SQL: the one writer knows what is there already."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar, cast

from sqlalchemy import Connection, Table, bindparam, select, update

from evertape.store.convert import chunks

R = TypeVar("R")


def load(
    connection: Connection, table: Table, ids: Iterable[str], make: Callable[[Any], R], key: Callable[[R], str]
) -> dict[str, R]:
    """Those of these rows that exist, made into values, by ``key``."""
    rows: dict[str, R] = {}
    for part in chunks(sorted(ids)):
        for row in connection.execute(select(table).where(table.c.id.in_(part))).mappings():
            value = make(row)
            rows[key(value)] = value
    return rows


def store(
    connection: Connection,
    table: Table,
    before: Mapping[str, R],
    after: Mapping[str, R],
    values: Callable[[R], dict[str, Any]],
) -> None:
    """Write what ``after`` has and ``before`` has not, or has otherwise."""
    new = [values(row) for key, row in after.items() if key not in before]
    changed = [values(row) for key, row in after.items() if key in before and row != before[key]]
    if new:
        connection.execute(table.insert(), new)
    if changed:
        names = [column.name for column in table.columns if column.name != "id"]
        statement = (
            update(table)
            .where(table.c.id == bindparam("the_id"))
            .values({name: bindparam(f"new_{name}") for name in names})
        )
        rows = [{"the_id": row["id"], **{f"new_{name}": row[name] for name in names}} for row in changed]
        connection.execute(statement, rows)


def known_ids(connection: Connection, table: Table, ids: Sequence[str]) -> set[str]:
    """Those of these ids that exist."""
    return {
        cast(str, key)
        for part in chunks(ids)
        for key in connection.execute(select(table.c.id).where(table.c.id.in_(part))).scalars()
    }


def insert_new(connection: Connection, table: Table, rows: Mapping[str, dict[str, Any]]) -> None:
    """Write those of these rows that do not exist yet; none is changed."""
    known = known_ids(connection, table, list(rows))
    fresh = [values for key, values in rows.items() if key not in known]
    if fresh:
        connection.execute(table.insert(), fresh)
