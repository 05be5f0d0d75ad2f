"""Where to write next, and which volumes not to trust for a moment. Times are boot-time nanoseconds."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from evertape.domain.volume_state import VolumeState
from evertape.types import NS_PER_MS, NS_PER_S, BootNs, DurationNs

FIRST_SUSPICION: DurationNs = DurationNs(250 * NS_PER_MS)
LONGEST_SUSPICION: DurationNs = DurationNs(6 * NS_PER_S)

RETIRED = "retired"
"""The role of a volume that is only read any more."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A declared volume as a recorder knows it.

    Args:
        name: as in the configuration.
        role: ``primary``, ``spill``, or ``retired``: nothing new is written there.
        order: its place in the configuration.
        state: the ``VolumeState`` last reported; a word of a newer version counts as not usable.
        suspect_until: not to be used before, see ``Suspects``; ``None``: trusted.
    """

    name: str
    role: str
    order: int
    state: str
    suspect_until: BootNs | None = None


def choose_volume(candidates: Iterable[Candidate], now: BootNs) -> str | None:
    """The first usable primary in the order of the configuration, else the first usable spill, else ``None``.

    Usable is what is online, low or slow, and neither retired nor suspect: low means that retention should hurry, not
    that recording should move, and footage on a slow disk is better than none.
    """
    free = [c for c in candidates if _usable(c) and (c.suspect_until is None or c.suspect_until <= now)]
    best = min(free, key=_preference, default=None)
    return best.name if best else None


def next_choice_at(candidates: Iterable[Candidate], now: BootNs) -> BootNs | None:
    """When the next suspicion of a usable volume ends: the moment to choose again if nothing else happens before."""
    ends = [c.suspect_until for c in candidates if _usable(c) and c.suspect_until is not None]
    return min((end for end in ends if end > now), default=None)


def _usable(candidate: Candidate) -> bool:
    try:
        return candidate.role != RETIRED and VolumeState(candidate.state).usable
    except ValueError:
        return False


def _preference(candidate: Candidate) -> tuple[bool, int, str]:
    return (candidate.role != "primary", candidate.order, candidate.name)


class Suspects:
    """Which volumes failed a writer lately. A volume's report may lag behind what a writer has just seen.

    Each failure in a row doubles the time for which the volume is passed over, from ``first`` to ``longest``;
    only footage that became durable on it takes the suspicion away, because opening a file proves nothing.

    Args:
        first: the first time-out, in nanoseconds.
        longest: the longest.
    """

    def __init__(self, first: DurationNs = FIRST_SUSPICION, longest: DurationNs = LONGEST_SUSPICION) -> None:
        self._first = first
        self._longest = longest
        self._failures: dict[str, int] = {}
        self._until: dict[str, BootNs] = {}

    def failed(self, name: str, now: BootNs) -> BootNs:
        """A writer on this volume failed; returns until when it is suspect."""
        count = self._failures.get(name, 0)
        self._failures[name] = count + 1
        # The shift is bounded, so that a volume failing for months does not build numbers of a thousand digits.
        wait = min(self._longest, self._first << min(count, 32))
        self._until[name] = BootNs(now + wait)
        return self._until[name]

    def durable(self, name: str) -> None:
        """A sync on this volume completed; it is trusted again and the doubling starts over."""
        self._failures.pop(name, None)
        self._until.pop(name, None)

    def returned(self, name: str) -> None:
        """Its state went from not usable to usable: try it at once, but a volume that flaps stays watched."""
        self._until.pop(name, None)

    def until(self, name: str) -> BootNs | None:
        """Until when the volume is suspect; may lie in the past. ``None``: it is not."""
        return self._until.get(name)

    def failures(self, name: str) -> int:
        """Failures since the last durable footage."""
        return self._failures.get(name, 0)

    def forget(self, name: str) -> None:
        """The volume is no longer declared."""
        self.durable(name)
