"""A database that was migrated is one that is made today."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import ClauseElement, create_mock_engine, inspect, text

from evertape.store.database import prepare, schema_of, writing_engine
from evertape.store.failures import IndexDamagedError
from evertape.store.index import Index
from evertape.store.migrate import MIGRATIONS, upgrade
from evertape.store.stretches import wrong_days
from evertape.store.tables import SCHEMA, metadata
from evertape_lab.many import make_index


def test_the_newest_migration_is_the_one_the_program_expects() -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    assert ScriptDirectory.from_config(config).get_heads() == [SCHEMA]


def test_migrating_from_nothing_makes_what_is_made_at_once(tmp_path: Path) -> None:
    one, two = writing_engine(tmp_path / "one"), writing_engine(tmp_path / "two")
    upgrade(one)
    prepare(two)
    with one.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    wheres = []
    for engine in (one, two):
        assert schema_of(engine) == SCHEMA
        with engine.connect() as connection:
            found = inspect(connection)
            indexes = {name: found.get_indexes(name) for name in sorted(found.get_table_names())}
            wheres.append({
                index["name"]: (index["column_names"], str(index.get("dialect_options", {}).get("sqlite_where")))
                for name in indexes for index in indexes[name]
            })  # fmt: skip
        engine.dispose()
    assert wheres[0] == wheres[1]
    assert wheres[0]["segments_open"] == (["volume"], "state = 'open'")


def test_an_older_database_is_migrated_when_it_is_opened(tmp_path: Path) -> None:
    place = tmp_path / "index"
    engine = writing_engine(place)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)"))
    engine.dispose()
    with Index.open(place) as index:
        assert index.cameras() == []
    with Index.open_readonly(place) as index:
        assert index.cameras() == []


def test_files_of_an_older_database_are_put_together_afterwards(tmp_path: Path) -> None:
    place = tmp_path / "index"
    make_index(place, 3000, cameras=2)
    engine = writing_engine(place)
    with engine.begin() as connection:
        for statement in ("DROP TABLE days", "DROP TABLE stretches", "UPDATE alembic_version SET version_num = '0005'"):
            connection.execute(text(statement))
    engine.dispose()
    with Index.open(place) as index:
        assert sum(index.settle(1 << 62, 1) for _ in range(20)) == 4
        assert not list(wrong_days(index))


def test_a_newer_database_is_refused_not_changed(tmp_path: Path) -> None:
    place = tmp_path / "index"
    Index.open(place).close()
    engine = writing_engine(place)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    for opened in (Index.open, Index.open_readonly):
        with pytest.raises(IndexDamagedError):
            opened(place)
    again = writing_engine(place)
    assert schema_of(again) == "9999"
    again.dispose()


def test_the_tables_are_possible_in_postgresql() -> None:
    made: list[str] = []

    def execute(sql: ClauseElement, *_: object, **__: object) -> None:
        made.append(str(sql.compile(dialect=engine.dialect)))

    engine = create_mock_engine("postgresql://", execute)
    metadata.create_all(engine, checkfirst=False)
    assert sum("CREATE TABLE" in statement for statement in made) == len(metadata.sorted_tables)
    assert any("WHERE state = 'open'" in statement for statement in made)
    assert any("WHERE supersedes <> ''" in statement for statement in made)


def test_opening_needs_neither_the_migrations_library_nor_another_database(tmp_path: Path) -> None:
    import subprocess

    code = (
        "import sys; from pathlib import Path; from evertape.store.index import Index;"
        f"Index.open({str(tmp_path / 'x')!r}).close(); "
        "print({'alembic', 'sqlalchemy.dialects.postgresql'} & set(sys.modules))"
    )
    src = str(Path(__file__).parents[2] / "src")
    done = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": src}, capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "set()"
