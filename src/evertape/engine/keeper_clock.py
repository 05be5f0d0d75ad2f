"""The keeper's part about a wall clock that was wrong: what was recorded by it is moved in the index, on record.

Threads: the keeper's loop only.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Protocol, TypeVar

from evertape.clock import Clock
from evertape.domain.clock_correction import Reading, corrections
from evertape.engine.clock_sync import told_the_time
from evertape.ipc.events import AnyEvent, ClockCorrected, ClockStepped, EventStamp, ServiceStarted
from evertape.store.index import Index
from evertape.types import NS_PER_S

log = logging.getLogger(__name__)

T = TypeVar("T")

_MOVED_NS = NS_PER_S
"""Between two looks; slewing is slower."""


class ClockHost(Protocol):
    """What the desk needs from the keeper."""

    clock: Clock
    stamp: EventStamp

    async def ask(self, question: Callable[[Index], T]) -> T:
        """Ask the index."""

    async def caught_up(self) -> None:
        """Return once everything that is in the journal is in the index."""

    async def on_record(self, event: AnyEvent, timeout_s: float) -> bool:
        """Put an event into the journal, and say whether it is known to be durable."""


class ClockDesk:
    """See the module.

    Args:
        host: the keeper.
        told: whether the kernel has been told the time.
    """

    def __init__(self, host: ClockHost, told: Callable[[], bool] = told_the_time) -> None:
        self._host, self._told = host, told
        self._looked: tuple[int, bool] | None = None

    async def round(self) -> int:
        """Correct what is to be corrected; returns by how many nanoseconds the present run's times were moved.

        Raises ``IndexBusyError``, ``OSError``.
        """
        clock = self._host.clock
        now, told = Reading(clock.boot_ns(), clock.utc_ns()), self._told()
        if self._looked is not None:
            offset, was_told = self._looked
            if abs(now.offset - offset) < _MOVED_NS and told == was_told:
                return 0
        await self._host.caught_up()
        service = self._host.stamp.service

        def look(index: Index) -> tuple[list[Reading], list[str], int, set[int]]:
            boot = next((run.host_boot for run in index.runs() if run.service == service), "")
            return _on_record(index, boot) if boot else ([], [], 0, set())

        known, services, floor, done = await self._host.ask(look)
        moved = 0
        for found in corrections(known, now, floor, told):
            if found.start in done:
                continue
            event = ClockCorrected(
                **self._host.stamp(), services=tuple(services), from_utc=found.start, to_utc=found.end,
                offset=found.offset, why=found.why,
            )  # fmt: skip
            if not await self._host.on_record(event, 10.0):
                return moved  # the next look tells whether it is
            log.warning("[RECORDING] the clock was wrong by %.1f s (%s): what was recorded by it is moved in the index",
                        found.offset / NS_PER_S, found.why)  # fmt: skip
            moved = found.offset
        self._looked = (now.offset, told)
        await self._host.caught_up()
        return moved


def _on_record(index: Index, host_boot: str) -> tuple[list[Reading], list[str], int, set[int]]:
    """What is on record of this boot's clocks.

    Returns:
        Readings of both clocks, the runs of the service, the latest instant from before this boot (UTC ns), and where
        stretches begin that have been corrected.
    """
    runs = index.runs()
    services = [run.service for run in runs if run.host_boot == host_boot]
    before = max((run.last_at for run in runs if run.host_boot != host_boot), default=0)
    found, done = [], set()
    for row in index.events([ServiceStarted, ClockStepped, ClockCorrected], limit=2000):
        if row.service not in services or row.camera:
            continue
        if row.type == "clock_corrected":
            done.add(int(row.body["from_utc"]))
        else:
            found.append(Reading(row.body["boot"], row.at, bool(row.body.get("untold", False))))
    return found, services, before, done
