from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from evertape.cli.main import app
from evertape.cli.reference import render, verbs

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "cli.md"
VERBS = {" ".join(path): command for path, command in verbs(typer.main.get_command(app))}
FIXED = """
    init, config check, config show, config get, config set, camera add, camera list, camera edit, camera remove,
    camera restart, camera probe, volume add, volume list, volume remove, volume check, record start, record stop,
    serve, demo, doctor, lab camera, lab run, status, timeline, export, audit
"""


def options() -> Iterator[Any]:
    for name, command in VERBS.items():
        for parameter in command.params:
            if parameter.param_type_name == "option" and parameter.opts[0] != "--help":
                for option in (*parameter.opts, *parameter.secondary_opts):
                    yield pytest.param(name, option, parameter.help, id=f"{name} {option}")


def section(name: str) -> str:
    text = PAGE.read_text(encoding="utf-8")
    begin = next((text.find(f"## `{name}{end}") for end in ("`", " ") if f"## `{name}{end}" in text), -1)
    assert begin >= 0, f"{name} is not on the page"
    return text[begin:].partition("\n## ")[0]


def test_the_page_is_what_the_verbs_say() -> None:
    assert PAGE.read_text(encoding="utf-8") == render(), "run: python -m evertape.cli.reference > docs/reference/cli.md"


@pytest.mark.parametrize("name", [" ".join(part.split()) for part in FIXED.split(",")])
def test_a_promised_verb_exists(name: str) -> None:
    assert f"evertape {name}" in VERBS


@pytest.mark.parametrize("name", VERBS)
def test_a_verb_is_on_the_page_with_its_help(name: str) -> None:
    words = inspect.cleandoc(VERBS[name].help)
    assert words.endswith(".")
    assert words.splitlines()[0] in section(name)


@pytest.mark.parametrize(("name", "option", "words"), list(options()))
def test_an_option_is_on_the_page_with_its_help(name: str, option: str, words: str) -> None:
    if option in ("--data", "--config"):
        assert f"`{option} " in PAGE.read_text(encoding="utf-8")
        return
    row = next(line for line in section(name).splitlines() if f"`{option}`" in line)
    assert len(words) > 8
    assert row.endswith(f" {words.replace('|', chr(92) + '|')} |")


@pytest.mark.parametrize("name", [name for name in VERBS if not name.startswith("evertape lab ")])
def test_every_verb_takes_the_shared_options(name: str) -> None:
    names = {option for parameter in VERBS[name].params for option in parameter.opts}
    assert {"--data", "--config"} <= names
