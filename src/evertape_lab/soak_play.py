"""Plays a soak: each camera's faults on a task of its own, and beside them a meter that looks every few seconds.

Threads: the event loop only; what blocks is done in threads by ``stage``.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from evertape_lab.meters import Inventory, cpu_s, inventory
from evertape_lab.rig import Rig
from evertape_lab.soak_plan import GOOD_S, Plan, Planned
from evertape_lab.stage import Outage, Stage

LAB = "supervisor and lab"
"""The process that this runs in, which is the supervisor's too."""

_LOOK_S = 5.0
_REPORT_S = 30.0
_WELL_S = 3.0
_HEAL_WITHIN_S = 45.0
_CALM_WITHIN_S = 20.0
_POOL = 16

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Played:
    """A fault as it was done: the moments of its beginning and of the camera's first chance to answer."""

    planned: Planned
    outage: Outage
    at_s: float
    """Since the soak began."""


@dataclass(frozen=True, slots=True)
class Look:
    """What the meter saw: seconds since the soak began, processes by name, GStreamer's pipelines in the recorders."""

    at_s: float
    processes: dict[str, Inventory]
    pipelines: int

    @property
    def memory(self) -> int:
        """Bytes of all processes of the service but the supervisor, which shares its process with the lab."""
        return sum(held.memory for name, held in self.processes.items() if name != LAB)

    def descriptors(self) -> int:
        """Of all of them."""
        return sum(held.descriptors.total() for name, held in self.processes.items() if name != LAB)

    def threads(self) -> int:
        """Of all of them."""
        return sum(held.threads.total() for name, held in self.processes.items() if name != LAB)


