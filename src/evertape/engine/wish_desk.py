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
from evertape.domain.schedule import changes as changes_of
from evertape.domain.wish import BY_SCHEDULE
from evertape.engine.process import Child
from evertape.engine.state_files import (
    SCHEDULES,
    WISHES,
    KnownSchedule,
    read_schedules,
    read_wishes,
    schedules_text,
    wishes_text,
)
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
        self._known: dict[str, KnownSchedule] = {}

    def load(self, folder: Path) -> None:
        """What people said before."""
        self.book.said = read_wishes(folder)
        self._known = read_schedules(folder)

    def apply(self, config: Config) -> None:
        """Bring a configuration into force."""
        self._changed(self.book.take(config))
        if not self._told:
            # Who reads the journal later has to know why nothing is recorded, though nothing changed since the start.
            self._told = True
            self._catch_up()
            for name in self.book.by_schedule:
                self._write_down(name, BY_SCHEDULE)
        self._remember()

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
        if changes:
            self._remember()

    def _catch_up(self) -> None:
        """Write down what the schedules asked for while no service ran: time that nobody wanted is not down time."""
        host, now = self._host, self._host.clock.utc_ns()
        for name, schedule in self.book.schedules.items():
            known = self._known.get(name)
            if known is None or (known.schedule, known.zone) != (str(schedule), schedule.zone):
                continue  # nobody knows when the one was replaced by the other
            for at, wanted in changes_of(schedule, known.at, now):
                stamp = host.stamp() | {"at": int(at)}
                host.journal(RecordWish(**stamp, camera=name, wanted=wanted, by=BY_SCHEDULE))

    def _remember(self) -> None:
        now = self._host.clock.utc_ns()
        known = {name: KnownSchedule(str(each), each.zone, now) for name, each in self.book.schedules.items()}
        if known or self._known:
            self._known = known
            self._host.put_state(SCHEDULES, schedules_text(known))

    def _wish(self, name: str, by: str) -> None:
        self._write_down(name, by)
        if (recorder := self._host.children.get(f"recorder-{self._host.placed.get(name)}")) is not None:
            recorder.send(SetWish(cameras=(name,), wanted=self.book.wanted(name), by=by))

    def _write_down(self, name: str, by: str) -> None:
        host = self._host
        host.journal(RecordWish(**host.stamp(), camera=name, wanted=self.book.wanted(name), by=by))
