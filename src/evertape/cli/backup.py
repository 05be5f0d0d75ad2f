"""``evertape backup`` and ``restore``: everything but the footage."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from evertape.cli.place import Place
from evertape.cli.verb import JsonFlag, emit, verb


def add_to(app: typer.Typer) -> None:
    """Register the verbs."""
    verb(app, "backup", rich_help_panel="Set up")(backup)
    verb(app, "restore", rich_help_panel="Set up")(restore)


def backup(
    place: Place,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to, such as evertape.tar.gz; must not exist.")],
    no_index: Annotated[bool, typer.Option("--no-index", help="Leave out the index, which can be made again.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Write configuration, journal, ledger, keys and accounts to one file. The service may run.

    Keep it where nobody else reads it: it holds the passwords of the cameras. Footage is not in it.
    """
    from evertape import __version__
    from evertape.cli.screen import progress_bar
    from evertape.engine.backup import write_backup

    with progress_bar("backup", quiet=as_json) as bar:
        manifest = write_backup(place.data, place.config, file, __version__, with_index=not no_index, progress=bar)
    size = file.stat().st_size
    if as_json:
        return emit({"file": str(file), "bytes": size, "files": len(manifest.files), "at": manifest.at})
    print(f"{file}: {len(manifest.files)} files, {size / 1e6:.1f} MB. It holds passwords; only you can read it.")
    return None


def restore(
    place: Place,
    file: Annotated[Path, typer.Argument(metavar="FILE", help='What "evertape backup" wrote.')],
    force: Annotated[
        bool, typer.Option("--force", help="Also if there is an installation already: it is moved aside.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Put a backup back, after all of it was checked. No service may run; footage is not touched."""
    from evertape.cli.screen import progress_bar
    from evertape.cli.service import only_one
    from evertape.engine.backup import restore_backup

    with only_one(place.data), progress_bar("restore", quiet=as_json) as bar:
        done = restore_backup(file, place.data, place.config, force=force, progress=bar)
    manifest, aside = done.manifest, done.aside
    if as_json:
        return emit({
            "data": str(place.data.root), "files": len(manifest.files), "at": manifest.at, "version": manifest.version,
            "aside": str(aside) if aside else None,
        })  # fmt: skip
    print(
        f"{place.data.root} is as it was at {manifest.at} ({len(manifest.files)} files, by Evertape {manifest.version})"
    )
    if aside:
        print(f"what was there before is in {aside}")
    print("what the volumes hold beyond that is found again by: evertape rebuild-index")
    return None
