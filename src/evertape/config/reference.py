"""Writes the reference page of the configuration from the schema.

``python -m evertape.config.reference > docs/reference/config.md`` brings the page up to date;
a test compares the two.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

from evertape.config.describe import Key, all_keys, all_tables
from evertape.config.units import DURATION_UNITS, SIZE_UNITS
from evertape.config.values import ID_PATTERN

_INTRODUCTION = f"""\
# Configuration

One TOML file, `evertape.toml` in the data directory unless `--config` names another. `evertape init` writes it with
every key explained; this page is the same in the form of tables, made from the schema by
`python -m evertape.config.reference`.

- **Durations** are texts with a unit ({DURATION_UNITS}): `"500ms"`, `"10 min"`, `"1.5h"`. **Sizes** too
  ({SIZE_UNITS}): `"8GB"` counts in thousands, `"512MiB"` in 1024s. A bare number is refused.
- **Ids** of cameras and volumes match `{ID_PATTERN}`. A camera's id names its folders and files; its
  `name` is for people.
- **Mistakes** are reported all at once, each with its line and what was probably meant. The file is read again when
  it changes and on SIGHUP; with a mistake in it, the configuration in force stays, and otherwise only what changed is
  touched.
- **Warnings** do not stop anything: a folder that is not there now, a stream configured for two cameras, a password
  that cannot be fetched or can be read by everybody, times that weaken the bound on what a power cut takes.
- **Passwords** are never shown, neither by `config show` nor in a message. A camera's password may stand in its URL,
  in `password`, in an environment variable (`password_env`) or in a file (`password_file`), in one place only.
- **Edits** by the program (`config set`, `camera add`, …) leave comments and every other character alone, are checked
  as a reload would check them, and replace the file as a whole.

"""


def render() -> str:
    """The reference page, in Markdown."""
    return _INTRODUCTION + "\n".join(_sections())


def _sections() -> Iterator[str]:
    keys = list(all_keys())
    for name, model in all_tables():
        prefix = tuple(name.split("."))
        own = [key for key in keys if key.path[:-1] == prefix]
        meaning = " ".join((model.__doc__ or "").split()).partition(": ")[2]
        yield f"## `[{name}]`\n\n{meaning[:1].upper()}{meaning[1:]}\n"
        yield "| key | type | default | allowed | meaning |\n|---|---|---|---|---|"
        yield from map(_row, own)
        yield ""


def _row(key: Key) -> str:
    default = f"`{key.default}`" if key.default else "**required**" if key.required else "not set"
    return f"| `{key.path[-1]}` | {key.kind} | {default} | {key.bounds or 'any'} | {key.meaning} |"


if __name__ == "__main__":
    sys.stdout.write(render())
