"""Bringing an older database up to date with Alembic. Imported only when that is needed."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.util.exc import CommandError
from sqlalchemy import Engine

from evertape.store.database import begin
from evertape.store.failures import IndexDamagedError, translated

MIGRATIONS = Path(__file__).parent / "migrations"


def upgrade(engine: Engine, to: str = "head") -> None:
    """Run every migration that is missing.

    Raises:
        IndexDamagedError: its version is none of ours: a newer program wrote it.
        IndexBusyError: not now.
    """
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    with translated("migrating the index"), engine.begin() as connection:
        begin(connection)
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, to)
        except CommandError as error:
            raise IndexDamagedError(f"the index cannot be migrated: {error}") from error
