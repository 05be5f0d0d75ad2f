"""Drives that come and go where the system has no mount table to poll: Windows and macOS, by asking every 2 s.

Not tried on the real systems: tested against a fake of the system call.
Threads: each has one of its own, which calls ``on_device``.
"""

from __future__ import annotations

import ctypes
import logging
import os
import string
import threading
from abc import ABC, abstractmethod

from evertape.disk.device_news import DeviceAction, DeviceNews, OnDevice

log = logging.getLogger(__name__)

POLL_S = 2.0
"""Seconds between two looks; the calls read a bit mask, or one small directory."""


class DrivePoll(ABC):
    """Asks which drives there are, and tells what is different from the time before.

    Args:
        on_device: told each piece of news, on the poll's thread.
        interval_s: seconds between two looks.
    """

    def __init__(self, on_device: OnDevice, interval_s: float = POLL_S) -> None:
        self._on_device = on_device
        self._interval_s = interval_s
        self._known: frozenset[str] | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="drives", daemon=True)

    @abstractmethod
    def drives(self) -> frozenset[str]:
        """The drives that there are now. Raises ``OSError``."""

    def start(self) -> None:
        """Begin: what is there at the first look is no news."""
        self._thread.start()

    def stop(self) -> None:
        """End; safe to call twice."""
        self._stop.set()

    def look(self) -> None:
        """One look."""
        try:
            now = self.drives()
        except OSError as error:
            log.warning("[DISK] the drives cannot be listed: %s", error)
            return
        known, self._known = self._known, now
        if known is None:
            return
        for name in sorted(known - now):
            self._on_device(DeviceNews(DeviceAction.REMOVED, name))
        for name in sorted(now - known):
            self._on_device(DeviceNews(DeviceAction.ADDED, name))

    def _run(self) -> None:
        while not self._stop.is_set():
            self.look()
            self._stop.wait(self._interval_s)


class WindowsDriveMonitor(DrivePoll):
    """Drive letters, from ``GetLogicalDrives``: bit 0 is ``A:``. Not tried on the real system."""

    def drives(self) -> frozenset[str]:
        r"""Such as ``C:\`` and ``E:\``."""
        mask = int(ctypes.windll.kernel32.GetLogicalDrives())  # type: ignore[attr-defined, unused-ignore]
        if not mask:
            raise OSError("GetLogicalDrives failed")
        return frozenset(f"{letter}:\\" for bit, letter in enumerate(string.ascii_uppercase) if mask >> bit & 1)


class MacVolumesMonitor(DrivePoll):
    """What is mounted, from the entries of ``/Volumes``. Not tried on the real system.

    A volume that was ejected loses its entry; one that was pulled too, once the system has noticed.
    """

    folder = "/Volumes"

    def drives(self) -> frozenset[str]:
        """Such as ``/Volumes/USB``."""
        return frozenset(os.path.join(self.folder, entry.name) for entry in os.scandir(self.folder) if entry.is_dir())
