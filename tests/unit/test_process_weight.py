"""What the long-lived processes carry: a library that slips in costs megabytes in each of them, for months."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SRC = str(Path(__file__).parents[2] / "src")
# Modules deep inside: an attempt to import one that was ruled out is listed too.
HEAVY = {"_ssl", "gi._gi", "pydantic_core", "rich.console", "sqlalchemy.engine", "tomlkit.items", "typer.main"}


def imported(*command: str) -> set[str]:
    """The modules that a process has loaded once it has parsed its command line."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", *command],
        env={**os.environ, "PYTHONPATH": SRC},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    lines = [line for line in done.stderr.splitlines() if line.startswith("import time:")]
    assert len(lines) > 100, done.stderr
    return {line.rpartition("|")[2].strip() for line in lines}


@pytest.mark.parametrize(
    ("module", "needs"),
    [
        ("evertape.disk.process", set()),
        ("evertape.engine.recorder_main", set()),
        ("evertape.engine.keeper_main", {"sqlalchemy.engine"}),
    ],
)
def test_a_process_carries_only_what_it_needs(module: str, needs: set[str]) -> None:
    assert imported(module, "--help") & HEAVY == needs


def test_the_supervisor_sheds_what_parsed_its_command_line(tmp_path: Path) -> None:
    # The configuration is read, found missing, and that is the end of it.
    loaded = imported("evertape.cli.serve_main", str(tmp_path), str(tmp_path / "missing.toml"))
    assert loaded & HEAVY <= {"pydantic_core", "tomlkit.items"}
    assert "pydantic_core" in loaded
