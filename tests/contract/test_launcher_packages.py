"""What ``./evertape`` does about system packages, on machines that are played by scripts."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="a shell script")

ROOT = Path(__file__).resolve().parents[2]
# What the launcher itself calls, and nothing else: no package manager, no sudo, no python.
TOOLS = "cat cksum cut dirname env flock grep mktemp mv readlink rm sh sed tail touch".split()


class Machine:
    """A ``PATH`` of scripts, and a log of what was called as root."""

    def __init__(self, where: Path) -> None:
        self.bin, self.installed, self.calls = where / "bin", where / "installed", where / "calls"
        self.bin.mkdir()
        self.installed.mkdir()
        self.calls.touch()
        for tool in TOOLS:
            found = shutil.which(tool)
            assert found, tool
            (self.bin / tool).symlink_to(found)
        self.checkout = where / "checkout"
        (self.checkout / "src/evertape/cli").mkdir(parents=True)
        shutil.copy(ROOT / "src/evertape/cli/packages.txt", self.checkout / "src/evertape/cli")
        shutil.copytree(ROOT / "tools", self.checkout / "tools")
        for name in (
            "evertape",
            "requirements.lock",
            *(f"requirements-{each}.lock" for each in ("desktop", "test", "gi")),
        ):
            shutil.copy(ROOT / name, self.checkout)
        (self.checkout / "os-release").write_text("ID=debian\n")

    def has(self, command: str, body: str) -> None:
        path = self.bin / command
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)

    def is_debian(self, uid: int, architecture: str = "amd64") -> None:
        self.has("id", f"echo {uid}")
        self.has("dpkg", f'[ "$1" = --print-architecture ] && echo {architecture} || echo "dpkg $*" >>{self.calls}')
        self.has("dpkg-query", f'for name; do :; done; [ -e {self.installed}/"$name" ] && printf installed')
        self.has("apt-get", "exit 99")

    def start(
        self, *arguments: str, stdin: int = subprocess.DEVNULL, stderr: int = subprocess.PIPE
    ) -> subprocess.CompletedProcess[str]:
        env = {
            "PATH": str(self.bin),
            "HOME": str(self.checkout),
            # Stops after the packages: this interpreter does not serve.
            "EVERTAPE_PYTHON": "/nonexistent",
            "EVERTAPE_OS_RELEASE": str(self.checkout / "os-release"),
            "TMPDIR": str(self.checkout),
        }
        command = [str(self.checkout / "evertape"), *arguments]
        return subprocess.run(
            command, env=env, stdin=stdin, stdout=subprocess.PIPE, stderr=stderr, text=True, timeout=60, check=False
        )

    def called(self) -> list[str]:
        return self.calls.read_text().splitlines()


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def lines_to_run(done: subprocess.CompletedProcess[str]) -> list[str]:
    assert (done.returncode, done.stdout) == (4, ""), done
    return [line.strip() for line in done.stderr.splitlines() if line.startswith("  ")]


def packages(name: str, manager: str) -> list[str]:
    rows = (line.split() for line in (ROOT / "src/evertape/cli/packages.txt").read_text().splitlines())
    return [package for row in rows if row[:2] == [name, manager] for package in row[2:]]


def apt_line(*names: str) -> str:
    return f"apt-get update && apt-get install -y --no-install-recommends {' '.join(names)}"


def test_without_root_and_sudo_it_prints_the_one_line_to_run(machine: Machine) -> None:
    machine.is_debian(uid=1000)
    assert lines_to_run(machine.start("status")) == [apt_line(*packages("base", "apt"))]
    assert machine.called() == []


def test_sudo_that_wants_a_password_is_not_asked_without_a_terminal(machine: Machine) -> None:
    machine.is_debian(uid=1000)
    machine.has("sudo", f'echo "sudo $*" >>{machine.calls}; exit 1')
    assert lines_to_run(machine.start("status")) == [apt_line(*packages("base", "apt"))]
    assert machine.called() == ["sudo -n true"]


def test_line_names_only_what_is_missing(machine: Machine) -> None:
    machine.is_debian(uid=1000)
    for package in packages("base", "apt"):
        (machine.installed / package).touch()
    assert lines_to_run(machine.start("demo")) == [apt_line(*packages("lab", "apt"))]
    (machine.installed / "python3-gi").unlink()
    assert lines_to_run(machine.start("status")) == [apt_line("python3-gi")]


def test_tests_need_everything(machine: Machine) -> None:
    machine.is_debian(uid=1000)
    wanted = [
        package for name in ("base", "lab", "desktop", "xvfb", "test", "web") for package in packages(name, "apt")
    ]
    assert lines_to_run(machine.start("test")) == [apt_line(*wanted)]


def test_ubuntu_22_04_gets_a_newer_python_and_a_compiler(machine: Machine) -> None:
    machine.is_debian(uid=1000)
    (machine.checkout / "os-release").write_text('ID=ubuntu\nVERSION_ID="22.04"\nVERSION_CODENAME=jammy\n')
    assert lines_to_run(machine.start("status")) == [apt_line(*packages("base", "apt"), *packages("jammy", "apt"))]


def test_32_bit_arm_gets_a_compiler(machine: Machine) -> None:
    machine.is_debian(uid=1000, architecture="armhf")
    assert lines_to_run(machine.start("status")) == [apt_line(*packages("base", "apt"), *packages("armhf", "apt"))]


@pytest.mark.parametrize(
    "manager, query, line",
    [
        ("dnf", "rpm", "dnf install -y"),
        ("pacman", "pacman", "pacman -S --needed --noconfirm"),
        ("brew", "brew", "brew install"),
    ],
)
def test_other_systems_are_told_their_own_line(machine: Machine, manager: str, query: str, line: str) -> None:
    machine.has("id", "echo 0")
    for command in {manager, query}:
        machine.has(command, "exit 1")
    assert lines_to_run(machine.start("status")) == [f"{line} {' '.join(packages('base', manager))}"]


debian_only = pytest.mark.skipif(not Path("/var/lib/dpkg").is_dir(), reason="locks dpkg's folder")

# Marks what it is asked to install as installed, after talking as apt does.
APT_GET = """echo "$*" >>{calls}
case " $* " in
    *" install "*)
        {before}
        echo "dlstatus:1:50.0:Retrieving file 1 of 1" >&3
        echo "pmstatus:python3:75.0:Installing" >&3
        for name; do case $name in -*|install|*=*) ;; *) touch {installed}/"$name" ;; esac; done ;;
