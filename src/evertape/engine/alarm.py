"""One thing that a person should hear of, or not: raised once, ended once. Threads: the owner's loop only."""

from __future__ import annotations

import logging
from typing import Any, Protocol

from evertape.ipc.events import Alert, AnyEvent, EventStamp

log = logging.getLogger(__name__)

UNUSED, CHANGED = "unused", "changed"
"""The ``why`` in the detail of one that ended otherwise than by being mended: what it is about is not used any more,
or has other settings."""


class AlarmHost(Protocol):
    """What an alarm needs from the process it lives in."""

    @property
    def stamp(self) -> EventStamp:
        """For events of the process."""

    def journal(self, event: AnyEvent) -> None:
        """Write an event down."""


class Alarm:
    """See the module.

    Args:
        kind: of ``Alert``.
        host: the process.
        camera: concerned, if it is one.
        volume: concerned, if it is one.
    """

    def __init__(self, kind: str, host: AlarmHost, *, camera: str = "", volume: str = "") -> None:
        self._kind = kind
        self._host = host
        self._camera = camera
        self._volume = volume
        self.alert = ""
        """Names the one that was raised and is not over."""
        self.text = ""
        """What was told of it."""

    def resume(self, alert: str, text: str) -> None:
        """It was raised by an earlier run of the service."""
        self.alert, self.text = alert, text

    @property
    def on(self) -> bool:
        """It was raised, and is not over."""
        return bool(self.alert)

    def set(self, on: bool, text: str = "", over: str = "", **detail: Any) -> None:
        """Raise or end it, unless that was done.

        Args:
            on: which of the two.
            text: what to tell when it begins.
            over: what to tell when it ends; by default that ``text`` is over.
            detail: numbers for the event.
        """
        if on == self.on:
            return
        stamp = self._host.stamp()
        if on:
            self.alert = f"{self._kind}-{stamp['id']}"
            self.text = text
            log.warning("[ALERT] %s", text)
        else:
            text = over or f"over: {self.text}"
            log.info("[ALERT] %s", text)
        self._host.journal(
            Alert(
                **stamp,
                alert=self.alert,
                kind=self._kind,
                state="raised" if on else "ended",
                camera=self._camera,
                volume=self._volume,
                text=text,
                detail=detail,
            )
        )
        if not on:
            self.alert = ""
