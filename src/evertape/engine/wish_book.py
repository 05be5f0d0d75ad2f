"""Who is to be recorded, kept for the supervisor: the configuration, its schedules, and what people said.

Threads: the owner's loop only. The timer follows the wall clock, which may be set: it looks again at least each
``_LOOK_S``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from evertape.clock import Clock
from evertape.config.schema import Config
from evertape.domain.schedule import Schedule
from evertape.domain.wish import BY_SCHEDULE, FOR_GOOD, Said, Terms, Wish, said_now, wish
from evertape.types import NS_PER_S, CameraId, UtcNs

_LOOK_S = 5.0
_SOONEST_S = 0.01


@dataclass(frozen=True, slots=True)
class WishChange:
    """``camera`` is to be recorded from now on, or no longer, because of ``by``."""

    camera: str
    wanted: bool
    by: str


class WishBook:
    """See the module.

    Args:
        clock: for the wall clock.
        changed: called with what changed by itself, once for each moment.
    """

    def __init__(self, clock: Clock, changed: Callable[[list[WishChange]], None]) -> None:
        self.said: dict[str, Said] = {}
        """What people said; kept across restarts by the owner."""
        self._clock = clock
        self._changed = changed
        self._terms: dict[str, Terms] = {}
        self._held: dict[str, Wish] = {}
        self._timer: asyncio.TimerHandle | None = None

    def take(self, config: Config) -> list[WishChange]:
        """Bring a configuration into force; returns what changes by it."""
        self._terms = {name: terms_of(config, name) for name, camera in config.cameras.items() if camera.enabled}
        for name in [name for name in self._held if name not in self._terms]:
            del self._held[name]
        return self._look()

    def say(self, cameras: Iterable[str], wanted: bool) -> None:
        """A person says so."""
        now = self._clock.utc_ns()
        for name in cameras:
            terms = self._terms.get(name, Terms())
            self.said[name] = said_now(terms, wanted, now)
            self._held[name] = wish(terms, self.said[name], now)
        self._arm()

    def wanted(self, camera: str) -> bool:
        """Whether it is to be recorded now."""
        held = self._held.get(camera)
        return held is not None and held.wanted

    def wish(self, camera: str) -> Wish | None:
        """What holds now; ``None`` for a camera that is not used."""
        return self._held.get(camera)

    def schedule(self, camera: str) -> Schedule | None:
        """The schedule that counts for it."""
        terms = self._terms.get(camera)
        return terms.scheduled if terms is not None else None

    @property
    def schedules(self) -> dict[str, Schedule]:
        """The schedules that count."""
        return {name: terms.scheduled for name, terms in self._terms.items() if terms.scheduled is not None}

    @property
    def by_schedule(self) -> list[str]:
        """The cameras whose wish is their schedule's."""
        return [name for name, held in self._held.items() if held.by == BY_SCHEDULE]

    def close(self) -> None:
        """Look no more."""
        if self._timer is not None:
            self._timer.cancel()

    # -- inside ---------------------------------------------------------------------------------------------

    def _look(self) -> list[WishChange]:
        now = self._clock.utc_ns()
        changes = []
        for name, terms in self._terms.items():
            old, new = self._held.get(name), wish(terms, self.said.get(name), now)
            self._held[name] = new
            said = self.said.get(name)
            if terms.scheduled is not None and said is not None and (said.until or now) <= now:
                del self.said[name]
            if old is not None and old.wanted != new.wanted:
                changes.append(WishChange(name, new.wanted, new.by))
        self._arm()
        return changes

    def _due(self) -> None:
        if changes := self._look():
            self._changed(changes)

    def _arm(self) -> None:
        self.close()
        ends = [held.until for held in self._held.values() if held.until is not None]
        if not ends:
            return
        wait_s = max(_SOONEST_S, (min(ends) - self._clock.utc_ns()) / NS_PER_S)
        self._timer = asyncio.get_running_loop().call_later(min(wait_s, _LOOK_S), self._due)


def terms_of(config: Config, name: CameraId) -> Terms:
    """What the configuration says of a camera. Raises ``KeyError`` for an unknown one."""
    camera, spans = config.cameras[name], config.recording_for(name).schedule
    zone = camera.timezone or config.installation.timezone
    return Terms(camera.record, Schedule(spans, zone) if spans else None)


def until_shown(until: UtcNs | None) -> int | None:
    """UTC ns, or nothing for what does not end by itself."""
    return None if until is None or until >= FOR_GOOD else int(until)
