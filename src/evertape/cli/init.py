"""``evertape init``: the data directory and a configuration to begin with."""

from __future__ import annotations

from pathlib import Path

import typer

from evertape.cli.place import Place
from evertape.cli.verb import JsonFlag, emit, verb


def add_to(app: typer.Typer) -> None:
    """Register the verb."""
    verb(app, "init", rich_help_panel="Set up")(init)


def init(place: Place, as_json: JsonFlag = False) -> None:
    """Make the data directory, a configuration with every key explained, and a first volume.

    What is there already stays as it is.
    """
    made = make_place(place)
    if as_json:
        made_names = [str(path) for path in made]
        return emit({"data": str(place.data.root), "config": str(place.config), "created": made_names})
    for path in made:
        print(f"made {path}")
    if not made:
        print(f"{place.data.root} and {place.config} are there already; nothing was changed")
    print(
        "\nNext:\n"
        "  evertape doctor                                      is this machine fit to record?\n"
        "  evertape camera add front rtsp://USER:PASS@HOST/PATH\n"
        "  evertape volume add disk1 /media/disk1 --role primary\n"
        "  evertape serve"
    )
    return None


def make_place(place: Place) -> list[Path]:
    """Make what is missing; returns what was made.

    Raises:
        UsageError: the directory cannot be made.
    """
    from evertape.cli.service import make_directories, making
    from evertape.config.default import write_default

    with making(place.data.root):
        missing = not place.data.root.is_dir()
        place.data.root.mkdir(parents=True, exist_ok=True)
    made = [place.data.root] if missing else []
    if not place.config.exists():
        write_default(place.config)
        made.append(place.config)
    return made + make_directories(place.data, place.load().config)
