"""What a supervisor sees of a part of the service, be it a process or a recorder inside this one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from evertape.ipc.messages import Message


@dataclass(frozen=True, slots=True)
class Vitals:
    """What a child's latest heartbeat said."""

    pid: int
    generation: int
    rss: int
    cpu_s: float


class Child(Protocol):
    """A part of the service that the supervisor started: a process, or a recorder inside this one."""

    name: str
    generation: int

    @property
    def pid(self) -> int | None:
        """Its process id, while it runs."""

    @property
    def vitals(self) -> Vitals | None:
        """What its latest heartbeat said."""

    @property
    def said_exhausted(self) -> bool:
        """It printed that it got no memory."""

    def start(self) -> None:
        """Start it, and keep it running until ``stop``."""

    def send(self, message: Message) -> None:
        """Say something to it; lost if it is not there."""

    def check(self) -> None:
        """Replace it if its heartbeat has stopped. Call it twice a second."""

    def excuse(self, late_s: float) -> None:
        """Whoever checks was itself held up for so long: give it that much more time."""

    def replace(self, how: str, deadline_s: float) -> None:
        """Have it finish and leave, for its successor to take over; ``how`` is what the journal is told."""

    async def stop(self, deadline_s: float) -> bool:
        """Ask it to leave; False if it had to be ended by force, or left something unfinished."""


class ProcessOwner(Protocol):
    """Who is told about a child."""

    def child_up(self, child: Child) -> None:
        """It has been started; tell it what to do."""

    def child_said(self, child: Child, message: Message) -> None:
        """It said something else than a heartbeat."""

    def child_died(self, child: Child, pid: int, how: str) -> None:
        """It ended though nobody had asked it to; it is being replaced."""
