"""``evertape adopt``: another installation's disk, or another recorder's files, taken in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from evertape.cli.place import Place
from evertape.cli.rebuild import NoHash, named, reading, say
from evertape.cli.verb import JsonFlag, emit, verb
from evertape.errors import UsageError

if TYPE_CHECKING:
    from evertape.config.schema import Config
    from evertape.engine.import_files import ImportReport, Target
    from evertape.engine.import_source import Rules

SHOWN = 20
"""Files that a dry run shows to a person; ``--json`` has all."""


def add_to(app: typer.Typer) -> None:
    """Register the verb."""
    verb(app, "adopt", rich_help_panel="Look")(adopt)


def adopt(
    place: Place,
    directory: Annotated[
        Path, typer.Argument(metavar="DIR", help="Where that disk is mounted, or a folder of recordings.")
    ],
    camera: Annotated[
        list[str] | None,
        typer.Option(
            "--camera",
            metavar="NAME=ID",
            help="Recordings of the camera that the other recorder calls NAME are of ID; just ID: all are. Repeatable.",
        ),
    ] = None,
    name_pattern: Annotated[
        list[str] | None,
        typer.Option(
            "--name-pattern",
            metavar="PATTERN",
            help="Where in its path a recording says when it began: %Y %m %d %H %M %S %f, or %s for seconds since "
            "1970; * for anything, {camera} for the camera's name. Repeatable; common forms need none.",
        ),
    ] = None,
    zone: Annotated[
        str, typer.Option("--zone", metavar="ZONE", help="The time zone of such names: utc, or one like Europe/Berlin.")
    ] = "",
    volume: Annotated[str, typer.Option("--volume", metavar="NAME", help="Where recordings of others go to.")] = "",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only show what would become of a folder of recordings.")
    ] = False,
    no_hash: NoHash = False,
    as_json: JsonFlag = False,
) -> int:
    """Take in a disk that another installation recorded to, or the MP4 and Matroska files of another recorder.

    The service has to be stopped. Nothing is written in DIR. Interrupted, do it again and it goes on.

    A disk of Evertape stays where it is: timeline, view and export know its footage then, and no rule deletes anything
    there unless it is declared as a volume. Of cameras that are not ours the ledger comes along; of others the footage
    alone.

    MP4 and Matroska files of others (H.264, H.265, AAC) are copied to a volume as segments, without transcoding. When a
    recording began is taken from its name, else from its creation_time, else from when it was last written to; whose it
    is from the folder, or the beginning of its name. The rules of retention hold for it as for all footage. Exit code
    1: of some files nothing could be taken.
    """
    from evertape.cli.service import only_one
    from evertape.clock import SystemClock

    roots = named([directory])
    if not roots:
        return _recordings(place, directory, camera or [], name_pattern or [], zone, volume, dry_run, as_json)
    if dry_run or camera or name_pattern or zone or volume:
        raise UsageError(
            f"{directory} is a volume of Evertape, which says itself what is on it", hint="evertape adopt DIR is all"
        )
    from evertape.engine.adopt import Adopt

    with only_one(place.data), reading(as_json) as told:
        report = Adopt(place.data, roots, SystemClock(), told, hashes=not no_hash).run()
    say(report, as_json)
    return 0


def _recordings(
    place: Place,
    directory: Path,
    cameras: Sequence[str],
    patterns: Sequence[str],
    zone: str,
    volume: str,
    dry_run: bool,
    as_json: bool,
) -> int:
    report, zone_used = take_recordings(place, directory, cameras, patterns, zone, volume, dry_run, quiet=as_json)
    if as_json:
        emit(asdict(report))
    else:
        print(report_text(report, zone_used, dry_run=dry_run))
    return 1 if report.broken else 0


def take_recordings(
    place: Place,
    directory: Path,
    cameras: Sequence[str],
    patterns: Sequence[str],
    zone: str,
    volume: str,
    dry_run: bool,
    *,
    quiet: bool,
) -> tuple[ImportReport, tzinfo | None]:
    """Take another recorder's files in; see the options of ``adopt``. Returns what came of it, and the zone of names.

    Raises:
        UsageError: an option makes no sense, or a service runs.
    """
    from evertape.cli.screen import progress_bar
    from evertape.cli.service import only_one
    from evertape.clock import SystemClock
    from evertape.engine.import_files import Import

    if not directory.is_dir():
        raise UsageError(f"{directory} is no folder", hint="name the mounted disk, or the folder with the recordings")
    config = _config(place)
    rules = _rules(config, cameras, patterns, zone)
    with (
        only_one(place.data),
        _target(place, config, volume, dry_run) as target,
        progress_bar("copying", quiet=quiet) as bar,
    ):
        told = bar or (lambda _done, _all: None)
        report = Import(place.data, directory, target, rules, SystemClock(), told).run()
    return report, rules.zone


def _config(place: Place) -> Config:
    from evertape.config.schema import Config

    return place.load().config if place.config.exists() else Config()


def _rules(config: Config, cameras: Sequence[str], patterns: Sequence[str], zone: str) -> Rules:
    from evertape.disk.layout import is_camera
    from evertape.domain.file_names import compile_pattern
    from evertape.engine.import_source import Rules

    pairs = [text.rpartition("=") for text in cameras]
    for _, _, camera in pairs:
        if not is_camera(camera):
            raise UsageError(f"{camera!r} is no camera's id", hint="an id has a-z, 0-9, - and _")
    everything = [camera for _, equals, camera in pairs if not equals]
    if len(everything) > 1 or (everything and len(pairs) > 1):
        raise UsageError("--camera ID is for all recordings, so it can be given once", hint="write --camera NAME=ID")
    return Rules(
        {name: camera for name, equals, camera in pairs if equals},
        everything[0] if everything else "",
        {str(name): camera.name or str(name) for name, camera in config.cameras.items()},
        [compile_pattern(pattern) for pattern in patterns],
        _zone(zone or str(config.installation.timezone or "")),
    )


def _zone(name: str) -> tzinfo | None:
    from datetime import UTC
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    if not name:
        return None
    if name.lower() in ("utc", "z"):
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise UsageError(f"{name!r} is no time zone", hint="write utc, or one like Europe/Berlin") from None


@contextmanager
def _target(place: Place, config: Config, name: str, dry_run: bool) -> Iterator[Target | None]:
    """The volume to copy to, opened; the first primary if none is named."""
    from evertape.clock import SystemClock
    from evertape.disk.marker import open_volume
    from evertape.engine.adopt import remember
    from evertape.engine.audit_files import Root
    from evertape.engine.declared_volumes import BUILT_IN, DeclaredVolumes
    from evertape.engine.import_files import Target
    from evertape.engine.state_files import read_volumes

    declared = DeclaredVolumes(place.data.recordings, lambda _name: "")
    declared.known = read_volumes(place.data.root / "state")
    declared.take(config)
    chosen = name or next((name for name, one in declared.items() if one.role == "primary"), "")
    if chosen not in declared:
        raise UsageError(f"there is no volume {chosen!r}", hint=f"there is: {', '.join(declared)}")
    if dry_run:
        yield None
        return
    volume = declared[chosen]
    if chosen == BUILT_IN:
        volume.path.mkdir(parents=True, exist_ok=True)
    handle = open_volume(
        str(volume.path), is_mount=volume.is_mount, expected_id=volume.volume_id, name=chosen, may_create=True
    )
    try:
        if chosen != BUILT_IN:
            remember(place.data, Root(chosen, handle.volume_id, volume.path))
        zone = config.installation.timezone
        file_time = str(config.recording.file_time)
        now, age = int(SystemClock().utc_ns()), config.retention.max_age
        yield Target(
            handle,
            str(zone) if zone is not None and file_time == "local" else file_time,
            config.storage.min_record_free,
            now - age if age else 0,
        )
    finally:
        handle.close()


def report_text(report: ImportReport, zone: tzinfo | None, *, dry_run: bool) -> str:
    """For a person."""
    from evertape.cli.wording import plural, size_text, time_text

    lines = [f"{plural(report.files, 'file')} ({size_text(report.bytes)}) looked at"]
    fresh = [one for one in report.planned if not one.known]
    for one in fresh[:SHOWN]:
        begin = time_text(one.start_utc, zone)
        lines.append(f"{one.file}: {one.camera}, from {begin} (by {one.by}), {plural(one.pictures, 'picture')}")
    if len(fresh) > SHOWN:
        lines.append(f"… and {len(fresh) - SHOWN} more; --json has all")
    whose = ", ".join(f"{count} of {camera}" for camera, count in sorted(report.cameras.items()))
    if dry_run:
        lines.append(f"{plural(len(fresh), 'file')} would be taken in{': ' + whose if whose else ''}")
    else:
        pictures = plural(report.pictures, "picture")
        lines.append(f"{plural(report.taken, 'file')} taken in ({pictures}){': ' + whose if whose else ''}")
    lines += [f"the start of {plural(count, 'file')} is by {rule}" for rule, count in sorted(report.by.items())]
    if report.known:
        lines.append(f"{plural(report.known, 'file')} had been taken in before")
    if report.ended_before:
        lines.append(
            f"! older than retention.max_age: {plural(report.ended_before, 'file')}. The service will delete that, "
            "unless evertape protect keeps it or the configuration is changed before it starts"
        )
    lines += [f"! of {plural(count, 'file')} {text} is left out" for text, count in sorted(report.left_out.items())]
    lines += [f"! {path} ends too early; what is there was taken" for path in report.cut]
    lines += [f"! {path} is a volume of Evertape; adopt it on its own" for path in report.volumes]
    lines += [f"✗ {path}: {problem}" for path, problem in sorted(report.broken.items())]
    return "\n".join(lines)
