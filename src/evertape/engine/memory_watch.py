"""Watches what each process takes, and the kernel's count of those it killed for lack of memory.

What follows from it is decided in ``domain.memory``.

Threads: the owner's loop only. Reads ``/proc`` and ``/sys/fs/cgroup``, which never wait for a disk.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from evertape.domain.memory import OUT_OF_MEMORY, Action, Watched, how_it_ended, limit_bytes, step
from evertape.engine.process import Child

log = logging.getLogger(__name__)

REPLACE_S = 2.0
"""Files are finished in less; a process that cannot even do that is ended."""
_LATELY_S = 5.0
"""The kernel counts when it chooses; the victim is found dead a moment later, or, if it is large, some moments."""
_UNLIMITED = 1 << 60


class ControlGroup:
    """The control group of this process: version 2, or the memory controller of version 1; else the whole system.

    Args:
        proc: where ``/proc`` is.
        mounted: where control groups are mounted.
    """

    def __init__(self, proc: Path = Path("/proc"), mounted: Path = Path("/sys/fs/cgroup")) -> None:
        self._events = proc / "vmstat"
        self._limits: list[Path] = []
        for line in _read(proc / "self/cgroup").splitlines():
            number, controllers, path = (*line.split(":", 2), "", "")[:3]
            if number == "0" and not controllers:
                self._use(mounted / path.lstrip("/"), mounted, "memory.events", "memory.max")
            elif "memory" in controllers.split(","):
                self._use(mounted / "memory" / path.lstrip("/"), mounted, "memory.oom_control", "memory.limit_in_bytes")

    def _use(self, folder: Path, top: Path, events: str, limit: str) -> None:
        if "oom_kill " in _read(folder / events):
            self._events = folder / events
        # What a group may take is bounded by all those it lies in.
        self._limits += [at / limit for at in (folder, *folder.parents) if at.is_relative_to(top)]

    def oom_kills(self) -> int:
        """How many processes the kernel has killed for lack of memory; 0 where it does not tell."""
        for line in _read(self._events).splitlines():
            name, _, value = line.partition(" ")
            if name == "oom_kill" and value.strip().isdigit():
                return int(value)
        return 0

    def limit(self) -> int | None:
        """How much the group may take, bytes; ``None``: as much as there is."""
        found = [int(text) for path in self._limits if (text := _read(path).strip()).isdigit()]
        return min((value for value in found if value < _UNLIMITED), default=None)


class MemoryWatch:
    """See the module.

    Args:
        memory: bytes of RAM of the machine.
        terms: by the name of a process, ``processes.memory_limit`` if it is set, and a recorder's share of the rings.
        group: the control group.
        time_s: monotonic seconds.
    """

    def __init__(
        self,
        memory: int,
        terms: Callable[[str], tuple[int | None, int | None]],
        group: ControlGroup | None = None,
        time_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._terms = terms
        self._group = group or ControlGroup()
        self._available = min(memory, self._group.limit() or memory)
        self._time_s = time_s
        self._watched: dict[str, Watched] = {}
        self._kills = self._group.oom_kills()
        self._rose_at: float | None = None

    def look(self, children: Iterable[Child]) -> None:
        """Replace whoever has been over its limit for too long. Call it twice a second."""
        self._count()
        for child in children:
            if (vitals := child.vitals) is None or vitals.pid == os.getpid():
                continue  # a recorder in this process cannot be replaced
            limit = limit_bytes(*self._terms(child.name), self._available)
            state = self._watched.get(child.name, Watched())
            self._watched[child.name], action = step(state, vitals.generation, vitals.rss, limit, self._time_s())
            mib = (child.name, vitals.rss >> 20, limit >> 20)
            if action is Action.REPLACE:
                log.critical("[PROCESS] %s takes %d MiB of memory, %d are allowed; replacing it", *mib)
                child.replace(OUT_OF_MEMORY, REPLACE_S)
            elif action is Action.WARN:
                log.error("[PROCESS] %s takes %d MiB again, %d are allowed: processes.memory_limit is too low", *mib)

    def how_it_ended(self, child: Child, how: str) -> str:
        """Name a death of memory as one."""
        self._count()
        lately = self._rose_at is not None and self._time_s() - self._rose_at < _LATELY_S
        return how_it_ended(how, said=child.said_exhausted, oom_kill=lately)

    def _count(self) -> None:
        kills = self._group.oom_kills()
        if kills > self._kills:
            self._rose_at = self._time_s()
        self._kills = kills


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""
