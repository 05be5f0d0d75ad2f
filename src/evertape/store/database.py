"""Opening the index's database: SQLite in WAL mode, or whatever a URL names; its schema; and moving it aside.

Blocking. A fresh database is made from ``tables`` at once; Alembic, 12 MB of it, is imported only if an older
one has to be migrated.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, MetaData, create_engine, event, inspect, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool, StaticPool

from evertape.store.failures import IndexDamagedError, translated
from evertape.store.tables import SCHEMA, metadata

MIGRATIONS = Path(__file__).parent / "migrations"

log = logging.getLogger(__name__)

BUSY_MS = 5000
"""How long a statement waits for another writer: a person with a database browser, say."""
_CACHE_KIB = 4096
_SIDE_FILES = ("-wal", "-shm", "-journal")


def database_url(place: str | Path) -> URL:
    """The URL of a path, or what a URL says."""
    if isinstance(place, str) and "://" in place:
        return make_url(place)
    return URL.create("sqlite", database=str(place))


def sqlite_path(place: str | Path) -> Path | None:
    """The database's file, if it is one."""
    url = database_url(place)
    return Path(url.database) if url.get_backend_name() == "sqlite" and url.database else None


@dataclass(frozen=True, slots=True)
class Schema:
    """What a database of ours is to hold.

    Args:
        what: it is called in messages.
        metadata: its tables.
        version: the newest migration.
        migrations: the folder of Alembic's scripts.
    """

    what: str
    metadata: MetaData
    version: str
    migrations: Path


INDEX = Schema("the index", metadata, SCHEMA, MIGRATIONS)


def writing_engine(place: str | Path, *, synchronous: str = "NORMAL") -> Engine:
    """For the one writer. One connection, which may move between threads but is used by one at a time."""
    url = database_url(place)
    if url.get_backend_name() != "sqlite":
        return create_engine(url, pool_pre_ping=True)
    engine = create_engine(
        url, poolclass=StaticPool, connect_args={"check_same_thread": False, "timeout": BUSY_MS / 1000}
    )

    @event.listens_for(engine, "connect")
    def _connected(connection: Any, _record: Any) -> None:
        # WAL: readers never block the writer nor it them. NORMAL: what a power cut takes, the journal brings back.
        for pragma in ("journal_mode=WAL", f"synchronous={synchronous}", f"cache_size=-{_CACHE_KIB}"):
            connection.execute(f"PRAGMA {pragma}")

    return engine


def reading_engine(place: str | Path) -> Engine:
    """For readers, in any process; nothing can be written through it."""
    path = sqlite_path(place)
    if path is None:
        return create_engine(database_url(place), pool_pre_ping=True)

    def connect() -> sqlite3.Connection:
        # Not mode=ro: that cannot open a WAL database nobody else has open in a folder it may not write to,
        # and would leave a fresh -shm file behind where it may. mode=rw never creates the database either.
        wanted = "rw" if os.access(path, os.W_OK) else "ro"
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode={wanted}", uri=True, timeout=BUSY_MS / 1000, check_same_thread=False
        )
        connection.execute("PRAGMA query_only=ON")
        connection.execute(f"PRAGMA cache_size=-{_CACHE_KIB}")
        return connection

    # One connection is kept: opening one, and reading the schema, takes as long as what is asked for.
    engine = create_engine("sqlite://", creator=connect, poolclass=QueuePool, pool_size=1, max_overflow=-1)

    @event.listens_for(engine, "connect")
    def _connected(_connection: Any, record: ConnectionPoolEntry) -> None:
        record.info["file"] = _identity(path)

    @event.listens_for(engine, "checkout")
    def _checked_out(_connection: Any, record: ConnectionPoolEntry, _proxy: Any) -> None:
        if record.info["file"] != _identity(path):
            raise DisconnectionError("the index was moved aside; there is another one")

    return engine


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def schema_of(engine: Engine) -> str | None:
    """The migration a database is at; empty before the first one, ``None`` without even a place to say so."""
    with translated("reading the index's version"), engine.connect() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        return str(connection.execute(text("SELECT version_num FROM alembic_version")).scalar() or "")


def prepare(engine: Engine, schema: Schema = INDEX) -> None:
    """Make or migrate the tables. Of the index: the keeper only.

    Raises:
        IndexDamagedError: it cannot be migrated, or a newer program wrote it.
        IndexBusyError: not now.
    """
    version = schema_of(engine)
    if version == schema.version:
        return
    if version is None:
        with translated(f"making {schema.what}"), engine.begin() as connection:
            begin(connection)
            schema.metadata.create_all(connection)
            connection.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)"))
            connection.execute(text("INSERT INTO alembic_version VALUES (:version)"), {"version": schema.version})
        _settle(engine, schema.what)
        return
    from evertape.store.migrate import upgrade

    log.info("[STORAGE] %s: brought from version %s to %s", schema.what, version or "none", schema.version)
    upgrade(engine, schema=schema)


def _settle(engine: Engine, what: str) -> None:
    """Put what is in SQLite's log where it belongs and sync it: after a power cut there is an index, if an old one."""
    if engine.dialect.name == "sqlite":
        with translated(f"making {what}"), engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")


def begin(connection: Connection) -> None:
    """Begin a transaction now: SQLite's driver would not before the first row is written, so not for tables."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("BEGIN")


def check(engine: Engine) -> None:
    """Look whether a SQLite database is whole, if it is small enough to be read through in about a second.

    Raises:
        IndexDamagedError: it is not.
    """
    path = Path(engine.url.database) if engine.url.database else None
    if engine.dialect.name != "sqlite" or path is None or path.stat().st_size > 64 << 20:
        return
    with translated("checking the index"), engine.connect() as connection:
        answer = connection.execute(text("PRAGMA quick_check(1)")).scalar()
    if answer != "ok":
        raise IndexDamagedError(f"the index is damaged: {answer}")


def move_aside(path: Path) -> Path:
    """Rename a damaged database to ``name.corrupt-UTC``, with its side files; returns the new name."""
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    number, aside = 0, path.with_name(f"{path.name}.corrupt-{stamp}")
    while aside.exists():
        number += 1
        aside = path.with_name(f"{path.name}.corrupt-{stamp}-{number}")
    os.rename(path, aside)
    for suffix in _SIDE_FILES:
        with contextlib.suppress(FileNotFoundError):
            os.rename(path.with_name(path.name + suffix), aside.with_name(aside.name + suffix))
    return aside
