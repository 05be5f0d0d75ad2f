"""The supervisor's desk for wishes: hears people and schedules, tells recorders and the journal.

Threads: the owner's loop only.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from evertape.clock import Clock
from evertape.config.schema import Config
from evertape.domain.wish import BY_SCHEDULE
from evertape.engine.process import Child
from evertape.engine.state_files import WISHES, read_wishes, wishes_text
from evertape.engine.wish_book import WishBook, WishChange, until_shown
from evertape.ipc.events import AnyEvent, EventStamp, RecordWish
from evertape.ipc.messages import SetWish

log = logging.getLogger(__name__)


class WishHost(Protocol):
    """What the desk needs from the supervisor."""

    clock: Clock
    placed: dict[str, int]

    @property
    def children(self) -> Mapping[str, Child]:
        """The processes, by name."""

    @property
    def stamp(self) -> EventStamp:
        """For events of the supervisor."""

    def journal(self, event: AnyEvent) -> None:
        """Write an event down."""

    def put_state(self, name: str, text: bytes) -> None:
        """Keep a small file across restarts."""


class WishDesk:
    """See the module.

    Args:
        host: the supervisor.
    """

    def __init__(self, host: WishHost) -> None:
        self.book = WishBook(host.clock, self._changed)
        self._host = host
        self._told = False

    def load(self, folder: Path) -> None:
        """What people said before."""
        self.book.said = read_wishes(folder)

    def apply(self, config: Config) -> None:
        """Bring a configuration into force."""
        self._changed(self.book.take(config))
        if not self._told:
            # Who reads the journal later has to know why nothing is recorded, though nothing changed since the start.
            self._told = True
            for name in self.book.by_schedule:
                self._write_down(name, BY_SCHEDULE)

    def say(self, cameras: tuple[str, ...], wanted: bool, by: str) -> None:
        """Record these cameras from now on, or no longer, because somebody says so; remembered across restarts."""
        self.book.say(cameras, wanted)
        for name in cameras:
            self._wish(name, by)
        self._host.put_state(WISHES, wishes_text(self.book.said))

    def shown(self, camera: str) -> dict[str, Any]:
        """For status: ``wanted``, ``by`` (as in ``Wish``), ``until`` in UTC ns or null, ``schedule``."""
        held, schedule = self.book.wish(camera), self.book.schedule(camera)
        return {
            "wanted": held is not None and held.wanted,
            "by": held.by if held is not None else "",
            "until": until_shown(held.until) if held is not None else None,
            "schedule": str(schedule) if schedule is not None else "always",
        }

    def close(self) -> None:
        """The service goes; nothing changes any more."""
        self.book.close()

    # -- inside ---------------------------------------------------------------------------------------------

    def _changed(self, changes: list[WishChange]) -> None:
        for change in changes:
            what = "recording" if change.wanted else "no recording"
            log.info("[RECORDING] %s: the %s asks for %s", change.camera, change.by, what)
            self._wish(change.camera, change.by)

    def _wish(self, name: str, by: str) -> None:
        self._write_down(name, by)
        if (recorder := self._host.children.get(f"recorder-{self._host.placed.get(name)}")) is not None:
            recorder.send(SetWish(cameras=(name,), wanted=self.book.wanted(name), by=by))

    def _write_down(self, name: str, by: str) -> None:
        host = self._host
        host.journal(RecordWish(**host.stamp(), camera=name, wanted=self.book.wanted(name), by=by))
