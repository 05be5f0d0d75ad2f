"""What a watcher of devices says, and what all watchers have in common."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class DeviceAction(StrEnum):
    """What became of a device."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"
    """Its medium, its name or its owner; whoever is interested looks."""


@dataclass(frozen=True, slots=True)
class DeviceNews:
    r"""A device, a drive or a place for disks came or went.

    Args:
        action: what happened.
        name: ``sdb1``, ``E:\``, or ``/Volumes/USB``.
        number: major and minor, where the system has such.
    """

    action: DeviceAction
    name: str
    number: tuple[int, int] | None = None


OnDevice = Callable[[DeviceNews], None]


class DeviceWatch(Protocol):
    """Begins and ends; in between it calls whoever made it, from the thread that its class names."""

    def start(self) -> None:
        """Begin; where the system has no such source of news, nothing happens."""

    def stop(self) -> None:
        """End; safe to call twice, and without ``start``."""
