"""When the keeper frees space: every interval, at once where space runs out, and when somebody says so.

Threads: the owner's loop only. What goes is decided by ``domain.retention``; ``keeper_evict`` does it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Protocol

from evertape.domain.clock_trust import begin, look
from evertape.domain.forecast import coming, next_look
from evertape.domain.retention_terms import ProtectedSpan, Terms
from evertape.engine.alarm import Alarm
from evertape.engine.keeper_evict import EvictHost, Pass
from evertape.engine.keeper_leftovers import Leftovers
from evertape.engine.keeper_link import KeeperLink
from evertape.engine.space import is_full, needs, rate_of
from evertape.errors import VolumeError
from evertape.ipc.events import AnyEvent
from evertape.ipc.messages import EventNews, Message, RetentionProgress, RunRetention
from evertape.store.failures import IndexBusyError
from evertape.store.index import Index
from evertape.types import NS_PER_S

log = logging.getLogger(__name__)

LOOK_S = 1.0
"""How often the reported free space is compared with the thresholds: comparing numbers costs nothing."""
FIRST_S = 60.0
"""The first look at everything, once a start has settled."""
AGAIN_LOW_S, AGAIN_FULL_S = 60.0, 10.0
"""When a volume that could not be helped is tried again."""
SETTLE_NS = 600 * NS_PER_S
"""For so long after a start nothing goes by its age, see ``domain.clock_trust``."""
PATIENCE_S = 30.0
"""How long an index may not answer before folders decide even though recording goes on."""


class RetentionHost(EvictHost, Protocol):
    """What retention needs from the keeper."""

    @property
    def online_links(self) -> Mapping[str, KeeperLink]:
        """Volumes that can be reached, by id."""

    async def settle(self, link: KeeperLink, path: str) -> bool:
        """A file that the index does not know: True if it is to be adopted."""


class Retention:
    """See the module.

    Args:
        host: the keeper.
        tell: says something to the supervisor.
    """

    def __init__(self, host: RetentionHost, tell: Callable[[Message], None]) -> None:
        self.stamp = host.stamp
        self._host, self._tell = host, tell
        self._terms: Terms | None = None
        self._loop = asyncio.get_running_loop()
        self._wake = asyncio.Event()
        self._wishes: list[RunRetention] = []
        self._everything_at = 0.0
        self._began = int(host.clock.boot_ns())
        self._clock = begin(int(host.clock.utc_ns()), self._began, SETTLE_NS)
        self._again: dict[str, float] = {}
        self._rates: dict[str, float] = {}
        self._alarms: dict[str, Alarm] = {}
        self._protected: tuple[ProtectedSpan, ...] = ()
        self._silent_since: float | None = None
        self._leftovers = Leftovers(host)

    # -- what the keeper says -------------------------------------------------------------------------------

    def assign(self, terms: Terms | None) -> None:
        """Go by these from now on; ``None``: delete nothing."""
        if terms == self._terms:
            return
        if terms is not None and (self._terms is None or terms.interval != self._terms.interval):
            interval = terms.interval / NS_PER_S
            self._everything_at = self._loop.time() + min(interval, FIRST_S)
            if self._terms is None:
                settle = min(terms.interval, SETTLE_NS)
                self._clock = replace(self._clock, not_before=self._began + settle)
        self._terms = terms
        self._wake.set()

    def wish(self, wish: RunRetention) -> None:
        """Somebody asks for it."""
        self._wishes.append(wish)
        self._wake.set()

    def journal(self, event: AnyEvent) -> None:
        """Of an alarm: also to whoever listens right now."""
        self._host.write_down(event)
        self._tell(EventNews(events=(event,)))

    # -- the rounds -----------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Never ends; cancel it."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_S):
                    await self._wake.wait()
            self._wake.clear()
            self._watch_the_clock()
            links = dict(self._host.online_links)
            self._end_alarms(links)
            while self._wishes:
                await self._grant(self._wishes.pop(0), dict(self._host.online_links))
            if self._terms is not None:
                await self._round(self._terms, links)

    async def _round(self, terms: Terms, links: dict[str, KeeperLink]) -> None:
        now = self._loop.time()
        if now >= self._everything_at and links:
            await self._measure_rates(terms, links)
            ahead = {volume: float(coming(rate, terms)) for volume, rate in self._rates.items()}
            await self._pass(links, "interval", ahead)
            waits = [next_look(terms, link.info.free, link.info.total, self._rates.get(volume, 0.0))
                     for volume, link in links.items() if volume not in self._again]  # fmt: skip
            self._everything_at = self._loop.time() + min([terms.interval, *waits]) / NS_PER_S
            return
        short = needs(terms, [link.info for link in links.values()], {})
        short = {volume: n for volume, n in short.items() if now >= self._again.get(volume, 0.0)}
        for volume in short:
            # One after the other: where two share a disk, the first may have helped the second.
            link = links[volume]
            if link.online and needs(terms, [link.info], {}):
                await self._pass({volume: link}, "full" if is_full(link.info) else "low", {})

    async def _pass(self, links: dict[str, KeeperLink], why: str, ahead: Mapping[str, float]) -> None:
        by_age = self._clock.trusted(int(self._host.clock.boot_ns()))
        run = Pass(
            self._host, links, self._current, why,
            by_age=by_age, ahead=ahead, protected=self._protected, no_patience=self._index_is_gone(),
        )  # fmt: skip
        await run.run()
        self._after(run, links)
        if run.indexed:
            await self._clear_up(links)

    async def _grant(self, wish: RunRetention, links: dict[str, KeeperLink]) -> None:
        def progress(*, done: bool = False, error: str = "") -> None:
            self._tell(
                RetentionProgress(
                    request=wish.request, done=done, files=run.files, bytes=run.bytes, failed=run.failed,
                    on={links[name].endpoint.name: count.files for name, count in run.counts.items() if count.files},
                    protected=run.kept.protected, error=error,
                )
            )  # fmt: skip

        run = Pass(self._host, links, self._current, "person", wish=wish, on_progress=progress)
        await run.run()
        self._after(run, links)
        progress(done=True, error=run.error)

    def _current(self) -> Terms:
        return self._terms or Terms()

    # -- afterwards -----------------------------------------------------------------------------------------

    def _after(self, run: Pass, links: Mapping[str, KeeperLink]) -> None:
        self._tell(EventNews(events=tuple(run.events)))
        self._protected = run.protected
        if run.indexed:
            self._silent_since = None
        elif self._silent_since is None:
            self._silent_since = self._loop.time()
        for volume, link in links.items():
            left = run.counts[volume].missing_bytes
            if not left:
                self._again.pop(volume, None)
                continue
            full = is_full(link.info)
            self._again[volume] = self._loop.time() + (AGAIN_FULL_S if full else AGAIN_LOW_S)
            if full:
                self._raise_alarm(volume, link, run)
            elif not run.counts[volume].files:
                log.warning("[STORAGE] volume %s is short of space, and nothing on it may be deleted: %d files are "
                            "protected", link.endpoint.name, run.kept.protected)  # fmt: skip

    def _raise_alarm(self, volume: str, link: KeeperLink, run: Pass) -> None:
        name, free = link.endpoint.name, link.info.free
        alarm = self._alarms.setdefault(volume, Alarm("volume_full", self, volume=name))
        size = f"{free / 1e9:.1f} GB" if free >= 10**9 else f"{free / 1e6:.0f} MB"
        text = f"Disk full - please free space: {size} free on {name}, and nothing more on it may be deleted"
        alarm.set(
            True, text, f"There is room on {name} again",
            free=free, total=link.info.total, protected=run.kept.protected, young=run.kept.young,
        )  # fmt: skip

    def _end_alarms(self, links: Mapping[str, KeeperLink]) -> None:
        for volume, alarm in self._alarms.items():
            link = links.get(volume)
            if alarm.on and link is not None and not is_full(link.info):
                alarm.set(False, over=f"There is room on {link.endpoint.name} again")

    async def _clear_up(self, links: Mapping[str, KeeperLink]) -> None:
        for link in links.values():
            try:
                await self._leftovers.remove(link)
            except (VolumeError, IndexBusyError, OSError) as error:
                log.debug("[STORAGE] leftovers on %s: %s", link.endpoint.name, error)

    # -- what is measured -----------------------------------------------------------------------------------

    async def _measure_rates(self, terms: Terms, links: Mapping[str, KeeperLink]) -> None:
        now, volumes = int(self._host.clock.utc_ns()), list(links)

        def rates(index: Index) -> dict[str, float]:
            return {volume: rate_of(index, volume, now) for volume in volumes}

        try:
            self._rates = await self._host.ask(rates)
        except (IndexBusyError, OSError) as error:
            log.debug("[STORAGE] how fast the volumes fill is not known: %s", error)

    def _index_is_gone(self) -> bool:
        return self._silent_since is not None and self._loop.time() - self._silent_since > PATIENCE_S

    def _watch_the_clock(self) -> None:
        before, utc, boot = self._clock, int(self._host.clock.utc_ns()), int(self._host.clock.boot_ns())
        self._clock = look(before, utc, boot)
        if self._clock.not_before > before.not_before:
            jump = (self._clock.offset - before.offset) / NS_PER_S
            log.warning("[STORAGE] the clock was set by %.0f s; for an hour nothing is deleted for its age", jump)
