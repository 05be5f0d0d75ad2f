"""The public library: every name is there, documented, and cheap to import."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import evertape
import evertape_desktop

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", sorted(set(evertape.__all__) - {"__version__"}))
def test_every_public_name_loads_and_has_a_docstring(name: str) -> None:
    thing = getattr(evertape, name)
    assert thing.__doc__


@pytest.mark.parametrize("name", evertape.__all__)
def test_every_public_name_is_in_the_reference(name: str) -> None:
    page = (ROOT / "docs/reference/api.md").read_text()
    assert (
        re.search(rf"^##+ .*`{re.escape(name)}", page, re.MULTILINE) or f"and `{name}`" in page or f"`{name}`" in page
    )


def test_the_reference_names_nothing_that_is_not_there() -> None:
    page = (ROOT / "docs/reference/api.md").read_text()
    for heading in re.findall(r"^##+ (.*)$", page, re.MULTILINE):
        for name in re.findall(r"`(\w+)", heading):
            assert hasattr(evertape, name) or name in evertape_desktop.__all__, name


def test_members_in_the_reference_exist() -> None:
    page = (ROOT / "docs/reference/api.md").read_text()
    table = page[page.index("### `RobustNVRPipeline") : page.index("### `CameraStream")]
    members = re.findall(r"^\| `(\w+)", table, re.MULTILINE)
    assert members
    assert all(hasattr(evertape.RobustNVRPipeline, member) for member in members)


def test_importing_the_package_loads_neither_gstreamer_nor_sql_nor_a_web_framework() -> None:
    code = "import sys, evertape; print([m for m in ('gi', 'sqlalchemy', 'pydantic', 'asyncio') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT / "src")
    assert done.stdout.strip() == "[]"


def test_the_version_is_that_of_the_package() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert evertape.__version__ == project["version"]


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="Nonsense"):
        _ = evertape.Nonsense
