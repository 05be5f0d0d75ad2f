"""What can be done to the service's own processes: the verbs of the rows of crashes."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from evertape.errors import UsageError
from evertape.ipc.events import ProcessStarted
from evertape_lab.script import Step
from evertape_lab.served import SUPERVISOR, Served

if TYPE_CHECKING:
    from evertape_lab.rig import Rig


@dataclass(frozen=True, slots=True)
class Crash:
    """A process that was broken. ``boot``: the boot-time clock right before."""

    process: str
    boot: int


def resident_bytes(pid: int) -> int:
    """What a process takes; 0 if it is gone."""
    with contextlib.suppress(OSError), open(f"/proc/{pid}/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return 0


class CrashVerbs:
    """Verbs of a stage; ``process`` of a step is a process's name, ``supervisor``, or ``*`` for all of them."""

    rig: Rig
    crashes: list[Crash]

    async def do_kill_process(self, step: Step) -> None:
        """SIGKILL."""
        self._signal(step, signal.SIGKILL)

    async def do_hang_process(self, step: Step) -> None:
        """SIGSTOP."""
        self._signal(step, signal.SIGSTOP)

    async def do_starve_process(self, step: Step) -> None:
        """Let it take no more than ``kbytes`` of memory beyond what it has."""
        self.crashes.append(Crash(step.process, time.clock_gettime_ns(time.CLOCK_BOOTTIME)))
        for pid in self._pids(step):
            with open(f"/proc/{pid}/status") as file:
                size = next(int(line.split()[1]) * 1024 for line in file if line.startswith("VmData:"))
            # Not the address space: of that the allocator reserves 64 MB per thread before it needs them.
            _, hard = resource.prlimit(pid, resource.RLIMIT_DATA)
            resource.prlimit(pid, resource.RLIMIT_DATA, (size + step.kbytes * 1000, hard))

    async def do_grown(self, step: Step) -> None:
        """Wait until it takes more than ``kbytes`` of memory."""

        def grown() -> bool:
            return all(resident_bytes(pid) > step.kbytes * 1000 for pid in self._pids(step))

        await self.rig.until(grown, step.within, f"{step.process} takes {step.kbytes} kB")
        self.crashes.append(Crash(step.process, time.clock_gettime_ns(time.CLOCK_BOOTTIME)))

    async def do_replaced(self, step: Step) -> None:
        """Wait until the process that was broken last has a successor, and its cameras have been heard of anew."""
        crash = self.crashes[-1]

        def started() -> bool:
            return any(
                isinstance(event, ProcessStarted) and event.process == step.process and event.boot > crash.boot
                for event in self.rig.events(ProcessStarted)
            )

        await self.rig.until(started, step.within, f"another {step.process}")
        self.rig.forget()

    async def do_back(self, step: Step) -> None:
        """Wait until the service, which was killed, answers again."""
        served = self._served(step)
        await served.until(lambda: bool(served.exits), step.within, "it is gone")
        served.forget()
        await served.until(lambda: bool(served.infos()), step.within, "it is back")

    async def do_stop_service(self, step: Step) -> None:
        """End it by a signal, ``word``: ``SIGTERM`` or ``SIGINT``."""
        await self._served(step).stop(signal.Signals[step.word or "SIGTERM"])

    def _served(self, step: Step) -> Served:
        if not isinstance(self.rig, Served):
            raise UsageError(f"{step.do} needs a scenario that is served")
        return self.rig

    def _signal(self, step: Step, number: int) -> None:
        boot = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        for pid in self._pids(step):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        self.crashes.append(Crash(step.process, boot))

    def _pids(self, step: Step) -> list[int]:
        found = self.rig.pids()
        if step.process == "*":
            # The supervisor first: nobody is to be replaced while the others die.
            return sorted(found.values(), key=lambda pid: pid != found.get(SUPERVISOR))
        if step.process not in found:
            raise UsageError(f"there is no process {step.process}", hint=f"there are {', '.join(found)}")
        return [found[step.process]]
