"""``evertape rebuild-index``: records made from what lies on the disks; and what ``adopt`` shares with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from evertape.cli.place import Place
from evertape.cli.verb import JsonFlag, emit, verb
from evertape.errors import UsageError

if TYPE_CHECKING:
    from evertape.engine.audit_files import Root
    from evertape.engine.rebuild import RebuildReport

NoHash = Annotated[
    bool,
    typer.Option(
        "--no-hash",
        help="Do not read the files whose hash is lost with the journal; the running service does it, slowly.",
    ),
]


def add_to(app: typer.Typer) -> None:
    """Register the verb."""
    verb(app, "rebuild-index", rich_help_panel="Look")(rebuild_index)


def rebuild_index(
    place: Place,
    volume: Annotated[
        list[Path] | None,
        typer.Option("--volume", metavar="DIR", help="A volume that the configuration does not name; repeatable."),
    ] = None,
    no_hash: NoHash = False,
    as_json: JsonFlag = False,
) -> None:
    """Make index and journal anew from the volumes alone: after the data folder was lost, or in doubt.

    The service has to be stopped. The old index stays until the new one is whole; interrupted, do it again and it goes
    on. A damaged or deleted index alone needs no help: the running service makes another from the journal.
    """
    from evertape.cli.service import only_one
    from evertape.clock import SystemClock
    from evertape.engine.adopt import remember
    from evertape.engine.rebuild import Rebuild

    roots = _roots(place, volume or [])
    if not roots and not place.data.journal.is_dir():
        raise UsageError("there is no volume to read", hint="--volume DIR names one; evertape volume add declares it")
    with only_one(place.data), reading(as_json) as told:
        report = Rebuild(place.data, roots, SystemClock(), told, hashes=not no_hash).run()
        for root in roots:
            if root.path in [path.absolute() for path in volume or []]:
                remember(place.data, root)
    say(report, as_json)


def _roots(place: Place, more: list[Path]) -> list[Root]:
    """Volumes that are known, and those that were named; each once."""
    from evertape.cli.archive import volume_roots

    found = {root.id: root for root in [*volume_roots(place, None), *named(more)]}
    return list(found.values())


def named(paths: list[Path]) -> list[Root]:
    """Those of these folders that are volumes of Evertape."""
    from evertape.engine.audit import volume_roots

    return volume_roots({path.absolute().name: path.absolute() for path in paths})


@contextmanager
def reading(quiet: bool) -> Iterator[Callable[[str, int, int], None]]:
    """A bar that shows how far reading is."""
    from evertape.cli.screen import progress_bar

    with progress_bar("reading", quiet=quiet) as bar:
        yield lambda _what, done, total: bar(done, total) if bar is not None else None


def say(report: RebuildReport, as_json: bool) -> None:
    """What came of it."""
    from evertape.cli.wording import plural

    if as_json:
        return emit(asdict(report))
    found = report.found
    print(f"{plural(report.segments, 'segment')} on record, {plural(report.events, 'event')}; "
          f"{plural(report.files, 'file')} on {', '.join(report.volumes) or 'no volume'}")  # fmt: skip
    for count, text in (
        (len(report.restored), "files of the journal came from a volume's copy"),
        (found.adopted, "files that no record knew were taken in"),
        (found.unfinished, "of them were never finished; starting the service does that"),
        (report.missing, "segments on record are not on their volumes any more"),
        (found.copies, "files are second copies; they do not count"),
        (found.left_over, "files are on record as deleted, and lie there still"),
        (found.empty, "files end before their first picture"),
        (found.foreign, "files are no footage of Evertape's; they are left alone"),
        (report.hashed, "files got a hash, of what is in them today"),
        (
            report.unhashed - len(report.damaged),
            "files have no hash yet; the running service makes one, or evertape scrub",
        ),
    ):
        if count:
            print(f"{count} {text}")
    for path, problem in report.damaged.items():
        print(f"✗ {path}: {problem}; the running service puts it on record when it comes to it")
    if report.without_history:
        names = ", ".join(report.without_history)
        print(f"nothing but footage is known of {names}: gaps between their files have no cause")
    return None
