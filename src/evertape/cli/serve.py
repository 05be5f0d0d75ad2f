"""``evertape serve``: the service, in the foreground."""

from __future__ import annotations

import typer

from evertape.cli.place import Place
from evertape.cli.verb import verb


def add_to(app: typer.Typer) -> None:
    """Register the verb."""
    verb(app, "serve", rich_help_panel="Run")(serve)


def serve(place: Place) -> int:
    """Record until SIGTERM or Ctrl-C.

    The configuration is read again when its file changes, and on SIGHUP; one with mistakes is refused, and the one in
    force stays. Exit code 0: every file was finished.
    """
    import asyncio
    import logging

    from evertape.cli.logging import set_up_logging
    from evertape.cli.service import make_directories, only_one, raise_file_limit, run_service

    loaded = place.load()
    settings = loaded.config.logging
    set_up_logging(str(settings.level), str(settings.format))
    log = logging.getLogger("evertape.serve")
    for warning in loaded.warnings:
        log.warning("[CONFIG] %s", warning)
    make_directories(place.data, loaded.config)
    with only_one(place.data):
        files = raise_file_limit()
        log.info("[PROCESS] recording into %s, configured by %s, %d open files", place.data.root, place.config, files)
        clean = asyncio.run(run_service(place, loaded))
    if not clean:
        log.error("[PROCESS] not every file was finished; the next start finishes them")
    return 0 if clean else 1
