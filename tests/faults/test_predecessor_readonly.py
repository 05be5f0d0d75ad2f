"""The old recorder's database on a disk that is mounted read-only: a card taken out of the old machine."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from evertape.engine.predecessor import read_predecessor
from unit.predecessor_databases import write

pytestmark = [
    pytest.mark.faults,
    pytest.mark.skipif(os.geteuid() != 0 or shutil.which("mount") is None, reason="mounting needs root"),
]


@pytest.fixture
def card(tmp_path: Path) -> Iterator[Path]:
    """A small file system of its own."""
    place = tmp_path / "card"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(place)], check=True, timeout=20)
    try:
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True, timeout=20)


@pytest.mark.parametrize("wal", [False, True])
def test_a_database_on_a_read_only_disk_is_read_with_what_a_crash_left_in_its_wal(
    card: Path, tmp_path: Path, wal: bool
) -> None:
    path = write(tmp_path / "IT_RNVR.db", wal=wal)
    with closing(sqlite3.connect(path)) as running:
        running.execute("UPDATE storage SET retention_days = 99")
        running.commit()
        for file in tmp_path.glob("IT_RNVR.db*"):
            if file.name.endswith((".db", "-wal")):
                shutil.copyfile(file, card / file.name)
    assert (card / "IT_RNVR.db-wal").exists() == wal
    subprocess.run(["mount", "-o", "remount,ro", str(card)], check=True, timeout=20)
    assert read_predecessor(card / "IT_RNVR.db").settings("storage")["retention_days"] == 99
