"""The clocks, behind one interface, so that tests can turn the hands.

``boot_ns`` is for durations: it never steps and counts suspend. ``utc_ns`` is for
instants: it may step, and nothing subtracts two of them to get a duration.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Protocol

from evertape.types import BootNs, UtcNs

# macOS and Windows have no CLOCK_BOOTTIME; their monotonic clocks are the nearest thing.
_BOOT = getattr(time, "CLOCK_BOOTTIME", getattr(time, "CLOCK_MONOTONIC", None))


class Clock(Protocol):
    """Reads both clocks. Implementations are safe from any thread."""

    def boot_ns(self) -> BootNs:
        """Nanoseconds on the boot-time clock."""

    def utc_ns(self) -> UtcNs:
        """Nanoseconds of UTC since the Unix epoch."""


def boot_id() -> str:
    """The kernel's id of this boot; empty where it has none."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""


class SystemClock:
    """The machine's clocks."""

    def boot_ns(self) -> BootNs:
        """Nanoseconds on ``CLOCK_BOOTTIME`` (``CLOCK_MONOTONIC`` where that is missing)."""
        return BootNs(time.clock_gettime_ns(_BOOT) if _BOOT is not None else time.monotonic_ns())

    def utc_ns(self) -> UtcNs:
        """Nanoseconds of ``CLOCK_REALTIME``."""
        return UtcNs(time.time_ns())


class ManualClock:
    """A clock that stands still until it is told to move; for tests and simulations."""

    def __init__(self, boot_ns: int = 1_000_000_000_000, utc_ns: int = 1_767_225_600_000_000_000) -> None:
        self._boot = boot_ns
        self._utc = utc_ns

    def boot_ns(self) -> BootNs:
        """The boot-time reading."""
        return BootNs(self._boot)

    def utc_ns(self) -> UtcNs:
        """The UTC reading."""
        return UtcNs(self._utc)

    def advance(self, duration_ns: int) -> None:
        """Move both clocks forward by ``duration_ns``; raises ``ValueError`` if it is negative."""
        if duration_ns < 0:
            raise ValueError("time does not run backwards; use step_utc for a stepped wall clock")
        self._boot += duration_ns
        self._utc += duration_ns

    def step_utc(self, offset_ns: int) -> None:
        """Step the wall clock alone, as ``settimeofday`` does."""
        self._utc += offset_ns
