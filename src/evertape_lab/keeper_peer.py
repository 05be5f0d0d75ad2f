"""A real keeper process, for tests: told what to do as the supervisor tells it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import TypeVar

from evertape.domain.retention_terms import Terms
from evertape.ipc.events import AnyEvent
from evertape.ipc.messages import (
    Heartbeat,
    Hello,
    JournalAppend,
    JournalDurable,
    KeeperAssignment,
    Shutdown,
    VolumeEndpoint,
)
from evertape.store.failures import IndexBusyError, IndexDamagedError
from evertape.store.index import Index
from evertape_lab.disk_peer import DiskRig, DiskUnderTest, Peer, wait_until

T = TypeVar("T")


class KeeperUnderTest:
    """A keeper of a rig. A context manager; it is ended on the way out.

    Args:
        rig: whose journal it follows.
        volumes: name to disk process; more can be given to ``assign``.
        service: the run of the service it belongs to.
        retention: by what it deletes.
        roles: of volumes that are not primary, by name.
        home_rate: bytes per second that come home at most.
        scrub_rate: bytes per second that are checked at most; 0: nothing is.
        scrub_interval: nanoseconds after which a file is checked again.
        decode_interval: nanoseconds after which another sample is decoded; 0: none is.
    """

    def __init__(
        self,
        rig: DiskRig,
        volumes: dict[str, DiskUnderTest] | None = None,
        service: str = "",
        retention: Terms | None = None,
        roles: dict[str, str] | None = None,
        home_rate: int = 1_000_000_000,
        scrub_rate: int = 0,
        scrub_interval: int = 3600 * 10**9,
        decode_interval: int = 0,
    ) -> None:
        self.scrub_rate, self.scrub_interval = scrub_rate, scrub_interval
        self.decode_interval = decode_interval
        self.rig = rig
        self.roles, self.home_rate = roles or {}, home_rate
        self.retention = retention
        self.service = service or uuid.uuid4().hex
        ours, theirs = socket.socketpair()
        env = dict(os.environ, PYTHONPATH=str(Path(__file__).resolve().parents[1]))
        command = [sys.executable, "-m", "evertape.engine.keeper_main", "--name", "keeper", "--log-level", "info"]
        with theirs:
            command += ["--supervisor-fd", str(theirs.fileno())]
            self.log = rig.folder / f"keeper-{self.service[:6]}.log"
            with open(self.log, "ab") as log:
                self.process = subprocess.Popen(command, env=env, pass_fds=[theirs.fileno()], stderr=log)
        self.supervisor = Peer(ours)
        self.supervisor.wait(Hello)
        self.assign(volumes or {})

    def __enter__(self) -> KeeperUnderTest:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            print(self.log.read_text(), file=sys.stderr)
        self.supervisor.close()
        try:
            self.process.wait(10.0)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(10.0)

    def assign(self, volumes: dict[str, DiskUnderTest]) -> None:
        """Tell it which volumes there are."""
        endpoints = tuple(
            VolumeEndpoint(name=name, role=self.roles.get(name, "primary"), order=n, socket=disk.path, path="")
            for n, (name, disk) in enumerate(volumes.items())
        )
        self.supervisor.send(
            KeeperAssignment(
                data=str(self.rig.data),
                volumes=endpoints,
                journal_socket=self.rig.keeper.path,
                service=self.service,
                retention=self.retention,
                home_rate=self.home_rate,
                scrub_rate=self.scrub_rate,
                scrub_interval=self.scrub_interval,
                decode_interval=self.decode_interval,
            )
        )

    def rss(self) -> int:
        """Resident bytes, by its next heartbeat."""
        return self.supervisor.wait(Heartbeat).rss

    def kill(self) -> None:
        """End it as a crash would."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10.0)

    def shut_down(self, deadline_s: float = 4.0) -> int:
        """Ask it to finish; returns the exit code."""
        self.supervisor.send(Shutdown(deadline_s=deadline_s))
        return self.process.wait(deadline_s + 5.0)


def look(rig: DiskRig, question: Callable[[Index], T], timeout_s: float = 20.0, what: str = "the index") -> T:
    """Ask the rig's index until the answer is true; returns it. Raises ``TimeoutError``."""

    def asked() -> T | None:
        try:
            with Index.open_readonly(rig.data / "index.sqlite3") as index:
                return question(index)
        except (IndexBusyError, IndexDamagedError):
            return None

    answer: T = wait_until(asked, timeout_s, what)
    return answer


def write_down(rig: DiskRig, events: Iterable[AnyEvent]) -> None:
    """Put events into the rig's journal and wait until they are durable."""
    peer = rig.keeper.connect("supervisor")
    batch = tuple(events)
    peer.send(JournalAppend(events=batch, last=batch[-1].id))
    peer.wait(JournalDurable)
