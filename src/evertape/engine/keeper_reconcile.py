"""Makes files hold each unit once, as they already do logically: tails are cut, files that add nothing are removed.

Threads: the owner's loop only.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from evertape.engine.keeper_link import KeeperLink
from evertape.engine.keeper_plan import Cut, Superfluous, reconcile
from evertape.errors import VolumeError
from evertape.ipc.events import AnyEvent, SegmentClosed
from evertape.ipc.messages import CutSegment, DeleteSegment, Message
from evertape.store.index import Index
from evertape.store.rows import OPEN, SegmentRow

log = logging.getLogger(__name__)

T = TypeVar("T")

EVERY_S = 30.0
AGAIN_S = 1.0
"""After something was done: by then it is on record, and what follows from it can be seen."""


class ReconcileHost(Protocol):
    """What is needed from the keeper."""

    @property
    def online_links(self) -> Mapping[str, KeeperLink]:
        """Volumes that can be reached, by id."""

    async def ask(self, question: Callable[[Index], T]) -> T:
        """Ask the index, on the worker."""

    async def caught_up(self) -> None:
        """Return once everything that is in the journal now is in the index."""


@dataclass(slots=True)
class _Found:
    actions: list[Cut | Superfluous] = field(default_factory=list)
    doubled: Counter[str] = field(default_factory=Counter)
    waiting: set[str] = field(default_factory=set)


class Reconciler:
    """See the module.

    Args:
        host: the keeper.
        files: held while files are changed; nobody copies one meanwhile.
    """

    def __init__(self, host: ReconcileHost, files: asyncio.Lock) -> None:
        self._host, self._files = host, files
        self._loop = asyncio.get_running_loop()
        self._one_at_a_time = asyncio.Lock()
        self._due_at = 0.0
        self._in_order: set[str] = set()
        """Capture sessions that need not be looked at again until a volume returns."""
        self._waiting: set[str] = set()
        """Those that wait for a file to be finished."""
        self._doubled: Counter[str] | None = None
        self.superfluous: frozenset[str] = frozenset()
        """Segments that are about to be removed."""

    def look_again(self) -> None:
        """A volume has been gone through: what lies there may be news."""
        self._in_order.clear()
        self._due_at = 0.0

    def notice(self, event: AnyEvent) -> None:
        """Something is on record; a file that was waited for is looked at soon."""
        if isinstance(event, SegmentClosed) and (event.supersedes or event.epoch in self._waiting):
            self._in_order.discard(event.epoch)
            self._due_at = 0.0

    def doubled_on(self, volume: str) -> int | None:
        """Files there that hold what others hold as well; ``None``: nobody has looked yet."""
        return None if self._doubled is None else self._doubled[volume]

    async def round(self) -> None:
        """Do what is due; when it returns that is done, whoever began it. Raises ``IndexBusyError``, ``OSError``."""
        async with self._one_at_a_time:
            await self._round()

    async def _round(self) -> None:
        if self._loop.time() < self._due_at:
            return
        self._due_at = self._loop.time() + EVERY_S
        await self._host.caught_up()
        links = self._host.online_links
        found = await self._host.ask(lambda index: self._look(index, links.keys()))
        self.superfluous = frozenset(action.row.id for action in found.actions if isinstance(action, Superfluous))
        self._waiting, self._doubled = found.waiting, found.doubled
        for action in found.actions:
            async with self._files:
                await self._act(action, links[action.row.volume])
        if found.actions:
            self._due_at = min(self._due_at, self._loop.time() + AGAIN_S)

    async def _act(self, action: Cut | Superfluous, link: KeeperLink) -> None:
        row, make = action.row, _job(action)
        if isinstance(action, Cut):
            log.info("[DISK] %s is cut before unit %d, which %s holds", row.path, action.from_seq, action.by)
        else:
            log.info("[DISK] %s holds nothing that other files do not; it is deleted", row.path)
        try:
            # It may have moved while this waited for its turn.
            await self._host.caught_up()
            now = await self._host.ask(lambda index: index.segment(row.id))
            if now is not None and (now.volume, now.path, now.last_video) == (row.volume, row.path, row.last_video):
                await link.job(make)
        except VolumeError as error:
            log.warning("[DISK] %s: %s", row.path, error)

    def _look(self, index: Index, online: Collection[str]) -> _Found:
        """On the worker. What was found to be in order once is not looked at again until a volume returns."""
        found = _Found()
        for epoch in {row.epoch for row in index.superseding()} - self._in_order:
            rows = index.epoch(epoch)
            everything = reconcile(rows, {row.volume for row in rows})
            unfinished = _behind_unfinished(rows)
            found.doubled.update(row.volume for row in {a.row.id: a.row for a in everything}.values())
            found.doubled.update(row.volume for row in unfinished)
            if everything:
                found.actions += reconcile(rows, online)
            if any(row.state == OPEN for row in rows):
                found.waiting.add(epoch)
            elif not everything:
                self._in_order.add(epoch)
        return found


def _behind_unfinished(rows: Sequence[SegmentRow]) -> list[SegmentRow]:
    """Files of which an unfinished one says that it holds their ends as well."""
    promised = {old.segment: old.from_seq for row in rows if row.state == OPEN for old in row.supersedes}
    return [
        row for row in rows
        if row.held and row.id in promised and (row.last_video is None or row.last_video >= promised[row.id])
    ]  # fmt: skip


def _job(action: Cut | Superfluous) -> Callable[[int], Message]:
    row = action.row
    if isinstance(action, Cut):
        seq, by = action.from_seq, action.by
        return lambda n: CutSegment(request=n, segment=row.id, path=row.path, from_seq=seq, by=by)
    return lambda n: DeleteSegment(request=n, segment=row.id, camera=row.camera, path=row.path, reason="superseded")
