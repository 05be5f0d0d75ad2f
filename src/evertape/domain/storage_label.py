"""What people read of a volume: one label and one reason per state. Pure. The table: ``docs/reference/storage.md``."""

from __future__ import annotations

import errno as numbers
from dataclasses import dataclass
from enum import StrEnum

from evertape.domain.volume_state import VolumeState

_NO_DIRECTORY = frozenset({numbers.ENOENT, numbers.ENOTDIR})


class StorageTrouble(StrEnum):
    """What is wrong with a volume, as its label says it."""

    USB_DISCONNECTED = "USB Disconnected"
    """It was in use, and its mount is gone."""
    NOT_MOUNTED = "Not Mounted"
    """It has not been mounted since the service was started."""
    PERMISSION_DENIED = "Permission Denied"
    DIRECTORY_NOT_FOUND = "Directory Not Found"
    """A volume that is a plain folder has lost it, or never had it."""
    NOT_AVAILABLE = "Not Available"
    """The path leads nowhere: a dead network mount, a device without a medium; or nobody has looked yet."""
    READ_ONLY = "Read-Only"
    IO_ERROR = "I/O Error"
    NOT_RESPONDING = "Not Responding"
    WRONG_VOLUME = "Wrong Volume"
    LOW_SPACE = "Low Space"
    """Nearly or quite full; the label has the number."""
    ERROR = "Error"
    """A state of a newer version."""

    @property
    def code(self) -> str:
        """For programs, like ``usb_disconnected``: whoever speaks another language than the label does."""
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class VolumeFacts:
    """What a label is made from.

    Args:
        state: a ``VolumeState``; a word of a newer version is an ``Error``.
        is_mount: the volume is only used while something is mounted at its path.
        was_usable: it has been usable since the service was started.
        errno: the kernel's number behind the state, or 0.
        reason: what the disk process says, one line.
        free: bytes free, from ``statvfs``.
        used: bytes of footage on it, from the index; ``None``: not known.
        files: segments on it, from the index.
    """

    state: str
    is_mount: bool = False
    was_usable: bool = False
    errno: int = 0
    reason: str = ""
    free: int = 0
    used: int | None = None
    files: int = 0


@dataclass(frozen=True, slots=True)
class StorageLabel:
    """The text to show, and one sentence that explains it (empty while all is well)."""

    text: str
    reason: str = ""


_OF_STATE = {
    VolumeState.UNKNOWN: StorageTrouble.NOT_AVAILABLE,
    VolumeState.ONLINE: None,
    VolumeState.SLOW: None,
    VolumeState.LOW: StorageTrouble.LOW_SPACE,
    VolumeState.FULL: StorageTrouble.LOW_SPACE,
    VolumeState.READ_ONLY: StorageTrouble.READ_ONLY,
    VolumeState.DENIED: StorageTrouble.PERMISSION_DENIED,
    VolumeState.WRONG_VOLUME: StorageTrouble.WRONG_VOLUME,
    VolumeState.IO_ERROR: StorageTrouble.IO_ERROR,
    VolumeState.HUNG: StorageTrouble.NOT_RESPONDING,
}

REASONS = {
    StorageTrouble.USB_DISCONNECTED: "the disk was unmounted or pulled out while it was in use",
    StorageTrouble.NOT_MOUNTED: "no disk has been mounted here since the start",
    StorageTrouble.PERMISSION_DENIED: "the user Evertape runs as may not write here",
    StorageTrouble.DIRECTORY_NOT_FOUND: "the folder does not exist",
    StorageTrouble.NOT_AVAILABLE: "the device or the server behind the path does not answer as one",
    StorageTrouble.READ_ONLY: "the file system is mounted read-only",
    StorageTrouble.IO_ERROR: "the device or the file system reports errors",
    StorageTrouble.NOT_RESPONDING: "the disk does not answer",
    StorageTrouble.WRONG_VOLUME: "another disk is mounted here",
    StorageTrouble.LOW_SPACE: "less free space than recording needs",
    StorageTrouble.ERROR: "the volume cannot be used",
}
"""What is said where the disk process gives no reason of its own."""

