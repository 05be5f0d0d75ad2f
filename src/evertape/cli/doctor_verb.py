"""``evertape doctor`` as a verb: which volumes may be measured."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from evertape.cli.place import Place
from evertape.cli.verb import JsonFlag, verb
from evertape.errors import ConfigError

if TYPE_CHECKING:
    from evertape.cli.doctor_check import Check


def add_to(app: typer.Typer) -> None:
    """Register the verb."""
    verb(app, "doctor", rich_help_panel="Set up")(doctor)


def doctor(place: Place, as_json: JsonFlag = False) -> int:
    """Check whether this machine is fit to record: software, clock, limits, the speed of the volumes.

    Each failure comes with its remedy. Exit code 1: a check failed.
    """
    from rich.console import Console

    from evertape.cli.doctor import print_json, print_lines

    checks = _checks(place)
    return print_json(checks) if as_json else print_lines(checks, Console())


def _checks(place: Place) -> Iterator[Check]:
    """All checks. A volume is measured, which writes to it, only if it is the one it should be."""
    from evertape.cli.doctor import run_checks
    from evertape.cli.doctor_check import Check, Level

    measured: list[tuple[str, Path]] = []
    others: list[Check] = []
    try:
        for name, path, row in _looked_at(place):
            if row["usable"]:
                measured.append((name, path))
            else:
                others.append(Check(f"volume {name}", Level.FAIL, f"{path}: {row['reason'] or row['state']}", _FIX))
    except ConfigError as error:
        if place.config.exists():
            others.append(Check("configuration", Level.FAIL, error.what, error.hint or "evertape config check"))
    yield from run_checks(measured)
    yield from others


_FIX = "mount the right disk there, or correct the configuration; evertape volume check says more"


def _looked_at(place: Place) -> Iterator[tuple[str, Path, dict[str, object]]]:
    from evertape.cli.volume import declared, identity_terms
    from evertape.cli.volume_probe import look_apart

    for name, path, _role in declared(place):
        if path == place.data.recordings and not path.is_dir():
            continue  # made by init or serve, and nothing is wrong before that
        yield name, path, look_apart([name, str(path), *identity_terms(place, name, path)])
