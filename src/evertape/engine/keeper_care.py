"""Looking after one volume: recovery, orphans, missing files, the mirror.

Threads: the owner's loop only. Runs beside recording and never in its way; every job may be done twice
(``docs/design/durability.md``, *Recover* and *After an interruption*).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Protocol, TypeVar

from evertape.clock import Clock
from evertape.engine.keeper_link import KeeperLink
from evertape.engine.keeper_mirror import Mirror
from evertape.engine.keeper_plan import Plan, by_path, day_bounds, day_of, days_around, plan_volume
from evertape.errors import EvertapeError, VolumeError
from evertape.ipc.events import AnyEvent, EventStamp
from evertape.ipc.messages import AdoptSegment, DeleteSegment, Message, RecoverSegment, VolumeEndpoint
from evertape.store.failures import IndexBusyError
from evertape.store.index import Index
from evertape.store.rows import SegmentRow

log = logging.getLogger(__name__)

T = TypeVar("T")

LOOK_S = 5.0
"""How often it is asked whether anything is left over."""
RETRY_S = 30.0
"""After something could not be done: a file may still be held by a process that is stuck."""
MIRROR_S = 10.0
SETTLE_S = 1.0
"""What was done before a look at the files has reached the journal by so much later."""


class CareHost(Protocol):
    """What care needs from the keeper."""

    clock: Clock
    stamp: EventStamp
    name: str

    async def ask(self, question: Callable[[Index], T]) -> T:
        """Ask the index, on the worker."""

    async def caught_up(self) -> None:
        """Return once everything that is in the journal now is in the index."""

    async def work(self, job: Callable[[], T]) -> T:
        """Do something blocking, on the worker."""

    def write_down(self, event: AnyEvent) -> None:
        """Put an event into the journal."""

    def looked_after(self, care: VolumeCare) -> None:
        """The volume has been gone through; what was left over is recovered."""

    async def active_at(self) -> list[int]:
        """Instants around which files may have been left behind: UTC ns."""

    async def settle(self, link: KeeperLink, path: str) -> bool:
        """A file that the index does not know: True if it is to be adopted, False if nothing is left to do."""

    def watch(self, task: asyncio.Task[None]) -> None:
        """End the process if this task ends by itself."""


class VolumeCare:
    """See the module.

    Args:
        endpoint: the volume.
        journal: the folder of the journal's files.
        host: the keeper.
    """

    def __init__(self, endpoint: VolumeEndpoint, journal: Path, host: CareHost) -> None:
        self.link = KeeperLink(endpoint, host.name, self._changed)
        self.settled = False
        """Gone through since the volume came online."""
        self._host = host
        self._mirror = Mirror(self.link, journal, host.work)
        self._wake = asyncio.Event()
        self._news = 0
        self._left_over = 0
        self._said: set[tuple[str, str]] = set()
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(work) for work in (self._run(), self._mirror_it())]
        for task in self._tasks:
            host.watch(task)

    async def leave(self, timeout_s: float) -> None:
        """Let go of the volume when the service stops: with the journal's last words in its copy, if that is quick."""
        for task in self._tasks:
            task.cancel()
        try:
            if self.link.online:
                await asyncio.wait_for(self._mirror.update(), timeout_s)
        except (VolumeError, OSError, TimeoutError) as error:
            log.info("[DISK] the journal's copy on %s lacks the last moments: %s", self.link.endpoint.name, error)
        self.close()

    def close(self) -> None:
        """Let go of the volume."""
        for task in self._tasks:
            task.cancel()
        self.link.shutdown()

    # -- inside ---------------------------------------------------------------------------------------------

    def _changed(self, link: KeeperLink) -> None:
        # Whatever changed, a volume that is online now may have been somewhere else meanwhile.
        self.settled = False
        self._news += 1
        self._wake.set()

    async def _run(self) -> None:
        while True:
            self._wake.clear()
            pause: float | None = None  # nothing to do until it is online
            if self.link.online:
                try:
                    pause = LOOK_S if await self._look() else RETRY_S
                except (EvertapeError, OSError) as error:
                    log.warning("[DISK] volume %s could not be gone through: %s", self.link.endpoint.name, error)
                    pause = RETRY_S
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), pause)

    async def _look(self) -> bool:
        """Go through the volume if that is due; False: something is left to be tried again."""
        host, volume, news = self._host, self.link.volume_id, self._news
        await host.caught_up()
        opened = await host.ask(lambda index: index.open_segments(volume))
        # Twice in a row, because a file may be closed already and the journal not say so yet.
        self._left_over = self._left_over + 1 if len(opened) > self.link.info.open_files else 0
        if self.settled and self._left_over < 2:
            return True
        first = not self.settled
        days = {day_of(row.path) for row in opened} - {""}
        if first:
            for at in (host.clock.utc_ns(), *await host.active_at()):
                days |= days_around(at)
        done = await self._do(await self._plan(sorted(days)))
        self._left_over = 0
        if news == self._news:
            self.settled = True
            if first:
                host.looked_after(self)
        return done

    async def _plan(self, days: list[str]) -> Plan:
        host, volume = self._host, self.link.volume_id

        def known(index: Index) -> Mapping[str, SegmentRow]:
            return _known(index, volume, days)

        news, before = self._news, await host.ask(known)
        found = await self.link.list_segments(days) if days else []
        await asyncio.sleep(SETTLE_S)
        await host.caught_up()
        if news != self._news:
            raise VolumeError("it changed in the middle of that")
        return plan_volume(before, found, await host.ask(known), days)

    async def _do(self, plan: Plan) -> bool:
        done = True
        for row in plan.recover:
            done &= await self._job(lambda n, r=row: RecoverSegment(request=n, segment=r.id, path=r.path), row.path)  # type: ignore[misc]
        for path in plan.adopt:
            # A foreign file, no segment at all, is left alone, and need not be tried again.
            done &= await self._adopt(path)
        for row in plan.delete:
            deleted = await self._job(
                lambda n, r=row: DeleteSegment(  # type: ignore[misc]
                    request=n, segment=r.id, camera=r.camera, path=r.path, reason=r.fate or "deleted"
                ),
                row.path,
            )
            if not deleted:
                # It may be another one, which got the name when that was free; then nobody knows it.
                done &= await self._job(lambda n, r=row: AdoptSegment(request=n, path=r.path), row.path)  # type: ignore[misc]
        for row in plan.missing:
            # The disk process looks at the file itself: a folder that cannot be listed is not an empty one.
            done &= await self._job(lambda n, r=row: RecoverSegment(request=n, segment=r.id, path=r.path), row.path)  # type: ignore[misc]
        return done

    async def _adopt(self, path: str) -> bool:
        try:
            wanted = await self._host.settle(self.link, path)
        except VolumeError as error:
            log.warning("[DISK] %s: %s", path, error)
            return False
        if wanted:
            await self._job(lambda n: AdoptSegment(request=n, path=path), path)
        return True

    async def _job(self, make: Callable[[int], Message], path: str) -> bool:
        try:
            said = await self.link.job(make)
        except VolumeError as error:
            if (path, str(error)) not in self._said:
                self._said.add((path, str(error)))
                log.warning("[DISK] %s: %s", path, error)
            return False
        log.info("[DISK] %s on volume %s: %s", path, self.link.endpoint.name, said or "done")
        return True

    async def _mirror_it(self) -> None:
        while True:
            if self.link.online:
                try:
                    await self._mirror.update()
                except (VolumeError, IndexBusyError, OSError) as error:
                    log.debug("[DISK] the journal's mirror on %s: %s", self.link.endpoint.name, error)
            await asyncio.sleep(MIRROR_S)


def _known(index: Index, volume: str, days: Iterable[str]) -> dict[str, SegmentRow]:
    rows: dict[str, SegmentRow] = {}
    for day in days:
        bounds = day_bounds(day)
        if bounds is not None:
            rows |= by_path(row for row in index.on_volume(volume, *bounds) if day_of(row.path) == day)
    # A segment whose clock was corrected by a day would not be found by its day.
    return by_path([*rows.values(), *index.open_segments(volume)])
