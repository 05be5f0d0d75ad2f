"""A volume's identity: the marker file, a verified directory descriptor, and the check before each new file (C1).

Blocking; worker threads only.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
import uuid
from dataclasses import dataclass
from typing import NamedTuple

from evertape.clock import SystemClock
from evertape.disk.fault import VolumeFaultError, step
from evertape.disk.layout import CONTROL_DIR
from evertape.disk.mounts import mount_id_of, mount_on, read_mounts
from evertape.disk.paths import DIRECTORY, directory, make_directories, open_file, replace_file
from evertape.disk.uevents import SYS_DEVICES, backing_devices
from evertape.domain.storage_fault import StorageFault
from evertape.types import VolumeId

MARKER = "volume.json"
_ID = re.compile(r"[0-9a-f]{32}")


class Space(NamedTuple):
    """Bytes that we may still use, and bytes altogether."""

    free: int
    total: int


@dataclass(frozen=True, slots=True)
class Marker:
    """What the marker file says: who this volume is, whatever it is called or where it is mounted today."""

    id: VolumeId
    name: str
    created_utc: int


def read_marker(root: int) -> Marker | None:
    """The marker of the volume that ``root`` leads to; ``None`` if there is none.

    Raises:
        VolumeFaultError: ``wrong_volume`` if it cannot be understood.
        OSError: from reading.
    """
    try:
        fd = open_file(root, (CONTROL_DIR, MARKER), os.O_RDONLY)
    except FileNotFoundError:
        return None
    with os.fdopen(fd, "rb") as file:
        text = file.read(65536)
    try:
        doc = json.loads(text)
        if doc["format"] != "evertape-volume" or not _ID.fullmatch(doc["id"]):
            raise ValueError("format or id")
        return Marker(VolumeId(doc["id"]), str(doc["name"]), int(doc["created_utc"]))
    except (ValueError, KeyError, TypeError) as error:
        raise VolumeFaultError(StorageFault.WRONG_VOLUME, f"the volume's marker is unreadable ({error})") from error


def create_marker(root: int, name: str) -> Marker:
    """Give a fresh volume its identity, durably. Raises ``OSError``."""
    marker = Marker(VolumeId(uuid.uuid4().hex), name, int(SystemClock().utc_ns()))
    _write_marker(root, marker)
    return marker


def _write_marker(root: int, marker: Marker) -> None:
    told = {"id": marker.id, "name": marker.name, "created_utc": marker.created_utc}
    doc = {"format": "evertape-volume", "version": 1, **told}
    make_directories(root, (CONTROL_DIR,))
    with directory(root, (CONTROL_DIR,)) as control:
        replace_file(control, MARKER, json.dumps(doc, indent=1).encode() + b"\n")


class VolumeHandle:
    """An open volume whose identity was checked. Closed by whoever opened it, once nothing uses it any more.

    Attributes:
        root: descriptor of the volume's directory.
        volume_id: from the marker; empty for the data folder, which has none.
        devices: numbers of the devices that it lies on; empty where the system does not tell (network, btrfs).
    """

    def __init__(self, path: str, root: int, *, is_mount: bool, volume_id: str) -> None:
        self.path = path
        self.root = root
        self.is_mount = is_mount
        self.volume_id = volume_id
        self.mount_id = mount_id_of(root)
        mount = next((mount for mount in read_mounts() if mount.id == self.mount_id), None)
        if not is_mount and mount is None:
            self.mount_id = None  # a chroot does not see the mount it stands on, so its table cannot tell
        self.devices = backing_devices(mount.device) if mount is not None else frozenset()
        info = os.fstat(root)
        self._identity = (info.st_dev, info.st_ino)

    @property
    def device(self) -> int:
        """``st_dev`` of the volume."""
        return self._identity[0]

    def close(self) -> None:
        """Let go; may block in the kernel if this was the last reference to an unmounted file system."""
        if self.root >= 0:
            os.close(self.root)
            self.root = -1

    def is_attached(self) -> bool:
        """Whether our mount is still in the kernel's table; answers while the volume hangs, reading ``/proc`` only."""
        if self.mount_id is None:
            return True
        mounts = read_mounts()
        return not mounts or any(mount.id == self.mount_id for mount in mounts)

    def still_there(self) -> None:
        """C1, first part: the path still leads to this very directory, and to the mount it was declared to be.

        Raises:
            VolumeFaultError: ``missing`` or ``wrong_volume``.
        """
        self._attached()
        try:
            self._leads_here()
        except VolumeFaultError:
            # It may have been unmounted while we looked, and then what is found beneath is nobody's other volume.
            self._attached()
            raise

    def _attached(self) -> None:
        if not self.is_attached():
            raise VolumeFaultError(StorageFault.MISSING, f"{self.path} is no longer mounted")

    def _leads_here(self) -> None:
        if any(not os.path.exists(SYS_DEVICES / f"{major}:{minor}") for major, minor in self.devices):
            # A pulled disk often stays mounted; its pages go on being read from memory.
            raise VolumeFaultError(StorageFault.MISSING, f"the device of {self.path} is gone", number=errno.ENODEV)
        if self.is_mount:
            require_mount(self.path, self.mount_id)
        with step(""):
            info = os.stat(self.path)
        if (info.st_dev, info.st_ino) != self._identity:
            raise VolumeFaultError(StorageFault.WRONG_VOLUME, f"{self.path} leads to another directory than before")

    def check(self, need_free: int) -> Space:
        """C1: still there, still itself, writable, and at least ``need_free`` bytes free.

        Raises:
            VolumeFaultError: whatever is not so.
        """
        with step("C1"):
            self.still_there()
            if self.volume_id:
                marker = read_marker(self.root)
                if marker is None or marker.id != self.volume_id:
                    raise VolumeFaultError(StorageFault.WRONG_VOLUME, f"{self.path} has lost its marker")
            numbers = os.fstatvfs(self.root)
            if numbers.f_flag & os.ST_RDONLY:
                raise VolumeFaultError(StorageFault.READ_ONLY, f"{self.path} is mounted read-only", number=errno.EROFS)
            if not os.access(".", os.W_OK | os.X_OK, dir_fd=self.root, effective_ids=True):
                raise VolumeFaultError(StorageFault.DENIED, f"{self.path} may not be written", number=errno.EACCES)
            space = Space(numbers.f_bavail * numbers.f_frsize, numbers.f_blocks * numbers.f_frsize)
            if space.free < need_free or (numbers.f_files and not numbers.f_ffree):
                text = f"{space.free} bytes free on {self.path}"
                raise VolumeFaultError(StorageFault.FULL, text, number=errno.ENOSPC, free=space.free)
            return space

    def space(self) -> Space:
        """Free and total bytes. Raises ``OSError``."""
        numbers = os.fstatvfs(self.root)
        return Space(numbers.f_bavail * numbers.f_frsize, numbers.f_blocks * numbers.f_frsize)


