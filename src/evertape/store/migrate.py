"""Bringing an older database up to date with Alembic. Imported only when that is needed."""

from __future__ import annotations

from alembic import command
from alembic.config import Config
from alembic.util.exc import CommandError
from sqlalchemy import Engine

from evertape.store.database import INDEX, MIGRATIONS, Schema, begin
from evertape.store.failures import IndexDamagedError, translated

__all__ = ["MIGRATIONS", "upgrade"]


def upgrade(engine: Engine, to: str = "head", schema: Schema = INDEX) -> None:
    """Run every migration that is missing.

    Raises:
        IndexDamagedError: its version is none of ours: a newer program wrote it.
        IndexBusyError: not now.
    """
    config = Config()
    config.set_main_option("script_location", str(schema.migrations).replace("%", "%%"))
    with translated(f"migrating {schema.what}"), engine.begin() as connection:
        begin(connection)
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, to)
        except CommandError as error:
            raise IndexDamagedError(f"{schema.what} cannot be migrated: {error}") from error
