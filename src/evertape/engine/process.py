"""One child process: started, listened to, replaced. A supervisor has one of these per role.

Threads: the owner's loop only.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import socket
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import evertape
from evertape.domain.downtime import cause_of_death
from evertape.domain.memory import OUT_OF_MEMORY, says_exhausted
from evertape.engine.child import EXIT_OUT_OF_MEMORY
from evertape.engine.child_face import Child, ProcessOwner, Vitals
from evertape.ipc.channel import Channel
from evertape.ipc.messages import Heartbeat, Message, Shutdown
from evertape.redact import redact

__all__ = ["HUNG", "Child", "ChildProcess", "ProcessOwner", "Vitals"]

log = logging.getLogger(__name__)

HUNG = "hung"
HUNG_AFTER_S = 4.0
"""Without a heartbeat for so long (they come every second) a process is replaced: within 5 s, as promised."""
STARTING_S = 20.0
"""A first heartbeat may take longer: a cold disk, a busy machine."""
_STEADY_S = 10.0
_STUCK_S = 1.0
"""A process that has been killed for so long and has not ended is stuck in the kernel: it is left behind."""
_LAST_WAIT_S = 0.2
_LAST_WORDS_S = 0.1
_RESTARTS_S = (0.0, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)


class ChildProcess:
    """See the module.

    Args:
        name: such as ``recorder-0``.
        module: what to run, ``python -m module``.
        arguments: makes the further arguments; called at each start.
        owner: who is told.
    """

    def __init__(self, name: str, module: str, arguments: Callable[[], Sequence[str]], owner: ProcessOwner) -> None:
        self.name = name
        self.generation = -1
        self._vitals: Vitals | None = None
        self._module = module
        self._arguments = arguments
        self._owner = owner
        self._loop = asyncio.get_running_loop()
        self._process: asyncio.subprocess.Process | None = None
        self._channel: Channel | None = None
        self._task: asyncio.Task[None] | None = None
        self._started = self._beat = 0.0
        self._failures = 0
        self._ending = False
        self._how = ""
        """Why we ended it."""
        self._exhausted = False
        self._killed: asyncio.Future[None] | None = None
        """Done when it was killed and should have ended by now."""
        self._stuck: list[asyncio.Task[int]] = []

    @property
    def pid(self) -> int | None:
        """Its process id, while it runs."""
        return self._process.pid if self._process is not None else None

    @property
    def running(self) -> bool:
        """It has been started and has not ended."""
        return self._process is not None

    @property
    def vitals(self) -> Vitals | None:
        """What its latest heartbeat said."""
        return self._vitals

    @property
    def said_exhausted(self) -> bool:
        """It printed that it got no memory."""
        return self._exhausted

    def start(self) -> None:
        """Start it, and keep it running until ``stop``."""
        self._task = self._loop.create_task(self._keep(), name=self.name)

    def send(self, message: Message) -> None:
        """Say something to it; lost if it is not there."""
        if self._channel is not None:
            self._channel.send(message)

    def check(self) -> None:
        """Replace it if its heartbeat has stopped. Call it twice a second."""
        if self._process is None or self._how or self._ending:
            return
        silent = self._loop.time() - self._beat
        if silent > (HUNG_AFTER_S if self._beat > self._started else STARTING_S):
            log.error("[PROCESS] %s (pid %d) gave no sign of life for %.1f s", self.name, self.pid, silent)
            self._how = HUNG
            self._kill(self._process)

    def replace(self, how: str, deadline_s: float) -> None:
        """Have it finish and leave; ended by force if it takes longer than ``deadline_s``."""
        if self._process is None or self._how or self._ending:
            return
        self._how = how
        self.send(Shutdown(deadline_s=max(0.2, deadline_s - 0.5), cause=cause_of_death(how)))
        self._loop.call_later(deadline_s, self._kill, self._process)

    def _kill(self, process: asyncio.subprocess.Process) -> None:
        if process is not self._process or self._ending:
            return  # it has left
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        if self._killed is not None:
            self._loop.call_later(_STUCK_S, _settle, self._killed)

    def excuse(self, late_s: float) -> None:
        """Whoever checks was itself held up for so long: give it that much more time."""
        self._beat += late_s
        if self._beat <= self._started + late_s:
            # No heartbeat yet: it is still starting.
            self._started = self._beat

    async def stop(self, deadline_s: float) -> bool:
        """Ask it to leave; False if it had to be ended by force."""
        self._ending = True
        process, deadline = self._process, self._loop.time() + deadline_s
        if process is None:
            await self._cancel()
            return True
        self.send(Shutdown(deadline_s=max(0.2, deadline_s - 0.5)))
        clean = True
        try:
            await asyncio.wait_for(process.wait(), max(0.1, deadline - self._loop.time()))
        except TimeoutError:
            clean = False
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            with contextlib.suppress(TimeoutError):
                # One that is stuck in the kernel does not die; it is abandoned.
                await asyncio.wait_for(process.wait(), _LAST_WAIT_S)
        await self._cancel()
        return clean and process.returncode == 0

    async def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        if self._channel is not None:
            self._channel.close()

    # -- inside ---------------------------------------------------------------------------------------------

    async def _keep(self) -> None:
        while not self._ending:
            try:
                await self._once()
            except Exception:
                # The thread's edge: whatever it was, this child has to be kept running.
                log.exception("[PROCESS] a mistake in keeping %s running", self.name)
                self._end_by_force()
            steady = self._loop.time() - self._started > _STEADY_S
            self._failures = 0 if steady else self._failures + 1
            await asyncio.sleep(_RESTARTS_S[min(self._failures, len(_RESTARTS_S) - 1)])

    async def _once(self) -> None:
        ours, theirs = socket.socketpair()
        self.generation += 1
        self._how, self._exhausted = "", False
        self._started = self._beat = self._loop.time()
        arguments = [sys.executable, "-m", self._module, "--supervisor-fd", str(theirs.fileno()), "--name", self.name]
        try:
            process = await asyncio.create_subprocess_exec(
                *arguments,
                *self._arguments(),
                stdin=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.PIPE,
                pass_fds=(theirs.fileno(),),
                # A group of its own: Ctrl-C is for the supervisor, which ends its children in the right order.
                start_new_session=True,
                env=_environment(),
                limit=1 << 20,
            )
        except asyncio.CancelledError:
            ours.close()
            raise
        except OSError as error:
            ours.close()
            log.error("[PROCESS] %s cannot be started: %s", self.name, error)
            self._owner.child_died(self, 0, str(error))
            return
        finally:
            theirs.close()
        self._process = process
        self._killed = self._loop.create_future()
        self._channel = channel = Channel(ours, self._message)
        channel.peer = self.name
        log.debug("[PROCESS] %s started (pid %d)", self.name, process.pid)
        self._owner.child_up(self)
        reading = self._loop.create_task(self._read_log(process))
        waiting = self._loop.create_task(process.wait())
        await asyncio.wait((waiting, self._killed), return_when=asyncio.FIRST_COMPLETED)
        code = process.returncode
        if code is None:
            log.critical("[PROCESS] %s (pid %d) is stuck in the kernel and is left behind", self.name, process.pid)
            self._stuck.append(waiting)
        self._process = self._vitals = None
        channel.close()
        # Its last words may say why.
        await asyncio.wait([reading], timeout=_LAST_WORDS_S)
        if not self._ending:
            how = self._how or _how_it_ended(code)
            log.error("[PROCESS] %s (pid %d) ended (%s); replacing it", self.name, process.pid, how)
            self._owner.child_died(self, process.pid, how)
        await asyncio.wait([reading], timeout=0.5)
        reading.cancel()

    def _end_by_force(self) -> None:
        process, self._process = self._process, None
        if process is not None and process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
        if self._channel is not None:
            self._channel.close()

    def _message(self, _channel: Channel, message: Message, _payload: bytes) -> None:
        if isinstance(message, Heartbeat):
            self._beat = self._loop.time()
            self._vitals = Vitals(self.pid or 0, self.generation, message.rss, message.cpu_s)
        else:
            self._owner.child_said(self, message)

    async def _read_log(self, process: asyncio.subprocess.Process) -> None:
        stream = process.stderr
        assert stream is not None
        while True:
            try:
                raw = await stream.readline()
            except ValueError:
                continue  # a line beyond the limit; the stream has dropped it
            if not raw:
                return
            line = raw.decode(errors="replace").rstrip("\n")
            self._exhausted |= says_exhausted(line)
            _relay(self.name, line)


def _relay(name: str, line: str) -> None:
    """Pass on a child's line: a record of ours, or whatever a library printed."""
    try:
        record = json.loads(line)
        level, text = logging.getLevelName(str(record["level"]).upper()), str(record["text"])
        extra = {"process": record.get("process", name)}
    except (ValueError, KeyError, TypeError):
        # Whatever it is, nobody has masked it yet.
        level, text, extra = logging.WARNING, redact(line), {"process": name}
    if text:
        logging.getLogger("evertape.child").log(
            level if isinstance(level, int) else logging.INFO, "%s", text, extra={"child": extra["process"]}
        )


def _how_it_ended(code: int | None) -> str:
    if code is None:
        return HUNG
    if code == EXIT_OUT_OF_MEMORY:
        return OUT_OF_MEMORY
    return f"exit {code}" if code >= 0 else f"signal {-code}"


def _settle(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def _environment() -> dict[str, str]:
    environment = dict(os.environ)
    # Freed memory goes back: without it a recorder's arenas stay as large as its worst second.
    environment.setdefault("MALLOC_ARENA_MAX", "2")
    environment["PYTHONUNBUFFERED"] = "1"
    # A child runs the code its parent runs, wherever that was imported from.
    root = str(Path(evertape.__file__).parent.parent)
    others = [entry for entry in environment.get("PYTHONPATH", "").split(os.pathsep) if entry and entry != root]
    environment["PYTHONPATH"] = os.pathsep.join([root, *others])
    return environment
