"""A volume as its disk process sees it."""

from __future__ import annotations

import msgspec

from evertape.ipc.messages.base import Message


class VolumeInfo(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A volume as its disk process sees it."""

    name: str
    volume_id: str = ""
    role: str = ""
    path: str = ""
    state: str = "unknown"
    reason: str = ""
    since_utc: int = 0
    free: int = 0
    total: int = 0
    write_ms: float = 0.0
    sync_ms: float = 0.0
    """Median of the latest sync rounds."""
    open_files: int = 0
    layer: str = ""
    """What noticed the state: ``kernel, probe, precheck, errno, deadline``."""
    errno: int = 0
    """The kernel's number behind the state."""
    is_mount: bool = False
    """It is only used while something is mounted at its path."""
    was_usable: bool = False
    """It has been usable since the service was started."""
    declared: str = ""
    """The path in the configuration, if the volume was found at another one."""


class VolumeReport(Message, frozen=True, kw_only=True, omit_defaults=True):
    """Disk process to everyone connected: on connecting, on each change, and with each probe."""

    volume: VolumeInfo
    report: int
    """Counts up; a later one is newer."""


class ProbeVolume(Message, frozen=True, kw_only=True, omit_defaults=True):
    """Anyone to disk: look now; answered by a ``VolumeReport``."""
