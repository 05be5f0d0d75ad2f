"""Makes ``docs/reference/cli.md`` out of the verbs themselves: ``python -m evertape.cli.reference``."""

from __future__ import annotations

import argparse
import inspect
import sys
from collections.abc import Iterator
from typing import Any

import typer.main

from evertape.cli.main import app
from evertape.cli.moments import EXAMPLES

_SHARED = ("--data", "--config")
_HEAD = f"""\
# Command line

`evertape VERB …` (in a checkout `./evertape VERB …`). This page is made from the verbs by
`python -m evertape.cli.reference`; `evertape VERB --help` says the same.

**Every verb** takes `--data DIR` and `--config FILE`, before or after the verb. The data directory holds
`evertape.toml`, journal, index and a first volume `recordings/`; without `--data` it is `$EVERTAPE_DATA`, else
`~/.local/share/evertape` (`/var/lib/evertape` for root).

**`--json`**: standard output holds that one JSON value and nothing else; the log goes to standard error. A failure
prints `{{"error": …, "hint": …}}`. Instants are nanoseconds of UTC since 1970, names ending in `_s` are seconds.

**Times** (`--from`, `--to`) are written like
`{"`, `".join(EXAMPLES)}`.
A clock time without a day is the latest one that is not in the future, in the time zone of `installation.timezone`,
else the machine's own.

| exit code | meaning |
|---|---|
| 0 | done |
| 1 | it failed, or what was checked is not in order |
| 2 | the command line or the configuration makes no sense as given; nothing was changed |
| 3 | no service is running for this data directory, and the verb needs one |
| 4 | something is not installed; the message names the command |
| 130 | interrupted |
"""


def render() -> str:
    """The whole page."""
    command = typer.main.get_command(app)
    return "\n".join([_HEAD, *(_section(path, one) for path, one in verbs(command))])


def verbs(command: Any, path: tuple[str, ...] = ("evertape",)) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every verb beneath ``command``, with its full name, in the order of the help."""
    children = getattr(command, "commands", None)
    if children is None:
        yield path, command
        return
    for name, child in children.items():
        yield from verbs(child, (*path, name))


def _section(path: tuple[str, ...], command: Any) -> str:
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    options = [p for p in command.params if p.param_type_name == "option" and p.opts[0] not in (*_SHARED, "--help")]
    heading = " ".join([*path, *(_argument(p) for p in arguments)])
    lines = [f"## `{heading}`", "", inspect.cleandoc(command.help or "").replace("\n\n", "\n\n")]
    if path[-2:] == ("lab", "camera"):
        return "\n".join([*lines[:2], lines[2].partition("\n\n")[0], "", *_lab_table(), ""])
    rows = [(f"`{_cell(_argument(p))}`", p.help or "") for p in arguments if p.help]
    rows += [(_option(p), p.help or "") for p in options]
    if rows:
        lines += ["", "| | |", "|---|---|", *(f"| {name} | {_cell(text)} |" for name, text in rows)]
    return "\n".join([*lines, ""])


def _argument(parameter: Any) -> str:
    name = str(parameter.metavar or parameter.name.upper())
    return (name if parameter.required else f"[{name}]") + ("…" if parameter.nargs == -1 else "")


def _option(parameter: Any) -> str:
    names = " ".join(f"`{name}`" for name in (*parameter.opts, *parameter.secondary_opts))
    if parameter.is_flag:
        return names
    words = str(parameter.metavar or parameter.opts[0].lstrip("-").upper())
    return f"{names} {_cell(words)}"


def _lab_table() -> list[str]:
    """The options of the lab's cameras, which have a parser of their own."""
    from evertape_lab.camera import add_arguments

    parser = argparse.ArgumentParser(add_help=False)
    add_arguments(parser)
    rows = ["| | |", "|---|---|"]
    for action in parser._actions:
        names = " ".join(f"`{name}`" for name in action.option_strings)
        words = "\\|".join(map(str, action.choices)) if action.choices else action.metavar or ""
        rows.append(f"| {f'{names} {words}'.strip()} | {_cell(action.help or '')} |")
    return rows


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    sys.stdout.write(render())
