"""``evertape protect`` and ``unprotect``: footage that is not deleted, whatever the rules say."""

from __future__ import annotations

import getpass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from evertape.cli.place import Place
from evertape.cli.verb import JsonFlag, emit, verb
from evertape.errors import UsageError

if TYPE_CHECKING:
    from evertape.cli.archive import Archive

LIST = "list"


def add_to(app: typer.Typer) -> None:
    """Register the verbs."""
    verb(app, "protect", rich_help_panel="Record")(protect)
    verb(app, "unprotect", rich_help_panel="Record")(unprotect)


def protect(
    place: Place,
    camera: Annotated[str, typer.Argument(metavar="CAMERA|list", help="The camera's id; list: what is protected.")],
    from_: Annotated[str | None, typer.Option("--from", metavar="TIME", help="Where to begin.")] = None,
    to: Annotated[str | None, typer.Option("--to", metavar="TIME", help="Where to end (default: now).")] = None,
    why: Annotated[str, typer.Option("--why", metavar="TEXT", help="The reason, for whoever looks later.")] = "",
    as_json: JsonFlag = False,
) -> None:
    """Keep a camera's footage between two times from being deleted. Files are kept whole.

    "evertape protect list" shows what is protected; the running service keeps it.
    """
    from evertape.cli.archive import open_archive

    with open_archive(place) as archive:
        if camera == LIST:
            return _list(archive, as_json)
        archive.require(camera)
        start, end = _window(archive, from_, to)
        size = _held(archive, camera, start, end)
    answer = place.ask("protect", camera=camera, start_utc=start, end_utc=end, why=why, who=_who())
    return _say({**answer, "start_utc": start, "end_utc": end, "why": why, **size}, as_json)


def unprotect(
    place: Place,
    protection: Annotated[str, typer.Argument(metavar="ID", help="As evertape protect list shows it.")],
    as_json: JsonFlag = False,
) -> None:
    """Let the rules delete that footage again."""
    from evertape.cli.archive import open_archive
    from evertape.store.retention import protections

    with open_archive(place) as archive:
        known = {row.id: row.camera for row in protections(archive.index)}
    if protection not in known:
        ids = ", ".join(known) or "none"
        raise UsageError(f"there is no protection {protection!r}", hint=f"there are: {ids}")
    answer = place.ask("unprotect", protection=protection, camera=known[protection], who=_who())
    if as_json:
        return emit(answer)
    print(f"{protection}: footage of {answer['camera']} is subject to the rules again")
    return None


def _who() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""


def _window(archive: Archive, from_: str | None, to: str | None) -> tuple[int, int]:
    from evertape.cli.moments import parse_moment
    from evertape.clock import SystemClock

    if from_ is None:
        raise UsageError("--from is missing", hint='say from when on: --from "yesterday 14:00" --to 15:00')
    now = SystemClock().utc_ns()
    end = now if to is None else parse_moment(to, now, archive.zone)
    start = parse_moment(from_, now, archive.zone)
    if start >= end:
        raise UsageError("--from is not before --to")
    return int(start), int(end)


def _held(archive: Archive, camera: str, start: int, end: int) -> dict[str, int]:
    """What there is to keep now; a file that is being written counts when it is finished."""
    rows = archive.index.segments(camera, start, end)
    return {"files": len(rows), "bytes": sum(row.bytes or 0 for row in rows)}


def _say(answer: dict[str, Any], as_json: bool) -> None:
    from evertape.cli.config_verbs import warn
    from evertape.cli.wording import plural, size_text

    if not answer["on_record"]:
        warn("the journal has not confirmed it yet; the running service keeps the footage all the same")
    if as_json:
        return emit(answer)
    held = f"{plural(answer['files'], 'file')}, {size_text(answer['bytes'])}"
    print(f"{answer['protection']}: footage of {answer['camera']} is protected ({held})")
    return None


def _list(archive: Archive, as_json: bool) -> None:
    from dataclasses import asdict

    from evertape.store.retention import protections

    rows = protections(archive.index)
    if as_json:
        held = [_held(archive, row.camera, row.start_utc, row.end_utc) for row in rows]
        return emit({"protections": [{**asdict(row), **size} for row, size in zip(rows, held, strict=True)]})
    if not rows:
        print("Nothing is protected.")
        return None
    from rich.table import Table

    from evertape.cli.screen import screen
    from evertape.cli.wording import size_text, time_text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("id", "camera", "from", "to", "files", "size", "who", "why"):
        table.add_column(title, justify="right" if title in ("files", "size") else "left", overflow="fold")
    for row in rows:
        size = _held(archive, row.camera, row.start_utc, row.end_utc)
        when = [time_text(at, archive.zone)[:19] for at in (row.start_utc, row.end_utc)]
        table.add_row(row.id, row.camera, *when, str(size["files"]), size_text(size["bytes"]), row.who, row.why)
    screen().print(table)
    return None
