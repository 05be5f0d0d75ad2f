"""An installation whose power can be cut: data folder and volumes on file systems of their own, which forget.

The shutdown of a file system without its log drops what was not synced, names included. It is the nearest to a power
cut that a machine can do to itself; what a disk's own cache loses is beyond it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import time
from contextlib import ExitStack
from pathlib import Path

from evertape_lab.disks import LoopVolume
from evertape_lab.served import Served

SIZE = 400 << 20
"""Bytes of each disk; xfs wants 300 MiB."""
ROTATIONS = ("2s", "5s", "1min")
"""The first as short as may be, so that many cuts hit a change of files; the last too long for that to be a help."""
SETTINGS = """
[retention]
quota = "15MB"
start_free = "1MB"
start_percent = 0
more_free = "1MB"
interval = "10s"
"""
"""Deleting begins after some minutes."""
_GONE_S = 10.0


class PowerCutError(Exception):
    """Somebody would have to lend a hand: a file system that cannot be unmounted or mounted again."""


class PowerRig(Served):
    """See the module. Enter ``disks()`` first, and mount nothing else below the folder.

    Args:
        folder: an empty one.
        urls: camera to URL.
        data_fs: the data folder's file system; there is one volume on ext4 and one on xfs.
        dice: draws what is random.
    """

    def __init__(self, folder: Path, urls: dict[str, str], data_fs: str, dice: random.Random) -> None:
        self._dice = dice
        self._mounts = ExitStack()
        self.disks = [
            self._mounts.enter_context(LoopVolume(folder, SIZE, fs, name))
            for name, fs in (("data", data_fs), ("ext4", "ext4"), ("xfs", "xfs"))
        ]
        try:
            volumes = {disk.mount_point.name: (disk.mount_point, "primary") for disk in self.disks[1:]}
            own = {name: f'rotation = "{ROTATIONS[n % len(ROTATIONS)]}"' for n, name in enumerate(urls)}
            super().__init__(folder, urls, volumes, SETTINGS, own=own, with_keeper=True)
            # What was set up long before the first cut is on the disk.
            os.sync()
        except BaseException:
            self._mounts.close()
            raise

    def dismantle(self) -> None:
        """Unmount everything; the service has to be gone."""
        self._mounts.close()

    async def cut(self, *, at_once: bool) -> int:
        """Cut the power; returns when, UTC ns. Afterwards nothing runs, and everything is mounted again.

        Args:
            at_once: nothing runs any more while the disks go; otherwise processes see one disk fail before the other.

        Raises:
            PowerCutError: it is not possible to go on without a person.
        """
        assert self._process is not None and self._task is not None and self._looking is not None
        self._stopping = True
        victims = family(self._process.pid)
        if at_once:
            _signal(victims, signal.SIGSTOP)
        disks = self._dice.sample(self.disks, len(self.disks))
        when = time.time_ns()
        for disk in disks:
            disk.shut_down()
        _signal(victims, signal.SIGKILL)
        self._looking.cancel()
        await self._task
        self._task = None
        await asyncio.to_thread(_wait_for_the_end, victims)
        for disk in reversed(self.disks):
            await asyncio.to_thread(_unmount, disk)
        for disk in self.disks:
            try:
                disk.mount()
            except OSError as error:
                raise PowerCutError(f"{disk.mount_point.name} cannot be mounted again: {error}") from error
        return when


def family(pid: int) -> list[int]:
    """A process and all its descendants, itself first."""
    children: dict[int, list[int]] = {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        fields = _fields(int(name))
        if fields:
            children.setdefault(int(fields[1]), []).append(int(name))
    found = [pid]
    for parent in found:
        found += children.get(parent, [])
    return found


def _fields(pid: int) -> list[str]:
    """Of ``/proc/PID/stat``, behind the name: state, parent …; none if it is gone."""
    with contextlib.suppress(OSError), open(f"/proc/{pid}/stat") as file:
        return file.read().rpartition(")")[2].split()
    return []


def _signal(pids: list[int], number: int) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def _wait_for_the_end(pids: list[int]) -> None:
    deadline = time.monotonic() + _GONE_S
    while alive := [pid for pid in pids if _fields(pid)[:1] not in ([], ["Z"])]:
        if time.monotonic() > deadline:
            raise PowerCutError(f"processes {alive} cannot be killed")
        time.sleep(0.01)


def _unmount(disk: LoopVolume) -> None:
    deadline = time.monotonic() + _GONE_S
    while True:
        try:
            return disk.unmount()
        except OSError as error:
            if time.monotonic() > deadline:
                raise PowerCutError(f"{disk.mount_point.name} cannot be unmounted: {error}") from error
            time.sleep(0.02)
