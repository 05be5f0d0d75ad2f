"""The keeper's part about days that are over: their files are put together in the index, for accounts of a year.

Threads: the keeper's loop only; the index is asked on its worker.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Protocol, TypeVar

from evertape.clock import Clock
from evertape.store.failures import IndexBusyError
from evertape.store.index import Index
from evertape.types import NS_PER_S

log = logging.getLogger(__name__)

T = TypeVar("T")

QUIET_S = 30.0
"""After a start there is more important work."""
AT_ONCE = 16
"""Days of a camera in one transaction: a hundredth of a second for files of ten minutes, a tenth for those of one."""
PAUSE_S = 0.1
"""Between two of those: a year of 64 cameras, as after an update, takes four minutes, and nobody notices."""
ROUND_S = 600.0
"""Between two looks: what retention takes away makes the oldest day of each camera due again and again."""
OVER_NS = 3600 * NS_PER_S
"""So long after its end a day's last file has come to its end as well, nearly always."""


class DaysHost(Protocol):
    """What this needs from the keeper."""

    clock: Clock

    async def ask(self, question: Callable[[Index], T]) -> T:
        """Ask the index. Raises ``IndexBusyError``."""


async def settle_days(host: DaysHost) -> None:
    """Put together what is due, for ever."""
    await asyncio.sleep(QUIET_S)
    while True:
        await asyncio.sleep(await settle_some(host))


async def settle_some(host: DaysHost) -> float:
    """Put together some of what is due; returns after how many seconds to go on."""
    before = int(host.clock.utc_ns()) - OVER_NS
    try:
        found = await host.ask(lambda index: index.settle(before, AT_ONCE))
    except (IndexBusyError, OSError) as error:
        log.debug("[STORAGE] days that are over were left as they are: %s", error)
        found = 0
    return PAUSE_S if found else ROUND_S
