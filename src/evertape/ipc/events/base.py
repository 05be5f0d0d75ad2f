"""What all events have, and how they get it."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Iterator
from typing import Any

import msgspec

from evertape.clock import Clock


class Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag=True, omit_defaults=True):
    """What all events have.

    Args:
        id: ``{source uuid}-{counter}``, unique for ever.
        at: UTC in nanoseconds at which it happened.
        boot: the boot-time clock at that moment, in nanoseconds.
        source: the process that says so, such as ``recorder-0`` or ``disk-usb1``.
        service: the run of the service it belongs to (a UUID per start of the supervisor).
    """

    id: str
    at: int
    boot: int
    source: str
    service: str = ""


class EventStamp:
    """Gives events of one process their identity and time. Not thread-safe: the owner's thread only."""

    def __init__(self, source: str, service: str, clock: Clock) -> None:
        self.source = source
        self.service = service
        self._clock = clock
        self._prefix = uuid.uuid4().hex[:12]
        self._count: Iterator[int] = itertools.count()

    def __call__(self) -> dict[str, Any]:
        """The common fields of the next event: ``SegmentOpened(**stamp(), segment=…)``."""
        return {
            "id": f"{self._prefix}-{next(self._count)}",
            "at": int(self._clock.utc_ns()),
            "boot": int(self._clock.boot_ns()),
            "source": self.source,
            "service": self.service,
        }
