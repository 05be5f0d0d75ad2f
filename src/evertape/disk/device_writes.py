"""Whether the device below a file system gets on: the kernel counts what it has completed.

A call that waits for a slow device looks like one that waits for a dead one; the count tells them apart. Reading it
never waits for the device. File systems without a device of their own (FUSE, network, some kinds of RAID) have none.
"""

from __future__ import annotations

import os
from pathlib import Path

_COMPLETED = 4
"""Writes completed: fifth field of ``/sys/dev/block/MAJOR:MINOR/stat``, Documentation/block/stat.rst."""


class DeviceWrites:
    """The count of one device.

    Args:
        device: ``st_dev`` of something on the file system.
        folder: where the kernel shows block devices.
    """

    def __init__(self, device: int, folder: Path = Path("/sys/dev/block")) -> None:
        self._path = folder / f"{os.major(device)}:{os.minor(device)}" / "stat"
        self._seen = self._count()

    def moved(self) -> bool:
        """Whether it completed a write since the last time this was asked."""
        before, self._seen = self._seen, self._count()
        return self._seen is not None and before is not None and self._seen > before

    def _count(self) -> int | None:
        try:
            fields = self._path.read_text(encoding="ascii").split()
        except OSError:
            return None
        return int(fields[_COMPLETED]) if len(fields) > _COMPLETED and fields[_COMPLETED].isdigit() else None
