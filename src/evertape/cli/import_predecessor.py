"""``evertape import``: cameras, settings and recordings of the desktop recorder that Evertape grew out of."""

from __future__ import annotations

import shlex
import stat
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from evertape.cli.config_verbs import warn
from evertape.cli.place import Place
from evertape.cli.verb import JsonFlag, emit, verb
from evertape.errors import EvertapeError

if TYPE_CHECKING:
    from evertape.engine.predecessor import Adoption, Applied, ImportPlan, Item


def add_to(app: typer.Typer) -> None:
    """Register the verb."""
    verb(app, "import", rich_help_panel="Set up")(import_)


def import_(
    place: Place,
    database: Annotated[Path, typer.Argument(metavar="FILE", help="Its database, IT_RNVR.db.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would become of each thing.")] = False,
    recordings: Annotated[
        Path | None,
        typer.Option(
            "--recordings", metavar="DIR", help="Take in its recordings too, from this folder (evertape adopt)."
        ),
    ] = None,
    system_disk: Annotated[
        bool, typer.Option("--system-disk", help="Record to its disk also if that is the system's own.")
    ] = False,
    as_json: JsonFlag = False,
) -> int:
    """Take over cameras, logins, rotation, retention, layout and keys from the desktop recorder with IT_RNVR.db.

    Nothing is written to the database, and nothing that is configured here is overwritten: importing again adds what is
    new. Each thing in it is named, with what becomes of it, or why it becomes nothing; passwords are never shown. What
    is for the desktop goes into desktop.toml in the data directory. A running service takes the rest up.

    With --recordings, for which the service has to be stopped, each camera's files are copied in as by evertape adopt;
    without, the commands for that are named. Exit code 1: a camera, or a recording, could not be taken over.
    """
    from evertape.config.desktop import FILE, load_desktop
    from evertape.engine.predecessor import apply, look_at, plan, read_predecessor

    old = read_predecessor(database)
    config = _config(place, dry_run)
    desktop = place.data.root / FILE
    found = plan(old, config, look_at(old, recordings), load_desktop(desktop))
    if not as_json:
        print("\n".join(plan_text(found, dry_run=dry_run, consent=system_disk)))
    may_save = not dry_run
    done = None
    if may_save or place.config.exists():
        done = apply(found, place.config, desktop, system_disk=system_disk, save=may_save)
    in_force = bool(may_save and done and done.configured and place.reload())
    reports = _adopted(place, found.adoptions, dry_run, as_json) if recordings is not None else []
    failed = bool(found.cameras_left_out) or any(report.get("error") or report.get("broken") for report in reports)
    if as_json:
        emit(plan_json(found, done, dry_run=dry_run) | {"in_force": in_force, "adopted": reports})
    else:
        print("\n".join(_after(place, found, in_force, dry_run=dry_run, adopted=recordings is not None)))
        _warn_of_readers(place, found, dry_run)
        if may_save and done and done.volume:
            warn(
                f"{place.data.recordings} is not recorded to any more, now that a volume is declared; its footage stays"
            )
    return int(failed)


def _config(place: Place, dry_run: bool) -> Any:
    from evertape.config.schema import Config

    return Config() if dry_run and not place.config.exists() else place.load().config


def plan_text(plan: ImportPlan, *, dry_run: bool, consent: bool) -> list[str]:
    """For a person: what is taken over, and what is not; what needs no setting is counted."""
    from evertape.engine.predecessor import Fate

    by: dict[Fate, list[Item]] = {fate: [] for fate in Fate}
    for item in plan.items:
        by[item.fate].append(item)
    name = f"{plan.source}{f' ({plan.version})' if plan.version else ''}"
    lines = [f"{name}, and what {'would become' if dry_run else 'becomes'} of it:"]
    lines += _taken_lines([item for item in by[Fate.TAKEN] if not _unagreed(plan, item, consent)])
    lines += [f"= {item.source}{_quoted(item)}: {item.reason}" for item in by[Fate.KEPT]]
    lines += [f"! {names}: {reason}" for names, reason in _grouped(by[Fate.LEFT])]
    if plan.volume is not None and plan.volume.needs_consent and not consent:
        lines.append(
            f"! {plan.volume.path} is on the disk of the system itself, which footage will fill: not recorded to; "
            "--system-disk does so all the same"
        )
    lines += [f"? {names}: nobody knows what it means" for names, _ in _grouped(by[Fate.UNKNOWN])]
    lines.append(f"{len(by[Fate.SAME])} are so already, {len(by[Fate.NEEDLESS])} need no setting; --json has all")
    return lines


