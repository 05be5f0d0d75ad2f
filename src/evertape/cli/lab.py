"""``evertape lab …``: simulated cameras for trying things out."""

from __future__ import annotations

import typer

from evertape.cli.verb import guarded


def add_to(app: typer.Typer) -> None:
    """Register the verbs."""
    group = typer.Typer(no_args_is_help=True, help="Simulated cameras for trying things out.")
    app.add_typer(group, name="lab", rich_help_panel="Run")
    group.command(
        "camera",
        add_help_option=False,
        context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
        epilog="evertape lab camera --help lists the options.",
    )(camera)


def camera(ctx: typer.Context) -> None:
    """Serve simulated RTSP cameras until Ctrl-C.

    Options: --count N --port P --host A --codec h264|h265 --size WxH --fps N --gop N --bitrate KBIT --bframes N
    --audio none|aac|pcma|pcmu --user U --password P --auth digest|basic --name-prefix TEXT.
    """
    from evertape_lab.camera import main

    code = guarded(lambda: main(ctx.args))
    if code:
        raise typer.Exit(code)
