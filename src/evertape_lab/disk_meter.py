"""Looks twenty times a second at what disks must not disturb: heartbeats, and the growing of files elsewhere.

Tasks of the rig's loop; a look that comes late because the loop itself was late is not held against anybody.
"""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass, field
from pathlib import Path

from evertape_lab.rig import Rig

_LOOK_S = 0.05
_LATE_S = 0.15


@dataclass
class DiskMeter:
    """See the module.

    Attributes:
        beat_gap_s: by process, the longest time between two heartbeats.
        still_s: by camera, the longest time for which its files did not grow.
    """

    rig: Rig
    beat_gap_s: dict[str, float] = field(default_factory=dict)
    still_s: dict[str, float] = field(default_factory=dict)

    async def beats(self) -> None:
        """Watch every heartbeat, until cancelled."""
        loop = asyncio.get_running_loop()
        seen: dict[str, tuple[object, float]] = {}
        looked = loop.time()
        while True:
            await asyncio.sleep(_LOOK_S)
            now = loop.time()
            late, looked = now - looked - _LOOK_S, now
            for name, child in list(self.rig.supervisor.children.items()):
                vitals, (last, since) = child.vitals, seen.get(name, (None, now))
                if vitals is not last or late > _LATE_S:
                    if vitals is not None and last is not None and late <= _LATE_S:
                        self.beat_gap_s[name] = max(self.beat_gap_s.get(name, 0.0), now - since)
                    seen[name] = (vitals, now)

    async def growth(self, camera: str, folder: Path) -> None:
        """Watch a camera's files on a volume that is well, until cancelled."""
        loop = asyncio.get_running_loop()
        size, since, looked = -1, loop.time(), loop.time()
        while True:
            await asyncio.sleep(_LOOK_S)
            now = loop.time()
            late, looked = now - looked - _LOOK_S, now
            found = await asyncio.to_thread(_size, folder)
            if found != size or late > _LATE_S:
                if size >= 0 and late <= _LATE_S:
                    self.still_s[camera] = max(self.still_s.get(camera, 0.0), now - since)
                size, since = found, now


def _size(folder: Path) -> int:
    total = 0
    for path in folder.glob("*/*.mp4"):
        try:
            total += os.stat(path).st_size
        except FileNotFoundError:
            continue
    return total
