"""What is built and what is locked agree with pyproject.toml."""

from __future__ import annotations

import configparser
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LOCKS = {name: ROOT / f"requirements{name}.lock" for name in ("", "-desktop", "-test", "-gi")}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[zipfile.ZipFile]:
    """The wheel, built from a copy so that nothing is left in the checkout."""
    copy = tmp_path_factory.mktemp("checkout")
    ignore = shutil.ignore_patterns("__pycache__", "*.egg-info")
    shutil.copytree(ROOT / "src", copy / "src", ignore=ignore)
    for name in ("pyproject.toml", "LICENSE", "README.md"):
        shutil.copy(ROOT / name, copy)
    out = copy / "dist"
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    done = subprocess.run(
        [*command, "--wheel-dir", out, copy], cwd=copy, capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (path,) = out.glob("*.whl")
    with zipfile.ZipFile(path) as opened:
        yield opened


def test_wheel_holds_every_source_file(wheel: zipfile.ZipFile) -> None:
    wanted = {
        str(path.relative_to(ROOT / "src"))
        for path in (ROOT / "src").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and ".egg-info" not in str(path)
    }
    assert wanted - set(wheel.namelist()) == set()


def test_wheel_holds_nothing_but_the_packages(wheel: zipfile.ZipFile) -> None:
    tops = {name.split("/")[0] for name in wheel.namelist()}
    assert tops == {"evertape", "evertape_desktop", "evertape_lab", f"evertape-{PROJECT['version']}.dist-info"}


def test_wheel_carries_licence_and_command(wheel: zipfile.ZipFile) -> None:
    info = f"evertape-{PROJECT['version']}.dist-info"
    assert f"{info}/licenses/LICENSE" in wheel.namelist()
    scripts = configparser.ConfigParser()
    scripts.read_string(wheel.read(f"{info}/entry_points.txt").decode())
    assert dict(scripts["console_scripts"]) == {"evertape": "evertape.cli.main:main"}
    assert "License-Expression: Apache-2.0" in wheel.read(f"{info}/METADATA").decode()


def pins(*names: str) -> dict[str, str]:
    """Canonical name -> version in those locks."""
    text = "\n".join(LOCKS[name].read_text() for name in names)
    return {canonicalize_name(m[1]): m[2] for m in re.finditer(r"(?m)^([A-Za-z0-9._-]+)==(\S+)", text)}


def test_locks_satisfy_what_the_project_asks_for() -> None:
    asked = [(text, pins("")) for text in PROJECT["dependencies"]]
    asked += [(text, pins("", "-desktop", "-test")) for text in PROJECT["optional-dependencies"]["test"]]
    asked += [(text, pins("", "-desktop")) for text in PROJECT["optional-dependencies"]["desktop"]]
    for text, locked in asked:
        requirement = Requirement(text)
        name = canonicalize_name(requirement.name)
        assert name in locked, f"{name} is not locked; run tools/lock"
        assert requirement.specifier.contains(locked[name]), (
            f"{name} {locked[name]} does not fit {text}; run tools/lock"
        )


@pytest.mark.parametrize(
    "names, roots", [(("",), None), (("", "-desktop"), "desktop"), (("", "-desktop", "-test"), "test")]
)
def test_locks_cover_all_that_the_packages_themselves_need(names: tuple[str, ...], roots: str | None) -> None:
    texts = PROJECT["dependencies"] if roots is None else PROJECT["optional-dependencies"][roots]
    locked = pins(*names)
    todo, seen = [Requirement(text) for text in texts], set()
    while todo:
        requirement = todo.pop()
        name = canonicalize_name(requirement.name)
        if name in seen or (requirement.marker and not requirement.marker.evaluate({"extra": ""})):
            continue
        seen.add(name)
        assert name in locked, f"{name} is needed but not locked; run tools/lock"
        todo += [Requirement(text) for text in metadata.requires(name) or []]


def test_suite_runs_with_the_locked_versions() -> None:
    wrong = {n: metadata.version(n) for n, v in pins("", "-desktop", "-test").items() if metadata.version(n) != v}
    assert wrong == {}, "start the suite through ./evertape test"


def test_each_pin_has_hashes_of_wheels_or_source() -> None:
    for path in LOCKS.values():
        for block in re.split(r"(?m)^(?=[A-Za-z0-9])", path.read_text())[1:]:
            assert re.match(r"\S+==\S+ \\\n(    --hash=sha256:[0-9a-f]{64}( \\)?\n)+\Z", block), block[:80]


def test_locks_name_no_index() -> None:
    assert not any("://" in path.read_text() or "index" in path.read_text() for path in LOCKS.values())
