"""What a consumer of storage news is told, and how it asks to be told. ``engine/storage_service.py`` does the telling.

A recorder has one ``StorageService``. Each of its cameras' recordings registers a callback there; the recorder
passes every change of a volume to the service (``volume_changed``) *before* it acts on it itself, so that in the log
the lines of the service come first and those of the recordings behind them, in one process, in this order:

1. ``[STORAGE] USB mount point not found: …``
2. ``[STORAGE] Notifying 3 camera(s) about storage error: …``
3. per camera ``[STORAGE] Calling storage error callback for cam_01``, and then whatever its callback does and logs.

When the volume is good again: ``[STORAGE] Storage recovered!``, ``[STORAGE] Storage path available!``, then the
callbacks.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class StorageNotice:
    """A volume went from one state to another, or is in a bad one when a camera begins to record.

    Args:
        volume: its name in the configuration.
        state: a ``VolumeState``.
        reason: one line for a person; empty while all is well.
        label: what to show, such as ``⚠ Storage: USB Disconnected``.
        usable: new footage may be written there.
        path: where the volume is, or should be.
        role: ``primary, spill, retired``.
        old: the state before; empty if this is the first news of it.
        layer: what noticed it: ``kernel, probe, precheck, errno, deadline``.
        free: bytes free, as last known.
        since_utc: UTC in nanoseconds at which the state began.
    """

    volume: str
    state: str
    reason: str
    label: str
    usable: bool
    path: str = ""
    role: str = "primary"
    old: str = ""
    layer: str = ""
    free: int = 0
    since_utc: int = 0

    @property
    def is_error(self) -> bool:
        """Nothing can be written there."""
        return not self.usable


StorageCallback = Callable[[StorageNotice], None]
"""Called on the loop of whoever owns the service; quick, and whatever it raises is logged and kept from the others."""


class StorageNews(Protocol):
    """What a camera's recording needs of the service."""

    def register_storage_error_callback(self, camera_id: str, callback: StorageCallback) -> None:
        """From now on tell ``callback`` each change of each volume, while this camera records."""

    def unregister_storage_error_callback(self, camera_id: str, callback: StorageCallback | None = None) -> None:
        """No longer; without ``callback``: whoever registered for this camera."""

    def camera_records(self, camera_id: str) -> None:
        """The camera begins to record: it is told at once of every volume that is bad."""
