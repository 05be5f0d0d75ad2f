"""A whole copy of an SQLite database that is in use, at one instant. Blocking."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

from evertape.errors import UsageError

_PAGES = 4096
"""Between two steps others may write, which begins the copy anew; in one of 16 MB they hardly get to it."""


def snapshot(database: Path, target: Path) -> None:
    """Copy ``database`` to ``target``, which must not exist, by SQLite's own means.

    Raises:
        UsageError: it is damaged, or cannot be read.
    """
    try:
        with (
            contextlib.closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as source,
            contextlib.closing(sqlite3.connect(target)) as copy,
        ):
            source.backup(copy, pages=_PAGES, sleep=0.005)
    except sqlite3.DatabaseError as error:
        target.unlink(missing_ok=True)
        raise UsageError(
            f"{database} cannot be copied: {error}", hint="the index can be left out: --no-index; it is made again"
        ) from None
