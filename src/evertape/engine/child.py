"""What recorder and keeper have in common: the line to the supervisor, heartbeats, leaving in time.

Threads: the owner's loop only.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Callable

from evertape.clock import Clock
from evertape.domain.cause import Cause
from evertape.ipc.channel import Channel
from evertape.ipc.messages import Heartbeat, Hello, Message, Shutdown

HEARTBEAT_S = 1.0
EXIT_OUT_OF_MEMORY = 12
"""A process that got no memory leaves with this code, which is the number of ENOMEM."""


def cpu_seconds() -> float:
    """User and system seconds of this process."""
    times = os.times()
    return times.user + times.system


def resident_bytes() -> int:
    """Resident memory of this process; 0 where the system does not tell."""
    try:
        with open("/proc/self/statm", "rb") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return 0


class SupervisorLine:
    """A child's end of the socket pair it was started with.

    Args:
        fd: the inherited descriptor.
        role: ``recorder`` or ``keeper``.
        name: this process.
        clock: for heartbeats.
        on_message: what the supervisor says.
        on_shutdown: called once, with the seconds left, when the supervisor asks for it or is gone.
    """

    def __init__(
        self,
        fd: int,
        role: str,
        name: str,
        clock: Clock,
        on_message: Callable[[Message], None],
        on_shutdown: Callable[[float], None],
    ) -> None:
        self._clock = clock
        self._on_message = on_message
        self._on_shutdown = on_shutdown
        self._ending = False
        self.cause = Cause.SERVICE_STOPPED
        """Why it is to leave, for the ledger."""
        self._loop = asyncio.get_running_loop()
        self._channel = Channel(socket.socket(fileno=fd), self._message, self._gone)
        self._channel.peer = "the supervisor"
        self._channel.send(Hello(role=role, name=name, pid=os.getpid()))
        self._beat()
        # Ctrl-C reaches the whole process group; the supervisor decides who leaves when.
        self._loop.add_signal_handler(signal.SIGINT, lambda: None)
        self._loop.add_signal_handler(signal.SIGTERM, lambda: self._end(4.0))

    def send(self, message: Message) -> None:
        """Say something to the supervisor."""
        self._channel.send(message)

    @property
    def congested(self) -> bool:
        """The supervisor does not listen at the moment; what can be left unsaid should be."""
        return self._channel.queued_bytes > 1 << 20

    def _beat(self) -> None:
        if self._channel.closed:
            return
        if not self.congested:
            self._channel.send(Heartbeat(boot=self._clock.boot_ns(), rss=resident_bytes(), cpu_s=cpu_seconds()))
        self._loop.call_later(HEARTBEAT_S, self._beat)

    def _message(self, _channel: Channel, message: Message, _payload: bytes) -> None:
        if isinstance(message, Shutdown):
            self._end(message.deadline_s, Cause(message.cause))
        else:
            self._on_message(message)

    def _gone(self, _channel: Channel) -> None:
        # Without a supervisor nobody would replace us: finish the files and make room for its successor.
        self._end(4.0, Cause.PROCESS_CRASH)

    def _end(self, deadline_s: float, cause: Cause = Cause.SERVICE_STOPPED) -> None:
        if not self._ending:
            self._ending, self.cause = True, cause
            self._on_shutdown(deadline_s)


def leave(code: int = 0) -> None:
    """End the process now, without tearing GStreamer down piece by piece.

    Interpreter exit with pipelines that were alive a moment ago crashed in two of four runs (measured);
    everything that matters has been flushed by whoever calls this.
    """
    sys.stderr.flush()
    os._exit(code)