def recreate(handle: VolumeHandle, name: str) -> bool:
    """Make a deleted volume folder anew, with its old identity; False where that is not called for, or not safe.

    Only a plain folder that no longer exists anywhere (one that was moved does), and only in the very file system
    that it was in: nothing must ever be created beneath an absent mount point. Blocking. Raises ``OSError``.
    """
    if handle.is_mount or not handle.volume_id or handle.mount_id is None or os.fstat(handle.root).st_nlink:
        return False
    above, _, own = handle.path.rstrip("/").rpartition("/")
    parent = os.open(above or "/", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        if mount_id_of(parent) != handle.mount_id or not handle.is_attached():
            return False
        if _exists(own, parent):
            return False
        # Under another name first: nobody must see it without its marker and take it for another volume.
        fresh = f".{own}.{handle.volume_id[:8]}"
        with contextlib.suppress(FileExistsError):
            os.mkdir(fresh, dir_fd=parent)
        root = os.open(fresh, DIRECTORY, dir_fd=parent)
        try:
            _write_marker(root, Marker(VolumeId(handle.volume_id), name, int(SystemClock().utc_ns())))
        finally:
            os.close(root)
        os.rename(fresh, own, src_dir_fd=parent, dst_dir_fd=parent)
        os.fsync(parent)
    finally:
        os.close(parent)
    return True


def being_deleted(handle: VolumeHandle) -> bool:
    """The volume is a plain folder that has lost its marker and is there still: ``rm -r`` takes its time. Blocking."""
    if handle.is_mount or not handle.volume_id or not os.fstat(handle.root).st_nlink:
        return False
    return read_marker(handle.root) is None


def _exists(name: str, parent: int) -> bool:
    try:
        os.stat(name, dir_fd=parent, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def require_mount(path: str, mount_id: int | None) -> None:
    """Raise ``not_mounted`` unless ``path`` itself is a mount point, ``wrong_volume`` if another mount is on top."""
    mount = mount_on(read_mounts(), os.path.realpath(path))
    if mount is None:
        raise VolumeFaultError(StorageFault.NOT_MOUNTED, f"nothing is mounted on {path}")
    if mount_id is not None and mount.id != mount_id:
        raise VolumeFaultError(StorageFault.WRONG_VOLUME, f"something else is mounted over {path}")


def open_volume(
    path: str, *, is_mount: bool, expected_id: str, name: str, with_marker: bool = True, may_create: bool = True
) -> VolumeHandle:
    """Open a volume and make sure that it is the one.

    Args:
        path: its directory; never created.
        is_mount: refuse unless a file system is mounted on exactly this path.
        expected_id: the identity it must have; empty: adopt the marker's.
        name: what a fresh marker calls the volume.
        with_marker: false for the data folder, which is known by its path.
        may_create: give a volume without a marker one (only if no identity is expected).

    Raises:
        VolumeFaultError: with the fault.
    """
    with step("C1"):
        root = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            if is_mount:
                require_mount(path, mount_id_of(root))
            marker = _identify(root, path, expected_id, name, may_create) if with_marker else None
            return VolumeHandle(path, root, is_mount=is_mount, volume_id=marker.id if marker else "")
        except BaseException:
            with contextlib.suppress(OSError):
                os.close(root)
            raise


def _identify(root: int, path: str, expected_id: str, name: str, may_create: bool) -> Marker:
    marker = read_marker(root)
    if marker is None:
        if expected_id or not may_create:
            raise VolumeFaultError(StorageFault.WRONG_VOLUME, f"what is at {path} holds no marker, so it is not {name}")
        return create_marker(root, name)
    if expected_id and marker.id != expected_id:
        text = f"what is at {path} is volume {marker.name!r} ({marker.id}), not {name} ({expected_id})"
        raise VolumeFaultError(StorageFault.WRONG_VOLUME, text)
    return marker
