"""The version, in one place; ``pyproject.toml`` is tested to say the same."""

VERSION = "0.1.0"
