"""What ``evertape service install`` does, one step after the other."""

from __future__ import annotations

import grp
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from evertape.cli.place import Place
from evertape.engine.unit import DECODERS, UnitTerms, unit_text
from evertape.errors import UsageError
from evertape.ipc.places import socket_path

UNITS = Path("/etc/systemd/system")
TEMPORARY = (Path("/tmp"), Path("/var/tmp"))

Run = Callable[[Sequence[str]], "subprocess.CompletedProcess[str]"]


def run(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Run a command of the system, and keep what it says."""
    return subprocess.run(command, capture_output=True, text=True, check=False)


class Installer:
    """See the module.

    Args:
        place: the installation that the service is for.
        name: of the unit.
        user: whom it runs as.
        units: the folder of units.
        call: runs the system's commands.
        systemd: whether systemd runs this machine; ``None`` finds out, as sd_booted(3) does.
    """

    def __init__(
        self, place: Place, name: str = "evertape", user: str = "evertape", *,
        units: Path = UNITS, call: Run = run, systemd: bool | None = None,
    ) -> None:  # fmt: skip
        if not name or not all(character.isalnum() or character in "_-." for character in name):
            raise UsageError(f"{name!r} cannot be the name of a unit", hint="letters, digits, - _ and . only")
        self._place = place
        self._name = name
        self._user = user
        self._file = units / f"{name}.service"
        self._call = call
        self._systemd = Path("/run/systemd/system").is_dir() if systemd is None else systemd
        self._steps: list[str] = []
        self._say: Callable[[str], object] | None = None

    def text(self) -> str:
        """The unit."""
        config = self._place.load().config
        volumes = {Path(volume.path): volume.mount for volume in config.volumes.values()}
        return unit_text(
            UnitTerms(
                command=[sys.executable, "-P", "-m", "evertape.cli.main"],
                program=_program(),
                environment=self._environment(),
                data=self._place.data.root,
                config=self._place.config,
                volumes=list(volumes),
                # Not known: as if it were one, which does no harm.
                mounts=[path for path, mount in volumes.items() if mount is not False],
                user=self._user,
                groups=[name for name in DECODERS if _has_group(name)],
                name=self._name,
            )
        )

    def install(self, say: Callable[[str], object] | None = print) -> list[str]:
        """Do it all; returns what was done.

        Raises:
            UsageError: this machine, or what is installed, does not allow it; says what to do.
        """
        self._say = say
        self._check("install")
        text = self.text()
        for path in _program():
            _readable(path)
        self._make_user()
        for folder in self._folders():
            self._give(folder)
        self._write(text)
        self._do("systemctl", "daemon-reload")
        self._do("systemctl", "enable", self._file.name)
        self._note(f"starting {self._name}")
        self._do("systemctl", "restart", self._file.name)
        self._note(
            f"{self._name} runs; `systemctl status {self._name}` and `journalctl -u {self._name} -f` show how it does"
        )
        return self._steps

    def uninstall(self, say: Callable[[str], object] | None = print) -> list[str]:
        """Undo it; returns what was done."""
        self._say = say
        self._check("uninstall")
        if not self._file.exists():
            raise UsageError(f"there is no {self._file}", hint="--name says which unit")
        self._do("systemctl", "disable", "--now", self._file.name)
        self._file.unlink()
        self._do("systemctl", "daemon-reload")
        self._note(f"removed {self._file}; {self._place.data.root} stays as it is")
        return self._steps

    # -- steps ----------------------------------------------------------------------------------------------

    def _check(self, what: str) -> None:
        if not self._systemd:
            raise UsageError(
                "systemd does not run this machine, so it cannot start Evertape",
                hint='have whatever starts services here run "evertape serve"; it stays in the foreground',
            )
        if os.geteuid() != 0:
            raise UsageError(f"only root may {what} a service", hint=f"sudo ./evertape service {what}")
        if not self._place.config.exists():
            raise UsageError(f"there is no {self._place.config}", hint="evertape init makes one")
        if not socket_path(self._place.data.root, "control").startswith(str(self._place.data.root.resolve())):
            raise UsageError(
                f"{self._place.data.root} is too long a path for the sockets of a service",
                hint="choose a shorter one with --data, such as /var/lib/evertape",
            )
        for path, hint in [
            (self._place.data.root.resolve(), "choose another with --data, such as /var/lib/evertape"),
            *((path, "move the program, to /opt for instance") for path in _program()),
        ]:
            if any(path.is_relative_to(temporary) for temporary in TEMPORARY):
                raise UsageError(f"{path} is a temporary place, and a service has a private one of its own", hint=hint)

    def _environment(self) -> dict[str, str]:
        source = Path(__file__).resolve().parents[2]
        found = {"PYTHONNOUSERSITE": "1", "XDG_CACHE_HOME": "/var/cache/evertape"}
        # Installed as a package, it is found without.
        return found if "site-packages" in source.parts else {**found, "PYTHONPATH": str(source)}

    def _make_user(self) -> None:
        if self._call(["id", "--user", self._user]).returncode == 0:
            return
        self._do(
            "useradd", "--system", "--user-group", "--no-create-home", "--home-dir", str(self._place.data.root),
            "--shell", "/usr/sbin/nologin", self._user,
        )  # fmt: skip
        self._note(f"made the user {self._user}")

    def _folders(self) -> list[Path]:
        volumes = [Path(volume.path) for volume in self._place.load().config.volumes.values()]
        return [self._place.data.root, *(path for path in volumes if path.is_dir())]

    def _give(self, folder: Path) -> None:
        """Give a folder and all in it to the user, unless that was done: an archive may be large."""
        folder.mkdir(parents=True, exist_ok=True)
        owner = folder.owner()
        if owner == self._user:
            return
        began = time.monotonic()
        self._do("chown", "--recursive", "--no-dereference", f"{self._user}:{self._user}", str(folder))
        self._note(f"gave {folder} to {self._user} ({time.monotonic() - began:.0f} s)")

    def _write(self, text: str) -> None:
        if self._file.exists() and self._file.read_text() == text:
            return
        temporary = self._file.with_suffix(".new")
        temporary.write_text(text)
        temporary.chmod(0o644)
        os.replace(temporary, self._file)
        self._note(f"wrote {self._file}")

    def _do(self, *command: str) -> None:
        done = self._call(command)
        if done.returncode:
            said = (done.stderr or done.stdout).strip().splitlines()
            raise UsageError(
                f"`{' '.join(command)}` failed: {said[-1] if said else f'exit code {done.returncode}'}",
                hint=f"journalctl -u {self._name} -n 50 may say more" if command[0] == "systemctl" else "",
            )

    def _note(self, text: str) -> None:
        self._steps.append(text)
        if self._say is not None:
            self._say(text)


def _program() -> list[Path]:
    """The folders that the program consists of."""
    found = {Path(__file__).resolve().parents[2], Path(sys.prefix), Path(sys.base_prefix)}
    return sorted(path for path in found if path not in (Path("/usr"), Path("/usr/local")))


def _has_group(name: str) -> bool:
    try:
        grp.getgrnam(name)
    except KeyError:
        return False
    return True


def _readable(path: Path) -> None:
    """Raises ``UsageError`` if others than its owner cannot read the program."""
    if not path.stat().st_mode & 0o005 == 0o005:
        raise UsageError(
            f"{path} can be read by its owner only, and the service runs as another user",
            hint=f"sudo chmod -R o+rX '{path}'",
        )
