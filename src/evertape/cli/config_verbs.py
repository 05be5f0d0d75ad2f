"""``evertape config …``: looking at the configuration and changing it."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Annotated, Any

import typer

from evertape.cli.place import Place
from evertape.cli.verb import JsonFlag, emit, verb

Key = Annotated[str, typer.Argument(metavar="KEY", help="A dotted key, such as recording.rotation.")]


def add_to(app: typer.Typer) -> None:
    """Register the verbs."""
    group = typer.Typer(no_args_is_help=True, help="Look at the configuration, and change it.")
    app.add_typer(group, name="config", rich_help_panel="Set up")
    verb(group, "check")(check)
    verb(group, "show")(show)
    verb(group, "get")(get)
    verb(group, "set")(set_)
    verb(group, "unset")(unset)


def check(place: Place, as_json: JsonFlag = False) -> None:
    """Say everything that is wrong with the configuration, with the line and what was probably meant.

    Exit code 0: it can be used, perhaps with warnings; 2: it cannot.
    """
    loaded = place.load(look=True)
    if as_json:
        return emit({"ok": True, "config": str(place.config), "warnings": [str(w) for w in loaded.warnings]})
    for warning in loaded.warnings:
        print(f"warning: {warning}")
    print(f"{place.config} can be used")
    return None


def show(place: Place, as_json: JsonFlag = False) -> None:
    """Print the whole configuration, defaults included; passwords are masked."""
    from evertape.config.show import shown

    data = shown(place.load().config)
    if as_json:
        return emit(data)
    for key, value in flattened(data):
        print(f"{key} = {value_text(value)}")
    return None


def get(place: Place, key: Key, as_json: JsonFlag = False) -> None:
    """Print the value of one key, or of every key of a table; passwords are masked."""
    from evertape.config.show import value_of

    value = value_of(place.load().config, key)
    if as_json:
        return emit(value)
    if isinstance(value, dict):
        for inner, one in flattened(value, key):
            print(f"{inner} = {value_text(one)}")
    elif value is not None:
        print(value if isinstance(value, str) else json.dumps(value))
    return None


def set_(
    place: Place,
    key: Key,
    value: Annotated[str, typer.Argument(metavar="VALUE", help="Durations and sizes carry a unit: 10s, 8GB.")],
    as_json: JsonFlag = False,
) -> None:
    """Set one key; comments and everything else in the file stay as they are. A running service takes it up."""
    from evertape.config.edit import set_value
    from evertape.config.show import value_of

    loaded = set_value(place.config, key, value)
    report_change(place, as_json, f"{key} = {value_text(value_of(loaded.config, key))}")


def unset(place: Place, key: Key, as_json: JsonFlag = False) -> None:
    """Take one key out of the file, so that its default counts. A running service takes it up."""
    from evertape.config.edit import unset_value

    unset_value(place.config, key)
    report_change(place, as_json, f"{key} has its default")


def report_change(place: Place, as_json: bool, what: str, **more: Any) -> None:
    """Have a running service read what was saved, and say so.

    Raises:
        UsageError: the service refuses what was saved.
    """
    in_force = place.reload()
    if as_json:
        return emit({"saved": str(place.config), "in_force": in_force, **more})
    print(what + ("; in force" if in_force else ""))
    return None


def warn(text: str) -> None:
    """Something doubtful, on standard error."""
    print(f"warning: {text}", file=sys.stderr)


def flattened(data: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted keys and plain values of nested tables; what is not set is left out."""
    for name, value in data.items():
        key = f"{prefix}.{name}" if prefix else name
        if isinstance(value, dict):
            yield from flattened(value, key)
        elif value is not None:
            yield key, value


def value_text(value: Any) -> str:
    """A value as TOML has it."""
    return json.dumps(value, ensure_ascii=False)
