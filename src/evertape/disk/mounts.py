"""The kernel's table of mounts: reading it, and being told at once when it changes.

``/proc/self/mountinfo`` tells of our own mount namespace only. A mount's id in it is not given to
another one as long as a descriptor into the mount is open, so "is my id still listed" is an exact
question: after ``umount -l`` it is not, though the descriptor goes on working.
"""

from __future__ import annotations

import logging
import os
import re
import select
import threading
from collections.abc import Callable
from dataclasses import dataclass

log = logging.getLogger(__name__)

MOUNTINFO = "/proc/self/mountinfo"
_OCTAL = re.compile(rb"\\([0-7]{3})")


@dataclass(frozen=True, slots=True)
class Mount:
    """One line of the table (proc_pid_mountinfo(5))."""

    id: int
    parent: int
    device: tuple[int, int]
    """Major and minor; not what ``stat`` says on btrfs and overlayfs, so ids are compared instead."""
    point: str
    fs_type: str
    read_only: bool


def parse_mountinfo(text: bytes) -> tuple[Mount, ...]:
    """The table in its own order: of two mounts on one point, the later one is on top."""
    return tuple(mount for line in text.split(b"\n") if (mount := _parse_line(line)) is not None)


def _parse_line(line: bytes) -> Mount | None:
    left, separator, right = line.partition(b" - ")
    fields, after = left.split(b" "), right.split(b" ")
    if not separator or len(fields) < 6:
        return None
    major, _, minor = fields[2].partition(b":")
    # The kernel writes space, tab, newline and backslash as three octal digits.
    point = os.fsdecode(_OCTAL.sub(lambda m: bytes((int(m[1], 8) & 255,)), fields[4]))
    read_only = b"ro" in fields[5].split(b",") or (len(after) > 2 and b"ro" in after[2].split(b","))
    return Mount(int(fields[0]), int(fields[1]), (int(major), int(minor)), point, os.fsdecode(after[0]), read_only)


def read_mounts() -> tuple[Mount, ...]:
    """The table as it is now; empty where there is none (not Linux)."""
    try:
        with open(MOUNTINFO, "rb", buffering=1 << 16) as file:
            return parse_mountinfo(file.read())
    except FileNotFoundError:
        return ()


def mount_id_of(fd: int) -> int | None:
    """The id of the mount that a descriptor leads into; ``None`` where the kernel does not say."""
    try:
        with open(f"/proc/self/fdinfo/{fd}", "rb") as file:
            for line in file:
                if line.startswith(b"mnt_id:"):
                    return int(line[7:])
    except FileNotFoundError:
        pass
    return None


def mount_on(mounts: tuple[Mount, ...], path: str) -> Mount | None:
    """The mount on top of exactly this path (already resolved), or ``None``."""
    return next((mount for mount in reversed(mounts) if mount.point == path), None)


class MountWatch:
    """Tells of every change of the table, from a thread of its own that does nothing else.

    Args:
        on_change: called from that thread with the new table.
    """

    def __init__(self, on_change: Callable[[tuple[Mount, ...]], None]) -> None:
        self._on_change = on_change
        self._stop_read, self._stop_write = os.pipe()
        self._thread = threading.Thread(target=self._run, name="mounts", daemon=True)

    def start(self) -> None:
        """Begin; does nothing where the kernel has no such table."""
        if os.path.exists(MOUNTINFO):
            self._thread.start()

    def stop(self) -> None:
        """End the thread; safe to call twice."""
        if self._stop_write >= 0:
            os.close(self._stop_write)
            self._stop_write = -1

    def _run(self) -> None:
        with open(MOUNTINFO, "rb", buffering=0) as table:
            poll = select.poll()
            # The kernel reports a change as an error condition, until the next poll.
            poll.register(table, select.POLLPRI | select.POLLERR)
            poll.register(self._stop_read, select.POLLIN)
            while True:
                ready = poll.poll()
                if any(fd == self._stop_read for fd, _ in ready):
                    os.close(self._stop_read)
                    return
                self._on_change(read_mounts())
