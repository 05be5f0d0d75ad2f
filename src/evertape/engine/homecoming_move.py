"""The work of each stage of a move (``domain.homecoming``), between two disk processes. The decisions are made there.

Threads: the owner's loop only. Bytes go through this process one piece at a time: the next is asked for when the last
one is written, so that nothing piles up anywhere.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol, TypeVar

from evertape.domain.homecoming import (
    Began,
    Failed,
    Hashed,
    Located,
    Move,
    News,
    OnRecord,
    Placed,
    Removed,
    Stage,
    pace,
    step,
)
from evertape.engine.keeper_link import KeeperLink
from evertape.errors import VolumeError
from evertape.ipc.events import AnyEvent, EventStamp, SegmentMoved
from evertape.ipc.messages import BeginCopy, DeleteSegment, PlaceCopy
from evertape.mp4.digest import named, segment_hash
from evertape.store.index import Index
from evertape.store.rows import DELETED

log = logging.getLogger(__name__)

T = TypeVar("T")

PIECE = 1 << 20
SYNC_EVERY = 4
"""Pieces between two syncs: what is dirty stays little, so that recording's own syncs have little to wait for."""
RECORD_S = 30.0
MOVED = "moved"
"""The reason given for deleting a file that lies elsewhere now."""


class MoveHost(Protocol):
    """What a move needs from the keeper."""

    stamp: EventStamp

    @property
    def online_links(self) -> Mapping[str, KeeperLink]:
        """Volumes that can be reached, by id."""

    async def ask(self, question: Callable[[Index], T]) -> T:
        """Ask the index, on the worker."""

    async def caught_up(self) -> None:
        """Return once everything that is in the journal now is in the index."""

    async def on_record(self, event: AnyEvent, timeout_s: float) -> bool:
        """Put an event into the journal, and whether it is known to be durable."""


class Throttle:
    """Keeps to a number of bytes per second, which follows how busy the volumes are.

    Args:
        most: bytes per second at most.
    """

    def __init__(self, most: float) -> None:
        self.most = most
        self.rate = most
        self._loop = asyncio.get_running_loop()
        self._free_at = 0.0
        self._sync_ms: dict[str, float] = {}
        self._adjusted_at = 0.0

    def heard(self, volume: str, sync_ms: float) -> None:
        """How long recording's syncs take on a volume."""
        self._sync_ms[volume] = sync_ms
        if self._loop.time() - self._adjusted_at >= 1.0:
            self._adjusted_at = self._loop.time()
            self.rate = pace(self.rate, self.most, self._sync_ms.values())

    async def spend(self, count: int) -> None:
        """Wait until ``count`` bytes more may go; what was not used up before is not saved."""
        now = self._loop.time()
        self._free_at = max(self._free_at, now) + count / max(1.0, min(self.rate, self.most))
        if self._free_at > now:
            await asyncio.sleep(self._free_at - now)


class Mover:
    """Carries moves out.

    Args:
        host: the keeper.
        throttle: how fast.
        on_stage: called with the move before each stage.
    """

    def __init__(self, host: MoveHost, throttle: Throttle, on_stage: Callable[[Move], None]) -> None:
        self._host = host
        self._throttle = throttle
        self._on_stage = on_stage
        self._work: dict[Stage, Callable[[Move], Awaitable[News]]] = {
            Stage.BEGIN: self._begin,
            Stage.COPY: self._copy,
            Stage.READ: self._read,
            Stage.CHECK: self._check,
            Stage.PLACE: self._place,
            Stage.RECORD: self._record,
            Stage.CONFIRM: self._confirm,
            Stage.REMOVE: self._remove,
            Stage.DROP: self._drop,
        }

    async def run(self, move: Move) -> Move:
        """To its end, which may be that it stopped. Raises ``IndexBusyError``, ``OSError``; it can begin again then."""
        while not move.over:
            self._on_stage(move)
            try:
                news = await self._work[move.stage](move)
            except VolumeError as error:
                news = Failed(error.what)
            move = step(move, news)
        return move

    def _link(self, volume: str) -> KeeperLink:
        link = self._host.online_links.get(volume)
        if link is None:
            raise VolumeError("a volume went away in the middle of it")
        return link

    # -- stages ---------------------------------------------------------------------------------------------

    async def _begin(self, move: Move) -> News:
        return Began(
            await self._link(move.target).job(
                lambda n: BeginCopy(request=n, segment=move.segment, path=move.path, bytes=move.size)
            )
        )

    async def _copy(self, move: Move) -> News:
        target = self._link(move.target)
        done = 0

        async def write(data: bytes, *, last: bool) -> None:
            nonlocal done
            sync = last or done // PIECE % SYNC_EVERY == SYNC_EVERY - 1
            taken = await target.append_copy(move.segment, done, data, sync=sync)
            done += len(data)
            self._throttle.heard(move.target, taken.sync_ms)

        return await self._through(move, move.source, move.path, write=write)

    async def _read(self, move: Move) -> News:
        return await self._through(move, move.source, move.path)

    async def _check(self, move: Move) -> News:
        return await self._through(move, move.target, move.copy, fresh=True)

    async def _place(self, move: Move) -> News:
        job = self._link(move.target).job(lambda n: PlaceCopy(request=n, segment=move.segment, path=move.path))
        return Placed(await job)

    async def _record(self, move: Move) -> News:
        event = SegmentMoved(
            **self._host.stamp(), segment=move.segment, camera=move.camera, from_volume=move.source,
            from_path=move.path, volume=move.target, path=move.copy, bytes=move.read_size, hash=move.read,
        )  # fmt: skip
        # Until that is known it must be held possible either way, so nothing else may be done with the segment.
        while not await self._host.on_record(event, RECORD_S):
            log.warning("[DISK] the journal does not confirm that %s has moved; waiting", move.copy)
        return OnRecord()

    async def _confirm(self, move: Move) -> News:
        await self._host.caught_up()
        row = await self._host.ask(lambda index: index.segment(move.segment))
        if row is not None and row.state == DELETED:
            return Located("")
        return Located(row.volume, row.path) if row is not None and row.held else Located("nowhere", "missing")

    async def _remove(self, move: Move) -> News:
        return await self._delete(move, move.source, move.path)

    async def _drop(self, move: Move) -> News:
        return await self._delete(move, move.target, move.copy)

    # -- inside ---------------------------------------------------------------------------------------------

    async def _delete(self, move: Move, volume: str, path: str) -> News:
        await self._link(volume).job(
            lambda n: DeleteSegment(request=n, segment=move.segment, camera=move.camera, path=path, reason=MOVED)
        )
        return Removed()

    async def _through(
        self,
        move: Move,
        volume: str,
        path: str,
        *,
        write: Callable[..., Awaitable[None]] | None = None,
        fresh: bool = False,
    ) -> Hashed:
        """Read a file to its end, politely, and hash it; ``write`` gets every piece."""
        link, digest, at, total = self._link(volume), segment_hash(), 0, 1
        while at < total:
            await self._throttle.spend(min(PIECE, max(1, move.size - at)))
            answer, data = await link.read_segment(move.segment, path, at, PIECE, fresh=fresh)
            self._throttle.heard(volume, answer.sync_ms)
            total = answer.total
            if not data:
                break
            digest.update(data)
            at += len(data)
            if write is not None:
                await write(data, last=at >= total)
        return Hashed(named(digest), at)