@dataclass
class Soak:
    """See the module; ``run`` inside a stage that was built from ``plan.script``."""

    plan: Plan
    stage: Stage
    say: Say
    played: list[Played] = field(default_factory=list)
    looks: list[Look] = field(default_factory=list)
    before: Look | None = None
    after: Look | None = None
    cores: float = 0.0
    """Used by the service's processes on average while it was compared; the supervisor's are the lab's too."""
    lab_cores: float = 0.0
    mistakes: int = 0
    """Exceptions of its own that the service kept in."""

    async def run(self) -> None:
        """All of it; raises ``AssertionError`` if cameras do not come back."""
        self._began = time.monotonic()
        self._broken: set[str] = set()
        await self._fill_pool()
        await self._all_well("the service begins")
        self.say(f"{self._clock()}  warm-up: {len(self.plan.warm_up)} faults in {self.plan.warm_up_s:.0f} s")
        await self._play(self.plan.warm_up)
        await self._all_well("the warm-up is over")
        self.before = self._look()
        self.say(
            f"{self._clock()}  {_summary(self.before)}; now {len(self.plan.main)} faults in {self.plan.main_s:.0f} s"
        )
        used, lab_used, since = self._used(), cpu_s(os.getpid()), time.monotonic()
        watching = asyncio.get_running_loop().create_task(self._watch())
        try:
            await self._play(self.plan.main)
        finally:
            watching.cancel()
        lasted = time.monotonic() - since
        self.cores, self.lab_cores = (self._used() - used) / lasted, (cpu_s(os.getpid()) - lab_used) / lasted
        await self._all_well("everything is healed")
        self.after = await self._calm()
        self.mistakes = sum(info.mistakes for info in self._rig.supervisor.status.cameras.values())
        self.say(f"{self._clock()}  {_summary(self.after)}")

    # -- faults -----------------------------------------------------------------------------------------------

    async def _play(self, faults: Sequence[Planned]) -> None:
        by_camera = sorted(faults, key=lambda planned: (planned.camera, planned.at_s))
        began = time.monotonic()
        async with asyncio.TaskGroup() as tasks:
            for _, mine in groupby(by_camera, key=lambda planned: planned.camera):
                tasks.create_task(self._one_camera(list(mine), began))

    async def _one_camera(self, faults: Iterable[Planned], began: float) -> None:
        earliest = began
        for planned in faults:
            # A camera that took long to start gets its good spell all the same.
            await asyncio.sleep(max(earliest, began + planned.at_s) - time.monotonic())
            await self._one(planned)
            earliest = time.monotonic() + GOOD_S[0]

    async def _one(self, planned: Planned) -> None:
        began = time.monotonic()
        outage = Outage((planned.camera,), planned.rule.causes, *_now())
        self.say(f"{self._clock()}  {planned.camera}  {_words(planned)}")
        self._broken.add(planned.camera)
        self.played.append(Played(planned, outage, began - self._began))
        for step in planned.begin:
            await self.stage.perform(step)
        await asyncio.sleep(max(0.0, began + planned.lasts_s - time.monotonic()))
        for step in planned.end:
            await self.stage.perform(step)
        outage.answered_boot, outage.answered_utc = _now()
        self._broken.discard(planned.camera)

    # -- looking ----------------------------------------------------------------------------------------------

    @property
    def _rig(self) -> Rig:
        return self.stage.rig

    def _clock(self) -> str:
        return clock_text(time.monotonic() - self._began)

    async def _fill_pool(self) -> None:
        """Have all threads of the pool that steps are done in, before they are counted."""
        await asyncio.gather(*(asyncio.to_thread(time.sleep, 0.05) for _ in range(_POOL)))

    async def _all_well(self, when: str) -> None:
        names = self.stage.cameras

        def connected() -> bool:
            infos = [self._rig.camera(name) for name in names]
            return all(info is not None and info.streams[0].state == "connected" for info in infos)

        await self._rig.until(connected, _HEAL_WITHIN_S, f"every camera is connected when {when}")
        await self._rig.recorded(names, _WELL_S, _HEAL_WITHIN_S)

    async def _calm(self) -> Look:
        """What is held now; what is on its way out gets a moment to be gone."""
        deadline, look = time.monotonic() + _CALM_WITHIN_S, self._look()
        while self.before is not None and leaks(self.before, look) and time.monotonic() < deadline:
            await asyncio.sleep(0.5)
            look = self._look()
        return look

    async def _watch(self) -> None:
        said = 0.0
        while True:
            look = await asyncio.to_thread(self._look)
            self.looks.append(look)
            if look.at_s >= said + _REPORT_S:
                said = look.at_s
                self.say(
                    f"{self._clock()}  … {len(self.played)} faults so far, {len(self._broken)} now; {_summary(look)}"
                )
            await asyncio.sleep(_LOOK_S)

    def _look(self) -> Look:
        children = dict(self._rig.supervisor.children)
        pids = {name: child.pid for name, child in children.items()}
        found = {name: inventory(pid) for name, pid in {**pids, LAB: os.getpid()}.items() if pid}
        processes = {name: held for name, held in found.items() if held is not None}
        pipelines = sum(list(self._rig.supervisor.status.pipelines.values()))
        return Look(time.monotonic() - self._began, processes, pipelines)

    def _used(self) -> float:
        return sum(cpu_s(child.pid) for child in self._rig.supervisor.children.values() if child.pid)


def leaks(before: Look, after: Look) -> list[str]:
    """What is held at the end and was not at the beginning, in words."""
    nothing = Inventory(Counter(), Counter(), 0)
    found = [
        f"{name}: {words}"
        for name, held in after.processes.items()
        for words in held.beyond(before.processes.get(name, nothing))
    ]
    if after.pipelines > before.pipelines:
        found.append(f"{after.pipelines - before.pipelines:+d} pipelines")
    return found


def clock_text(seconds: float) -> str:
    """Minutes and seconds since the soak began."""
    return f"{int(seconds) // 60:02d}:{seconds % 60:04.1f}"


def _words(planned: Planned) -> str:
    about = f" ({planned.about})" if planned.about else ""
    return f"{planned.fault}{about}" + (f" for {planned.lasts_s} s" if planned.lasts_s else "")


def _summary(look: Look) -> str:
    return (
        f"{look.memory / 1e6:.1f} MB, {look.threads()} threads, {look.descriptors()} descriptors, "
        f"{look.pipelines} pipelines"
    )


def _now() -> tuple[int, int]:
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME), time.time_ns()
