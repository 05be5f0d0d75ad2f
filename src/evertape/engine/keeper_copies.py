"""A file of footage that the index does not know at its place: adopt it, or is it a copy of one that counts already?

After a crash between M3 and M5 of homecoming two whole copies lie on two volumes; the one that does not count must not
become the segment again. Threads: the owner's loop only.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from enum import Enum

from evertape.domain.homecoming import Move, Place, Stage, is_better
from evertape.engine.homecoming_move import MoveHost, Mover
from evertape.engine.keeper_link import KeeperLink
from evertape.ipc.messages import DeleteSegment, FindSegment, Message
from evertape.store.rows import DELETED, MISSING, OPEN, SegmentRow

log = logging.getLogger(__name__)


class Settled(Enum):
    """What became of a file that nobody knew."""

    ADOPT = "adopt"
    """It is the only one: nobody else has that segment."""
    KNOWN = "known"
    """The index knows it at this place after all."""
    DONE = "done"
    LATER = "later"
    """Nothing can be said or done now."""


class Copies:
    """See the module.

    Args:
        host: the keeper.
        mover: carries moves out.
        files: held while files are looked at and changed.
    """

    def __init__(self, host: MoveHost, mover: Mover, files: asyncio.Lock) -> None:
        self._host, self._mover, self._files = host, mover, files
        self._said: set[str] = set()

    async def settle(self, link: KeeperLink, path: str) -> Settled:
        """Decide about one file, and do it. Raises ``VolumeError``, ``IndexBusyError``, ``OSError``."""
        async with self._files:  # a file that is coming home this moment is known when it has come
            return await self._settle(link, path)

    async def _settle(self, link: KeeperLink, path: str) -> Settled:
        segment = await link.job(lambda n: FindSegment(request=n, path=path))
        if not segment:
            return Settled.ADOPT  # whoever adopts it says what it is
        await self._host.caught_up()
        row = await self._host.ask(lambda index: index.segment(segment))
        if row is None or row.state == MISSING:
            return Settled.ADOPT
        if row.state == DELETED:
            log.info("[DISK] %s on %s was deleted, and is there still; it goes", path, link.endpoint.name)
            await link.job(_again(row, path))
            return Settled.DONE
        if row.volume == link.volume_id:
            return await self._beside(link, path, row)
        return await self._elsewhere(link, path, row)

    async def _beside(self, link: KeeperLink, path: str, row: SegmentRow) -> Settled:
        """On the same volume: somebody copied or renamed it. Never deleted: its record would go with it."""
        if row.path == path:
            return Settled.KNOWN
        if await link.job(lambda n: FindSegment(request=n, path=row.path)) != row.id:
            return Settled.ADOPT
        self._say(f"{path} on {link.endpoint.name} is a copy of {row.path}")
        return Settled.LATER

    async def _elsewhere(self, link: KeeperLink, path: str, row: SegmentRow) -> Settled:
        other = self._host.online_links.get(row.volume)
        if row.state == OPEN or row.bytes is None or other is None:
            return Settled.LATER
        if await other.job(lambda n: FindSegment(request=n, path=row.path)) != row.id:
            return Settled.ADOPT  # what counted is gone; this is what is left
        here, there = place_of(link), place_of(other)
        log.info("[DISK] %s is on %s and on %s", row.path, link.endpoint.name, other.endpoint.name)
        known = (row.volume, row.path)
        found = (here.id, path)
        (source, source_path), (target, copy) = (known, found) if is_better(here, there) else (found, known)
        move = Move(
            segment=row.id, camera=row.camera, source=source, path=source_path, target=target, copy=copy,
            size=row.bytes, hash=row.hash, counts_at=row.volume, stage=Stage.READ,
        )  # fmt: skip
        done = await self._mover.run(move)
        if done.stage is Stage.STOPPED:
            self._say(f"{row.path} stays twice for now: {done.problem}")
            return Settled.LATER
        return Settled.DONE

    def _say(self, text: str) -> None:
        if text not in self._said:
            self._said.add(text)
            log.warning("[DISK] %s", text)


def place_of(link: KeeperLink) -> Place:
    """A volume as the decisions want it."""
    endpoint, info = link.endpoint, link.info
    return Place(link.volume_id, endpoint.role, endpoint.order, info.state, info.free, info.total)


def places_of(links: Mapping[str, KeeperLink]) -> list[Place]:
    """All of them."""
    return [place_of(link) for link in links.values()]


def _again(row: SegmentRow, path: str) -> Callable[[int], Message]:
    return lambda n: DeleteSegment(
        request=n, segment=row.id, camera=row.camera, path=path, reason=row.fate or "deleted"
    )
