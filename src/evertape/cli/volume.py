"""``evertape volume …``: places to record to."""

from __future__ import annotations

import enum
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from evertape.cli.config_verbs import report_change, warn
from evertape.cli.place import Place
from evertape.cli.verb import JsonFlag, emit, verb
from evertape.errors import NotRunningError, UsageError


class Role(enum.StrEnum):
    """What a volume is for."""

    PRIMARY = "primary"
    SPILL = "spill"


Name = Annotated[str, typer.Argument(metavar="NAME", help="The volume's name.")]


def add_to(app: typer.Typer) -> None:
    """Register the verbs."""
    group = typer.Typer(no_args_is_help=True, help="Places to record to: add them, look at them.")
    app.add_typer(group, name="volume", rich_help_panel="Set up")
    verb(group, "add")(add)
    verb(group, "list")(list_)
    verb(group, "check")(check)
    verb(group, "remove")(remove)


def add(
    place: Place,
    name: Name,
    path: Annotated[Path, typer.Argument(metavar="PATH", help="A mounted disk, or a folder on one.")],
    role: Annotated[
        Role,
        typer.Option("--role", metavar="primary|spill", help="primary: recorded to; spill: while no primary can be."),
    ] = Role.PRIMARY,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Answer every question with yes.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Add a place to record to. A running service begins to use it.

    A folder on the disk of the system itself is asked about, because footage fills it. Nothing is made at PATH; a disk
    that is not there now is used once it is mounted.
    """
    from evertape.config.edit import add_volume

    where = Path(os.path.abspath(path.expanduser()))
    config = place.load().config
    fields: dict[str, Any] = {"path": str(where), "role": role.value}
    if where.exists() and not where.is_dir():
        raise UsageError(f"{where} is no folder", hint="name the folder where the disk is mounted, or one on it")
    if not where.is_dir():
        warn(f"there is no folder {where} now; it is used once it is there, with a disk mounted")
    elif on_system_disk(where):
        _agree(f"{where} is on the disk of the system itself, which footage will fill. Use it all the same?", yes)
        # Said by a person, so that it is not taken for a mount point whose disk is missing.
        fields["mount"] = False
    add_volume(place.config, name, fields)
    if not config.volumes:
        warn(f"{place.data.recordings} is not recorded to any more, now that a volume is declared; its footage stays")
    report_change(place, as_json, f"volume {name} added", volume=name, path=str(where), role=role.value)


def on_system_disk(path: Path) -> bool:
    """Whether a folder that exists lies in the root file system."""
    from evertape.disk.mounts import read_mounts
    from evertape.engine.volume_terms import containing

    real, mounts = path.resolve(), read_mounts()
    if mounts:
        return containing(mounts, real).point == "/"
    return real.stat().st_dev == Path("/").stat().st_dev


def _agree(question: str, yes: bool) -> None:
    """Go on only if a person says so.

    Raises:
        UsageError: no, or nobody is there to be asked.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise UsageError(question.rpartition(".")[0], hint="--yes uses it all the same")
    if not typer.confirm(question, err=True):
        raise UsageError("nothing was changed")


def list_(place: Place, as_json: JsonFlag = False) -> None:
    """List the volumes in use, with what a running service says of each."""
    _show(_volumes(place, probe=False), as_json)


def check(
    place: Place,
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="Default: all volumes.")] = None,
    as_json: JsonFlag = False,
) -> int:
    """Say whether the volumes can be recorded to: identity, mount, permission, free space. Nothing is written.

    Asks the running service, else looks itself. Exit code 1: one of them cannot be recorded to.
    """
    rows = _volumes(place, probe=True)
    if name is not None:
        known = ", ".join(row["name"] for row in rows)
        rows = [row for row in rows if row["name"] == name]
        if not rows:
            raise UsageError(f"there is no volume {name!r}", hint=f"the volumes are: {known}")
    _show(rows, as_json)
    return int(not all(row["usable"] for row in rows))


def remove(place: Place, name: Name, as_json: JsonFlag = False) -> None:
    """Take a volume out of the configuration. Its footage stays."""
    from evertape.config.edit import remove_volume

    remove_volume(place.config, name)
    if not place.load().config.volumes:
        warn(f"no volume is declared any more; {place.data.recordings} is recorded to")
        _make_built_in(place)
    report_change(place, as_json, f"volume {name} removed; its footage stays", volume=name)


def _make_built_in(place: Place) -> None:
    """A running service is about to use it."""
    from evertape.cli.service import make_directories

    make_directories(place.data, place.load().config)


def _volumes(place: Place, *, probe: bool) -> list[dict[str, Any]]:
    """One row per volume in use: from the running service, else from the configuration and a look of our own."""
    from evertape.cli.status import fetch
    from evertape.cli.status_view import whole
    from evertape.domain.volume_state import VolumeState

    try:
        volumes = fetch(place).volumes
    except NotRunningError:
        return [_unused(place, *item, probe=probe) for item in declared(place)]
    return [{**whole(volume), "usable": VolumeState(volume.state).usable, "seen_by": "service"} for volume in volumes]


def declared(place: Place) -> list[tuple[str, Path, str]]:
    """Names, paths and roles of what a service would use."""
    from evertape.engine.supervisor import BUILT_IN

    config = place.load().config
    found = [(name, volume.path, str(volume.role)) for name, volume in config.volumes.items()]
    return found or [(BUILT_IN, place.data.recordings, "primary")]


def _unused(place: Place, name: str, path: Path, role: str, *, probe: bool) -> dict[str, Any]:
    row = {"name": name, "path": str(path), "role": role, "state": "", "reason": "", "free": 0, "total": 0}
    if not probe:
        return row | {"usable": None, "seen_by": ""}
    from evertape.cli.volume_probe import look_apart

    terms = identity_terms(place, name, path)
    return row | look_apart([name, str(path), *terms]) | {"volume_id": terms[1], "seen_by": "look"}


def identity_terms(place: Place, name: str, path: Path) -> list[str]:
    """What is demanded of a volume before it is touched, as arguments of ``volume_probe`` behind the path."""
    from evertape.disk.mounts import read_mounts
    from evertape.engine.state_files import read_volumes
    from evertape.engine.volume_terms import only_while_mounted

    config = place.load().config
    known = read_volumes(place.data.root / "state").get(name)
    if known is not None and known.path != str(path):
        known = None
    volume = config.volumes.get(name)
    mounted = volume is not None and only_while_mounted(volume, known, read_mounts())
    storage = config.storage
    return [
        "mount" if mounted else "folder",
        known.volume_id if known is not None else "",
        str(storage.min_record_free),
        str(storage.resume_free),
    ]


def _show(rows: list[dict[str, Any]], as_json: bool) -> None:
    if as_json:
        return emit({"volumes": rows})
    from rich.table import Table

    from evertape.cli.screen import screen
    from evertape.cli.wording import size_text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("name", "role", "state", "free", "of", "path"):
        table.add_column(title, overflow="fold", justify="right" if title in ("free", "of") else "left")
    for row in rows:
        state = row["state"].replace("_", " ") + (f" ({row['reason']})" if row["reason"] else "")
        sizes = [size_text(row["free"]), size_text(row["total"])] if row["total"] else ["", ""]
        table.add_row(row["name"], row["role"], state, *sizes, row["path"])
    screen().print(table)
    return None
