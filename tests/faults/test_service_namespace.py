"""What the unit's protection does to mounts: made as systemd makes it, in mount namespaces of our own."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.faults,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root makes mount namespaces"),
]


HOLD = "echo made && exec sleep 120"


class Host:
    """A mount namespace that stands for the machine, and in it one that stands for the service."""

    def __init__(self, world: Path) -> None:
        self.world = world
        self.disk = world / "media/usb"
        prepare = f"mount -t tmpfs world {world} && mount --make-shared {world} && mkdir -p {self.disk} && {HOLD}"
        self._host = self._hold(["unshare", "--mount", "--propagation", "private", "sh", "-c", prepare])
        self._service: subprocess.Popen[str] | None = None

    def serve(self, writable: Path) -> None:
        """Start the service as ``ProtectSystem=strict`` with ``ReadWritePaths=writable`` does."""
        protect = f"mount --bind {writable} {writable} && mount -o remount,bind,ro {self.world} && {HOLD}"
        command = ["unshare", "--mount", "--propagation", "slave", "sh", "-c", protect]
        self._service = self._hold([*self._enter(self._host), *command])

    def run(self, command: str) -> None:
        """As the machine."""
        subprocess.run([*self._enter(self._host), "sh", "-c", command], check=True, timeout=20)

    def sees(self, command: str) -> bool:
        """As the service: whether the command succeeds."""
        assert self._service is not None
        done = subprocess.run([*self._enter(self._service), "sh", "-c", command], check=False, timeout=20)
        return done.returncode == 0

    def close(self) -> None:
        for process in (self._service, self._host):
            if process is not None:
                process.kill()
                process.communicate()

    @staticmethod
    def _enter(process: subprocess.Popen[str]) -> list[str]:
        return ["nsenter", "--mount", f"--target={process.pid}"]

    @staticmethod
    def _hold(command: list[str]) -> subprocess.Popen[str]:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        assert process.stdout.readline() == "made\n"
        return process


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    (tmp_path / "world").mkdir()
    machine = Host(tmp_path / "world")
    yield machine
    machine.close()


def test_a_disk_that_is_mounted_later_is_there_and_writable_and_gone_when_it_is_pulled(host: Host) -> None:
    host.serve(host.disk.parent)
    assert not host.sees(f"touch {host.world}/elsewhere 2>/dev/null")
    for _ in range(2):
        host.run(f"mount -t tmpfs disk {host.disk}")
        assert host.sees(f"mountpoint -q {host.disk} && touch {host.disk}/file")
        host.run(f"umount -l {host.disk}")
        assert not host.sees(f"mountpoint -q {host.disk}")


def test_were_the_mount_point_itself_writable_an_absent_disk_would_look_mounted(host: Host) -> None:
    # Why the unit names its parent.
    host.serve(host.disk)
    assert host.sees(f"mountpoint -q {host.disk}")
