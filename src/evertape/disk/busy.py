"""Tells a disk that is slow from one that hangs, while a call takes long: does the device get on?

Threads: the loop's.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from evertape.disk.device_writes import DeviceWrites
from evertape.disk.volume import Volume
from evertape.types import NS_PER_S

LONG_NS = NS_PER_S
"""A call that takes longer is looked after; and whoever waits for it is told so often that it is."""


class Busy:
    """See the module.

    Args:
        volume: whose calls.
        tell: says to everyone who waits for the volume that it gets on.
    """

    def __init__(self, volume: Volume, tell: Callable[[], None]) -> None:
        self._volume = volume
        self._tell = tell
        self._device: DeviceWrites | None = None
        """While a call takes long: what the device has completed so far."""
        self._told_ns = 0

    def tick(self) -> None:
        """Ten times a second."""
        session = self._volume.session
        if session is None or session.lanes.longest() < LONG_NS:
            self._device = None
            return
        if self._device is None:
            self._device = DeviceWrites(session.handle.device)
        elif self._device.moved():
            session.lanes.device_moved()
        now = time.monotonic_ns()
        if not self._volume.hung and now - session.lanes.progressed < LONG_NS <= now - self._told_ns:
            self._told_ns = now
            self._tell()
