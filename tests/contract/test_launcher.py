"""``./evertape`` as a person meets it: copied elsewhere, with a tiny program and no packages to fetch.

The environments made here are real; the locks are empty, so no package index is asked.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="a shell script"),
    pytest.mark.timeout(180),
]

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = """
import json, os, sys
import gi
keys = ("PYTHONHOME", "PYTHONPATH", "VIRTUAL_ENV")
print(json.dumps({"argv": sys.argv[1:], "path": sys.path, "prefix": sys.prefix, "base": sys.base_prefix,
                  "cwd": os.getcwd(), "env": {k: os.environ.get(k) for k in keys}}))
"""


class Checkout:
    """A copy of what the launcher needs, in a folder with a blank in its name."""

    def __init__(self, where: Path) -> None:
        self.root = where / "my checkout"
        shutil.copytree(ROOT / "tools", self.root / "tools")
        shutil.copy(ROOT / "evertape", self.root)
        cli = self.root / "src/evertape/cli"
        cli.mkdir(parents=True)
        shutil.copy(ROOT / "src/evertape/cli/packages.txt", cli)
        for package in (cli, cli.parent):
            (package / "__init__.py").touch()
        (cli / "main.py").write_text(PROGRAM)
        for name in ("requirements.lock", *(f"requirements-{each}.lock" for each in ("desktop", "test", "gi"))):
            (self.root / name).write_text("# nothing\n")

    @property
    def venv(self) -> Path:
        return self.root / ".venv"

    def run(self, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
        env = {**clean_env(), "EVERTAPE_PACKAGES": "skip", **settings}
        return run([str(self.root / "evertape"), *arguments], env)


def clean_env() -> dict[str, str]:
    ours = ("EVERTAPE_", "PYTHON", "VIRTUAL_ENV", "COV_")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)}


def run(command: list[str], env: Mapping[str, str], cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, env=env, cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False
    )


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """A checkout that has been started once."""
    checkout = Checkout(tmp_path_factory.mktemp("launcher"))
    done = checkout.run("demo")
    assert done.returncode == 0, done.stderr
    return checkout


@pytest.fixture
def copy(ready: Checkout, tmp_path: Path) -> Checkout:
    """A checkout of one's own to break, set up already."""
    mine = Checkout(tmp_path)
    # Stamps hold no path, so an environment that was moved along with its checkout stays valid.
    shutil.copytree(ready.venv, mine.venv, symlinks=True)
    return mine


