"""The program: ``evertape VERB``, or ``python -m evertape.cli.main VERB``.

Only what a verb needs is imported, and only when it runs: ``evertape --help`` is to answer at once.
"""

from __future__ import annotations

import typer

from evertape.cli import (
    adopt,
    alerts,
    audit,
    backup,
    camera,
    config_verbs,
    demo,
    desktop,
    doctor_verb,
    export,
    hub,
    import_predecessor,
    init,
    lab,
    ledger,
    protect,
    rebuild,
    record,
    retention,
    schedule,
    scrub,
    serve,
    service_install,
    snapshot,
    status,
    timeline,
    verify,
    view,
    volume,
)
from evertape.cli.place import Place
from evertape.cli.verb import ConfigOption, DataOption, log_plainly, verb

app = typer.Typer(
    name="evertape",
    help="A network video recorder that keeps recording, and accounts for every second it could not.",
    no_args_is_help=True,
    add_completion=False,
    # A traceback with local variables would show passwords; `verb` prints its own.
    pretty_exceptions_enable=False,
)


@app.callback()
def options(ctx: typer.Context, data: DataOption = None, config: ConfigOption = None) -> None:
    """A network video recorder that keeps recording, and accounts for every second it could not."""
    ctx.obj = (data, config)


# In the order of the help.
PARTS = (
    init, import_predecessor, config_verbs, camera, volume, hub, doctor_verb, serve, service_install, record, protect,
    retention, demo, lab, status, desktop, view, snapshot, alerts, timeline, schedule, ledger, export, verify, audit,
    scrub, rebuild, adopt, backup,
)  # fmt: skip
for part in PARTS:
    part.add_to(app)


@verb(app, "version", rich_help_panel="Look")
def version(place: Place) -> None:
    """Print the version."""
    from evertape import __version__

    print(__version__)


def main() -> None:
    """Run the verb that the command line names; ends the process with its exit code."""
    log_plainly()
    app(prog_name="evertape")


if __name__ == "__main__":
    main()
