"""A network of one cable: a network namespace in which cameras live, and which can fall silent. Needs root and Linux.

What is dropped is dropped without a word, in both directions, as by a cable that was pulled behind a switch or a
host that lost power: no reset, no ICMP. The host's own network is not touched.
"""

from __future__ import annotations

import atexit
import contextlib
import itertools
import os
import shutil
import subprocess
import sys
from types import TracebackType
from typing import Self

from evertape.errors import SetupError

_numbers = itertools.count()
# Reserved for benchmarks of networks (RFC 2544), so it is nobody's: 198.18.0.0/15.
_NETWORK = "198.{}.{}"


def why_no_namespaces() -> str:
    """Why ``Namespace`` cannot work here; empty if it can."""
    if sys.platform != "linux":
        return "network namespaces need Linux"
    if os.geteuid() != 0:
        return "network namespaces need root"
    missing = [tool for tool in ("ip", "iptables") if shutil.which(tool) is None]
    if missing:
        return f"{', '.join(missing)} is not installed"
    tried = subprocess.run(["unshare", "-n", "iptables", "-w", "-L", "-n"], capture_output=True, check=False)
    return "" if tried.returncode == 0 else "network namespaces or iptables are not allowed here"


class Namespace:
    """See the module. A context manager; what it made goes away at the latest when the interpreter ends.

    Attributes:
        name: the namespace's.
        address: where the inside is reached from here.
        host_address: where we are reached from the inside.
    """

    def __init__(self) -> None:
        number = next(_numbers)
        # Two processes at the same time, and several namespaces in one, must not meet.
        network, fourth = _NETWORK.format(18 + os.getpid() // 256 % 2, os.getpid() % 256), number % 64 * 4
        self.name = f"evertape-{os.getpid()}-{number}"
        self.host_address = f"{network}.{fourth + 1}"
        self.address = f"{network}.{fourth + 2}"
        # Interface names have at most 15 characters.
        self._outside = f"evt{os.getpid() % 100_000}h{number}"
        self._inside = f"evt{os.getpid() % 100_000}n{number}"
        self._silent = False

    def __enter__(self) -> Self:
        atexit.register(self._remove)
        try:
            self._build()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._remove()
        atexit.unregister(self._remove)

    @property
    def prefix(self) -> list[str]:
        """Put before a command, runs it inside; the process keeps its id, so signals reach it."""
        return ["ip", "netns", "exec", self.name]

    @property
    def silent(self) -> bool:
        """Everything is being dropped."""
        return self._silent

    def drop(self) -> None:
        """From now on every packet is dropped, both ways. Harmless if repeated."""
        if not self._silent:
            self._rules("-I")
            self._silent = True

    def restore(self) -> None:
        """Packets flow again. Harmless if repeated."""
        if self._silent:
            self._rules("-D")
            self._silent = False

    def _rules(self, verb: str) -> None:
        self._in("iptables", "-w", verb, "INPUT", "-i", self._inside, "-j", "DROP")
        self._in("iptables", "-w", verb, "OUTPUT", "-o", self._inside, "-j", "DROP")

    def _build(self) -> None:
        _run("ip", "netns", "add", self.name)
        _run(
            "ip", "link", "add", self._outside, "type", "veth", "peer", "name", self._inside, "netns", self.name
        )  # fmt: skip
        _run("ip", "addr", "add", f"{self.host_address}/30", "dev", self._outside)
        _run("ip", "link", "set", self._outside, "up")
        self._in("ip", "addr", "add", f"{self.address}/30", "dev", self._inside)
        self._in("ip", "link", "set", self._inside, "up")
        self._in("ip", "link", "set", "lo", "up")

    def _in(self, *command: str) -> None:
        _run(*self.prefix, *command)

    def _remove(self) -> None:
        # Deleting the outer end deletes the inner one at once; the namespace itself lives as long as its processes.
        with contextlib.suppress(SetupError):
            _run("ip", "link", "del", self._outside)
        with contextlib.suppress(SetupError):
            _run("ip", "netns", "del", self.name)


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    if done.returncode:
        raise SetupError(f"{' '.join(command)}: {(done.stderr or done.stdout).strip()}")
