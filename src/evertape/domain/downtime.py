"""When the service, or a camera's recorder, was down, from the journal's starts, stops and deaths. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from evertape.domain.cause import Cause
from evertape.types import NS_PER_S, DurationNs

_FOREVER = 1 << 62

REACH = DurationNs(3600 * NS_PER_S)
"""What is in memory and not durable yet goes with the process. An hour of it is more than a ring ever holds."""
RESTART = DurationNs(60 * NS_PER_S)
"""A replaced recorder has begun an entry of its own, or records, long before this."""


@dataclass(frozen=True, slots=True)
class Run:
    """One run of the service. Instants are UTC nanoseconds.

    Args:
        service: its id.
        started: when.
        stopped: when it went down on purpose; ``None``: it runs, or crashed.
        last: its newest event.
        boot: the kernel's boot id.
    """

    service: str
    started: int
    stopped: int | None
    last: int
    boot: str


@dataclass(frozen=True, slots=True)
class Death:
    """A recorder ended though nobody had asked it to: ``how`` as ``ipc.events.ProcessDied`` has it."""

    at: int
    process: str
    service: str
    how: str
    id: str = ""


@dataclass(frozen=True, slots=True)
class Down:
    """Nobody could record from ``start`` to ``end``; ``marker`` says what ended or began it."""

    start: int
    end: int
    cause: Cause
    marker: str


def downs(runs: Iterable[Run], deaths: Iterable[Death], boot: str | None = None) -> list[Down]:
    """Every time that something was down, in order.

    Args:
        runs: of the service.
        deaths: of the recorders that matter.
        boot: the kernel's boot id now if no service runs; ``None`` if one does.
    """
    ordered = sorted(runs, key=lambda run: run.started)
    result = [Down(d.at, d.at, cause_of_death(d.how), d.id or f"{d.service}-{d.process}-{d.at}") for d in deaths]
    for at, run in enumerate(ordered):
        after = ordered[at + 1] if at + 1 < len(ordered) else None
        back = after.started if after is not None else _FOREVER
        if run.stopped is not None:
            result.append(Down(min(run.stopped, back), back, Cause.SERVICE_STOPPED, run.service))
        elif after is not None or boot is not None:
            same = run.boot == (after.boot if after is not None else boot)
            cause = Cause.PROCESS_CRASH if same else Cause.HOST_DOWN
            result.append(Down(min(run.last, back), back, cause, run.service))
    return sorted(result, key=lambda down: (down.start, down.end))


def explain_by_downs(start: int, end: int, known: Sequence[Down], slack: int) -> list[Down]:
    """Divide ``[start, end)``, of which nothing else is known, among what was down at its edges or within.

    The first one accounts for what precedes it as well (what was in memory is lost), each up to the next, the last
    one for what follows until recording could begin again. What is beyond ``REACH`` or ``RESTART`` stays unexplained.
    """
    touching = [down for down in known if down.start <= end + slack and down.end >= start - slack]
    parts = []
    for at, down in enumerate(touching):
        begin = max(start, down.start - REACH) if at == 0 else max(start, down.start)
        until = touching[at + 1].start if at + 1 < len(touching) else end
        until = min(end, until, down.end + RESTART)
        if begin < until:
            parts.append(Down(begin, until, down.cause, down.marker))
    return parts


def owner_ended(process: str, service: str, since: int, runs: Sequence[Run], deaths: Sequence[Death]) -> int | None:
    """When the process that wrote something at ``since`` ended; ``None`` if it lives, as far as is known."""
    ends = [d.at for d in deaths if d.process == process and d.service == service and d.at >= since]
    mine = next((run for run in runs if run.service == service), None)
    if mine is not None:
        if mine.stopped is not None:
            ends.append(mine.stopped)
        elif any(run.started > mine.started for run in runs):
            ends.append(mine.last)
    return min(ends, default=None)


def cause_of_death(how: str) -> Cause:
    """What the ledger calls it; ``how`` as ``ipc.events.ProcessDied`` has it."""
    if how == "hung":
        return Cause.RECORDER_HUNG
    return Cause.OUT_OF_MEMORY if "memory" in how else Cause.PROCESS_CRASH
