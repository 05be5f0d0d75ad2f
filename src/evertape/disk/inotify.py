"""inotify, as much of it as is needed, by way of the C library. Linux only.

Threads: ``add`` and ``remove`` may block in the file system and belong on a worker; ``read`` never does.
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys
from dataclasses import dataclass

# linux/inotify.h
ATTRIB = 0x4
MOVED_FROM = 0x40
DELETE = 0x200
DELETE_SELF = 0x400
MOVE_SELF = 0x800
UNMOUNT = 0x2000
OVERFLOW = 0x4000
IGNORED = 0x8000
ONLYDIR = 0x01000000

_HEAD = struct.Struct("iIII")
_CLOEXEC, _NONBLOCK = os.O_CLOEXEC, os.O_NONBLOCK


@dataclass(frozen=True, slots=True)
class InotifyEvent:
    """One event: of which watch, what happened (bits), and the entry of the directory, if it is about one."""

    watch: int
    mask: int
    name: str


class Inotify:
    """An inotify instance. Raises ``OSError`` if the system gives none: no support, or its limit is reached."""

    def __init__(self) -> None:
        if sys.platform != "linux":
            raise OSError("inotify needs Linux")
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._fd = self._checked(self._libc.inotify_init1(_CLOEXEC | _NONBLOCK))

    def fileno(self) -> int:
        """The descriptor, readable when there are events; -1 once closed."""
        return self._fd

    def add(self, path: str, mask: int) -> int:
        """Watch ``path``; returns the watch, the same one if it is watched already. Raises ``OSError``."""
        return self._checked(self._libc.inotify_add_watch(self._fd, os.fsencode(path), ctypes.c_uint32(mask)), path)

    def remove(self, watch: int) -> None:
        """No longer; one that is gone already is fine."""
        self._libc.inotify_rm_watch(self._fd, watch)

    def read(self) -> list[InotifyEvent]:
        """What has happened since the last call."""
        try:
            return parse_events(os.read(self._fd, 65536))
        except BlockingIOError:
            return []

    def close(self) -> None:
        """End all watches; safe to call twice."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    @staticmethod
    def _checked(result: int, path: str | None = None) -> int:
        if result < 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), path)
        return result


def parse_events(data: bytes) -> list[InotifyEvent]:
    """The events in what a read returned (inotify(7)): a head of four integers, then a name padded with NULs."""
    events = []
    at = 0
    while at + _HEAD.size <= len(data):
        watch, mask, _cookie, size = _HEAD.unpack_from(data, at)
        at += _HEAD.size
        events.append(InotifyEvent(watch, mask, os.fsdecode(data[at : at + size].rstrip(b"\0"))))
        at += size
    return events
