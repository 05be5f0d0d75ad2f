"""The annotated default configuration: every key, what it does, and its default."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from evertape.config.files import locked, replace_file
from evertape.errors import ConfigError


def default_text() -> str:
    """The text of the annotated default configuration."""
    return resources.files("evertape.config").joinpath("default.toml").read_text(encoding="utf-8")


def write_default(path: Path) -> None:
    """Write the annotated default configuration to ``path``, which only its owner may read.

    Raises:
        ConfigError: there is a file already, or it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with locked(path):
            if path.exists():
                raise ConfigError(f"there is a configuration at {path} already", hint="it was left as it is")
            replace_file(path, default_text().encode())
    except OSError as error:
        raise ConfigError(f"the configuration {path} cannot be written: {error.strerror}") from None
