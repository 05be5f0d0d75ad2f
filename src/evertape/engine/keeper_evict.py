"""One pass of retention: plan a batch from the index, delete it (step D), look again; until nothing has to go.

Threads: the owner's loop only. Planning anew for each batch costs milliseconds and always sees what is so now: free
space that somebody else took or gave, footage that was protected meanwhile.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Protocol, TypeVar

from evertape.clock import Clock
from evertape.domain.retention import Eviction, Kept
from evertape.domain.retention_terms import ProtectedSpan, Protection, Terms, bytes_needed
from evertape.engine.keeper_blind import pick
from evertape.engine.keeper_counts import Count, book
from evertape.engine.keeper_link import KeeperLink
from evertape.engine.space import Question, chosen, evictions, is_full, needs
from evertape.errors import VolumeError
from evertape.ipc.events import AnyEvent, EventStamp, RetentionPass
from evertape.ipc.messages import DeleteSegment, RunRetention
from evertape.store.failures import IndexBusyError
from evertape.store.index import Index
from evertape.store.retention import protected_spans

log = logging.getLogger(__name__)

T = TypeVar("T")

BATCH = 200
"""Files between two looks: 60 GB of ten-minute files at 4 Mbit/s."""
AT_ONCE = 8
"""Deletions under way together: their records share one sync of the journal."""
PAUSE_S = 0.2
"""Between batches, unless recording waits for the space: deleting large files keeps a disk busy."""
LOOK_S = 2.0
LOOKS = 3
"""How often to look for the space of what was deleted; some file systems give it back a little later."""
INDEX_S, INDEX_FULL_S = 20.0, 5.0
"""How long the index may take to catch up and to answer; the second while footage waits in memory for a full volume."""
MOST_FAILED = 50
"""Failed deletions after which a volume is left alone for this pass."""
BLIND_MOST = 20_000


class EvictHost(Protocol):
    """What a pass needs from the keeper."""

    clock: Clock
    stamp: EventStamp

    async def ask(self, question: Callable[[Index], T]) -> T:
        """Ask the index, on the worker."""

    async def caught_up(self) -> None:
        """Return once everything that is in the journal now is in the index."""

    def write_down(self, event: AnyEvent) -> None:
        """Put an event into the journal."""


@dataclass(frozen=True, slots=True)
class _Batch:
    evictions: list[Eviction]
    kept: Kept
    protected: tuple[ProtectedSpan, ...]


class Pass:
    """See the module.

    Args:
        host: the keeper.
        links: the volumes to go through, by id.
        terms: what counts now; asked again all the time.
        why: as in ``RetentionPass``.
        wish: what a person asked for, if one did.
        by_age: whether the rules about age count.
        ahead: bytes expected before the next look, by volume.
        protected: what the index said last that must stay.
        no_patience: do not wait for an index that does not answer.
        on_progress: called after each batch.
    """

    def __init__(
        self,
        host: EvictHost,
        links: Mapping[str, KeeperLink],
        terms: Callable[[], Terms],
        why: str,
        *,
        wish: RunRetention | None = None,
        by_age: bool = True,
        ahead: Mapping[str, float] | None = None,
        protected: tuple[ProtectedSpan, ...] = (),
        no_patience: bool = False,
        on_progress: Callable[[], None] = lambda: None,
    ) -> None:
        self._host, self._links, self._terms = host, links, terms
        self._why, self._wish, self._by_age, self._on_progress = why, wish, by_age, on_progress
        self._ahead = ahead or {}
        self._no_patience = no_patience
        self.protected = protected
        self._skip: set[str] = set()
        self._done: set[str] = set()
        """Volumes that have no more to give for their need."""
        self._last: set[str] = set()
        self._by_rules = True
        self.kept = Kept()
        self.counts = {volume: Count(free_before=link.info.free) for volume, link in links.items()}
        self.indexed = True
        self.error = ""
        self.events: list[RetentionPass] = []
        """What was written down about it."""

    @property
    def files(self) -> int:
        """Deleted so far."""
        return sum(count.files for count in self.counts.values())

    @property
    def bytes(self) -> int:
        """Deleted so far."""
        return sum(count.bytes for count in self.counts.values())

    @property
    def failed(self) -> int:
        """Files that could not be deleted."""
        return sum(count.failed for count in self.counts.values())

    async def run(self) -> None:
        """Do it, and write down what was done."""
        began = self._host.clock.boot_ns()
        try:
            await self._from_index()
        except (IndexBusyError, OSError, TimeoutError) as error:
            self.indexed = False
            self.error = str(error) or "it did not answer in time"
            await self._without_index()
        took = self._host.clock.boot_ns() - began
        left = needs(self._terms(), [link.info for link in self._links.values()], {})
        for volume, link in self._links.items():
            self.counts[volume].missing_bytes = left.get(volume, 0)
            done = book(self._host, link, self._why, self.counts[volume], self.kept, took, indexed=self.indexed)
            self.events.append(done)

    # -- by the index ---------------------------------------------------------------------------------------

    async def _from_index(self) -> None:
        while True:
            need = self._next_need()
            full = any(is_full(link.info) for link in self._links.values())
            batch = await asyncio.wait_for(self._plan(need), INDEX_FULL_S if full else INDEX_S)
            self.protected = batch.protected
            # The last question is about nothing any more, and meets nothing.
            self.kept = max(self.kept, batch.kept, key=lambda kept: (kept.protected, kept.young))
            if not batch.evictions:
                self._by_rules = False
                if not need:
                    return
                self._done |= need.keys()
                continue
            await self._delete(self._new(batch.evictions))
            self._on_progress()

    def _new(self, evictions: list[Eviction]) -> list[Eviction]:
        """Without what was just deleted and is still not on record as such: its record waits for room, say."""
        again = {eviction.segment.id for eviction in evictions} & self._last
        if again:
            where = ", ".join(sorted({self._name(e.segment.volume) for e in evictions if e.segment.id in again}))
            log.warning("[STORAGE] %d files on %s were deleted, and the index does not know it yet", len(again), where)
            self._skip |= again
        self._last = {eviction.segment.id for eviction in evictions}
        return [eviction for eviction in evictions if eviction.segment.id not in again]

    async def _plan(self, need: Mapping[str, int]) -> _Batch:
        await self._host.caught_up()
        terms, volumes = self._terms(), tuple(self._reachable())
        question = Question(
            terms=terms,
            volumes=volumes if self._by_rules else tuple(need),
            now=int(self._host.clock.utc_ns()),
            need=need,
            full={volume for volume in volumes if is_full(self._links[volume].info)},
            camera=self._wish.camera if self._wish else "",
            older_than=self._wish.older_than if self._wish else None,
            by_age=self._by_age,
        )
        skip = frozenset(self._skip)
        wanted = self._wish.segments if self._wish else ()
        return await self._host.ask(lambda index: _batch(index, question, skip, wanted))

    def _name(self, volume: str) -> str:
        return self._links[volume].endpoint.name

    def _reachable(self) -> list[str]:
        links = self._links.items()
        return [volume for volume, link in links if link.online and self.counts[volume].failed < MOST_FAILED]

    def _needs(self) -> dict[str, int]:
        infos = [self._links[volume].info for volume in self._reachable()]
        return {v: n for v, n in needs(self._terms(), infos, self._ahead).items() if v not in self._done}

    def _next_need(self) -> dict[str, int]:
        """One volume's at a time: two of them may share a disk, and what one frees the other need not."""
        wish = self._wish
        if wish is not None and (wish.camera or wish.older_than is not None or wish.segments):
            return {}
        return dict(islice(self._needs().items(), 1))

    # -- deleting -------------------------------------------------------------------------------------------

    async def _delete(self, going: list[Eviction]) -> None:
        before = {volume: (self._links[volume].info.free, self.counts[volume].bytes) for volume in self._reachable()}
        for start in range(0, len(going), AT_ONCE):
            await asyncio.gather(*(self._one(eviction) for eviction in going[start : start + AT_ONCE]))
        for volume, (free, had) in before.items():
            freed = self.counts[volume].bytes - had
            if freed:
                await self._look(volume, free + freed // 2)

    async def _one(self, eviction: Eviction) -> None:
        segment, count = eviction.segment, self.counts[eviction.segment.volume]
        if Protection(self._terms().protected).covers(segment.camera, segment.start, segment.end):
            return  # since the batch was planned
        if count.failed >= MOST_FAILED:
            return
        try:
            await self._links[segment.volume].job(
                lambda number: DeleteSegment(
                    request=number, segment=segment.id, camera=segment.camera, path=segment.path, reason=eviction.why
                )
            )
        except VolumeError as error:
            log.warning("[STORAGE] %s on %s could not be deleted: %s", segment.path, self._name(segment.volume), error)
            self._skip.add(segment.id)
            count.failed += 1
        else:
            log.debug("[STORAGE] %s on %s was deleted (%s)", segment.path, self._name(segment.volume), eviction.why)
            count.files += 1
            count.bytes += segment.bytes

    async def _look(self, volume: str, expected: int) -> None:
        """Have the free space measured; and leave the disk to others for a moment."""
        link = self._links[volume]
        for _ in range(LOOKS):
            if not await link.look(LOOK_S) or link.info.free >= expected:
                break
        if is_full(link.info) and self._full_for_another_reason(link):
            # Deleting more and more would not help whatever it is. The next pass tries again.
            self._done.add(volume)
        if not is_full(link.info):
            await asyncio.sleep(PAUSE_S)

    def _full_for_another_reason(self, link: KeeperLink) -> bool:
        return not bytes_needed(self._terms(), link.info.free, link.info.total)

    # -- by the folders -------------------------------------------------------------------------------------

    async def _without_index(self) -> None:
        """A full volume cannot wait for it, any other only so long; what a person asked for can be asked for again."""
        urgent = [volume for volume in self._needs() if self._no_patience or is_full(self._links[volume].info)]
        if self._wish is not None or not urgent:
            log.warning("[STORAGE] retention waits for the index: %s", self.error)
            return
        log.warning("[STORAGE] retention cannot ask the index (%s); the folders' order decides", self.error)
        for volume in urgent:
            await self._blind(volume)

    async def _blind(self, volume: str) -> None:
        """The index does not answer: the oldest day folders first, until there is room."""
        link, most = self._links[volume], BATCH
        # What the service was told, and what the index said last: a span too many keeps a file too many.
        protection = Protection([*self._terms().protected, *self.protected])
        while need := self._needs().get(volume, 0):
            try:
                files = await link.list_oldest(most)
            except VolumeError as error:
                log.warning("[STORAGE] %s", error)
                return
            now = int(self._host.clock.utc_ns())
            going = pick(files, volume, need, self._terms(), protection, now, full=is_full(link.info), skip=self._skip)
            if going:
                self._skip |= {eviction.segment.path for eviction in going}
                await self._delete(going)
                self._on_progress()
            elif len(files) < most or most >= BLIND_MOST:
                return
            else:
                most *= 4  # what was listed is all protected, or being written


def _batch(index: Index, question: Question, skip: frozenset[str], wanted: Sequence[str]) -> _Batch:
    """On the worker: the next files to go, and what must not."""
    kept = Kept()
    with index.snapshot() as reader:
        going = (
            chosen(reader, wanted, question, skip=skip, kept=kept)
            if wanted
            else evictions(reader, question, skip=skip, kept=kept)
        )
        found = list(islice(going, BATCH))
        spans = [*question.terms.protected, *protected_spans(reader)]
    return _Batch(found, kept, tuple(spans))
