"""What the service's processes use: processor time, threads, descriptors, memory. Linux only; a background task."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections import Counter
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


@dataclass(frozen=True, slots=True)
class Inventory:
    """What one process holds.

    Args:
        threads: by what the kernel calls them.
        descriptors: of ``socket``, ``pipe``, ``file`` and whatever else the kernel makes (``eventfd`` …).
        memory: bytes that are its own (anonymous). Libraries are left out: how much of them is its own depends on who
            else on the machine has them loaded.
    """

    threads: Counter[str]
    descriptors: Counter[str]
    memory: int

    def beyond(self, before: Inventory) -> list[str]:
        """What there is more of than before, in words."""
        found = [
            f"{now.total() - then.total():+d} {what}: {dict(now - then)}"
            for what, now, then in (
                ("threads", self.threads, before.threads),
                ("descriptors", self.descriptors, before.descriptors),
            )
            if now.total() > then.total()
        ]
        sockets = self.descriptors["socket"] - before.descriptors["socket"]
        return [*found, f"{sockets:+d} sockets"] if sockets > 0 else found


def inventory(pid: int) -> Inventory | None:
    """Of a process now; ``None`` if it is gone."""
    threads, descriptors = Counter[str](), Counter[str]()
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            with contextlib.suppress(OSError), open(f"/proc/{pid}/task/{task}/comm") as file:
                threads[file.read().strip()] += 1
        for fd in os.listdir(f"/proc/{pid}/fd"):
            with contextlib.suppress(OSError):
                target = os.readlink(f"/proc/{pid}/fd/{fd}")
                kind = target.removeprefix("anon_inode:").strip("[]") if ":" in target else "file"
                descriptors[kind.partition(":")[0]] += 1
        with open(f"/proc/{pid}/smaps_rollup") as file:
            memory = next(int(line.split()[1]) * 1024 for line in file if line.startswith("Anonymous:"))
    except (OSError, StopIteration):
        return None
    return Inventory(threads, descriptors, memory)


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
    return {pid for name, pid in rig.pids().items() if name.startswith(prefix)}


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
            for name, info in self.rig.infos().items():
                age = info.recording.durable_age_s
                if info.recording.state == "recording" and age is not None:
                    self.ages[name] = max(self.ages.get(name, 0.0), age)

    def _used(self) -> float:
        return sum(cpu_s(pid) for pid in pids(self.rig))
