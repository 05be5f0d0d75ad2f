"""How the recorder's machine is: processors, memory, temperatures. From Linux's ``/proc`` and ``/sys``; blocking.

Sources: proc(5); Documentation/ABI/testing/sysfs-class-thermal and Documentation/hwmon/sysfs-interface.rst of Linux.
Elsewhere what is not known is ``None`` or left out.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

_IDLE, _IOWAIT = 3, 4
_COUNTED = 8
"""user, nice, system, idle, iowait, irq, softirq, steal; guests are in user already."""


@dataclass(frozen=True, slots=True)
class Temperature:
    """One of the machine's thermometers.

    Args:
        name: as the kernel calls it.
        celsius: what it shows.
    """

    name: str
    celsius: float


@dataclass(frozen=True, slots=True)
class Machine:
    """The machine right now.

    Args:
        processors: how many this process may use.
        cpu: share of all processors that was busy since the last look, 0 to 1; ``None``: not known yet.
        load: of the last minute.
        memory: bytes.
        available: bytes that programs can still have, by the kernel's estimate.
        uptime_s: since the machine was started.
        temperatures: of each thermometer.
    """

    processors: int
    cpu: float | None = None
    load: float | None = None
    memory: int | None = None
    available: int | None = None
    uptime_s: float | None = None
    temperatures: tuple[Temperature, ...] = field(default=())


class MachineWatch:
    """Looks at the machine; the share of the processors is since the look before. One thread at a time.

    Args:
        proc: where the kernel tells about processes.
        sys: where it tells about devices.
    """

    def __init__(self, proc: Path = Path("/proc"), sys: Path = Path("/sys")) -> None:
        self._proc = proc
        self._sys = sys
        self._last: tuple[int, int] | None = None

    def look(self) -> Machine:
        """The machine right now."""
        memory = _fields(_read(self._proc / "meminfo"))
        load = _read(self._proc / "loadavg").split()
        uptime = _read(self._proc / "uptime").split()
        return Machine(
            processors=_processors(),
            cpu=self._cpu(),
            load=float(load[0]) if load else None,
            memory=memory.get("MemTotal"),
            available=memory.get("MemAvailable"),
            uptime_s=float(uptime[0]) if uptime else None,
            temperatures=tuple(self._temperatures()),
        )

    def _cpu(self) -> float | None:
        words = _read(self._proc / "stat").partition("\n")[0].split()[1 : 1 + _COUNTED]
        if len(words) < _IOWAIT + 1:
            return None
        times = [int(word) for word in words]
        now = (sum(times), times[_IDLE] + times[_IOWAIT])
        last, self._last = self._last, now
        if last is None or now[0] <= last[0]:
            return None
        return min(1.0, max(0.0, 1 - (now[1] - last[1]) / (now[0] - last[0])))

    def _temperatures(self) -> Iterator[Temperature]:
        seen = set()
        for folder, value, name in (
            ("class/thermal", "thermal_zone*/temp", "type"),
            ("class/hwmon", "hwmon*/temp*_input", "name"),
        ):
            for path in sorted((self._sys / folder).glob(value)):
                text = _read(path).strip()
                label = (
                    _read(path.with_name(path.name.replace("_input", "_label"))).strip()
                    if "_input" in path.name
                    else ""
                )
                called = " ".join(filter(None, (_read(path.parent / name).strip(), label)))
                if text.lstrip("-").isdigit() and called not in seen:
                    seen.add(called)
                    yield Temperature(called, int(text) / 1000)


def _processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _read(path: Path) -> str:
    """A thermometer that cannot be read now (a disk that sleeps) is one that is not there."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _fields(text: str) -> dict[str, int]:
    """Of ``/proc/meminfo``, in bytes."""
    found = {}
    for line in text.splitlines():
        name, _, rest = line.partition(":")
        number = rest.split()[:1]
        if number and number[0].isdigit():
            found[name] = int(number[0]) * 1024
    return found
