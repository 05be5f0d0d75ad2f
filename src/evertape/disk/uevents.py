"""Devices that come and go, from the kernel's own announcements (``NETLINK_KOBJECT_UEVENT``).

The kernel's group and not udev's: it needs no udev daemon (containers have none), no library and no parsing of a
private format, it is told before udev has run its rules, and whoever may open a socket may listen. What udev adds,
names and properties, is of no use here: a volume is known by its marker, and a device by its number.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import socket
from pathlib import Path

from evertape.disk.device_news import DeviceAction, DeviceNews, OnDevice

log = logging.getLogger(__name__)

_PROTOCOL = 15  # NETLINK_KOBJECT_UEVENT, linux/netlink.h
_KERNEL_GROUP = 1
_LARGEST = 8192  # UEVENT_BUFFER_SIZE is 2048 in lib/kobject_uevent.c, and the header comes on top
_ACTIONS = {b"add": DeviceAction.ADDED, b"remove": DeviceAction.REMOVED, b"change": DeviceAction.CHANGED}
SYS_DEVICES = Path("/sys/dev/block")


def parse_uevent(datagram: bytes) -> DeviceNews | None:
    """The news of a block device; ``None`` for others. A message is ``add@/devices/…``, then ``KEY=value``."""
    _head, _, rest = datagram.partition(b"\0")
    fields = dict(part.split(b"=", 1) for part in rest.split(b"\0") if b"=" in part)
    action = _ACTIONS.get(fields.get(b"ACTION", b""))
    if action is None or fields.get(b"SUBSYSTEM") != b"block" or b"DEVNAME" not in fields:
        return None
    number = None
    if b"MAJOR" in fields and b"MINOR" in fields:
        number = (int(fields[b"MAJOR"]), int(fields[b"MINOR"]))
    return DeviceNews(action, os.fsdecode(fields[b"DEVNAME"]), number)


class UeventWatch:
    """Tells of block devices, on the loop's thread.

    Args:
        on_device: told each piece of news.
    """

    def __init__(self, on_device: OnDevice) -> None:
        self._on_device = on_device
        self._socket: socket.socket | None = None
        self._loop = asyncio.get_running_loop()

    def start(self) -> None:
        """Begin; does nothing where the kernel does not announce devices to us."""
        family = getattr(socket, "AF_NETLINK", None)
        if family is None:
            return
        try:
            sock = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK, _PROTOCOL)
            sock.bind((0, _KERNEL_GROUP))
        except OSError as error:
            log.info("[DISK] the kernel does not announce devices here (%s); the other layers notice", error)
            return
        self._socket = sock
        self._loop.add_reader(sock, self._readable)

    def stop(self) -> None:
        """End; safe to call twice."""
        sock, self._socket = self._socket, None
        if sock is not None:
            self._loop.remove_reader(sock)
            sock.close()

    def _readable(self) -> None:
        while self._socket is not None:
            try:
                datagram, sender = self._socket.recvfrom(_LARGEST)
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                # Announcements were dropped: something changed, nobody knows what.
                self._on_device(DeviceNews(DeviceAction.CHANGED, ""))
                continue
            if sender[0] == 0 and (news := parse_uevent(datagram)) is not None:  # 0: the kernel itself
                self._on_device(news)


def backing_devices(number: tuple[int, int], root: Path = SYS_DEVICES) -> frozenset[tuple[int, int]]:
    """The devices without which this one is gone: itself, the disk it is a partition of, what a mapping lies on.

    From sysfs, which answers while disks hang. A number that no device has (btrfs, overlay, network) gives none.
    """
    found: set[tuple[int, int]] = set()
    waiting = [number]
    while waiting:
        device = waiting.pop()
        place = Path(os.path.realpath(root / f"{device[0]}:{device[1]}"))
        if device in found or not (place / "dev").exists():
            continue
        found.add(device)
        below = list((place / "slaves").glob("*")) if (place / "slaves").is_dir() else []
        if (place / "partition").exists():
            below.append(place.parent)
        waiting += [device for device in map(_number, below) if device is not None]
    return frozenset(found)


def _number(place: Path) -> tuple[int, int] | None:
    try:
        major, _, minor = (place / "dev").read_text().strip().partition(":")
        return int(major), int(minor)
    except (OSError, ValueError):
        return None
