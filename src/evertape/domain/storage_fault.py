"""What is wrong with a place to write, in words that a recorder acts on, and the kernel's numbers put into them."""

from __future__ import annotations

import errno
import sys
from enum import StrEnum


class StorageFault(StrEnum):
    """Why a volume could not be used, told apart by what somebody would do about it."""

    FULL = "full"
    """No space, no inodes or no quota left, or less free space than the minimum."""
    DENIED = "denied"
    """The user Evertape runs as may not write or search here."""
    READ_ONLY = "read_only"
    """The file system is mounted read-only, often because the kernel found it damaged."""
    MISSING = "missing"
    """The place is gone: unmounted, pulled out, or its path does not exist."""
    NOT_MOUNTED = "not_mounted"
    """The path is there and was declared a mount point, but nothing is mounted on it."""
    WRONG_VOLUME = "wrong_volume"
    """Something is there, and it is not the volume that was expected."""
    IO_ERROR = "io_error"
    """The device or the file system reports errors."""
    HUNG = "hung"
    """The kernel does not answer."""
    OTHER = "other"
    """None of these; the text says what."""


# By name, because not every system has every one of them.
_NAMES = {
    StorageFault.FULL: ("ENOSPC", "EDQUOT"),
    StorageFault.DENIED: ("EACCES", "EPERM"),
    StorageFault.READ_ONLY: ("EROFS",),
    # ENOTCONN is what FUSE says when its server died, ESTALE what NFS says when the export is gone.
    StorageFault.MISSING: ("ENOENT", "ENOTDIR", "ENODEV", "ENXIO", "ENOMEDIUM", "ESTALE", "ENOTCONN", "ESHUTDOWN"),
    # EUCLEAN ("structure needs cleaning") and EBADMSG (a bad checksum) are how ext4, xfs and btrfs report damage.
    StorageFault.IO_ERROR: ("EIO", "EBADMSG", "EREMOTEIO", "EUCLEAN"),
    StorageFault.HUNG: ("ETIMEDOUT",),
}
_FAULTS = {
    int(number): fault
    for fault, names in _NAMES.items()
    for name in names
    if (number := getattr(errno, name, None)) is not None
}
if sys.platform == "linux":
    _FAULTS.setdefault(123, StorageFault.MISSING)  # ENOMEDIUM, which Python does not name


def fault_of_errno(number: int | None) -> StorageFault:
    """The fault that an ``errno`` stands for; ``OTHER`` for whatever is not about the place itself."""
    return _FAULTS.get(number, StorageFault.OTHER) if number is not None else StorageFault.OTHER
