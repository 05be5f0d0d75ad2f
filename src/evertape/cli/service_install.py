"""``evertape service``: run by systemd, as a user of its own, from boot on."""

from __future__ import annotations

from typing import Annotated

import typer

from evertape.cli.place import Place
from evertape.cli.verb import JsonFlag, emit, verb

UserOption = Annotated[str, typer.Option("--user", metavar="NAME", help="Whom it runs as; made if it is missing.")]
NameOption = Annotated[str, typer.Option("--name", metavar="NAME", help="Of the unit.")]


def add_to(app: typer.Typer) -> None:
    """Register the verbs."""
    group = typer.Typer(help="Run Evertape from boot on, by systemd, as a user of its own.", no_args_is_help=True)
    verb(group, "install")(install)
    verb(group, "uninstall")(uninstall)
    verb(group, "show")(show)
    app.add_typer(group, name="service", rich_help_panel="Run")


def install(
    place: Place, user: UserOption = "evertape", name: NameOption = "evertape", as_json: JsonFlag = False
) -> None:
    """Write the systemd unit, give data and volumes to its user, and start it now and at every boot.

    Repeat it after volumes were added elsewhere, or the program was moved: the unit is written anew and the service
    restarted. Footage is not touched. Needs root and systemd.
    """
    from evertape.cli.installer import Installer

    steps = Installer(place, name, user).install(say=None if as_json else print)
    if as_json:
        emit({"unit": f"{name}.service", "steps": steps})


def uninstall(place: Place, name: NameOption = "evertape", as_json: JsonFlag = False) -> None:
    """Stop the service, and have systemd forget it. Configuration and footage stay, and so does the user."""
    from evertape.cli.installer import Installer

    steps = Installer(place, name).uninstall(say=None if as_json else print)
    if as_json:
        emit({"unit": f"{name}.service", "steps": steps})


def show(place: Place, user: UserOption = "evertape", name: NameOption = "evertape") -> None:
    """Print the unit as "install" would write it. Changes nothing, needs nothing."""
    from evertape.cli.installer import Installer

    print(Installer(place, name, user).text(), end="")
