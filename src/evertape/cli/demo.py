"""``evertape demo``: simulated cameras, really recorded, with nothing to set up."""

from __future__ import annotations

from typing import Annotated

import typer

from evertape.cli.place import Place
from evertape.cli.verb import JsonFlag, verb


def add_to(app: typer.Typer) -> None:
    """Register the verb."""
    verb(app, "demo", rich_help_panel="Run")(demo)


def demo(
    place: Place,
    seconds: Annotated[
        float | None, typer.Option("--seconds", min=1, metavar="N", help="Stop after N seconds (default: at Ctrl-C).")
    ] = None,
    cameras: Annotated[
        int | None, typer.Option("--cameras", min=1, max=64, metavar="N", help="How many cameras (default: 4).")
    ] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Keep the temporary directory.")] = False,
    as_json: JsonFlag = False,
) -> int:
    """Record four simulated cameras and show how they are doing.

    Without --data everything goes into a temporary directory that is removed at the end. With --seconds and --json
    it ends with a summary of every frame that came and was recorded; exit code 0 only if none is missing.
    """
    import asyncio

    from evertape.cli.demo_place import demo_place
    from evertape.cli.demo_run import DemoRun
    from evertape.cli.verb import emit

    with demo_place(place, keep=keep) as where:
        run = DemoRun(where, cameras=cameras, seconds=seconds, quiet=as_json)
        summary = asyncio.run(run.run())
        if as_json:
            emit(summary.as_json())
        else:
            run.say(summary.text())
    return 0 if summary.ok else 1