esac"""


@debian_only
@pytest.mark.parametrize("uid", [0, 1000])
def test_root_or_passwordless_sudo_installs_what_is_missing(machine: Machine, uid: int) -> None:
    machine.is_debian(uid)
    # As the real one: it passes nothing on beyond standard error.
    machine.has("sudo", '[ "$1" = -n ] && shift; exec 3>&- 9<&-; "$@"')
    machine.has("true", "exit 0")
    machine.has("apt-get", APT_GET.format(calls=machine.calls, installed=machine.installed, before=":"))
    done = machine.start("status")
    assert {path.name for path in machine.installed.iterdir()} == set(packages("base", "apt"))
    assert done.stdout == ""
    assert f"Installing {len(packages('base', 'apt'))} system packages" in done.stderr
    assert "75 % installing" in done.stderr
    assert not list(machine.checkout.glob("evertape-setup.*"))
    # Then there is no interpreter that serves, and it says so.
    assert done.returncode == 4
    assert "Python 3.11 or newer" in done.stderr


@debian_only
def test_sudo_asks_for_the_password_on_a_terminal(machine: Machine) -> None:
    machine.is_debian(uid=1000)
    machine.has("sudo", f'echo "sudo $1" >>{machine.calls}; case $1 in -n) exit 1 ;; -v) exit 0 ;; esac; "$@"')
    machine.has("apt-get", APT_GET.format(calls=machine.calls, installed=machine.installed, before=":"))
    ours, theirs = os.openpty()
    machine.start("status", stdin=theirs, stderr=theirs)
    os.close(theirs)
    said = os.read(ours, 100_000).decode()
    os.close(ours)
    assert "sudo asks for your password" in said
    assert machine.called()[:2] == ["sudo -n", "sudo -v"]
    assert {path.name for path in machine.installed.iterdir()} == set(packages("base", "apt"))


@debian_only
def test_interrupted_installation_is_mended_and_tried_again(machine: Machine) -> None:
    machine.is_debian(uid=0)
    once = (
        f'[ -e {machine.bin}/tried ] || {{ touch {machine.bin}/tried; echo "E: dpkg was interrupted" >&2; exit 100; }}'
    )
    machine.has("apt-get", APT_GET.format(calls=machine.calls, installed=machine.installed, before=once))
    machine.start("status")
    verbs = [call.split()[-1] if "update" in call else call.split()[0] for call in machine.called()]
    assert "dpkg --configure -a" in machine.called()
    assert verbs.count("update") >= 1
    assert {path.name for path in machine.installed.iterdir()} == set(packages("base", "apt"))


@debian_only
def test_installation_that_fails_for_good_quotes_apt_and_prints_the_line(machine: Machine) -> None:
    machine.is_debian(uid=0)
    machine.has("apt-get", 'echo "E: Unable to locate package of yours" >&2; exit 100')
    done = machine.start("status")
    assert (done.returncode, done.stdout) == (4, "")
    assert "Unable to locate package of yours" in done.stderr
    assert apt_line(*packages("base", "apt")) in done.stderr


def test_nothing_is_asked_of_the_system_if_told_to_skip(machine: Machine) -> None:
    machine.is_debian(uid=0)
    machine.has("dpkg-query", f"echo asked >>{machine.calls}")
    env = {**os.environ, "PATH": str(machine.bin), "EVERTAPE_PACKAGES": "skip", "EVERTAPE_PYTHON": "/nonexistent"}
    done = subprocess.run([machine.checkout / "evertape", "x"], env=env, capture_output=True, timeout=60, check=False)
    assert done.returncode == 4
    assert machine.called() == []