def _unagreed(plan: ImportPlan, item: Item, consent: bool) -> bool:
    volume = plan.volume
    return volume is not None and volume.needs_consent and not consent and item.target.startswith("volumes.")


def _quoted(item: Item) -> str:
    return f" ({item.value})" if item.value else ""


def _taken_lines(items: Sequence[Item]) -> Iterator[str]:
    """A line for each thing; all that a camera has, in one beneath it."""
    own: list[str] = []
    for item in items:
        if item.target.startswith("cameras.") and item.target.count(".") > 1:
            own.append(f"{item.target.rpartition('.')[2]} = {item.becomes}{f' ({item.reason})' if item.reason else ''}")
            continue
        if own:
            yield f"    {', '.join(own)}"
            own = []
        yield _taken(item)
    if own:
        yield f"    {', '.join(own)}"


def _taken(item: Item) -> str:
    becomes = f" = {item.becomes}" if item.becomes else ""
    return f"✓ {item.source} → {item.target}{becomes}{f' ({item.reason})' if item.reason else ''}"


def _grouped(items: Sequence[Item]) -> Iterator[tuple[str, str]]:
    """Things of one table with one reason, together."""
    groups: dict[tuple[str, str], list[str]] = {}
    for item in items:
        table, _, name = item.source.rpartition(".")
        groups.setdefault((table, item.reason), []).append(name)
    for (table, reason), names in groups.items():
        yield f"{table}.{', '.join(names)}" if table else ", ".join(names), reason


def plan_json(plan: ImportPlan, done: Applied | None, *, dry_run: bool) -> dict[str, Any]:
    """For a program; no password is in it."""
    from evertape.engine.predecessor import desktop_settings

    volume = plan.volume
    return {
        "database": str(plan.source),
        "version": plan.version,
        "dry_run": dry_run,
        "items": [asdict(item) for item in plan.items],
        "cameras": [{"id": new.id, "was": new.old_id} for new in plan.cameras],
        "cameras_left_out": [item.source.removeprefix("cameras.") for item in plan.cameras_left_out],
        "settings": dict(plan.values),
        "volume": None
        if volume is None
        else {"name": volume.name, "path": str(volume.path), "needs_consent": volume.needs_consent},
        "desktop": desktop_settings(plan),
        "recordings": [
            {"folder": str(one.folder), "camera": one.camera, "files": one.files, "left_out": dict(one.left_out)}
            for one in plan.adoptions
        ],
        "applied": None if dry_run or done is None else asdict(done),
    }


def _adopted(place: Place, adoptions: Sequence[Adoption], dry_run: bool, as_json: bool) -> list[dict[str, Any]]:
    """Each camera's recordings; what goes wrong with one is said, and the next one is taken."""
    from evertape.cli.adopt import report_text, take_recordings

    reports = []
    for one in adoptions:
        report: dict[str, Any] = {"folder": str(one.folder), "camera": one.camera}
        try:
            taken, zone = take_recordings(place, one.folder, [one.camera], [], "", "", dry_run, quiet=as_json)
            report |= asdict(taken)
            if not as_json:
                print(f"\n{one.folder}\n{report_text(taken, zone, dry_run=dry_run)}")
        except EvertapeError as error:
            report |= {"error": error.what, "hint": error.hint}
            if not as_json:
                warn(f"{one.folder}: {error.what}")
        reports.append(report)
    return reports


def _after(place: Place, plan: ImportPlan, in_force: bool, *, dry_run: bool, adopted: bool) -> Iterator[str]:
    """What remains to be done."""
    from evertape.cli.wording import plural

    for one in plan.adoptions:
        if one.left_out:
            others = ", ".join(f"{count} {suffix}" for suffix, count in one.left_out.items())
            yield f"! {one.folder}: {others} cannot be taken in as they are; the guide says how to make MP4 of them"
    waiting = [one for one in plan.adoptions if one.files]
    if waiting and not adopted:
        yield "\nIts recordings, with the service stopped:"
        data = f" --data {shlex.quote(str(place.data.root))}" if place.chosen else ""
        for one in waiting:
            command = f"evertape adopt {shlex.quote(str(one.folder))} --camera {one.camera}{data}"
            yield f"  {command}    {plural(one.files, 'file')}"
    if in_force:
        yield "in force"
    elif not dry_run:
        yield "\nNext: evertape doctor, then evertape serve"


def _warn_of_readers(place: Place, plan: ImportPlan, dry_run: bool) -> None:
    if dry_run or not any("password" in new.fields for new in plan.cameras):
        return
    if stat.S_IMODE(place.config.stat().st_mode) & 0o044:
        warn(f"{place.config} holds passwords now, and others on this machine can read it; chmod 600 it")
