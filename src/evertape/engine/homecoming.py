"""Brings footage home from spill and retired volumes, in the background, the oldest first, one file at a time.

What is to be done is read from the volumes' own folders, and compared with the index, each time anew: whatever was
interrupted, and wherever, is found as it lies. Threads: the owner's loop only.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Mapping
from typing import Protocol

from evertape.domain.homecoming import NO_HOME, NO_ROOM, Move, Place, Stage, choose_home, is_home
from evertape.domain.retention_terms import Terms
from evertape.engine.homecoming_move import MoveHost, Mover, Throttle
from evertape.engine.keeper_copies import Copies, Settled, place_of, places_of
from evertape.engine.keeper_link import KeeperLink
from evertape.engine.keeper_plan import day_bounds, day_of
from evertape.engine.keeper_reconcile import Reconciler
from evertape.errors import VolumeError
from evertape.ipc.messages import AdoptSegment, BeginCopy, FindSegment, HomecomingNews, Message, VolumeTidy
from evertape.store.failures import IndexBusyError
from evertape.store.homecoming import Held, held_on
from evertape.store.index import Index
from evertape.store.retention import on_day
from evertape.store.rows import CLOSED, OPEN, SegmentRow

log = logging.getLogger(__name__)

LOOK_S = 2.0
"""How often the index is asked whether something lies where it does not belong."""
LIST_S = 60.0
"""How often the folders are looked at though the index says that nothing is there."""
AGAIN_S = 30.0
"""When a file that could not be moved is tried again."""
BATCH = 20
TELL_S = 1.0


class HomeHost(MoveHost, Protocol):
    """What is needed from the keeper."""

    def is_settled(self, link: KeeperLink) -> bool:
        """Whether what a crash left on the volume has been recovered."""


class Homecoming:
    """See the module.

    Args:
        host: the keeper.
        tell: says something to the supervisor.
        reconciler: goes first; what it is about to remove need not come home.
        files: held while a move is under way; nobody else changes files meanwhile.
    """

    def __init__(
        self, host: HomeHost, tell: Callable[[Message], None], reconciler: Reconciler, files: asyncio.Lock
    ) -> None:
        self._host, self._tell, self._reconciler, self._files = host, tell, reconciler, files
        self._loop = asyncio.get_running_loop()
        self._terms = Terms()
        self._throttle = Throttle(1.0)
        self._mover = Mover(host, self._throttle, self._at_stage)
        self._copies = Copies(host, self._mover, files)
        self._held: dict[str, Held] = {}
        """What lies where it does not belong, by the volume's id."""
        self._not_before: dict[tuple[str, str], float] = {}
        self._list_at: dict[str, float] = {}
        self._cleared: dict[str, int] = {}
        """Volumes, by id, and the connection on which unfinished copies were removed."""
        self._done = Held()
        self._moving = ""
        self._waiting = ""
        self._said: HomecomingNews | None = None

    def assign(self, rate: int, terms: Terms | None) -> None:
        """Go by these from now on; ``rate``: bytes per second at most."""
        if rate != self._throttle.most:
            self._throttle.most = self._throttle.rate = float(rate)
        self._terms = terms or Terms()

    def look_again(self) -> None:
        """A volume has been gone through: what could not be done before may be possible now."""
        self._not_before.clear()
        self._list_at.clear()

    async def settle(self, link: KeeperLink, path: str) -> bool:
        """A file that the index does not know: True if it is to be adopted. Raises as ``Copies.settle``."""
        return await self._copies.settle(link, path) is Settled.ADOPT

    # -- the rounds -----------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Never ends; cancel it."""
        telling = self._loop.create_task(self._tell_it())
        try:
            while True:
                await asyncio.sleep(LOOK_S)
                try:
                    await self._round()
                except (VolumeError, IndexBusyError, OSError) as error:
                    log.debug("[DISK] homecoming goes on later: %s", error)
                self._moving = ""
        finally:
            telling.cancel()

    async def _round(self) -> None:
        await self._clear_up()
        guests = [link for link in self._links().values() if not is_home(link.endpoint.role)]
        await self._reconciler.round()
        await self._count()
        self._waiting = ""
        for link in guests:
            due = self._loop.time() >= self._list_at.get(link.volume_id, 0.0)
            if self._host.is_settled(link) and (due or self._held.get(link.volume_id, Held()).files):
                self._list_at[link.volume_id] = self._loop.time() + LIST_S
                await self._empty(link)
        if not self._left().files:
            self._done = Held()

    async def _clear_up(self) -> None:
        """What an earlier keeper had begun to copy, once for each connection."""
        for volume, link in self._links().items():
            if self._cleared.get(volume) != link.connection:
                async with self._files:
                    await link.job(lambda n: BeginCopy(request=n))
                self._cleared[volume] = link.connection

    async def _empty(self, link: KeeperLink) -> None:
        while await self._batch(link):
            pass

    async def _batch(self, link: KeeperLink) -> bool:
        """The next files; whether there may be more right away."""
        if choose_home(place_of(link), self._homes(), 0, self._terms) is None:
            self._waiting = NO_HOME
            return False
        found = await link.list_oldest(BATCH + len(self._not_before))
        now = self._loop.time()
        self._not_before = {key: at for key, at in self._not_before.items() if at > now}
        paths = [f.path for f in found if not f.open and (link.volume_id, f.path) not in self._not_before][:BATCH]
        await self._host.caught_up()
        rows = await self._host.ask(lambda index: _known(index, link.volume_id, paths)) if paths else {}
        got_on = False
        for path in paths:
            if not self._host.is_settled(link):
                return False
            went = await self._one(link, path, rows.get(path))
            await self._count()
            got_on |= went
            if not went:
                self._not_before[link.volume_id, path] = self._loop.time() + AGAIN_S
        return got_on

    async def _one(self, link: KeeperLink, path: str, row: SegmentRow | None) -> bool:
        if row is None or row.state not in (OPEN, CLOSED):
            return await self._unknown(link, path)
        if row.state == OPEN or row.bytes is None or row.id in self._reconciler.superfluous:
            return False
        home = choose_home(place_of(link), self._homes(), row.bytes, self._terms)
        if home is None:
            self._waiting = NO_ROOM
            return False
        move = Move(
            segment=row.id, camera=row.camera, source=link.volume_id, path=path, target=home.id, size=row.bytes,
            hash=row.hash, counts_at=link.volume_id,
        )  # fmt: skip
        async with self._files:
            done = await self._mover.run(move)
        if done.stage is Stage.STOPPED:
            where = "is home, and still" if done.counts_at == home.id else "stays"
            log.warning("[DISK] %s %s on %s for now: %s", path, where, link.endpoint.name, done.problem)
            return False
        if done.counts_at != home.id:
            return True  # a stale copy was removed; the next look moves it
        self._done = Held(self._done.files + 1, self._done.bytes + row.bytes)
        if row.hash and done.read != row.hash:
            log.error("[DISK] %s came home with other bytes than it was closed with; the check will say so", path)
        log.info("[DISK] %s came home from %s to %s", path, link.endpoint.name, self._name(home.id))
        return True

    async def _unknown(self, link: KeeperLink, path: str) -> bool:
        settled = await self._copies.settle(link, path)
        if settled is Settled.KNOWN:
            segment = await link.job(lambda n: FindSegment(request=n, path=path))
            row = await self._host.ask(lambda index: index.segment(segment))
            return row is not None and row.state in (OPEN, CLOSED) and await self._one(link, path, row)
        if settled is Settled.ADOPT:
            await link.job(lambda n: AdoptSegment(request=n, path=path))
            return False  # it is known by the next look
        return settled is Settled.DONE

    # -- how far it is --------------------------------------------------------------------------------------

    def _links(self) -> Mapping[str, KeeperLink]:
        return self._host.online_links

    def _homes(self) -> list[Place]:
        return places_of({v: link for v, link in self._links().items() if self._host.is_settled(link)})

    def _name(self, volume: str) -> str:
        link = self._links().get(volume)
        return link.endpoint.name if link is not None else volume

    async def _count(self) -> None:
        ids = [volume for volume, link in self._links().items() if not is_home(link.endpoint.role)]
        found = await self._host.ask(lambda index: held_on(index, ids)) if ids else {}
        self._held = {volume: found.get(volume, Held()) for volume in ids}

    def _left(self) -> Held:
        return Held(sum(held.files for held in self._held.values()), sum(held.bytes for held in self._held.values()))

    def _at_stage(self, move: Move) -> None:
        self._moving = move.path

    async def _tell_it(self) -> None:
        while True:
            await asyncio.sleep(TELL_S)
            news = self._news()
            if news != self._said:
                self._said = news
                self._tell(news)

    def _news(self) -> HomecomingNews:
        left = self._left()
        return HomecomingNews(
            volumes=tuple(self._tidy(volume, link) for volume, link in self._links().items()),
            files_done=self._done.files,
            bytes_done=self._done.bytes,
            files=self._done.files + left.files,
            bytes=self._done.bytes + left.bytes,
            moving=self._moving,
            rate=round(self._throttle.rate) if self._moving else 0,
            waiting=self._waiting if left.files and not self._moving else "",
        )

    def _tidy(self, volume: str, link: KeeperLink) -> VolumeTidy:
        held, doubled = self._held.get(volume, Held()), self._reconciler.doubled_on(volume)
        counted = is_home(link.endpoint.role) or volume in self._held
        in_order = self._host.is_settled(link) and counted and doubled == 0 and not held.files
        return VolumeTidy(
            name=link.endpoint.name, reconciled=in_order, doubled=doubled or 0, files=held.files, bytes=held.bytes
        )


def _known(index: Index, volume: str, paths: Collection[str]) -> dict[str, SegmentRow]:
    """The index's rows of these files, by path."""
    rows: dict[str, SegmentRow] = {}
    for camera, day in {(path.split("/")[0], day_of(path)) for path in paths}:
        bounds = day_bounds(day)
        if bounds is not None:
            rows |= on_day(index, volume, camera, *bounds)
    return rows
