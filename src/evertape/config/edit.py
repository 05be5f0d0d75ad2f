"""Changes to the configuration file by the program: comments stay, and so does every other character.

Each function takes the lock, changes the text, checks the new text as a reload would, and
only then replaces the file, atomically. If anything is wrong, nothing is changed. A file that
somebody else saved in the meantime is not overwritten.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from evertape.config import textedit
from evertape.config.describe import Key, children, key_at, table_at
from evertape.config.files import locked, replace_file
from evertape.config.load import LoadedConfig, load, load_text, read_text
from evertape.config.problems import InvalidConfig
from evertape.config.schema import Camera
from evertape.config.sections import Section, Volume
from evertape.config.sections_hub import Channel
from evertape.config.show import unknown_key, value_of
from evertape.config.syntax import parse
from evertape.errors import ConfigError
from evertape.types import CameraId

Plain = textedit.Plain
Tables = Mapping[str, Any]

_MODELS: dict[str, type[Section]] = {"cameras": Camera, "volumes": Volume, "alerts.channels": Channel}
"""The tables whose names people choose."""
_FLAGS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


def get_value(path: Path, key: str) -> Any:
    """The value at a dotted key of the file, as a person writes it; defaults included, passwords masked.

    Raises:
        InvalidConfig: the file cannot be used.
        ConfigError: there is no such file or key.
    """
    return value_of(load(path).config, key)


def set_value(path: Path, key: str, value: Plain) -> LoadedConfig:
    """Set one dotted key, like ``recording.rotation`` to ``10s``; texts become flags and numbers where those belong.

    Raises:
        InvalidConfig: the configuration would be wrong with it.
        ConfigError: there is no such key, or the file cannot be written.
    """
    return _edit(path, lambda text, data: textedit.set_in(text, *_checked(data, key, value)))


def unset_value(path: Path, key: str) -> LoadedConfig:
    """Take one dotted key out of the file, so that its default counts.

    Raises:
        InvalidConfig: the configuration would be wrong without it.
        ConfigError: there is no such key, or the file cannot be written.
    """
    return _edit(path, lambda text, data: textedit.remove_in(text, _existing(data, key).path))


def set_values(path: Path, values: Mapping[str, Plain | None], *, save: bool = True) -> LoadedConfig:
    """Set several dotted keys at once, all or none; ``None`` takes one out, so that its default counts.

    Args:
        path: the file.
        values: the keys.
        save: if not, everything is checked and the result returned, and nothing is written.

    Raises:
        InvalidConfig: the configuration would be wrong with them.
        ConfigError: there is no such key, or the file cannot be written.
    """

    def change(text: str, data: Tables) -> str:
        for key, value in values.items():
            if value is None:
                text = textedit.remove_in(text, _existing(data, key).path)
            else:
                text = textedit.set_in(text, *_checked(data, key, value))
        return text

    return _edit(path, change, save=save)


def add_camera(path: Path, camera_id: str, fields: Mapping[str, Any], *, save: bool = True) -> LoadedConfig:
    """Add ``[cameras.ID]`` with these keys (at least ``url``), behind the other cameras.

    Args:
        path: the file.
        camera_id: the new camera.
        fields: its keys.
        save: if not, everything is checked and the result returned, and nothing is written.

    Raises:
        InvalidConfig: the configuration would be wrong with it.
        ConfigError: there is such a camera already, or the file cannot be written.
    """
    return _add(path, "cameras", camera_id, fields, save=save)


def add_all(
    path: Path,
    *,
    values: Mapping[str, Plain] | None = None,
    cameras: Mapping[str, Mapping[str, Any]] | None = None,
    volumes: Mapping[str, Mapping[str, Any]] | None = None,
    save: bool = True,
) -> LoadedConfig:
    """Add cameras and volumes and set dotted keys, all or none of it; see ``add_camera``, ``set_values``.

    Raises:
        InvalidConfig: the configuration would be wrong with it.
        ConfigError: there is such a camera or volume already, no such key, or the file cannot be written.
    """
    new: list[tuple[str, str, Mapping[str, Any]]] = [
        *(("cameras", name, fields) for name, fields in (cameras or {}).items()),
        *(("volumes", name, fields) for name, fields in (volumes or {}).items()),
    ]

    def change(text: str, data: Tables) -> str:
        for table, name, fields in new:
            text = _added(text, data, table, name, fields)
        for key, value in (values or {}).items():
            text = textedit.set_in(text, *_checked(data, key, value))
        return text

    return _edit(path, change, save=save)


def camera_of(fields: Mapping[str, Any]) -> Camera:
    """A camera that is in no file, out of the keys it would have there; its password fetched.

    Raises:
        InvalidConfig: these keys make no camera.
    """
    text = textedit.add_table_in("", ("cameras", "camera"), _plain(Camera, ("cameras", "camera"), fields))
    return load_text(text, Path("the camera")).config.cameras[CameraId("camera")]


def edit_camera(path: Path, camera_id: str, fields: Mapping[str, Plain | None]) -> LoadedConfig:
    """Set keys of a camera; ``None`` takes one out. Keys of its backoff are named ``backoff.base`` and so on.

    Raises:
        InvalidConfig: the configuration would be wrong with it.
        ConfigError: there is no such camera or key, or the file cannot be written.
    """
    return set_values(path, {f"cameras.{camera_id}.{name}": value for name, value in fields.items()})


def remove_camera(path: Path, camera_id: str) -> LoadedConfig:
    """Take a camera out of the file. Its footage stays.

    Raises:
        ConfigError: there is no such camera, or the file cannot be written.
    """
    return _remove(path, "cameras", camera_id)


def add_volume(path: Path, name: str, fields: Mapping[str, Any]) -> LoadedConfig:
    """Add ``[volumes.NAME]`` with these keys (at least ``path``), behind the other volumes.

    Raises:
        InvalidConfig: the configuration would be wrong with it.
        ConfigError: there is such a volume already, or the file cannot be written.
    """
    return _add(path, "volumes", name, fields)


def remove_volume(path: Path, name: str) -> LoadedConfig:
    """Take a volume out of the file. Its footage stays.

    Raises:
        ConfigError: there is no such volume, or the file cannot be written.
    """
    return _remove(path, "volumes", name)


def add_channel(path: Path, name: str, fields: Mapping[str, Any]) -> LoadedConfig:
    """Add ``[alerts.channels.NAME]`` with these keys (at least ``url``), behind the other channels.

    Raises:
        InvalidConfig: the configuration would be wrong with it.
        ConfigError: there is such a channel already, or the file cannot be written.
    """
    return _add(path, "alerts.channels", name, fields)


def remove_channel(path: Path, name: str) -> LoadedConfig:
    """Take a channel of alerts out of the file.

    Raises:
        ConfigError: there is no such channel, or the file cannot be written.
    """
    return _remove(path, "alerts.channels", name)


def _edit(path: Path, change: Callable[[str, Tables], str], *, save: bool = True) -> LoadedConfig:
    if not path.exists():
        raise ConfigError(f"there is no configuration at {path}", hint="evertape init writes one")
    try:
        with locked(path):
            return _edit_locked(path, change, save)
    except OSError as error:
        raise ConfigError(
            f"the configuration {path} cannot be written: {error.strerror}; nothing was changed"
        ) from None


def _edit_locked(path: Path, change: Callable[[str, Tables], str], save: bool) -> LoadedConfig:
    original = read_text(path)
    mark = "\ufeff" if original.startswith("\ufeff") else ""
    text = original.removeprefix(mark)
    windows = "\r\n" in text and text.count("\r\n") == text.count("\n")
    try:  # other mistakes than in the syntax may be what this change repairs
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        raise InvalidConfig(str(path), parse(text).problems) from None
    new = change(text.replace("\r\n", "\n") if windows else text, data)
    new = mark + (new.replace("\n", "\r\n") if windows else new)
    try:
        loaded = load_text(new, path)
    except InvalidConfig as error:
        raise InvalidConfig("with this change, which was not made, the configuration", error.problems) from None
    if read_text(path) != original:
        raise ConfigError(f"{path} was changed by somebody else just now; nothing was changed", hint="try again")
    if save and new != original:
        replace_file(path, new.encode())
    return loaded


def _names(data: Tables, table: str) -> list[str]:
    tables: Any = data
    for part in table.split("."):
        tables = tables.get(part) if isinstance(tables, dict) else None
    return list(tables) if isinstance(tables, dict) else []


def _existing(data: Tables, key: str) -> Key:
    """The key, if the schema knows it and the camera or volume it is about exists."""
    parts = key.split(".")
    if parts[0] in ("cameras", "volumes") and len(parts) > 1:
        names = _names(data, parts[0])
        if parts[1] not in names:
            raise unknown_key(key, parts[:1], names)
    found = key_at(parts)
    if found is not None:
        return found
    for depth in range(len(parts)):
        table = table_at(parts[:depth])
        if table is not None and parts[depth] not in table.model_fields:
            raise unknown_key(key, parts[:depth], list(table.model_fields))
    if table_at(parts) is None and len(parts) > 1:  # it goes on behind a value
        raise unknown_key(key, parts[:-1], [])
    raise ConfigError(f"{key!r} is a table", hint=f"name a key in it, like {key}.{_first(parts)}")


def _first(parts: list[str]) -> str:
    table: type[Section] | None = table_at(parts)
    return next(iter(table.model_fields)) if table else "NAME"


def _checked(data: Tables, key: str, value: Plain) -> tuple[tuple[str, ...], Plain]:
    known = _existing(data, key)
    return known.path, _converted(known, value)


def _converted(key: Key, value: Plain) -> Plain:
    """A text from the command line as what the key wants; what does not fit is left for validation to refuse."""
    if not isinstance(value, str):
        return value
    if key.kind == "flag":
        return _FLAGS.get(value.lower(), value)
    if key.kind == "number":
        for number in (int, float):
            try:
                return number(value)
            except ValueError:
                continue
    return value


def _add(path: Path, table: str, name: str, fields: Mapping[str, Any], *, save: bool = True) -> LoadedConfig:
    return _edit(path, lambda text, data: _added(text, data, table, name, fields), save=save)


def _added(text: str, data: Tables, table: str, name: str, fields: Mapping[str, Any]) -> str:
    model, at = _MODELS[table], (*table.split("."), name)
    if name in _names(data, table):
        what = f"there is a {at[-2][:-1]} {name!r} already"
        raise ConfigError(what, hint="choose another name, or edit that one")
    return textedit.add_table_in(text, at, _plain(model, at, fields))


def _plain(model: type[Section], at: tuple[str, ...], fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that are set, converted; tables beneath become dicts of their own."""
    plain: dict[str, Any] = {}
    for name, value in fields.items():
        info = model.model_fields.get(name)
        if info is None:
            raise unknown_key(".".join((*at, name)), list(at), list(model.model_fields))
        inner, _ = children(info.annotation)
        if inner is not None and isinstance(value, Mapping):
            plain[name] = _plain(inner, (*at, name), value)
        elif value is not None:
            given = os.fspath(value) if isinstance(value, os.PathLike) else value
            key = key_at((*at, name))
            plain[name] = _converted(key, given) if key else given
    return plain


def _remove(path: Path, table: str, name: str) -> LoadedConfig:
    def change(text: str, data: Tables) -> str:
        at = table.split(".")
        if name not in _names(data, table):
            raise unknown_key(f"{table}.{name}", at, _names(data, table))
        return textedit.remove_in(text, (*at, name))

    return _edit(path, change)
