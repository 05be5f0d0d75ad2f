"""What the service's processes use: processor time, threads, descriptors, memory. Linux only; a background task."""

from __future__ import annotations

import asyncio
import contextlib
import os
from dataclasses import dataclass, field

from evertape_lab.rig import Rig

_TICK_S = 1 / os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Holdings:
    """What the recorders hold, all together."""

    threads: int
    descriptors: int
    resident: int


def cpu_s(pid: int) -> float:
    """Seconds of processor time a process has used; 0 if it is gone."""
    with contextlib.suppress(OSError), open(f"/proc/{pid}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) * _TICK_S
    return 0.0


def holdings(rig: Rig) -> Holdings:
    """Of the recorders now."""
    threads = descriptors = resident = 0
    for pid in pids(rig, "recorder-"):
        with contextlib.suppress(OSError):
            threads += len(os.listdir(f"/proc/{pid}/task"))
            descriptors += len(os.listdir(f"/proc/{pid}/fd"))
            with open(f"/proc/{pid}/statm") as file:
                resident += int(file.read().split()[1]) * _PAGE
    return Holdings(threads, descriptors, resident)


def pids(rig: Rig, prefix: str = "") -> set[int]:
    """The processes of the service whose names begin so; never this one."""
    found = {child.pid for name, child in rig.supervisor.children.items() if name.startswith(prefix)}
    return {pid for pid in found if pid is not None and pid != os.getpid()}


@dataclass
class Meter:
    """Looks once a second while it runs.

    Attributes:
        cpu: cores used in each second.
        ages: the age of the newest durable footage of each camera that is recording, the highest seen.
    """

    rig: Rig
    cpu: list[float] = field(default_factory=list)
    ages: dict[str, float] = field(default_factory=dict)

    async def run(self) -> None:
        """Until cancelled."""
        loop = asyncio.get_running_loop()
        used, at = self._used(), loop.time()
        while True:
            await asyncio.sleep(1.0)
            now_used, now = self._used(), loop.time()
            # A process that was replaced took its time with it.
            self.cpu.append(max(0.0, now_used - used) / (now - at))
            used, at = now_used, now
            for name, info in self.rig.supervisor.status.cameras.items():
                age = info.recording.durable_age_s
                if info.recording.state == "recording" and age is not None:
                    self.ages[name] = max(self.ages.get(name, 0.0), age)

    def _used(self) -> float:
        return sum(cpu_s(pid) for pid in pids(self.rig))
