"""The figures of a soak: what is held before and after, how memory goes, and what each kind of fault cost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evertape_lab.findings import p95
from evertape_lab.soak_judge import Line
from evertape_lab.soak_plan import Fault
from evertape_lab.soak_play import Look, leaks

MEMORY_SHARE, MEMORY_BYTES = 0.05, 8 << 20
"""The fitted growth may be the larger of the two: what the kernel and ``malloc`` keep varies by about half of it."""


@dataclass(frozen=True, slots=True)
class Memory:
    """Of all processes of the service, in bytes, over the compared part; the line is fitted by least squares."""

    samples: int
    first: float
    last: float
    growth: float
    per_hour: float
    bound: float


def fit_memory(looks: Sequence[Look]) -> Memory | None:
    """Fit a line; ``None`` of too few looks. ``first`` and ``last`` are the line's ends, so ``growth`` is theirs."""
    if len(looks) < 3:
        return None
    times, sizes = [look.at_s for look in looks], [float(look.memory) for look in looks]
    mean_at, mean = sum(times) / len(times), sum(sizes) / len(sizes)
    spread = sum((at - mean_at) ** 2 for at in times)
    slope = sum((at - mean_at) * (size - mean) for at, size in zip(times, sizes, strict=True)) / spread
    first, last = (mean + slope * (at - mean_at) for at in (times[0], times[-1]))
    return Memory(len(looks), first, last, last - first, slope * 3600.0, max(MEMORY_BYTES, MEMORY_SHARE * first))


def judge_holdings(before: Look, after: Look, memory: Memory | None, mistakes: int) -> list[str]:
    """What the service holds at the end that it did not hold at the beginning, and whether its memory grew."""
    problems = [f"at the end there is more than at the beginning: {words}" for words in leaks(before, after)]
    if memory is None:
        problems.append("memory was not measured")
    elif memory.growth > memory.bound:
        problems.append(f"memory grew by {memory.growth / 1e6:.1f} MB, {memory.bound / 1e6:.1f} MB are allowed")
    if mistakes:
        problems.append(f"{mistakes} mistakes were kept in: see the log")
    return problems


def by_fault(lines: Sequence[Line]) -> dict[str, dict[str, Any]]:
    """The figures of each kind of fault."""
    table: dict[str, dict[str, Any]] = {}
    for fault in dict.fromkeys(
        line.fault for line in sorted(lines, key=lambda line: list(Fault).index(Fault(line.fault)))
    ):
        mine = [line.figures for line in lines if line.fault == fault]
        detected = [f.detected_after_s for f in mine if f.detected_after_s is not None]
        recovered = [f.recovered_after_s for f in mine if f.recovered_after_s is not None]
        table[fault] = {
            "row": next(line.row for line in lines if line.fault == fault),
            "times": len(mine),
            "noticed_max_s": max(detected, default=None),
            "recovered_p50_s": sorted(recovered)[len(recovered) // 2] if recovered else None,
            "recovered_p95_s": p95(recovered),
            "recovered_max_s": max(recovered, default=None),
            "frames_missing": sum(f.frames_missing for f in mine),
            "attempts_max": max((f.attempts for f in mine), default=0),
            "causes": dict(Counter(cause for f in mine for cause in f.gap)),
        }
    return table


def held(look: Look) -> Mapping[str, Any]:
    """A look for a file."""
    processes = {
        name: {
            "threads": one.threads.total(),
            "descriptors": one.descriptors.total(),
            "sockets": one.descriptors["socket"],
            "memory_mb": round(one.memory / 1e6, 1),
        }
        for name, one in look.processes.items()
    }
    return {"processes": processes, "pipelines": look.pipelines, "memory_mb": round(look.memory / 1e6, 1)}
