"""What a configuration would be with changes in it, before anything is written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from evertape.config.schema import Config
from evertape.config.show import reveal
from evertape.errors import ConfigError


def trial(
    config: Config,
    *,
    values: Mapping[str, Any] | None = None,
    cameras: Mapping[str, Mapping[str, Any]] | None = None,
    volumes: Mapping[str, Mapping[str, Any]] | None = None,
) -> Config:
    """``config`` with these changes, checked as a whole. Pure.

    Args:
        config: as it is.
        values: by dotted key, as they would be written in the file.
        cameras: new ones, by id: their keys.
        volumes: new ones, by name: their keys.

    Raises:
        ConfigError: it could not be used; the first thing that is wrong, without any secret in it.
    """
    data = reveal(config)
    for key, value in (values or {}).items():
        *tables, name = key.split(".")
        table = data
        for part in tables:
            table = table.setdefault(part, {})
        table[name] = value
    data["cameras"] = {**data.get("cameras", {}), **{name: dict(fields) for name, fields in (cameras or {}).items()}}
    data["volumes"] = {**data.get("volumes", {}), **{name: dict(fields) for name, fields in (volumes or {}).items()}}
    try:
        return Config.model_validate(data)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ConfigError(f"{where}: {first['msg']}" if where else first["msg"]) from None
