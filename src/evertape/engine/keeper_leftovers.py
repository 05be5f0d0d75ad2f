"""Files that are on record as deleted and lie there still: a crash, or a failed unlink, between D1 and D2.

Retention eats from the old end, so what it left over lies there: the oldest day folders are compared with the index.
So is what nobody knows, such as a copy that was coming home when its segment was deleted and everything crashed.
Threads: the owner's loop only.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Protocol, TypeVar

from evertape.clock import Clock
from evertape.engine.keeper_link import KeeperLink
from evertape.engine.keeper_plan import day_bounds, day_of, days_around
from evertape.errors import VolumeError
from evertape.ipc.messages import AdoptSegment, DeleteSegment, Message
from evertape.store.index import Index
from evertape.store.retention import on_day
from evertape.store.rows import DELETED, SegmentRow

log = logging.getLogger(__name__)

T = TypeVar("T")

LOOK_AT = 50
"""Files of the oldest days."""


class LeftoversHost(Protocol):
    """What is needed from the keeper."""

    clock: Clock

    async def ask(self, question: Callable[[Index], T]) -> T:
        """Ask the index, on the worker."""

    async def settle(self, link: KeeperLink, path: str) -> bool:
        """A file that the index does not know: True if it is to be adopted."""


class Leftovers:
    """See the module.

    Args:
        host: the keeper.
    """

    def __init__(self, host: LeftoversHost) -> None:
        self._host = host
        self._tried: set[str] = set()

    async def remove(self, link: KeeperLink) -> int:
        """Delete them again; returns how many. Each is tried once. Raises ``VolumeError``, ``IndexBusyError``."""
        young = days_around(int(self._host.clock.utc_ns()))
        files = [file for file in await link.list_oldest(LOOK_AT) if not file.open and day_of(file.path) not in young]
        files = [file for file in files[:LOOK_AT] if file.path not in self._tried]
        days = {(file.path.split("/")[0], day_of(file.path)) for file in files}
        known = await self._host.ask(lambda index: _known(index, link.volume_id, days)) if days else {}
        removed = 0
        for file in files:
            row = known.get(file.path)
            if row is None:
                self._tried.add(file.path)
                await self._stranger(link, file.path)
            if row is None or row.state != DELETED:
                continue
            self._tried.add(file.path)
            try:
                await link.job(_again(row))
            except VolumeError as error:
                log.warning("[STORAGE] %s is on record as deleted and lies there still: %s", file.path, error)
            else:
                log.info("[STORAGE] %s had been left over; it is deleted now", file.path)
                removed += 1
        return removed

    async def _stranger(self, link: KeeperLink, path: str) -> None:
        try:
            if await self._host.settle(link, path):
                await link.job(lambda number: AdoptSegment(request=number, path=path))
        except VolumeError as error:
            log.debug("[STORAGE] nobody knows %s: %s", path, error)


def _again(row: SegmentRow) -> Callable[[int], Message]:
    return lambda number: DeleteSegment(
        request=number, segment=row.id, camera=row.camera, path=row.path, reason=row.fate or "deleted"
    )


def _known(index: Index, volume: str, days: set[tuple[str, str]]) -> dict[str, SegmentRow]:
    rows: dict[str, SegmentRow] = {}
    for camera, day in days:
        bounds = day_bounds(day)
        if bounds is not None:
            rows |= on_day(index, volume, camera, *bounds)
    return rows
