"""The desktop's own settings: ``desktop.toml``, written by the window, readable by people.

Blocking; the file is small and on the system's disk. One with mistakes is refused whole, with its problems, and kept.
"""

from __future__ import annotations

import contextlib
import os
from enum import StrEnum
from pathlib import Path
from typing import Any

import tomlkit
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from tomlkit.exceptions import TOMLKitError

from evertape.errors import ConfigError

FILE = "desktop.toml"


class Theme(StrEnum):
    """How the window looks."""

    SYSTEM = "system"
    LIGHT = "light"
    DARK = "dark"


class Grid(StrEnum):
    """How the cells of the grid lie: so many by so many, or a large one and small ones around it."""

    ONE = "1x1"
    TWO = "2x2"
    THREE = "3x3"
    FOUR = "4x4"
    ONE_AND_FIVE = "1+5"
    ONE_AND_SEVEN = "1+7"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Layout(_Part):
    """`[layout]`: what the grid shows."""

    grid: Grid = Grid.TWO
    """How the cells lie."""
    order: tuple[str, ...] = ()
    """Camera ids in the order of the cells; those that are not named follow."""
    fullscreen: bool = False
    """Whether the window begins in full screen."""


class Appearance(_Part):
    """`[appearance]`: how it looks."""

    theme: Theme = Theme.SYSTEM
    language: str = ""
    """`en`, `ko`; empty: the system's."""
    clock: bool = True
    """Whether the time is drawn over each picture."""
    tray: bool = True
    """Whether there is a mark in the tray, which tells of trouble also while the window is hidden."""


class Streaming(_Part):
    """`[streaming]`: how live pictures are shown."""

    fallback: str = "input-selector"
    """`input-selector`, `fallbacksrc` or `restart`; docs/design/viewing.md compares them."""
    decoder: str = "auto"
    """`auto`, `software`, or an element's name."""
    output: str = "auto"
    """`auto`, `frames` or `overlay`; docs/design/desktop.md says what they are."""


class Window(_Part):
    """`[window]`: where the window and its docks were; written by the window."""

    geometry: str = ""
    state: str = ""


class LogLevel(StrEnum):
    """The least important line that the window writes."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class Logging(_Part):
    """`[logging]`: what the window writes to its log."""

    level: LogLevel = LogLevel.INFO


class DesktopSettings(_Part):
    """All of the file."""

    layout: Layout = Field(default_factory=Layout)
    appearance: Appearance = Field(default_factory=Appearance)
    streaming: Streaming = Field(default_factory=Streaming)
    keys: dict[str, str] = Field(default_factory=dict)
    """`[keys]`: hot keys other than the defaults, `action = "Ctrl+1"`; an empty text: none."""
    window: Window = Field(default_factory=Window)
    logging: Logging = Field(default_factory=Logging)


def load_desktop(path: Path) -> DesktopSettings:
    """The settings, or the defaults where there is no file.

    Raises:
        ConfigError: it cannot be read, or there are mistakes in it.
    """
    try:
        raw: dict[str, Any] = tomlkit.parse(path.read_text(encoding="utf-8")).unwrap()
    except FileNotFoundError:
        return DesktopSettings()
    except (OSError, UnicodeDecodeError, TOMLKitError) as error:
        raise ConfigError(f"{path} cannot be read: {error}", hint="mend it, or remove it for the defaults") from None
    try:
        return DesktopSettings.model_validate(raw)
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
        raise ConfigError(f"{path}: {wrong}", hint="mend it, or remove it for the defaults") from None


def save_desktop(path: Path, settings: DesktopSettings) -> None:
    """Write what differs from the defaults, whole or not at all; comments that are there stay.

    Raises:
        OSError: it cannot be written.
    """
    document = tomlkit.document()
    with contextlib.suppress(OSError, UnicodeDecodeError, TOMLKitError):
        document = tomlkit.parse(path.read_text(encoding="utf-8"))
    values = settings.model_dump(mode="json", exclude_defaults=True)
    for name in DesktopSettings.model_fields:
        wanted, there = values.get(name, {}), document.get(name)
        if not wanted:
            document.pop(name, None)
            continue
        table = there if isinstance(there, tomlkit.items.Table) else tomlkit.table()
        for key in [key for key in table if key not in wanted]:
            del table[key]
        for key, value in wanted.items():
            if table.get(key) != value:
                table[key] = value
        document[name] = table
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_suffix(".new")
    new.write_text(tomlkit.dumps(document), encoding="utf-8")
    os.replace(new, path)
