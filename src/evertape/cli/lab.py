"""``evertape lab …``: simulated cameras, and scenarios that break things for real."""

from __future__ import annotations

import typer

from evertape.cli.verb import guarded


def add_to(app: typer.Typer) -> None:
    """Register the verbs."""
    group = typer.Typer(
        no_args_is_help=True, help="Simulated cameras, and scenarios that break things for real and measure."
    )
    app.add_typer(group, name="lab", rich_help_panel="Run")
    for name, work in (("camera", camera), ("run", run), ("soak", soak), ("foreign", foreign)):
        group.command(
            name,
            add_help_option=False,
            context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
            epilog=f"evertape lab {name} --help lists the options.",
        )(work)


def camera(ctx: typer.Context) -> None:
    """Serve simulated RTSP cameras until Ctrl-C.

    Options: --count N --port P --host A --codec h264|h265 --size WxH --fps N --gop N --bitrate KBIT --bframes N
    --audio none|aac|pcma|pcmu --user U --password P --auth digest|basic --name-prefix TEXT.
    """
    from evertape_lab.camera import main

    code = guarded(lambda: main(ctx.args))
    if code:
        raise typer.Exit(code)


def run(ctx: typer.Context) -> None:
    """Play scenarios: break a camera, a network, a disk or a process for real, and measure what happens.

    Arguments: a row such as A9 or B11, storage-1 … storage-5 (rows B1 to B5 as a time line), or a scenario's file;
    none: every row.
    Options: --quick --times N --margin S --json FILE --folder DIR.
    """
    from evertape_lab.scenario import main

    code = guarded(lambda: main(ctx.args))
    if code:
        raise typer.Exit(code)


def soak(ctx: typer.Context) -> None:
    """Break many cameras at random for half an hour, then account for every missing frame and for what is held.

    Options: --cameras N --minutes M --seed S --margin S --no-network --plan --json FILE --folder DIR.
    """
    from evertape_lab.soak import main

    code = guarded(lambda: main(ctx.args))
    if code:
        raise typer.Exit(code)


def foreign(ctx: typer.Context) -> None:
    """Record from RTSP servers that are not ours (live555, VLC), and kill them in the middle.

    Arguments: live555, vlc; none: both. Options: --seconds N --outage S --ends S --margin S --json FILE.
    """
    from evertape_lab.foreign_run import main

    code = guarded(lambda: main(ctx.args))
    if code:
        raise typer.Exit(code)
