"""Layer 1 of noticing, for one volume: what the system itself says of mounts and devices, whichever system it is."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Callable
from functools import partial

from evertape.disk.device_news import DeviceAction, DeviceNews, DeviceWatch, OnDevice
from evertape.disk.drive_poll import MacVolumesMonitor, WindowsDriveMonitor
from evertape.disk.mounts import Mount, MountWatch
from evertape.disk.uevents import UeventWatch

OnMounts = Callable[[tuple[Mount, ...]], None]


class StorageDeviceMonitor:
    """Watches mounts and devices, with what the platform has; both handlers are called on the loop's thread.

    On Linux the kernel's table of mounts (``MountWatch``) and its announcements of devices (``UeventWatch``), on
    Windows drive letters, on macOS the entries of ``/Volumes``.

    Args:
        on_mounts: told the table of mounts after each change.
        on_device: told of each device that comes, goes or changes.
        platform: as ``sys.platform`` has it.
    """

    def __init__(self, on_mounts: OnMounts, on_device: OnDevice, platform: str = sys.platform) -> None:
        self._loop = asyncio.get_running_loop()
        self._watches = self._for(platform, on_mounts, on_device)

    def _for(self, platform: str, on_mounts: OnMounts, on_device: OnDevice) -> tuple[DeviceWatch, ...]:
        if platform == "win32":
            return (WindowsDriveMonitor(partial(self._post, on_device)),)
        if platform == "darwin":
            return (MacVolumesMonitor(partial(self._post, on_device)),)
        return (MountWatch(partial(self._post, on_mounts)), UeventWatch(on_device))

    @property
    def watches(self) -> tuple[DeviceWatch, ...]:
        """What does the watching."""
        return self._watches

    def start(self) -> None:
        """Begin."""
        for watch in self._watches:
            watch.start()

    def stop(self) -> None:
        """End; safe to call twice."""
        for watch in self._watches:
            watch.stop()

    def _post(self, handler: Callable[..., None], news: object) -> None:
        """On a watch's thread."""
        with contextlib.suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(handler, news)


def is_lost(news: DeviceNews, path: str, devices: frozenset[tuple[int, int]]) -> bool:
    """Whether a volume is gone by this piece of news.

    Args:
        news: about a device.
        path: the volume's directory.
        devices: the numbers of the devices that it lies on; empty where the system has none.
    """
    if news.action is not DeviceAction.REMOVED:
        return False
    if news.number is not None:
        return news.number in devices
    name, path = news.name.rstrip("\\/").casefold(), path.casefold()
    return path == name or path.startswith((name + "/", name + "\\"))
