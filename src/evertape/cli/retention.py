"""``evertape retention …``: what would be deleted, and why; and deleting it now."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from evertape.cli.place import Place
from evertape.cli.verb import JsonFlag, emit, verb
from evertape.errors import NotRunningError, UsageError

if TYPE_CHECKING:
    from evertape.cli.archive import Archive
    from evertape.domain.retention import Kept, Share, Why
    from evertape.domain.retention_terms import Terms
    from evertape.ipc.messages import VolumeInfo

POLL_S = 0.3
SILENT_S = 300.0
"""A run that says nothing new for so long has lost its keeper."""

Camera = Annotated[str | None, typer.Option("--camera", metavar="ID", help="Only this camera's footage.")]
MaxAge = Annotated[
    str | None,
    typer.Option("--max-age", metavar="AGE", help="Whatever is older than this (30d, 12h), in place of the rules."),
]


def add_to(app: typer.Typer) -> None:
    """Register the verbs."""
    group = typer.Typer(no_args_is_help=True, help="What is deleted: look ahead, or do it now.")
    app.add_typer(group, name="retention", rich_help_panel="Record")
    verb(group, "plan")(plan)
    verb(group, "run")(run)


def plan(place: Place, camera: Camera = None, max_age: MaxAge = None, as_json: JsonFlag = False) -> None:
    """Show what would be deleted now, and why. Changes nothing.

    By age, by quota, and for want of space on each volume, as the rules in [retention] say; protected footage stays.
    """
    from evertape.cli.archive import open_archive
    from evertape.domain.retention import Kept

    age = _age(max_age)
    with open_archive(place) as archive:
        if camera is not None:
            archive.require(camera)
        terms, volumes = _terms(place), _volumes(place, archive)
        kept = Kept()
        shares = _shares(archive, terms, volumes, camera or "", age, kept)
        rows = [_row(archive, *item) for item in sorted(shares.items())]
        if as_json:
            return emit(_plan_json(rows, terms, volumes, kept))
        _print_plan(rows, terms, volumes, kept, archive)
    return None


def run(place: Place, camera: Camera = None, max_age: MaxAge = None, as_json: JsonFlag = False) -> int:
    """Delete it now, in the running service, and show how far that is. Exit code 1: something could not be deleted.

    Without --max-age as the rules say; with it, everything that is older, but never what is protected.
    """
    age = _age(max_age)
    if camera is not None:
        _require(place, camera)
    wish: dict[str, Any] = {"camera": camera or ""}
    if age is not None:
        wish["older_than"] = age
    number = place.ask("retention", **wish)["request"]
    last: dict[str, Any] = {}
    for last in _progress(place, number):
        if not as_json:
            _say(last)
    if as_json:
        emit(last)
    return int(bool(last["failed"] or last["error"]))


# -- planning -----------------------------------------------------------------------------------------------


def _shares(
    archive: Archive, terms: Terms, volumes: Sequence[VolumeInfo], camera: str, age: int | None, kept: Kept
) -> dict[tuple[str, str, Why], Share]:
    from evertape.clock import SystemClock
    from evertape.domain.retention import summary
    from evertape.engine.space import Question, evictions, is_full, needs

    question = Question(
        terms=terms,
        volumes=tuple(info.volume_id for info in volumes),
        now=int(SystemClock().utc_ns()),
        need=needs(terms, volumes, {}),
        full={info.volume_id for info in volumes if is_full(info)},
        camera=camera,
        older_than=age,
    )
    with archive.index.snapshot() as reader:
        return summary(evictions(reader, question, kept=kept))


def _terms(place: Place) -> Terms:
    from evertape.engine.retention_state import read_protected, retention_terms

    return retention_terms(place.load().config, read_protected(place.data.root / "state"))


def _volumes(place: Place, archive: Archive) -> list[VolumeInfo]:
    """Those that can be reached, as a running service sees them, else by a look at their free space."""
    import os

    from evertape.cli.archive import status_if_running
    from evertape.ipc.messages import VolumeInfo

    status = status_if_running(place) if archive.running else None
    if status is not None:
        return [info for info in status.volumes if info.volume_id and info.total]
    found = []
    for volume, root in archive.roots.items():
        numbers = os.statvfs(root)
        free, total = numbers.f_bavail * numbers.f_frsize, numbers.f_blocks * numbers.f_frsize
        name = archive.volume_name(volume)
        found.append(VolumeInfo(name=name, volume_id=volume, path=str(root), free=free, total=total))
    return found


def _age(text: str | None) -> int | None:
    from evertape.config.units import UnitError, parse_duration

    if text is None:
        return None
    try:
        return int(parse_duration(text))
    except UnitError as error:
        raise UsageError(f"--max-age: {error}") from None


def _require(place: Place, camera: str) -> None:
    from evertape.cli.archive import open_archive

    with open_archive(place) as archive:
        archive.require(camera)


def _row(archive: Archive, key: tuple[str, str, Why], share: Share) -> dict[str, Any]:
    from evertape.mp4.model import iso_utc

    volume, camera, why = key
    return {
        "volume": archive.volume_name(volume),
        "volume_id": volume,
        "camera": camera,
        "why": why.value,
        "files": share.files,
        "bytes": share.bytes,
        "oldest_utc": share.oldest,
        "newest_utc": share.newest,
        "oldest": iso_utc(share.oldest),
        "newest": iso_utc(share.newest),
    }


def _plan_json(rows: list[dict[str, Any]], terms: Terms, volumes: Sequence[VolumeInfo], kept: Kept) -> dict[str, Any]:
    from evertape.domain.retention_terms import thresholds

    return {
        "plan": rows,
        "files": sum(row["files"] for row in rows),
        "bytes": sum(row["bytes"] for row in rows),
        "kept": {"protected": kept.protected, "protected_bytes": kept.protected_bytes, "young": kept.young},
        "volumes": [
            {
                "name": info.name, "volume_id": info.volume_id, "state": info.state, "free": info.free,
                "total": info.total, "start": thresholds(terms, info.total).start,
                "stop": thresholds(terms, info.total).stop,
            }
            for info in volumes
        ],
    }  # fmt: skip


# -- for people ---------------------------------------------------------------------------------------------

_WHY = {
    "retention_age": "older than max_age",
    "retention_quota": "over the quota",
    "retention_space": "space is needed",
    "retention_emergency": "the volume is full",
    "person": "older than you said",
}


def _print_plan(
    rows: list[dict[str, Any]], terms: Terms, volumes: Sequence[VolumeInfo], kept: Kept, archive: Archive
) -> None:
    from rich.table import Table

    from evertape.cli.screen import screen
    from evertape.cli.wording import plural, size_text, time_text
    from evertape.domain.retention_terms import thresholds

    out = screen()
    for info in volumes:
        start, stop = thresholds(terms, info.total)
        out.print(f"{info.name}: {size_text(info.free)} of {size_text(info.total)} free; for space, footage goes below "
                  f"{size_text(start)} until {size_text(stop)} are free")  # fmt: skip
    if rows:
        table = Table(box=None, pad_edge=False, header_style="bold")
        for title in ("volume", "camera", "why", "files", "size", "oldest", "newest"):
            table.add_column(title, justify="right" if title in ("files", "size") else "left")
        for row in rows:
            when = [time_text(row[name], archive.zone)[:16] for name in ("oldest_utc", "newest_utc")]
            table.add_row(
                row["volume"], row["camera"], _WHY[row["why"]], str(row["files"]), size_text(row["bytes"]), *when
            )
        out.print(table)
    total = sum(row["bytes"] for row in rows)
    text = f"{plural(sum(row['files'] for row in rows), 'file')}, {size_text(total)}" if rows else "Nothing goes"
    if kept.protected:
        text += f"; {plural(kept.protected, 'protected file')} ({size_text(kept.protected_bytes)}) would go, and stay"
    out.print(text)


def _progress(place: Place, number: int) -> Iterator[dict[str, Any]]:
    """How far the run is, until it is over. Raises ``NotRunningError`` if nobody does it any more."""
    heard: dict[str, Any] = {}
    since = time.monotonic()
    while not heard.get("done"):
        now = place.ask("retention", request=number)
        if now != heard:
            heard, since = now, time.monotonic()
            yield heard
        elif time.monotonic() - since > SILENT_S:
            raise NotRunningError("the keeper has not said how far it is for minutes", hint="run it again")
        if not heard["done"]:
            time.sleep(POLL_S)


def _say(progress: dict[str, Any]) -> None:
    from evertape.cli.screen import screen
    from evertape.cli.wording import plural, size_text

    text = f"{plural(progress['files'], 'file')} deleted, {size_text(progress['bytes'])}"
    if on := progress.get("on"):
        text += f" ({', '.join(f'{count} on {name}' for name, count in on.items())})"
    if progress["failed"]:
        text += f", {progress['failed']} could not be"
    if progress["done"]:
        if progress["protected"]:
            text += f"; {plural(progress['protected'], 'protected file')} stayed"
        text += f"; {progress['error']}" if progress["error"] else ""
    screen().print(text)
