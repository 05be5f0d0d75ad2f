"""A configuration as plain data: for a screen with its secrets masked, or for another process in clear."""

from __future__ import annotations

from typing import Any

from evertape.config.describe import table_at
from evertape.config.problems import closest
from evertape.config.schema import Config
from evertape.errors import ConfigError


def shown(config: Config) -> dict[str, Any]:
    """All of it as JSON-able data, values as a person writes them, every password masked."""
    return config.model_dump(mode="json")


def reveal(config: Config) -> dict[str, Any]:
    """All of it as JSON-able data with the passwords in clear, for a child process; never for a log or a screen.

    ``Config.model_validate`` of it gives the same configuration, except that fetched
    passwords stand in it and where they came from does not.
    """
    data = config.model_dump(mode="json", exclude_none=True)
    for camera_id, camera in config.cameras.items():
        plain = data["cameras"][camera_id]
        plain["url"] = camera.url.secret
        if camera.sub_url is not None:
            plain["sub_url"] = camera.sub_url.secret
        if camera.password is not None:
            plain["password"] = camera.password.get_secret_value()
            plain.pop("password_env", None)
            plain.pop("password_file", None)
    for name, channel in config.alerts.channels.items():
        data["alerts"]["channels"][name]["url"] = channel.url.get_secret_value()
    for table, key, secret in (
        ("alerts", "heartbeat_url", config.alerts.heartbeat_url), ("mqtt", "password", config.mqtt.password),
    ):  # fmt: skip
        if secret is not None:
            data[table][key] = secret.get_secret_value()
    return data


def value_of(config: Config, key: str) -> Any:
    """The value at a dotted key as a person writes it, defaults included, passwords masked; a dict for a table.

    Raises:
        ConfigError: there is no such key; the hint names what was probably meant.
    """
    value: Any = shown(config)
    done: list[str] = []
    for part in key.split("."):
        if not isinstance(value, dict) or part not in value:
            raise unknown_key(key, done, list(value) if isinstance(value, dict) else [])
        value = value[part]
        done.append(part)
    return value


def unknown_key(key: str, done: list[str], choices: list[str]) -> ConfigError:
    """The error for a key that does not exist: ``done`` is the part that does, ``choices`` what could follow."""
    parts = key.split(".")
    word = closest(parts[len(done)], choices) if choices else ""
    hint = f"did you mean '{'.'.join([*done, word, *parts[len(done) + 1 :]])}'?" if word else ""
    if not hint and choices:
        hint = f"there is {', '.join(choices)}"
    named = (
        {"cameras": "camera", "volumes": "volume"}.get(done[-1]) if len(done) == 1 and table_at(done) is None else None
    )
    what = f"there is no {named} {parts[1]!r}" if named else f"there is no key {key!r}"
    return ConfigError(what, hint=hint)
