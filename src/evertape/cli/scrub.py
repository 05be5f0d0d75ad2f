"""``evertape scrub``: read what is held, and see whether it is as it was written."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from evertape.cli.place import Place
from evertape.cli.verb import JsonFlag, emit, verb
from evertape.errors import NotRunningError, UsageError

if TYPE_CHECKING:
    from evertape.cli.archive import Archive
    from evertape.engine.scrub import ScrubReport
    from evertape.store.rows import SegmentRow


def add_to(app: typer.Typer) -> None:
    """Register the verb."""
    verb(app, "scrub", rich_help_panel="Look")(scrub)


def scrub(
    place: Place,
    camera: Annotated[str, typer.Option("--camera", metavar="CAMERA", help="Only of this camera.")] = "",
    volume: Annotated[str, typer.Option("--volume", metavar="NAME", help="Only on this volume.")] = "",
    sample_decode: Annotated[
        int, typer.Option("--sample-decode", metavar="N", min=0, help="Also decode every Nth file; 0: none.")
    ] = 0,
    as_json: JsonFlag = False,
) -> int:
    """Read every finished file, and compare it with the hash it was written with, as fast as the disk goes.

    The running service does the same all the time, slowly (integrity.rate in the configuration). Changes no file. What
    is damaged is handed to the running service, which checks it again and puts it on record. Exit code 1: something is.
    """
    from evertape.cli.archive import open_archive
    from evertape.cli.screen import progress_bar
    from evertape.disk.gently import gently
    from evertape.engine.scrub import scrub as check
    from evertape.media.decode_check import decode_problem

    with open_archive(place) as archive:
        total = sum(row.bytes or 0 for row in _rows(archive, camera, volume))
        with progress_bar("bytes", quiet=as_json) as progress, gently():
            report = check(
                _rows(archive, camera, volume),
                archive.file_of,
                total=total,
                progress=progress or (lambda _done, _all: None),
                every=sample_decode,
                decode=decode_problem,
            )
        told = _tell(place, report) if archive.running else False
        if as_json:
            emit(report_json(report, told))
        else:
            print(report_text(report, archive, told))
    return 0 if report.ok else 1


def _rows(archive: Archive, camera: str, volume: str) -> Iterator[SegmentRow]:
    """One after the other: there may be millions. Raises ``UsageError`` for a camera or a volume that there is not."""
    if camera:
        archive.require(camera)
    names = {archive.volume_name(name): name for name in archive.index.totals_by_volume()}
    if volume and volume not in names:
        raise UsageError(f"no footage lies on a volume {volume!r}", hint=f"there is on: {', '.join(names) or 'none'}")
    rows = archive.index.every_segment()
    return (
        row for row in rows if camera in ("", row.camera) and (not volume or row.volume == names[volume]) and row.held
    )


def _tell(place: Place, report: ScrubReport) -> bool:
    if report.damaged:
        try:
            place.ask("check_segments", segments=[hurt.row.id for hurt in report.damaged])
        except NotRunningError:
            return False
    return bool(report.damaged)


def report_json(report: ScrubReport, told: bool) -> dict[str, Any]:
    """For a program."""
    return {
        "ok": report.ok,
        "files": report.files,
        "bytes": report.bytes,
        "unhashed": report.unhashed,
        "decoded": report.decoded,
        "away": report.away,
        "damaged": [
            {
                "segment": hurt.row.id,
                "camera": hurt.row.camera,
                "volume": hurt.row.volume,
                "path": hurt.row.path,
                "problem": hurt.problem,
                "lost": [one._asdict() for one in hurt.lost],
            }
            for hurt in report.damaged
        ],
        "told": told,
    }


def report_text(report: ScrubReport, archive: Archive, told: bool) -> str:
    """For a person."""
    from evertape.cli.wording import plural, size_text, time_text

    lines = [f"{plural(report.files, 'file')} ({size_text(report.bytes)}) read"]
    if report.decoded:
        lines.append(f"{plural(report.decoded, 'file')} decoded")
    if report.unhashed:
        lines.append(f"! {plural(report.unhashed, 'file')} without a hash on record: only headers could be checked")
    if report.away:
        lines.append(f"! {plural(report.away, 'file')} on volumes that are not here")
    for hurt in report.damaged:
        lines.append(f"✗ {hurt.row.path} on {archive.volume_name(hurt.row.volume)}: {hurt.problem}")
        for one in hurt.lost:
            begin, end = (time_text(at, archive.zone) for at in (one.start_utc, one.end_utc))
            lines.append(f"  lost: {begin} to {end}, {one.last_video - one.first_video + 1} pictures")
    if told:
        lines.append("the running service checks these again, and puts them on record")
    elif report.damaged:
        lines.append("no service runs; it puts damage on record when it comes to these files")
    lines.append("everything is as it was written" if report.ok else f"damaged: {len(report.damaged)}")
    return "\n".join(lines)
