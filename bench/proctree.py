"""What a tree of processes has used so far, read from /proc. For the benches."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")


@dataclass(slots=True)
class Usage:
    """One process: seconds of CPU since its start, context switches, threads, bytes of memory."""

    pid: int
    name: str
    user: float = 0.0
    system: float = 0.0
    switches: int = 0
    threads: int = 0
    pss: int = 0
    private: int = 0


@dataclass(slots=True)
class Window:
    """What the processes used between two readings."""

    seconds: float
    user: float = 0.0
    system: float = 0.0
    switches: float = 0.0
    threads: int = 0
    pss: int = 0
    private: int = 0
    by_name: dict[str, tuple[float, float, int]] = field(default_factory=dict)
    """Name of a process: seconds of CPU in user mode and in the kernel, PSS in bytes."""
    changed: list[str] = field(default_factory=list)
    """Processes that came or went meanwhile: the reading is not worth much then."""

    @property
    def cpu(self) -> float:
        return self.user + self.system


def tree(root: int) -> list[int]:
    """``root`` and everything that descends from it."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            children.setdefault(int(fields[1]), []).append(int(entry.name))
    found, waiting = [], [root]
    while waiting:
        pid = waiting.pop()
        found.append(pid)
        waiting += children.get(pid, [])
    return found


def read(pids: Iterable[int]) -> dict[int, Usage]:
    """What each of these processes has used; the ones that are gone are left out."""
    found = {}
    for pid in pids:
        try:
            found[pid] = _read(pid)
        except (OSError, IndexError):
            continue
    return found


def window(before: dict[int, Usage], after: dict[int, Usage], seconds: float) -> Window:
    """The difference of two readings, summed over the processes that are in both."""
    total = Window(seconds)
    total.changed = [usage.name for pid, usage in {**before, **after}.items() if (pid in before) != (pid in after)]
    for pid, now in after.items():
        then = before.get(pid)
        if then is None:
            continue
        user, system = now.user - then.user, now.system - then.system
        total.user += user
        total.system += system
        total.switches += now.switches - then.switches
        total.threads += now.threads
        total.pss += now.pss
        total.private += now.private
        old = total.by_name.get(now.name, (0.0, 0.0, 0))
        total.by_name[now.name] = (old[0] + user, old[1] + system, old[2] + now.pss)
    return total


def _read(pid: int) -> Usage:
    base = Path(f"/proc/{pid}")
    fields = (base / "stat").read_text().rpartition(")")[2].split()
    usage = Usage(pid, _name(base), int(fields[11]) / TICK, int(fields[12]) / TICK)
    for task in (base / "task").iterdir():
        usage.threads += 1
        for line in (task / "status").read_text().splitlines():
            if "ctxt_switches" in line:
                usage.switches += int(line.split()[1])
    for line in (base / "smaps_rollup").read_text().splitlines():
        kind, _, rest = line.partition(":")
        if kind == "Pss":
            usage.pss = int(rest.split()[0]) * 1024
        elif kind in ("Private_Clean", "Private_Dirty"):
            usage.private += int(rest.split()[0]) * 1024
    return usage


def _name(base: Path) -> str:
    """``--name`` of an Evertape process, else the program's."""
    words = (base / "cmdline").read_bytes().decode(errors="replace").split("\0")
    if "--name" in words:
        return words[words.index("--name") + 1]
    if any("evertape" in word or "service" in word for word in words):
        return "supervisor"
    return Path(words[0]).name
