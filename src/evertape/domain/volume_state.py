"""A volume's state: one pure step from what was seen to what is reported.

Nobody else decides whether a volume is online, low, full or gone; the disk process only looks and
acts. Free space has hysteresis, so that a volume at its minimum does not flap.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from evertape.domain.storage_fault import StorageFault

SLOW_MS = 750.0
"""Slower syncs break the power-cut bound of 2 s: 0.5 s of fragment, 0.5 s to the next sync, 0.2 s of drain."""
SLOW_LEAVE_MS = 500.0

MIN_SHARE, RESUME_SHARE = 0.05, 0.10
"""A minimum meant for a large disk must not make a small one unusable."""
FLOOR_SHARE, FLOOR_BYTES = 0.10, 32 << 20
"""What has to be free again after ENOSPC even if no minimum is set: seconds of footage, not one block."""


class VolumeState(StrEnum):
    """As shown in ``status`` and sent in ``VolumeReport``."""

    UNKNOWN = "unknown"
    ONLINE = "online"
    LOW = "low"
    """Usable, and retention should make room."""
    SLOW = "slow"
    """Usable, but syncs take longer than the power-cut bound allows."""
    FULL = "full"
    READ_ONLY = "read_only"
    DENIED = "denied"
    MISSING = "missing"
    NOT_MOUNTED = "not_mounted"
    WRONG_VOLUME = "wrong_volume"
    IO_ERROR = "io_error"
    HUNG = "hung"

    @property
    def usable(self) -> bool:
        """New segments may be opened here."""
        return self in (VolumeState.ONLINE, VolumeState.LOW, VolumeState.SLOW)


@dataclass(frozen=True, slots=True)
class Limits:
    """Bytes of free space: full below ``minimum``, low below ``low``, well again from ``resume`` on."""

    minimum: int
    low: int
    resume: int


@dataclass(frozen=True, slots=True)
class Observation:
    """What one look at the volume found.

    Args:
        fault: what was wrong, or ``None``.
        text: one line for a person.
        layer: what noticed it: ``kernel, probe, precheck, errno, deadline``.
        free: bytes free, if known.
        total: bytes altogether, if known.
        sync_ms: how long the latest sync rounds took, if there were any.
        errno: the kernel's number behind the fault, or 0.
    """

    fault: StorageFault | None = None
    text: str = ""
    layer: str = "probe"
    free: int | None = None
    total: int | None = None
    sync_ms: float | None = None
    errno: int = 0


@dataclass(frozen=True, slots=True)
class VolumeStatus:
    """The state, why, since when (UTC ns), the latest numbers, and whether it has ever been usable."""

    state: VolumeState = VolumeState.UNKNOWN
    reason: str = ""
    layer: str = ""
    since_utc: int = 0
    free: int = 0
    total: int = 0
    errno: int = 0
    was_usable: bool = False


def limits(min_free: int, resume_free: int, total: int) -> Limits:
    """The configured bytes, held within shares of the capacity ``total``."""
    minimum = min(min_free, int(total * MIN_SHARE))
    floor = minimum + min(FLOOR_BYTES, int(total * FLOOR_SHARE))
    resume = max(floor, min(max(resume_free, min_free), int(total * RESUME_SHARE)))
    return Limits(minimum, (minimum + resume) // 2, resume)


def observe(status: VolumeStatus, seen: Observation, min_free: int, resume_free: int, now_utc: int) -> VolumeStatus:
    """The status after ``seen``; ``since_utc`` changes only with the state.

    Args:
        status: what is reported now.
        seen: the latest look.
        min_free: configured bytes below which the volume is full.
        resume_free: configured bytes from which on it is usable again.
        now_utc: UTC in nanoseconds.
    """
    free = status.free if seen.free is None else seen.free
    if seen.fault is StorageFault.FULL and seen.layer == "errno" and seen.free is None:
        free = 0  # what was free at the last look is no news when a write has just been refused
    total = status.total if seen.total is None else seen.total
    state, reason = _judge(status, replace(seen, free=free, total=total), limits(min_free, resume_free, total))
    since = status.since_utc if state is status.state else now_utc
    layer = status.layer if state is status.state else seen.layer
    # The first exact word counts: a later look at what is gone tells less.
    errno = status.errno if state is status.state else seen.errno
    return VolumeStatus(state, reason, layer, since, free, total, errno, status.was_usable or state.usable)


def _judge(status: VolumeStatus, seen: Observation, limit: Limits) -> tuple[VolumeState, str]:
    if seen.fault is not None:
        state = _state_of(seen.fault)
        if state is VolumeState.NOT_MOUNTED and status.state is VolumeState.MISSING:
            # The same fact, told less exactly: it was there, and is gone.
            return status.state, status.reason
        return state, seen.text
    free = seen.free or 0
    if free < limit.minimum or (status.state is VolumeState.FULL and free < limit.resume):
        # The numbers stay out of the reason: it would change with every probe.
        return VolumeState.FULL, "less free space than the minimum" if free < limit.minimum else status.reason
    bound = SLOW_LEAVE_MS if status.state is VolumeState.SLOW else SLOW_MS
    if seen.sync_ms is not None and seen.sync_ms > bound:
        return VolumeState.SLOW, "syncs take longer than the power-cut bound allows"
    if free < (limit.resume if status.state is VolumeState.LOW else limit.low):
        return VolumeState.LOW, "free space is near the minimum"
    return VolumeState.ONLINE, ""


def _state_of(fault: StorageFault) -> VolumeState:
    return VolumeState.IO_ERROR if fault is StorageFault.OTHER else VolumeState(fault.value)
