"""Simulated cameras from a test's point of view: a process that can be started, frozen, killed, brought back."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import queue
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from evertape.errors import SetupError
from evertape.redact import join_credentials

NotSent = tuple[str, int, int]
"""Camera, first and last number of frames that it left out."""


@dataclass(frozen=True, slots=True)
class SeenRequest:
    """What a camera was asked, and when by the boot-time clock; only what got past the login."""

    camera: str
    method: str
    boot_ns: int


PASSWORD_VARIABLE = "EVERTAPE_LAB_PASSWORD"
"""Hands the password over, because a command line can be read by everybody."""

START_TIMEOUT_S = 60.0
"""Encoding a new loop of 1080p H.265 takes eight seconds on an idle core, more beside other work."""

REPLY_TIMEOUT_S = 10.0
# Below the range from which outgoing connections take their own port (from 32768 on Linux): a client that retries
# on the port of a dead camera in that range may connect to itself.
_PORTS = range(20000, 32000)


class _Ports:
    """Ports that this process has given out: to nobody else in it, and to no other process of the lab while it lives.

    A camera that is dead for a while, or refuses, does not hold its port: whoever looks for a free one would take it.
    """

    def __init__(self) -> None:
        self._given: set[int] = set()
        self._file: int | None = None

    def take(self, port: int) -> bool:
        """Reserve one; False if somebody has it."""
        if port in self._given:
            return False
        if self._file is None:
            path = Path(tempfile.gettempdir()) / f"evertape-lab-{os.getuid()}.ports"
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            # One byte of the file stands for each port; the lock ends with the process, however that ends.
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
        except OSError:
            return False
        self._given.add(port)
        return True


_ports = _Ports()


def free_port(host: str = "127.0.0.1") -> int:
    """A TCP port on ``host`` that nobody listens on now; raises ``SetupError`` if none is found."""
    for port in random.sample(_PORTS, 200):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
            if _ports.take(port):
                return port
    raise SetupError(f"no free TCP port on {host}")


class LabCameras:
    """A process of ``evertape_lab.camera``; a context manager that starts and stops it.

    All methods belong to the thread that made the object. The process ends with its parent.

    Args:
        count: how many cameras.
        port: TCP port; 0 takes a free one, and keeps it through ``restart``.
        host: address to listen on.
        user, password: required of clients; ``urls`` then carry them.
        prefix: put before the command, such as ``Namespace.prefix``; then ``host`` is an address inside, and the
            port has to be given.
        options: the other options of ``evertape lab camera`` with underscores: ``codec``, ``size``, ``fps``,
            ``gop``, ``bitrate``, ``bframes``, ``audio``, ``auth``, ``name_prefix``.
    """

    def __init__(
        self,
        count: int = 1,
        *,
        port: int = 0,
        host: str = "127.0.0.1",
        user: str | None = None,
        password: str | None = None,
        prefix: Sequence[str] = (),
        **options: str | int,
    ) -> None:
        self.count = count
        self.host = host
        self.port = port or free_port(host)
        self.user = user
        self.password = password
        self.prefix = list(prefix)
        self.options = options
        self.urls: list[str] = []
        self.sub_urls: list[str] = []
        self.not_sent: list[NotSent] = []
        """Frames that were left out while somebody watched: after a freeze, a pause, a second's stall of the machine.

        Known when the camera sends again. What it did not send while it was dead is not in here.
        """
        self.asked: list[SeenRequest] = []
        """Every ``OPTIONS`` and ``DESCRIBE`` so far."""
        self._process: subprocess.Popen[str] | None = None
        self._lines: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """The process; raises ``RuntimeError`` if it was never started."""
        return self._running().pid

    def start(self) -> None:
        """Start the process and wait until it serves; raises ``SetupError`` with its last words if it does not."""
        with tempfile.TemporaryFile("w+") as words:
            self._process = self._spawn(words.fileno())
            ready = self._next_line(START_TIMEOUT_S)
            if ready is None:
                self.kill()
                words.seek(0)
                raise SetupError(f"the lab's cameras did not start: {words.read()[-2000:].strip()}")
        self.urls = [self._login(url) for url in ready["urls"]]
        self.sub_urls = [self._login(url) for url in ready["sub_urls"]]

    def stop(self) -> int:
        """End the process cleanly, or by force after five seconds; returns its exit code. Harmless if repeated."""
        process = self._running()
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            process.send_signal(signal.SIGCONT)
        try:
            process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            process.kill()
        return self._reap()

    def kill(self) -> None:
        """End the process by SIGKILL: connections are reset, nothing is said."""
        self._running().kill()
        self._reap()

    def restart(self, **options: str | int) -> None:
        """Start again on the same port, stopping first if it runs; ``options`` replace those of before."""
        if self._process is not None:
            self.stop()
        self.options = {**self.options, **options}
        self.start()

    def freeze(self) -> None:
        """Stop the process where it is (SIGSTOP): the kernel still accepts connections, nobody answers."""
        self._running().send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self._running().send_signal(signal.SIGCONT)

    def pause(self, camera: str = "*") -> None:
        """Stop the RTP of ``camera`` while its RTSP session lives on."""
        self.command(f"pause {camera}")

    def resume(self, camera: str = "*") -> None:
        """Send RTP again, from the next key frame."""
        self.command(f"resume {camera}")

    def mute(self, camera: str = "*") -> None:
        """Stop the sound of ``camera``; the picture goes on."""
        self.command(f"mute {camera}")

    def unmute(self, camera: str = "*") -> None:
        """Send sound again."""
        self.command(f"unmute {camera}")

    def eos(self, camera: str = "*") -> None:
        """Send end-of-stream to all who watch ``camera``."""
        self.command(f"eos {camera}")

    def set_clock(self, camera: str, seconds: float) -> None:
        """Set the wall clock of ``camera`` so many seconds ahead of the true time; its sender reports tell it."""
        self.command(f"clock {camera} {seconds}")

    def jump(self, camera: str, seconds: float) -> None:
        """Let the RTP clock of the picture jump by so many seconds, in this session."""
        self.command(f"jump {camera} {seconds}")

    def command(self, line: str) -> None:
        """Give one command and wait until it is done; raises ``ValueError`` if it is refused."""
        process = self._running()
        assert process.stdin is not None
        process.stdin.write(line + "\n")
        process.stdin.flush()
        reply = self._next_line(REPLY_TIMEOUT_S)
        if reply is None or not reply.get("ok"):
            raise ValueError(f"the lab's cameras did not obey {line!r}")

    def _running(self) -> subprocess.Popen[str]:
        if self._process is None:
            raise RuntimeError("the lab's cameras were not started")
        return self._process

    def _spawn(self, stderr: int) -> subprocess.Popen[str]:
        command = [*self.prefix, sys.executable, "-m", "evertape_lab.camera", "--expect-parent"]
        command += ["--count", str(self.count), "--host", self.host, "--port", str(self.port)]
        for key, value in self.options.items():
            command += [f"--{key.replace('_', '-')}", str(value)]
        env = dict(os.environ)
        source = str(Path(__file__).resolve().parents[1])
        env["PYTHONPATH"] = os.pathsep.join([source, *filter(None, [env.get("PYTHONPATH")])])
        if self.user is not None:
            command += ["--user", self.user]
            env[PASSWORD_VARIABLE] = self.password or ""
        process = subprocess.Popen(
            command,
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            # Ctrl-C is for whoever started us: cameras that go before the recorder does would look like a failure.
            start_new_session=True,
        )
        self._lines = queue.SimpleQueue()
        threading.Thread(target=self._read, args=(process, self._lines), daemon=True).start()
        return process

    def _read(self, process: subprocess.Popen[str], lines: queue.SimpleQueue[dict[str, Any] | None]) -> None:
        """Sort what the process says; on a thread of its own."""
        assert process.stdout is not None
        with process.stdout as stream:
            for line in stream:
                said = json.loads(line)
                if "not_sent" in said:
                    self.not_sent.append((said["not_sent"], said["first"], said["last"]))
                elif "asked" in said:
                    self.asked.append(SeenRequest(said["camera"], said["asked"], said["boot"]))
                else:
                    lines.put(said)
        lines.put(None)

    def _next_line(self, timeout_s: float) -> dict[str, Any] | None:
        try:
            return self._lines.get(timeout=timeout_s)
        except queue.Empty:
            return None

    def _login(self, url: str) -> str:
        return url if self.user is None else join_credentials(url, self.user, self.password)

    def _reap(self) -> int:
        process = self._running()
        with contextlib.suppress(OSError):  # a pipe whose reader died cannot be flushed
            if process.stdin is not None:
                process.stdin.close()
        return process.wait()
