"""What can be done to the disks of a scenario: the verbs that need nothing else.

Each blocks until it is done, so the stage does it in a thread.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from evertape.errors import UsageError
from evertape_lab.disks import LoopVolume
from evertape_lab.fuse_volume import DyingVolume, FuseVolume
from evertape_lab.script import Step
from evertape_lab.script_disks import Volume

_NOBODY = 65534

Disk = LoopVolume | FuseVolume | Path
D = TypeVar("D", LoopVolume, FuseVolume, DyingVolume)


@dataclass(slots=True)
class Bay:
    """A disk of the scenario, and where it is.

    Attributes:
        point: where it is mounted, or was last.
        points: every place where it has been.
    """

    about: Volume
    disk: Disk
    point: Path
    points: list[Path] = field(default_factory=list)

    @property
    def mounted(self) -> bool:
        """Whether something is there to be read; a plain folder always is."""
        return isinstance(self.disk, Path) or self.disk.mounted


def make_bay(about: Volume, folder: Path) -> Bay:
    """Make a disk; it is not mounted yet. Raises ``UsageError``."""
    size = about.size_mb << 20
    disk: LoopVolume | FuseVolume | None = None
    if about.kind in ("ext4", "xfs"):
        disk = LoopVolume(folder, size, about.kind, about.name)
    elif about.kind == "dying":
        disk = DyingVolume(folder, size, about.name)
    elif about.kind == "fuse":
        disk = FuseVolume(folder, about.name)
    if disk is not None:
        return Bay(about, disk, disk.mount_point, [disk.mount_point])
    if about.kind != "folder":
        raise UsageError(f"no kind of disk is called {about.kind}")
    path = folder / about.name
    path.mkdir(parents=True)
    return Bay(about, path, path)


def the(kind: type[D], bay: Bay, step: Step) -> D:
    """The disk, which has to be of this kind. Raises ``UsageError``."""
    if not isinstance(bay.disk, kind):
        raise UsageError(f"{step.do} needs a {kind.__name__}, and {bay.about.name} is none")
    return bay.disk


def plug(bay: Bay, step: Step) -> None:
    """Mount it, at another place if the step says ``at``."""
    if isinstance(bay.disk, FuseVolume):
        bay.disk.mount()
        return
    disk, elsewhere = the(LoopVolume, bay, step), step.options.get("at")
    bay.point = disk.mount(
        disk.mount_point.parent / str(elsewhere) if elsewhere else None,
        str(step.options.get("mount", bay.about.options)),
    )
    if bay.point not in bay.points:
        bay.points.append(bay.point)


def _pull(bay: Bay, _step: Step) -> None:
    if not isinstance(bay.disk, Path):
        bay.disk.pull()


def _tear(bay: Bay, step: Step) -> None:
    disk = the(LoopVolume, bay, step)
    disk.shut_down()
    disk.pull()


def _withdraw(bay: Bay, _step: Step) -> None:
    os.chmod(bay.point, 0o700)
    os.chown(bay.point, _NOBODY, _NOBODY)


def _grant(bay: Bay, _step: Step) -> None:
    os.chown(bay.point, 0, 0)
    os.chmod(bay.point, 0o755)


def _delete_file(bay: Bay, step: Step) -> None:
    newest = max(bay.point.glob(f"{step.camera}/*/*.mp4"), key=lambda path: path.stat().st_mtime_ns)
    newest.unlink()


def _delete_folder(bay: Bay, step: Step) -> None:
    for path in list(bay.point.glob(step.camera)):
        shutil.rmtree(path)


DISK_DEEDS: dict[str, Callable[[Bay, Step], None]] = {
    # umount -l; and mount again, at another place if the step says ``at``.
    "pull": _pull,
    "plug": plug,
    # What is on the way to the disk is dropped and the mount is gone: a disk torn out.
    "tear": _tear,
    # The mount stays: the file system is shut down, or its device is gone; then ``revive`` puts it in again.
    "shut_down": lambda bay, step: the(LoopVolume, bay, step).shut_down(),
    "die": lambda bay, step: the(DyingVolume, bay, step).die(),
    "revive": lambda bay, step: the(DyingVolume, bay, step).revive(),
    # fsfreeze: whoever writes waits and cannot be killed.
    "freeze_disk": lambda bay, step: the(LoopVolume, bay, step).freeze(),
    "thaw_disk": lambda bay, step: the(LoopVolume, bay, step).thaw(),
    # What FUSE answers from now on, ``word``: see ``fuse_server.parse_mood``.
    "mood": lambda bay, step: the(FuseVolume, bay, step).be(step.word),
    # Its directory belongs to somebody else, and is closed to us; and is ours again.
    "withdraw": _withdraw,
    "grant": _grant,
    # A read-only bind mount over it; ``pull`` takes it away.
    "cover": lambda bay, step: the(LoopVolume, bay, step).cover(bay.point, "ro"),
    # ext4 finds an error in itself; with the option ``errors=remount-ro`` it is read-only from now on.
    "fail_metadata": lambda bay, step: the(LoopVolume, bay, step).fail_metadata(),
    # Another program takes all but ``kbytes`` of its space, and gives it back.
    "fill": lambda bay, step: the(LoopVolume, bay, step).fill(step.kbytes * 1000),
    "make_room": lambda bay, step: the(LoopVolume, bay, step).make_room(),
    # Somebody deletes the file that is being written, or everything, of ``camera``.
    "delete_file": _delete_file,
    "delete_folder": _delete_folder,
}
"""Verb to what it does; ``volume`` of the step names the disk."""