def test_first_start_sets_up_and_says_so_on_standard_error_only(tmp_path: Path) -> None:
    checkout = Checkout(tmp_path)
    done = checkout.run("status", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["argv"] == ["status", "--json"]
    assert "Making a virtual environment" in done.stderr
    assert "Python packages" in done.stderr


def test_second_start_does_nothing_but_start(ready: Checkout) -> None:
    done = ready.run("demo", "--seconds", "3")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["argv"] == ["demo", "--seconds", "3"]


def test_tests_run_several_at_a_time_unless_told_otherwise(copy: Checkout) -> None:
    (copy.root / "src/pytest.py").write_text("import json, sys\nprint(json.dumps(sys.argv[1:]))")
    done = copy.run("test", "-n", "0", "--last-failed", "tests/unit")
    assert done.returncode == 0, done.stderr
    options, given = json.loads(done.stdout)[:4], json.loads(done.stdout)[4:]
    assert options == ["-n", "4", "--durations", "15"]
    assert given == ["-n", "0", "--last-failed", "tests/unit"]  # the last one counts


@pytest.mark.timed
def test_second_start_costs_less_than_50_ms(ready: Checkout) -> None:
    def best_of(command: list[str]) -> float:
        times = []
        for _ in range(10):
            start = time.monotonic()
            subprocess.run(command, env=env, check=True, stdout=subprocess.DEVNULL)
            times.append(time.monotonic() - start)
        return min(times)

    env = {**clean_env(), "PYTHONPATH": str(ready.root / "src")}
    straight = best_of([str(ready.venv / "bin/python"), "-P", "-m", "evertape.cli.main"])
    launched = best_of([str(ready.root / "evertape"), "demo"])
    assert launched - straight < 0.05


def test_runs_from_elsewhere_through_links_whatever_the_environment(ready: Checkout, tmp_path: Path) -> None:
    chain = tmp_path / "chain"
    (tmp_path / "bin").mkdir()
    link = tmp_path / "bin" / "evertape"
    link.symlink_to("../chain")
    chain.symlink_to(ready.root / "evertape")
    (tmp_path / "json.py").write_text("raise SystemExit('a module of the current folder was imported')")
    foreign = {"PYTHONPATH": str(tmp_path), "PYTHONHOME": "/nonsense", "VIRTUAL_ENV": "/nonsense", "CDPATH": "/usr"}
    done = run([str(link), "demo"], {**clean_env(), "EVERTAPE_PACKAGES": "skip", **foreign}, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    seen = json.loads(done.stdout)
    assert seen["prefix"] == str(ready.venv)
    assert seen["cwd"] == str(tmp_path)
    assert seen["env"] == {"PYTHONHOME": None, "PYTHONPATH": str(ready.root / "src"), "VIRTUAL_ENV": None}


@pytest.mark.parametrize(
    "arguments, stamps",
    [
        (["--data", "demo", "status"], {"base"}),
        (["--help"], {"base"}),
        (["--data", "x", "demo"], {"base", "lab"}),
        (["lab", "camera"], {"base", "lab"}),
        (["camera", "add", "demo"], {"base"}),
    ],
)
def test_verb_decides_what_is_needed(copy: Checkout, arguments: list[str], stamps: set[str]) -> None:
    for stamp in copy.venv.glob(".evertape-*"):
        stamp.unlink()
    assert copy.run(*arguments).returncode == 0
    assert {path.name.removeprefix(".evertape-") for path in copy.venv.glob(".evertape-*")} == stamps


def test_environment_without_a_stamp_is_kept_if_it_works(copy: Checkout) -> None:
    (copy.venv / ".evertape-base").unlink()
    (copy.venv / "made by hand").touch()
    done = copy.run("status")
    assert done.returncode == 0, done.stderr
    assert "Making" not in done.stderr
    assert (copy.venv / "made by hand").exists()
    assert (copy.venv / ".evertape-base").exists()


def break_interpreter(venv: Path) -> None:
    (venv / "bin/python").unlink()
    (venv / "bin/python").symlink_to("/nonexistent/python3")


def lose_pip(venv: Path) -> None:
    """As an environment whose making was interrupted: no stamp, no pip."""
    (venv / ".evertape-base").unlink()
    for pip in venv.glob("lib/python*/site-packages/pip"):
        shutil.rmtree(pip)


def hide_system(venv: Path) -> None:
    """As one made without --system-site-packages, which cannot import gi."""
    (venv / ".evertape-base").unlink()
    config = venv / "pyvenv.cfg"
    config.write_text(config.read_text().replace("packages = true", "packages = false"))


@pytest.mark.parametrize("damage", [break_interpreter, lose_pip, hide_system])
def test_broken_environment_is_made_anew(copy: Checkout, damage: object) -> None:
    assert callable(damage)
    damage(copy.venv)
    done = copy.run("status")
    assert done.returncode == 0, done.stderr
    assert "Making a virtual environment" in done.stderr
    assert copy.run("status").stderr == ""


def test_changed_lock_is_installed_once(copy: Checkout) -> None:
    (copy.root / "requirements.lock").write_text("# another\n")
    assert "Python packages" in copy.run("status").stderr
    assert copy.run("status").stderr == ""


def test_starts_at_the_same_time_set_up_once(tmp_path: Path) -> None:
    checkout = Checkout(tmp_path)
    command, env = [str(checkout.root / "evertape"), "status"], {**clean_env(), "EVERTAPE_PACKAGES": "skip"}
    started = [
        subprocess.Popen(
            command, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(3)
    ]
    ended = [process.communicate(timeout=120) for process in started]
    assert [process.returncode for process in started] == [0, 0, 0], ended
    assert sum("Making a virtual environment" in said for _, said in ended) == 1


def test_failed_installation_leaves_no_stamp_and_quotes_pip(copy: Checkout) -> None:
    (copy.root / "requirements.lock").write_text("no-such-thing-anywhere==1.0 --hash=sha256:" + "0" * 64 + "\n")
    (copy.venv / ".evertape-base").unlink()
    done = copy.run("status", PIP_NO_INDEX="1")
    assert (done.returncode, done.stdout) == (4, "")
    assert "no-such-thing-anywhere" in done.stderr
    assert not (copy.venv / ".evertape-base").exists()


def test_folder_with_something_else_in_it_is_not_touched(copy: Checkout, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "photo.jpg").touch()
    done = copy.run("status", EVERTAPE_VENV=str(precious))
    assert done.returncode == 4
    assert "not touched" in done.stderr
    assert (precious / "photo.jpg").exists()


def test_interpreter_without_bindings_is_passed_over(copy: Checkout, tmp_path: Path) -> None:
    bin_dir = tmp_path / "bin"
    bin_dir.mkdir()
    for name in ("python3", "python3.11"):
        script(bin_dir / name, "exit 1")
    shutil.rmtree(copy.venv)
    done = copy.run("status", PATH=f"{bin_dir}:{os.environ['PATH']}")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["base"] != str(bin_dir)


def test_interpreter_that_was_asked_for_and_does_not_serve_is_an_error(copy: Checkout, tmp_path: Path) -> None:
    shutil.rmtree(copy.venv)
    script(tmp_path / "python2", "exit 1")
    done = copy.run("status", EVERTAPE_PYTHON=str(tmp_path / "python2"))
    assert (done.returncode, done.stdout) == (4, "")
    assert "Python 3.11 or newer" in done.stderr


def script(path: Path, body: str) -> None:
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