HEADLINES = {
    StorageTrouble.USB_DISCONNECTED: "USB mount point not found",
    StorageTrouble.NOT_MOUNTED: "USB mount point not found",
    StorageTrouble.PERMISSION_DENIED: "Permission denied",
    StorageTrouble.DIRECTORY_NOT_FOUND: "Directory not found",
    StorageTrouble.NOT_AVAILABLE: "Storage path not available",
    StorageTrouble.READ_ONLY: "File system is read-only",
    StorageTrouble.IO_ERROR: "I/O error",
    StorageTrouble.NOT_RESPONDING: "Storage does not respond",
    StorageTrouble.WRONG_VOLUME: "Another volume is mounted here",
    StorageTrouble.LOW_SPACE: "Low disk space",
    StorageTrouble.ERROR: "Storage error",
}
"""The first words of the log line that says so."""

REMEDIES = {
    StorageTrouble.USB_DISCONNECTED: "plug the disk in again; recording returns to it by itself",
    StorageTrouble.NOT_MOUNTED: "plug the disk in, or mount it",
    StorageTrouble.PERMISSION_DENIED: "let the user Evertape runs as write there; evertape doctor names the user",
    StorageTrouble.DIRECTORY_NOT_FOUND: "make the folder again, or correct the path in the configuration",
    StorageTrouble.NOT_AVAILABLE: "look whether the device or the server behind the path is on and connected",
    StorageTrouble.READ_ONLY: "check the disk (dmesg, fsck), then mount it so that it can be written",
    StorageTrouble.IO_ERROR: "look at the disk's cable, power and health (dmesg, smartctl); replace it if it fails",
    StorageTrouble.NOT_RESPONDING: "look at the disk's cable and power, or at the network behind it",
    StorageTrouble.WRONG_VOLUME: "put the right disk there; to record to this one, add it as another volume",
    StorageTrouble.LOW_SPACE: "free space there",
    StorageTrouble.ERROR: "evertape volume check says more",
}
"""What a person can do about it."""


def trouble_of(facts: VolumeFacts) -> StorageTrouble | None:
    """What is wrong, or ``None``."""
    try:
        state = VolumeState(facts.state)
    except ValueError:
        return StorageTrouble.ERROR
    if state not in (VolumeState.MISSING, VolumeState.NOT_MOUNTED):
        return _OF_STATE[state]
    if facts.is_mount or state is VolumeState.NOT_MOUNTED:
        return StorageTrouble.USB_DISCONNECTED if facts.was_usable else StorageTrouble.NOT_MOUNTED
    if facts.errno in _NO_DIRECTORY:
        return StorageTrouble.DIRECTORY_NOT_FOUND
    # A folder on a disk that was unmounted from elsewhere: the kernel says so without a number.
    return StorageTrouble.USB_DISCONNECTED if facts.was_usable and not facts.errno else StorageTrouble.NOT_AVAILABLE


def label_of(facts: VolumeFacts) -> StorageLabel:
    """The label and its reason."""
    trouble = trouble_of(facts)
    if trouble is None:
        return StorageLabel(usage_text(facts), facts.reason)
    reason = facts.reason or REASONS[trouble]
    if trouble is StorageTrouble.LOW_SPACE:
        return StorageLabel(f"{usage_text(facts)} | ⚠ Low Space: {facts.free / 1e9:.2f} GB", reason)
    return StorageLabel(f"⚠ Storage: {trouble}", reason)


def usage_text(facts: VolumeFacts) -> str:
    """``Disk Usage: 812.4 MB (37 files) | Free: 51.2 GB``; without the first part where the index does not tell."""
    free = f"Free: {_size(facts.free)}"
    if facts.used is None:
        return free
    files = "1 file" if facts.files == 1 else f"{facts.files} files"
    return f"Disk Usage: {_size(facts.used)} ({files}) | {free}"


def _size(size: int) -> str:
    """Decimal units and one decimal, as disks are sold."""
    if size >= 999_950_000_000:
        return f"{size / 1e12:.1f} TB"
    return f"{size / 1e9:.1f} GB" if size >= 999_950_000 else f"{size / 1e6:.1f} MB"
