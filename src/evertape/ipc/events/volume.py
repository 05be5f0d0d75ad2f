"""What happens to a volume."""

from __future__ import annotations

from evertape.ipc.events.base import Event


class VolumeStateChanged(Event, frozen=True, kw_only=True, tag="volume_state", omit_defaults=True):
    """A volume went from one state to another."""

    volume: str
    volume_id: str = ""
    old: str
    state: str
    reason: str = ""
    layer: str = ""
    """What noticed it: ``kernel, probe, precheck, errno, deadline``."""
    free: int = 0
    total: int = 0
    errno: int = 0
    """The kernel's number behind the state."""


class RetentionPass(Event, frozen=True, kw_only=True, tag="retention_pass", omit_defaults=True):
    """A volume was gone through for what is too old, over a quota or in the way. Each deletion has its own record."""

    volume: str
    volume_id: str
    why: str
    """``interval``; ``low``, ``full``: its space ran out; ``person``: somebody asked for it."""
    files: int = 0
    bytes: int = 0
    failed: int = 0
    """Files that could not be deleted; they are tried again in the next pass."""
    protected: int = 0
    """Files that would have gone, were they not protected."""
    young: int = 0
    """The same for ``min_age``."""
    missing_bytes: int = 0
    """What is still to be freed, and cannot be."""
    free_before: int = 0
    free_after: int = 0
    took: int = 0
    """Nanoseconds."""
    indexed: bool = True
    """False: the index could not be asked; the order of the folders decided."""
