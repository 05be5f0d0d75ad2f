"""Makes the virtual environment that ./evertape runs in, or mends the one that is there.

Runs under the interpreter that the environment is for, with the standard library only. Several
starts at once queue up at a lock; an interrupted one is simply done again, because every step
looks at what is there. Exit status 4: it could not be made; the text on standard error says why.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import shutil
import subprocess
import sys
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MAKE_FAILED = 4
# pip's own words for what it does with one package.
_COLLECTING = re.compile(r"^(?:Collecting|Requirement already satisfied:) ([A-Za-z0-9._-]+)")
# Settings that send packages somewhere else than into the environment.
_MISLEADING = (
    "PIP_TARGET",
    "PIP_PREFIX",
    "PIP_ROOT",
    "PIP_REQUIRE_VIRTUALENV",
    "PIP_NO_DEPS",
    "PYTHONPATH",
    "PYTHONHOME",
)


class SetupFailedError(Exception):
    """The environment cannot be made; the text is for the person."""


def say(text: str) -> None:
    """Print one line to standard error: standard output belongs to the program that starts next."""
    print(text, file=sys.stderr, flush=True)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock file ``path``; waits for whoever else sets up the same environment."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if os.name == "nt":
        yield
        return
    import fcntl

    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("Another start is setting up the same environment; waiting for it …")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def python_of(where: Path) -> Path:
    """The interpreter inside the environment ``where``."""
    return where / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def works(where: Path, system_gi: bool) -> bool:
    """Does the environment run, with a pip of its own, under this very interpreter, and see the system's ``gi``?"""
    config = where / "pyvenv.cfg"
    if not config.is_file() or "include-system-site-packages = true" not in config.read_text():
        return False
    own_pip = "pip.__file__.startswith(sys.prefix) and sys.prefix != sys.base_prefix"
    probe = f"import pip, sys{', gi' if system_gi else ''}; print(sys.version_info[:2], {own_pip})"
    try:
        done = subprocess.run(
            [python_of(where), "-E", "-c", probe], capture_output=True, text=True, timeout=60, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0 and done.stdout.strip() == f"{sys.version_info[:2]} True"


def make(where: Path) -> None:
    """Make the environment anew, throwing away what is there.

    Raises:
        SetupFailedError: the module ``venv`` could not do it.
    """
    say(f"Making a virtual environment in {where} …")
    if where.is_symlink() or where.is_file():
        where.unlink()
    elif where.exists():
        if any(where.iterdir()) and not (where / "pyvenv.cfg").exists() and not (where / "bin").exists():
            raise SetupFailedError(f"{where} is a folder with something else in it; not touched")
        shutil.rmtree(where)
    try:
        venv.create(where, system_site_packages=True, symlinks=os.name != "nt", with_pip=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise SetupFailedError(f"the virtual environment could not be made: {error}") from error


def locks(set_name: str, system_gi: bool) -> list[Path]:
    """The lock files that ``set_name`` needs."""
    names = ["requirements.lock"]
    # Qt has no wheels for 32-bit ARM; the desktop's tests skip there.
    if set_name == "desktop" or (set_name == "test" and platform.machine() not in ("armv7l", "armv6l")):
        names.append("requirements-desktop.lock")
    if set_name == "test":
        names.append("requirements-test.lock")
    if not system_gi:
        names.append("requirements-gi.lock")
    return [ROOT / name for name in names]


def pinned(files: list[Path]) -> set[str]:
    """Names of the packages that the lock files pin."""
    return {m[1] for file in files for m in re.finditer(r"(?m)^([A-Za-z0-9._-]+)==", file.read_text())}


def install(where: Path, files: list[Path]) -> None:
    """Let pip bring the environment to exactly what the lock files say, with progress.

    Raises:
        SetupFailedError: pip failed; its last words are quoted.
    """
    total = len(pinned(files))
    say(f"Installing {total} Python packages …")
    env = {name: value for name, value in os.environ.items() if name not in _MISLEADING}
    env |= {"PIP_USER": "0", "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1", "PYTHONUNBUFFERED": "1"}
    command = [str(python_of(where)), "-m", "pip", "install", "--require-hashes", "--progress-bar", "off"]
    for file in files:
        command += ["-r", str(file)]
    words: list[str] = []
    seen: set[str] = set()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=env) as pip:
        assert pip.stdout is not None
        for line in pip.stdout:
            words.append(line.rstrip())
            if (match := _COLLECTING.match(line)) and match[1] not in seen:
                seen.add(match[1])
                show(len(seen), total, match[1])
    if sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr, flush=True)
    if pip.returncode != 0:
        raise SetupFailedError("pip could not install them:\n  " + "\n  ".join(words[-8:]))


def show(count: int, total: int, name: str) -> None:
    """One step of progress: a line that overwrites itself on a terminal, every tenth one elsewhere."""
    if sys.stderr.isatty():
        print(f"\r\033[K  {count:3d}/{total} {name}", end="", file=sys.stderr, flush=True)
    elif count % 10 == 0 or count == total:
        say(f"  {count}/{total}")


def main() -> int:
    """Make or mend the environment that the command line names."""
    parser = argparse.ArgumentParser(description="Make Evertape's virtual environment.")
    parser.add_argument("where", type=Path)
    parser.add_argument("set_name", choices=["base", "lab", "desktop", "test"])
    parser.add_argument("--system-gi", action="store_true", help="PyGObject comes from the system")
    given = parser.parse_args()
    where: Path = given.where.absolute()
    try:
        with locked(where.with_name(where.name + ".lock")):
            if not works(where, given.system_gi):
                make(where)
            install(where, locks(given.set_name, given.system_gi))
    except (SetupFailedError, OSError) as error:
        say(f"Evertape could not set itself up: {error}")
        return MAKE_FAILED
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
