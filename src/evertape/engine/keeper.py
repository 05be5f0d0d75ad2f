"""The keeper: the only writer of index and ledger, from the journal; and upkeep of the volumes.

Nothing here is in the path of recording. One thread owns everything; whatever may block, the database and the
journal's files, is done by one worker thread, one thing at a time. When it dies, the next one goes on where the
index ends.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from evertape.clock import Clock
from evertape.config.paths import DataDir
from evertape.disk.journal_client import JournalClient
from evertape.engine.child import leave
from evertape.engine.homecoming import Homecoming
from evertape.engine.keeper_care import VolumeCare
from evertape.engine.keeper_clock import ClockDesk
from evertape.engine.keeper_days import settle_days
from evertape.engine.keeper_ledger import conclude
from evertape.engine.keeper_link import KeeperLink
from evertape.engine.keeper_reconcile import Reconciler
from evertape.engine.keeper_retention import Retention
from evertape.engine.keeper_scrub import Scrub
from evertape.engine.keeper_tail import IndexTail, Step
from evertape.ipc.events import AnyEvent, EventStamp, GapClosed, ProcessDied, ServiceStarted
from evertape.ipc.messages import CheckSegments, KeeperAssignment, Message, RunRetention
from evertape.store.failures import IndexBusyError
from evertape.store.index import Index

log = logging.getLogger(__name__)

T = TypeVar("T")

TAIL_S = 0.5
"""How often the journal is looked at."""
BUSY_S = 5.0
"""The longest wait before a locked or full database is tried again."""
ROUND_S = 5.0
CONCLUDE_S = 90.0
"""For so long after a start or a death there may be something to conclude; conclusions wait for ``PATIENCE_S``."""
PATIENCE_S = 20.0
"""How long conclusions wait for recovery, whose findings make them exact."""


_RUNS = 3
"""Earlier runs of the service whose last moments are gone through at the start."""


class Keeper:
    """See the module.

    Args:
        name: of this process.
        clock: both clocks.
    """

    def __init__(self, name: str, clock: Clock) -> None:
        self.name = name
        self.clock = clock
        self.stamp = EventStamp(name, "", clock)
        self._loop = asyncio.get_running_loop()
        self._worker = ThreadPoolExecutor(1, "keeper")
        self._assignment: KeeperAssignment | None = None
        self._tail: IndexTail | None = None
        self._journal: JournalClient | None = None
        self.tell: Callable[[Message], None] = lambda _message: None
        """Says something to the supervisor; set by whoever made the connection."""
        self._retention = Retention(self, lambda message: self.tell(message))
        self._cares: dict[str, VolumeCare] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._since = int(clock.utc_ns())
        self._began = self._loop.time()
        self._concluded: set[str] = set()
        self._scrub = Scrub(self)
        files = asyncio.Lock()
        self._reconciler = Reconciler(self, files)
        self._clock_desk = ClockDesk(self)
        self._homecoming = Homecoming(self, lambda message: self.tell(message), self._reconciler, files)

    # -- what the supervisor says ---------------------------------------------------------------------------

    def message(self, message: Message) -> None:
        """Do what it says."""
        if isinstance(message, KeeperAssignment):
            self.assign(message)
        elif isinstance(message, RunRetention):
            self._retention.wish(message)
        elif isinstance(message, CheckSegments):
            self._scrub.wish(message.segments)
        else:
            log.debug("[IPC] the supervisor said %s", type(message).__name__)

    def assign(self, new: KeeperAssignment) -> None:
        """Take over an assignment, touching only what it changes."""
        first = self._assignment is None
        self._assignment = new
        if first:
            self.stamp.service = new.service
            data = DataDir(Path(new.data))
            self._tail = IndexTail(data.index_file, data.journal)
            self._journal = JournalClient(new.journal_socket, self.stamp)
            self._journal.open()
            upkeep = (self._retention.run(), self._homecoming.run(), self._scrub.run(), settle_days(self))
            work = (self._follow(), self._rounds(), *upkeep)
            self._tasks = [self._loop.create_task(task) for task in work]
            for task in self._tasks:
                self.watch(task)
        wanted = {volume.name: volume for volume in new.volumes}
        for name in [name for name, care in self._cares.items() if wanted.get(name) != care.link.endpoint]:
            self._cares.pop(name).close()
        for name, endpoint in wanted.items():
            if name not in self._cares:
                self._cares[name] = VolumeCare(endpoint, DataDir(Path(new.data)).journal, self)
        self._retention.assign(new.retention)
        self._homecoming.assign(new.home_rate, new.retention)
        self._scrub.assign(new.scrub_rate, new.scrub_interval, new.decode_interval)

    async def close(self, deadline_s: float) -> bool:
        """Apply what is in the journal and let go; False if that took too long."""
        deadline = self._loop.time() + deadline_s
        for task in self._tasks:
            task.cancel()
        if self._tail is None or self._journal is None:
            return True
        part_s = max(0.1, deadline_s / 3)
        await self._journal.close(part_s)
        # Whoever has the disks alone then knows that we stopped, and did not crash.
        await asyncio.gather(*(care.leave(part_s) for care in self._cares.values()))
        tail = self._tail

        def last() -> None:
            try:
                tail.catch_up()
            except (IndexBusyError, OSError) as error:
                log.warning("[STORAGE] the index is not up to date (%s); it will be at the next start", error)
            tail.close()

        try:
            await asyncio.wait_for(self.work(last), max(0.1, deadline - self._loop.time()))
        except TimeoutError:
            return False
        return True

    # -- what care asks (CareHost) --------------------------------------------------------------------------

    async def ask(self, question: Callable[[Index], T]) -> T:
        """Ask the index, on the worker. Raises ``IndexBusyError``."""
        tail = self._tail
        assert tail is not None
        return await self.work(lambda: tail.ask(question))

    async def work(self, job: Callable[[], T]) -> T:
        """Do something blocking, on the worker."""
        return await self._loop.run_in_executor(self._worker, job)

    async def caught_up(self) -> None:
        """Return once everything that is in the journal now is in the index. Raises ``IndexBusyError``, ``OSError``."""
        while await self._step():
            pass

    def write_down(self, event: AnyEvent) -> None:
        """Put an event into the journal."""
        if self._journal is not None:
            self._journal.put(event)

    async def on_record(self, event: AnyEvent, timeout_s: float) -> bool:
        """The same, and whether it is known to be durable."""
        return self._journal is not None and await self._journal.durable(event, timeout_s)

    def looked_after(self, care: VolumeCare) -> None:
        """A volume has been gone through: see at once whether two files hold the same."""
        self._reconciler.look_again()
        self._homecoming.look_again()
        self._scrub.look_again()

    async def settle(self, link: KeeperLink, path: str) -> bool:
        """A file that the index does not know: True if it is to be adopted."""
        return await self._homecoming.settle(link, path)

    def is_settled(self, link: KeeperLink) -> bool:
        """Whether what a crash left on the volume has been recovered."""
        return any(care.link is link and care.settled for care in self._cares.values())

    async def active_at(self) -> list[int]:
        """When earlier runs of the service were last heard of, UTC ns: around then files may have been left behind."""
        assert self._assignment is not None
        service = self._assignment.service
        runs = await self.ask(lambda index: index.runs())
        return [run.last_at for run in runs if run.service != service][-_RUNS:]

    @property
    def online_links(self) -> dict[str, KeeperLink]:
        """Volumes that can be reached, by id."""
        return {care.link.volume_id: care.link for care in self._cares.values() if care.link.online}

    def watch(self, task: asyncio.Task[None]) -> None:
        """End the process if this task ends by itself."""
        task.add_done_callback(self._task_ended)

    # -- following the journal ------------------------------------------------------------------------------

    async def _follow(self) -> None:
        wait, busy = TAIL_S, ""
        while True:
            try:
                more = await self._step()
                wait, busy = (0.0 if more else TAIL_S), ""
            except (IndexBusyError, OSError) as error:
                if str(error) != busy:
                    log.warning("[STORAGE] the index cannot follow for now: %s", error)
                busy, wait = str(error), min(BUSY_S, max(TAIL_S, wait * 2))
            await asyncio.sleep(wait)

    async def _step(self) -> bool:
        tail = self._tail
        assert tail is not None
        step: Step = await self.work(tail.step)
        self._notice(step.events)
        return step.more

    def _notice(self, events: Sequence[AnyEvent]) -> None:
        assert self._assignment is not None
        for event in events:
            self._reconciler.notice(event)
            started = isinstance(event, ServiceStarted) and event.service == self._assignment.service
            died = isinstance(event, ProcessDied) and event.process.startswith("recorder")
            if started or (died and event.service == self._assignment.service):
                self._since = min(self._since, event.at) if self._concluding else event.at
                self._began = self._loop.time()

    # -- rounds ---------------------------------------------------------------------------------------------

    @property
    def _concluding(self) -> bool:
        return self._loop.time() - self._began < CONCLUDE_S

    async def _rounds(self) -> None:
        while True:
            await asyncio.sleep(ROUND_S)
            try:
                if moved := await self._clock_desk.round():
                    self._since = min(self._since + moved, int(self.clock.utc_ns()))
                    self._began = self._loop.time()
                if self._concluding and self._may_conclude():
                    await self._conclude()
                await self._reconciler.round()
            except (IndexBusyError, OSError) as error:
                log.debug("[STORAGE] a round of upkeep was left out: %s", error)

    def _may_conclude(self) -> bool:
        settled = all(care.settled for care in self._cares.values() if care.link.online)
        return settled or self._loop.time() - self._began > PATIENCE_S

    async def _conclude(self) -> None:
        assert self._assignment is not None
        await self.caught_up()
        now, since, service = int(self.clock.utc_ns()), self._since, self._assignment.service
        for found in await self.ask(lambda index: conclude(index, since, now, service)):
            if found.gap in self._concluded:
                continue
            self._concluded.add(found.gap)
            log.info("[RECORDING] %s: no footage for %.1f s (%s)", found.camera, (found.end - found.start) / 1e9,
                     found.cause)  # fmt: skip
            self.write_down(
                GapClosed(
                    **self.stamp(),
                    gap=found.gap,
                    camera=found.camera,
                    cause=found.cause,
                    start_utc=found.start,
                    end_utc=found.end,
                )
            )

    def _task_ended(self, task: asyncio.Task[None]) -> None:
        # These run for ever; one that ends is a bug, and a replaced process is better than half a one.
        if not task.cancelled():
            log.critical("[PROCESS] a task of the keeper ended", exc_info=task.exception())
            leave(70)
