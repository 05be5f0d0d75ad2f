"""Opening the old recorder's database without leaving a trace of it. Blocking.

SQLite itself writes beside a database in WAL mode even when it only reads. So: a database that nobody has open (its WAL
is empty or not there) is read as immutable; one whose WAL or journal holds something is read from a private copy, in
which SQLite may put the two together; and one without a WAL is read as it is, under SQLite's own locks.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import quote

from evertape.engine.predecessor.model import PredecessorError, Value

MAGIC = b"SQLite format 3\0"
_WAL_AT, _WAL = 18, 2
"""Where the header says how it is written to, and the version that means a WAL (sqlite.org/fileformat2.html 1.3)."""
_BESIDE = ("-wal", "-journal")
COPIES = 5
"""How often a copy is begun anew because the old recorder wrote meanwhile."""
MOST_ROWS = 10_000
MOST_BYTES = 1 << 30
"""A database of settings has kilobytes."""


@contextmanager
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection to read with; the file and its folder stay as they are.

    Raises:
        PredecessorError: it is no database, encrypted or damaged, or it cannot be read.
    """
    try:
        wal = _header(path)
        busy = any(_size(path, suffix) for suffix in _BESIDE)
        with _copied(path) if busy else _itself(path) as (place, options), closing(_connect(place, options, wal)) as db:
            found = db.execute("PRAGMA quick_check(1)").fetchone()
            if found is None or found[0] != "ok":
                raise _damaged(path)
            yield db
    except sqlite3.Error as error:
        raise _refused(path, error) from None
    except OSError as error:
        raise PredecessorError(f"{path} cannot be read: {error.strerror or error}") from None


def tables(db: sqlite3.Connection) -> list[str]:
    """The names of its tables."""
    rows = db.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite~_%' ESCAPE '~'")
    return sorted(str(name) for (name,) in rows)


def rows(db: sqlite3.Connection, table: str) -> tuple[list[str], list[list[Value]]]:
    """Column names and rows of a table, in the order they were written down."""
    quoted = table.replace('"', '""')
    cursor = db.execute(f'SELECT * FROM "{quoted}" LIMIT {MOST_ROWS}')
    names = [str(column[0]) for column in cursor.description]
    return names, [[_value(value) for value in row] for row in cursor]


def _value(value: object) -> Value:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value if isinstance(value, str | int | float) else None


def _header(path: Path) -> bool:
    """Whether it is written to by a WAL; refuses what is no database."""
    if not path.exists():
        raise PredecessorError(f"there is no file {path}", hint="it is called IT_RNVR.db, beside the old recorder")
    if not path.is_file():
        raise PredecessorError(f"{path} is no file", hint="name the file IT_RNVR.db itself")
    with path.open("rb") as file:
        head = file.read(100)
    if not head:
        raise PredecessorError(f"{path} is empty")
    if not head.startswith(MAGIC):
        raise PredecessorError(f"{path} is no SQLite database, or it is encrypted", hint="name the file IT_RNVR.db")
    if path.stat().st_size > MOST_BYTES:
        raise PredecessorError(f"{path} is too large for a database of settings")
    return len(head) > _WAL_AT and head[_WAL_AT] == _WAL


def _size(path: Path, suffix: str) -> int:
    beside = path.with_name(path.name + suffix)
    return beside.stat().st_size if beside.is_file() else 0


@contextmanager
def _itself(path: Path) -> Iterator[tuple[Path, str]]:
    yield path, ""


@contextmanager
def _copied(path: Path) -> Iterator[tuple[Path, str]]:
    """A private copy with what lies beside; it holds passwords, so nobody else may look into its folder."""
    with tempfile.TemporaryDirectory(prefix="evertape-import-") as folder:
        target = Path(folder) / "copy.db"
        for _ in range(COPIES):
            before = _state(path)
            for suffix in ("", *_BESIDE):
                source, to = path.with_name(path.name + suffix), target.with_name(target.name + suffix)
                to.unlink(missing_ok=True)
                if source.is_file():
                    shutil.copyfile(source, to)
            if _state(path) == before:
                yield target, "copy"
                return
        raise PredecessorError(f"{path} is being written to", hint="stop the old recorder, and try again")


def _state(path: Path) -> list[tuple[int, int]]:
    files = [path.with_name(path.name + suffix) for suffix in ("", *_BESIDE)]
    stats = [file.stat() if file.is_file() else None for file in files]
    return [(stat.st_size, stat.st_mtime_ns) if stat is not None else (-1, -1) for stat in stats]


def _connect(place: Path, options: str, wal: bool) -> sqlite3.Connection:
    mode = "mode=rw" if options else "mode=ro&immutable=1" if wal else "mode=ro"
    db = sqlite3.connect(f"file:{quote(os.fspath(place.absolute()))}?{mode}", uri=True, timeout=5.0)
    db.text_factory = lambda data: data.decode("utf-8", "replace")
    # A file from elsewhere: nothing in its schema may have functions called.
    db.execute("PRAGMA trusted_schema = OFF")
    return db


def _damaged(path: Path) -> PredecessorError:
    return PredecessorError(
        f"{path} is damaged", hint="the old recorder's tools leave copies beside it, such as IT_RNVR.db.backup"
    )


def _refused(path: Path, error: sqlite3.Error) -> PredecessorError:
    if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_NOTADB:
        return PredecessorError(f"{path} is damaged or encrypted", hint="name a copy that can be opened")
    if getattr(error, "sqlite_errorcode", None) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return PredecessorError(f"{path} is being written to", hint="stop the old recorder, and try again")
    return _damaged(path)
