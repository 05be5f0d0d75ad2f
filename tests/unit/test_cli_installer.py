from __future__ import annotations

import getpass
import os
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from evertape.cli.installer import Installer
from evertape.cli.place import Place
from evertape.config.paths import DataDir
from evertape.errors import UsageError


class Machine:
    """Answers commands, and remembers them."""

    def __init__(self, *failing: str, users: Sequence[str] = ()) -> None:
        self.calls: list[str] = []
        self._failing = failing
        self._users = users

    def __call__(self, command: Sequence[str]) -> subprocess.CompletedProcess[str]:
        line = " ".join(command)
        self.calls.append(line)
        bad = any(word in line for word in self._failing) or (command[0] == "id" and command[-1] not in self._users)
        return subprocess.CompletedProcess(list(command), int(bad), "", "it says no\n" if bad else "")


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    # Short, for the sockets.
    with tempfile.TemporaryDirectory() as short:
        yield installation(Path(short) / "data", monkeypatch)


def installation(data: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    (data / "usb").mkdir(parents=True)
    (data / "evertape.toml").write_text(f'[volumes.usb]\npath = "{data}/usb"\nrole = "primary"\n')
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    # What is temporary to systemd is where tests have to work.
    monkeypatch.setattr("evertape.cli.installer.TEMPORARY", ())
    return Place(DataDir(data), data / "evertape.toml")


def installer(place: Place, machine: Machine, units: Path, user: str = "rec") -> Installer:
    units.mkdir(exist_ok=True)
    return Installer(place, "tape", user, units=units, call=machine, systemd=True)


def test_install_makes_the_user_gives_it_the_folders_and_starts_the_unit(place: Place, tmp_path: Path) -> None:
    machine, data = Machine(), place.data.root
    installer(place, machine, tmp_path / "units").install(say=None)
    assert [line.split()[0] for line in machine.calls] == [
        "id", "useradd", "chown", "chown", "systemctl", "systemctl", "systemctl",
    ]  # fmt: skip
    assert machine.calls[2:] == [
        f"chown --recursive --no-dereference rec:rec {data}",
        f"chown --recursive --no-dereference rec:rec {data}/usb",
        "systemctl daemon-reload",
        "systemctl enable tape.service",
        "systemctl restart tape.service",
    ]
    unit = (tmp_path / "units/tape.service").read_text()
    assert f"serve --data {data} --config {data}/evertape.toml" in unit
    assert "User=rec" in unit


def test_groups_that_this_machine_does_not_have_would_keep_the_unit_from_starting(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("evertape.cli.installer.DECODERS", ("root", "no-such-group"))
    assert "SupplementaryGroups=root\n" in installer(place, Machine(), tmp_path / "units").text()


def test_what_belongs_to_the_user_already_is_not_walked_again(place: Place, tmp_path: Path) -> None:
    me = getpass.getuser()
    machine = Machine(users=[me])
    installer(place, machine, tmp_path / "units", me).install(say=None)
    assert not [line for line in machine.calls if line.startswith(("chown", "useradd"))]


def test_a_step_that_fails_says_what_and_where_to_look(place: Place, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        installer(place, Machine("restart"), tmp_path / "units").install(say=None)
    assert caught.value.what == "`systemctl restart tape.service` failed: it says no"
    assert "journalctl -u tape" in caught.value.hint


def test_uninstall_stops_and_forgets_and_leaves_the_data(place: Place, tmp_path: Path) -> None:
    machine, units = Machine(), tmp_path / "units"
    installer(place, machine, units).install(say=None)
    machine.calls.clear()
    installer(place, machine, units).uninstall(say=None)
    assert machine.calls == ["systemctl disable --now tape.service", "systemctl daemon-reload"]
    assert list(units.iterdir()) == []
    assert place.config.exists()
    with pytest.raises(UsageError, match="there is no"):
        installer(place, machine, units).uninstall(say=None)


def test_what_cannot_work_is_refused_before_anything_is_changed(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine, units = Machine(), tmp_path / "units"
    with pytest.raises(UsageError, match="systemd does not run"):
        Installer(place, "tape", units=units, call=machine, systemd=False).install(say=None)
    with pytest.raises(UsageError, match="cannot be the name"):
        Installer(place, "../x", units=units, call=machine, systemd=True)
    missing = Place(place.data, tmp_path / "no/evertape.toml")
    with pytest.raises(UsageError, match=r"no/evertape\.toml"):
        Installer(missing, "tape", units=units, call=machine, systemd=True).install(say=None)
    monkeypatch.setattr("evertape.cli.installer.TEMPORARY", (place.data.root.parent,))
    with pytest.raises(UsageError, match="temporary"):
        installer(place, machine, units).install(say=None)
    monkeypatch.setattr("evertape.cli.installer.TEMPORARY", (Path(__file__).resolve().parents[2],))
    with pytest.raises(UsageError, match="temporary") as caught:
        installer(place, machine, units).install(say=None)
    assert "move the program" in caught.value.hint
    monkeypatch.setattr("evertape.cli.installer.TEMPORARY", ())
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(UsageError, match="only root"):
        installer(place, machine, units).install(say=None)
    assert machine.calls == []
