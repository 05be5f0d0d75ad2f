"""On which terms a declared volume is used: only while mounted, or as the folder it is. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath

from evertape.config.sections import Volume
from evertape.disk.mounts import Mount, mount_on
from evertape.engine.state_files import KnownVolume


def only_while_mounted(volume: Volume, known: KnownVolume | None, mounts: Sequence[Mount]) -> bool:
    """Whether something must be mounted exactly at the volume's path before it is touched.

    What the configuration says counts first, then what was found at the first use. A path that was never used
    and lies on the system's own disk is taken for a mount point whose disk is not there: recording into the root file
    system because a USB disk is missing is what must never happen.

    Args:
        volume: as configured.
        known: what was learned at the first use, if the path is still the same.
        mounts: the mount table; empty where the system has none to show.
    """
    if volume.mount is not None:
        return volume.mount
    if known is not None:
        return known.is_mount
    if not mounts:
        return False
    if mount_on(tuple(mounts), str(volume.path)) is not None:
        return True
    return containing(mounts, volume.path).point == "/"


def containing(mounts: Sequence[Mount], path: PurePath) -> Mount:
    """The mount that ``path`` lies in, by the table alone: asking the file system itself may hang."""
    holders = [mount for mount in mounts if path == PurePath(mount.point) or PurePath(mount.point) in path.parents]
    # The deepest; of two at one point the later one, which lies on top.
    return max(enumerate(holders), key=lambda pair: (len(PurePath(pair[1].point).parts), pair[0]))[1]
