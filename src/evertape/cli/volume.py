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

CHECK_S = 10.0
"""How long the service may take to look at all volumes: one that hangs is known to after 5 s by default."""


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
    verb(group, "retire")(retire)
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
    """See ``engine.system_disk``."""
    from evertape.engine import system_disk

    return system_disk.on_system_disk(path)


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
    """Say whether the volumes can be recorded to: identity, mount, permission, free space.

    Has the running service look now, else looks itself, without writing. Exit code 1: one of them cannot be used.
    """
    rows = _volumes(place, probe=True)
    if name is not None:
        known = ", ".join(row["name"] for row in rows)
        rows = [row for row in rows if row["name"] == name]
        if not rows:
            raise UsageError(f"there is no volume {name!r}", hint=f"the volumes are: {known}")
    _show(rows, as_json)
    return int(not all(row["usable"] for row in rows))


def retire(place: Place, name: Name, as_json: JsonFlag = False) -> None:
    """Write nothing new to a volume. Its footage stays readable, and can be moved away.

    What is being written there goes on elsewhere at the next keyframe. "evertape config set volumes.NAME.role primary"
    has it used again.
    """
    from evertape.config.edit import set_value

    config = place.load().config
    if name not in config.volumes:
        known = ", ".join(config.volumes) or "none"
        raise UsageError(f"there is no volume {name!r}", hint=f"the volumes are: {known}")
    if all(other == name or str(volume.role) == "retired" for other, volume in config.volumes.items()):
        raise UsageError(f"{name} is the only volume in use", hint="add another one first: evertape volume add")
    set_value(place.config, f"volumes.{name}.role", "retired")
    report_change(place, as_json, f"volume {name} retired; its footage stays readable", volume=name, role="retired")


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
    from evertape.cli.status_view import volume_json
    from evertape.domain.volume_state import VolumeState

    try:
        if probe:
            place.ask("check_volumes", timeout_s=CHECK_S)
        status = fetch(place)
    except NotRunningError:
        return [_unused(place, *item, probe=probe) for item in declared(place)]
    return [
        {
            **volume_json(volume, status.usage, status.terms),
            "usable": VolumeState(volume.state).usable,
            "seen_by": "service",
        }
        for volume in status.volumes
    ]


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
    row |= look_apart([name, str(path), *terms]) | {"volume_id": terms[1], "seen_by": "look"}
    return row | _label(place, row, is_mount=terms[0] == "mount")


def _label(place: Place, row: dict[str, Any], *, is_mount: bool) -> dict[str, Any]:
    from evertape.cli.volume_usage import label_with, usage_by_volume
    from evertape.ipc.messages import VolumeInfo

    names = ("name", "volume_id", "state", "reason", "free", "total", "errno")
    info = VolumeInfo(is_mount=is_mount, **{key: row[key] for key in names if key in row})
    label = label_with(info, usage_by_volume(place))
    return {"label": label.text, "label_reason": label.reason}


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
    for title in ("name", "role", "state", "free", "of", "lasts", "path", "storage"):
        table.add_column(title, overflow="fold", justify="right" if title in ("free", "of", "lasts") else "left")
    for row in rows:
        state = row["state"].replace("_", " ") + (f" ({row['reason']})" if row["reason"] else "")
        sizes = [size_text(row["free"]), size_text(row["total"])] if row["total"] else ["", ""]
        declared_at = row.get("declared", "")
        where = f"{row['path']} (declared at {declared_at})" if declared_at else row["path"]
        table.add_row(row["name"], row["role"], state, *sizes, _lasts(row), where, row.get("label", ""))
    screen().print(table)
    return None


def _lasts(row: dict[str, Any]) -> str:
    from evertape.cli.volume_forecast import lasts_text
    from evertape.domain.forecast import Forecast

    return lasts_text(Forecast(0.0, row.get("days_left"), row.get("days_kept")))
