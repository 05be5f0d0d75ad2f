"""``desktop.toml``: how the desktop looks, beside the configuration; every user's window may have its own.

Recording knows nothing of it. What is in the file is never overwritten by ``add_desktop``, and its comments stay.

    [layout]
    grid = "2x2"                 # 1x1, 2x2, 3x3, 4x4, 1+5 or 1+7
    order = ["front", "yard"]    # cameras by id, the first in the first cell

    [overlay]                    # drawn over the picture
    name = true
    clock = true

    [keys]                       # an action of ACTIONS, and a key as Qt writes it
    record_start = "F7"

    [appearance]
    theme = "dark"               # dark or light
    language = "ko"              # ko or en

    [window]
    full_screen = false          # at the start
    hide_controls_s = 10         # in full screen, after so many seconds; 0: never
    status_bar = true

    [docks]
    cameras = true
    recording = true
    playback = true

    [backup]
    folder = "/media/backup"     # offered for backups
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import tomlkit

from evertape.config.files import locked, replace_file
from evertape.errors import ConfigError

NAME = "desktop.toml"
"""In the data directory."""

GRIDS = ("1x1", "2x2", "3x3", "4x4", "1+5", "1+7")
THEMES = ("dark", "light")
LANGUAGES = ("ko", "en")

ACTIONS: Mapping[str, str] = {
    "record_start": "record the chosen camera",
    "record_stop": "stop recording it",
    "camera_restart": "connect the chosen camera anew",
    "page_previous": "the cameras before those that are shown",
    "page_next": "the cameras behind those that are shown",
    "full_screen": "full screen, or back",
    "full_screen_leave": "back from full screen",
    "quit": "close the window",
}
"""What may have a key, as written in ``[keys]``."""

Settings = Mapping[str, Mapping[str, Any]]
"""Tables of plain values, as above."""


def read_desktop(path: Path) -> dict[str, dict[str, Any]]:
    """What the file says; empty if there is none. What is no table is left out.

    Raises:
        ConfigError: it cannot be read, or is no TOML.
    """
    return _tables(_text(path), path)


def add_desktop(path: Path, settings: Settings) -> list[str]:
    """Write down what the file does not say yet; what it says stays, and so do its comments. Blocking.

    Args:
        path: the file; made if it is not there.
        settings: what to add.

    Returns:
        The dotted keys that were added.

    Raises:
        ConfigError: it is no TOML, or cannot be written; then nothing was changed.
    """
    try:
        with locked(path):
            text = _text(path)
            new, added = _with(text, _tables(text, path), settings)
            if added:
                replace_file(path, new.encode())
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}; nothing was changed in it") from None
    return added


def missing(there: Settings, settings: Settings) -> Iterator[tuple[str, str, Any]]:
    """Table, name and value of what ``settings`` says and ``there`` does not."""
    for table, values in settings.items():
        for name, value in values.items():
            if name not in there.get(table, {}):
                yield table, name, value


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {getattr(error, 'strerror', None) or 'it is no UTF-8'}") from None


def _tables(text: str, path: Path) -> dict[str, dict[str, Any]]:
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path} is no TOML: {error}", hint="correct it, or delete it") from None
    return {name: table for name, table in data.items() if isinstance(table, dict)}


def _with(text: str, there: Settings, settings: Settings) -> tuple[str, list[str]]:
    document = tomlkit.parse(text)
    added = []
    for table, name, value in missing(there, settings):
        if table not in document:
            document[table] = tomlkit.table()
        inner = document[table]
        # Something of that name which is no table is somebody else's; it stays.
        if isinstance(inner, dict):
            inner[name] = value
            added.append(f"{table}.{name}")
    return document.as_string(), added
