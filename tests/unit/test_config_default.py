from __future__ import annotations

import re
import stat
import tomllib
from pathlib import Path
from typing import Any

import pytest

from evertape.config.default import default_text, write_default
from evertape.config.describe import PLACEHOLDERS, all_keys
from evertape.config.load import load, load_text
from evertape.config.schema import Config
from evertape.config.show import shown
from evertape.errors import ConfigError

ORIGIN = Path("/etc/evertape.toml")


def uncommented() -> str:
    """The default file with its examples in force: the lines that begin with ``#`` and no blank."""
    return re.sub(r"^#(?=[^\s#])", "", default_text(), flags=re.MULTILINE)


NAMED = set(PLACEHOLDERS)
"""Tables in which people choose names."""


def leaves(data: Any, path: tuple[str, ...] = ()) -> dict[tuple[str, ...], Any]:
    if not isinstance(data, dict):
        return {path: data}
    return {p: v for key, value in data.items() for p, v in leaves(value, (*path, key)).items()}


def test_the_default_file_is_the_defaults_without_a_warning() -> None:
    loaded = load_text(default_text(), ORIGIN, {})
    assert loaded.config == Config()
    assert loaded.warnings == ()


def test_every_key_that_has_a_default_stands_in_the_default_file_with_it() -> None:
    written = leaves(tomllib.loads(default_text()))
    general = [key for key in all_keys() if not NAMED & set(key.path) and key.default]
    assert {key.path for key in general} == written.keys()
    seen = leaves(shown(load_text(default_text(), ORIGIN, {}).config))
    assert {key.name: tomllib.loads(f"x = {key.default}")["x"] for key in general} == {
        key.name: seen[key.path] for key in general
    }


def test_the_examples_load_when_uncommented() -> None:
    loaded = load_text(uncommented(), ORIGIN, {"YARD_PASSWORD": "x"}, look=True)
    assert list(loaded.config.cameras) == ["front_door", "yard", "garage"]
    assert list(loaded.config.volumes) == ["usb1", "internal"]
    expected = {"cameras.front_door.password_file", "volumes.usb1.path", "volumes.internal.path"}
    assert {warning.key for warning in loaded.warnings} <= expected


def test_every_key_there_is_appears_and_examples_show_the_true_defaults() -> None:
    written = leaves(tomllib.loads(uncommented()))
    generic: dict[tuple[str, ...], list[Any]] = {}
    for path, value in written.items():
        named = tuple(PLACEHOLDERS.get(above, part) for above, part in zip(("", *path), path, strict=False))
        generic.setdefault(named, []).append(value)
    assert {key.path for key in all_keys()} == generic.keys()
    for key in all_keys():
        if key.default and key.path[:2] == ("cameras", "ID"):
            assert tomllib.loads(f"x = {key.default}")["x"] in generic[key.path], key.name


def test_every_key_has_a_comment_above_it_or_above_its_run_of_examples() -> None:
    lines = default_text().splitlines()
    for number, line in enumerate(lines):
        if re.match(r"[a-z_]+ = ", line):
            assert lines[number - 1].startswith(("# ", "#timezone")), line


def test_every_bound_that_the_comments_name_is_the_true_one() -> None:
    lines = default_text().splitlines()
    for key in all_keys():
        if key.kind in ("duration", "size") and not NAMED & set(key.path):
            table = lines.index(f"[{'.'.join(key.path[:-1])}]")
            number = next(n for n in range(table, len(lines)) if lines[n].startswith(f"{key.path[-1]} = "))
            named = re.search(r"\b(\d+\w+ to \d+\w+)", lines[number - 1])
            assert named is None or named[1] == key.bounds.split(",")[0], key.name


def test_the_file_is_written_once_and_private(tmp_path: Path) -> None:
    file = tmp_path / "new" / "evertape.toml"
    write_default(file)
    assert load(file).config == Config()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    file.write_text("[ring]\n")
    with pytest.raises(ConfigError, match="already"):
        write_default(file)
    assert file.read_text() == "[ring]\n"
