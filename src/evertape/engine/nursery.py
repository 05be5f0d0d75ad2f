"""The supervisor's end of the nursery, which forks the service's processes (``nursery_main``). Linux only.

It is a convenience: where it cannot be had, or fails twice, processes are started one by one, and a child neither
notices nor minds when it dies. Threads: the owner's loop only.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

from evertape.engine.launch import LINE_BYTES, ExecLauncher, Launched, environment

log = logging.getLogger(__name__)

ANSWER_S = 10.0
"""It imports for a quarter of a second first, more on a busy machine; forking takes milliseconds."""
MOST_FAILURES = 2
_CODE_S = 1.0
"""That a child ended is known at once; how, when the nursery says so."""
UNKNOWN_CODE = 255
_REPLY_BYTES = 4096
_LAST_WAIT_S = 1.0


class ForkedProcess:
    """A child of the nursery; ``Launched``.

    Args:
        pid: its process id.
        pidfd: a descriptor for it; closed here.
        stderr: what it says there.
    """

    def __init__(self, pid: int, pidfd: int, stderr: asyncio.StreamReader) -> None:
        self.pid = pid
        self.stderr = stderr
        self.returncode: int | None = None
        self._pidfd = pidfd
        self._loop = asyncio.get_running_loop()
        self._ended: asyncio.Future[int] = self._loop.create_future()
        self._loop.add_reader(pidfd, self._is_over)

    async def wait(self) -> int:
        """See ``Launched``."""
        return await asyncio.shield(self._ended)

    def kill(self) -> None:
        """See ``Launched``. Through the descriptor, so it never hits another process."""
        if self._pidfd < 0:
            raise ProcessLookupError
        signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)

    def ended(self, code: int) -> None:
        """The nursery says how it ended."""
        self._let_go()
        if self.returncode is None:
            self.returncode = code
            self._ended.set_result(code)

    def _is_over(self) -> None:
        self._let_go()
        self._loop.call_later(_CODE_S, self.ended, UNKNOWN_CODE)

    def _let_go(self) -> None:
        if self._pidfd >= 0:
            self._loop.remove_reader(self._pidfd)
            os.close(self._pidfd)
            self._pidfd = -1


class Nursery:
    """A ``Launcher`` that forks."""

    def __init__(self) -> None:
        self._plain = ExecLauncher()
        self._failures = 0 if available() else MOST_FAILURES
        self._process: subprocess.Popen[bytes] | None = None
        self._line: socket.socket | None = None
        self._requests = 0
        self._waiting: dict[int, asyncio.Future[tuple[int, int]]] = {}
        self._children: dict[int, ForkedProcess] = {}
        self._early: dict[int, int] = {}
        """Exit codes of processes whose start nobody has taken note of yet."""
        self._loop = asyncio.get_running_loop()

    @property
    def pid(self) -> int | None:
        """The nursery's process id, if it runs."""
        return self._process.pid if self._process is not None else None

    async def start(self, module: str, arguments: Sequence[str], fd: int) -> Launched:
        """See ``Launcher``."""
        if self._failures >= MOST_FAILURES:
            return await self._plain.start(module, arguments, fd)
        line = self._open()
        try:
            child = await self._fork(line, module, arguments, fd)
        except (OSError, TimeoutError) as error:
            self._failures += 1
            log.warning("[PROCESS] the nursery failed (%s)", str(error) or "no answer")
            if self._line is line:
                self.close()
            # Whatever it may have forked holds the other end of this socket: the caller has to take a new one.
            raise OSError("the nursery failed") from error
        self._failures = 0
        return child

    def close(self) -> None:
        """End the nursery; its children stay."""
        line, self._line = self._line, None
        if line is not None:
            self._loop.remove_reader(line.fileno())
            line.close()
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_LAST_WAIT_S)
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(ConnectionResetError("the nursery ended"))
        self._waiting.clear()

    # -- inside ---------------------------------------------------------------------------------------------

    def _open(self) -> socket.socket:
        if self._line is not None:
            return self._line
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "evertape.engine.nursery_main", str(theirs.fileno())],
                stdin=subprocess.DEVNULL, pass_fds=(theirs.fileno(),), start_new_session=True, env=environment(),
            )  # fmt: skip
        except OSError:
            ours.close()
            raise
        finally:
            theirs.close()
        ours.setblocking(False)
        self._line = ours
        self._loop.add_reader(ours.fileno(), self._readable)
        return ours

    async def _fork(self, line: socket.socket, module: str, arguments: Sequence[str], fd: int) -> ForkedProcess:
        self._requests += 1
        number = self._requests
        title = arguments[arguments.index("--name") + 1] if "--name" in arguments else module
        request = {"request": number, "module": module, "arguments": list(arguments), "title": title[:15]}
        answer = self._waiting[number] = self._loop.create_future()
        errors, theirs = os.pipe()
        try:
            try:
                socket.send_fds(line, [json.dumps(request).encode()], [fd, theirs])
            finally:
                os.close(theirs)
            pid, pidfd = await asyncio.wait_for(answer, ANSWER_S)
        except BaseException:
            self._waiting.pop(number, None)
            os.close(errors)
            raise
        stderr = asyncio.StreamReader(LINE_BYTES)
        await self._loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(stderr), os.fdopen(errors, "rb"))
        child = self._children[pid] = ForkedProcess(pid, pidfd, stderr)
        if pid in self._early:
            self._over(pid, self._early.pop(pid))
        return child

    def _readable(self) -> None:
        assert self._line is not None
        try:
            data, fds, _, _ = socket.recv_fds(self._line, _REPLY_BYTES, 1)
        except BlockingIOError:
            return
        except OSError:
            data, fds = b"", []
        if not data:
            log.warning("[PROCESS] the nursery ended; the next process needs another")
            self.close()
            return
        self._take(json.loads(data), fds)

    def _take(self, message: dict[str, Any], fds: list[int]) -> None:
        if "ended" in message:
            self._over(message["ended"], message["code"])
            return
        for fd in fds:
            os.set_inheritable(fd, False)
        self._early.pop(message.get("pid", 0), None)  # of another process that once had this id
        answer = self._waiting.pop(message["request"], None)
        if answer is None or answer.done():
            for fd in fds:
                os.close(fd)
        elif fds:
            answer.set_result((message["pid"], fds[0]))
        else:
            answer.set_exception(OSError(message["errno"], message["text"]))

    def _over(self, pid: int, code: int) -> None:
        child = self._children.pop(pid, None)
        if child is not None:
            child.ended(code)
        else:
            self._early[pid] = code


def available() -> bool:
    """Whether this system can: forking needs nothing special, knowing what became of the child does (Linux 5.3)."""
    if sys.platform != "linux":
        return False
    with contextlib.suppress(OSError, AttributeError):
        os.close(os.pidfd_open(os.getpid()))
        return True
    return False
