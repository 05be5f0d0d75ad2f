"""When a process has taken more memory than it may, and when one died of it. Pure.

A process over its limit is replaced in an orderly way, which costs its cameras a second, before the kernel chooses one
by force. If the limit is simply too low the new process is over it again soon; so each further replacement waits
longer, and recording goes on above the limit in between.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

OUT_OF_MEMORY = "out of memory"
"""How a process ended, as the journal has it; what else is known follows in brackets."""

PATIENCE_S = 1.5
"""Heartbeats come every second: over the limit in two of them, for a peak is not a leak."""
AGAIN_S = 10.0
"""A second replacement comes after so long at the earliest, the third after four times as long, and so on …"""
AGAIN_FACTOR = 4.0
AGAIN_MOST_S = 640.0
FORGIVEN_S = 3600.0
"""… until one has held out for so long."""

RECORDER_BYTES = 256 << 20
"""What a recorder may take beside its ring: 16 cameras take less than 100 MB (bench/)."""
OTHER_BYTES = 512 << 20
"""Disk processes hold 64 MiB of footage that waits for the disk; the keeper reads whole days of the index."""
_RING_FACTOR = 1.5  # bytes objects and the allocator's gaps between them
_MACHINE_SHARE = 0.8

_SIGNS = ("MemoryError", "failed to allocate", "Cannot allocate memory", "std::bad_alloc", "out of memory")


class Action(StrEnum):
    """What to do about a process that is over its limit."""

    REPLACE = "replace"
    WARN = "warn"
    """It was replaced for this not long ago: the limit is too low for what it has to do."""


@dataclass(frozen=True, slots=True)
class Watched:
    """What is known of a process; a new one when it is first seen.

    Args:
        generation: of the process that was looked at last.
        over_since: since when it has been over its limit, seconds.
        replaced_at: when it was replaced last for that.
        replaced: how often, lately.
        warned: this generation's warning was given.
    """

    generation: int = -1
    over_since: float | None = None
    replaced_at: float | None = None
    replaced: int = 0
    warned: bool = False


def step(state: Watched, generation: int, rss: int, limit: int, now: float) -> tuple[Watched, Action | None]:
    """Take a heartbeat in.

    Args:
        state: so far.
        generation: which process of this name it is.
        rss: its resident memory, bytes.
        limit: bytes.
        now: monotonic seconds.
    """
    if generation != state.generation:
        state = replace(state, generation=generation, over_since=None, warned=False)
    if state.replaced_at is not None and now - state.replaced_at > FORGIVEN_S:
        state = replace(state, replaced_at=None, replaced=0)
    if rss <= limit:
        return replace(state, over_since=None), None
    if state.over_since is None:
        return replace(state, over_since=now), None
    if now - state.over_since < PATIENCE_S:
        return state, None
    if state.replaced_at is not None and now - state.replaced_at < _pause_s(state.replaced):
        return replace(state, warned=True), None if state.warned else Action.WARN
    return replace(state, over_since=None, replaced_at=now, replaced=state.replaced + 1), Action.REPLACE


def _pause_s(replaced: int) -> float:
    return float(min(AGAIN_MOST_S, AGAIN_S * AGAIN_FACTOR ** (replaced - 1)))


def limit_bytes(configured: int | None, ring_share: int | None, available: int) -> int:
    """How much one process may take.

    Args:
        configured: ``processes.memory_limit``; ``None``: by itself.
        ring_share: of the memory for rings, what this recorder has; ``None``: not a recorder.
        available: to everybody, bytes: of the machine, or of the control group that the service runs in.
    """
    if configured is not None:
        return configured
    wanted = OTHER_BYTES if ring_share is None else RECORDER_BYTES + int(ring_share * _RING_FACTOR)
    return min(wanted, int(available * _MACHINE_SHARE))


def says_exhausted(line: str) -> bool:
    """Whether what a process printed says that it got no memory."""
    return any(sign in line for sign in _SIGNS)


def how_it_ended(how: str, *, said: bool, oom_kill: bool) -> str:
    """Name a death of memory as one.

    Args:
        how: ``exit N``, ``signal N``, ``hung`` or ``out of memory``.
        said: the process had said that it got none.
        oom_kill: the kernel has killed somebody for lack of memory since the last look.
    """
    if OUT_OF_MEMORY in how or how == "hung":
        return how
    if how == "signal 9" and oom_kill:
        return f"{OUT_OF_MEMORY} (killed by the kernel)"
    # A library that aborts, or an interpreter that gives up: the last word was about memory.
    return f"{OUT_OF_MEMORY} ({how})" if said and how != "signal 9" else how
