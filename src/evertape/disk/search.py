"""Looking for a volume that is not where it should be: the same disk mounted at another path is known by its marker.

Threads: the loop's; each look at a foreign mount runs on a worker that is left behind if the mount hangs.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import PurePath

from evertape.disk.fault import VolumeFaultError
from evertape.disk.lanes import Lanes
from evertape.disk.marker import read_marker
from evertape.disk.mounts import Mount, mount_on, read_mounts

log = logging.getLogger(__name__)

DEADLINE_S = 2.0
"""For one foreign mount; one that takes longer is not asked again while it is mounted."""
_BELOW = 2
"""A folder on a disk is looked for under this many of its last names: ``usb/footage``, ``footage``."""
_NOT_DISKS = frozenset(
    "proc sysfs tmpfs devtmpfs devpts mqueue cgroup cgroup2 securityfs debugfs tracefs pstore bpf configfs hugetlbfs "
    "autofs binfmt_misc fusectl nsfs efivarfs ramfs rpc_pipefs squashfs overlay fuse.portal fuse.gvfsd-fuse "
    "fuse.lxcfs".split()
)
"""Asking these is pointless, and asking ``autofs`` mounts something."""


@dataclass(frozen=True, slots=True)
class Found:
    """Where the volume is now: ``path``, and whether that is a mount point itself."""

    path: str
    is_mount: bool


class VolumeSearch:
    """Remembers what it has seen, so that nothing is asked twice while the table of mounts is the same."""

    def __init__(self) -> None:
        self._lanes: Lanes | None = None
        self._hung: set[int] = set()
        self._fruitless: tuple[str, frozenset[int]] | None = None

    async def find(self, volume_id: str, declared: str, *, is_mount: bool) -> Found | None:
        """Look on every mounted disk for the marker with this identity; ``None``: it is nowhere.

        Args:
            volume_id: whom to look for.
            declared: where it should be; not looked at again.
            is_mount: it was a mount point itself, so no folder on another disk can be it.
        """
        mounts = read_mounts()
        there = frozenset(mount.id for mount in mounts)
        if (volume_id, there) == self._fruitless:
            return None
        self._hung &= there
        for mount in candidates(mounts, declared):
            if mount.id in self._hung:
                continue
            found = await self._look(mount, volume_id, names_below(declared, is_mount))
            if found is not None:
                return found
        self._fruitless = (volume_id, there)
        return None

    def stop(self) -> None:
        """Let the worker end."""
        if self._lanes is not None:
            self._lanes.stop()
            self._lanes = None

    async def _look(self, mount: Mount, volume_id: str, below: Sequence[str]) -> Found | None:
        if self._lanes is None:
            self._lanes = Lanes(1, "search")
        job = self._lanes.lane().submit(f"looking at {mount.point}", partial(_look_at, mount.point, volume_id, below))
        try:
            await asyncio.wait((job,), timeout=DEADLINE_S)
        except asyncio.CancelledError:
            self.stop()  # the next search must not wait behind this question
            raise
        if job.done():
            return job.result()
        log.info("[DISK] %s does not answer; it is not searched", mount.point)
        self._hung.add(mount.id)
        self.stop()
        return None


def candidates(mounts: Sequence[Mount], declared: str) -> list[Mount]:
    """The mounts that may be the disk: on top of their point, of a kind that disks have, each file system once."""
    seen: set[tuple[int, int]] = set()
    found = []
    for mount in mounts:
        if mount.fs_type in _NOT_DISKS or mount.point in ("/", declared) or mount.device in seen:
            continue
        if mount_on(tuple(mounts), mount.point) is mount:
            seen.add(mount.device)
            found.append(mount)
    return found


def names_below(declared: str, is_mount: bool) -> list[str]:
    """Where on a disk to look, relative to its mount point; a folder on a disk is at the same place on it as before."""
    if is_mount:
        return [""]
    parts = PurePath(declared).parts[1:]
    return [os.path.join(*parts[-count:]) for count in range(1, min(_BELOW, len(parts)) + 1)]


def _look_at(point: str, volume_id: str, below: Iterable[str]) -> Found | None:
    for name in below:
        path = os.path.join(point, name) if name else point
        try:
            root = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError:
            continue
        try:
            marker = read_marker(root)
        except (OSError, VolumeFaultError):
            continue
        finally:
            os.close(root)
        if marker is not None and marker.id == volume_id:
            return Found(path, is_mount=not name)
    return None
