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
    import os
    import sys

    if os.name == "posix":
        # The same process, but without what the command line was made with.
        flags = ["-P"] if sys.flags.safe_path else []
        words = ["-m", "evertape.cli.serve_main", str(place.data.root), str(place.config)]
        sys.stdout.flush()
        os.execv(sys.executable, [sys.executable, *flags, *words])
    from evertape.cli.serve_main import serve as run

    return run(place)
