"""By what retention decides: rules, thresholds of free space, what is protected. Pure.

Thresholds meant for large disks are held within shares of the capacity, so that a small volume is not emptied.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from evertape.domain.volume_state import limits

START_SHARE, MORE_SHARE = 0.15, 0.05
"""Of the capacity: retention begins with no more than this free, and makes no more than that free on top of it."""
DAY_NS = 86_400_000_000_000


@dataclass(frozen=True, slots=True)
class Rule:
    """How long one camera's footage is kept.

    Args:
        max_age: older footage goes; nanoseconds, 0: no limit.
        min_age: younger footage does not go for space or quota; nanoseconds.
        quota: bytes on all volumes together; 0: no limit.
    """

    max_age: int = 30 * DAY_NS
    min_age: int = 0
    quota: int = 0


@dataclass(frozen=True, slots=True)
class ProtectedSpan:
    """Footage of a camera in ``[start_utc, end_utc)`` that must stay; UTC nanoseconds."""

    id: str
    camera: str
    start_utc: int
    end_utc: int


@dataclass(frozen=True, slots=True)
class Terms:
    """Everything that is decided by. Lengths in nanoseconds, sizes in bytes.

    Args:
        rule: for cameras that have none of their own.
        cameras: their own rules.
        start_free: with less free space than this, footage goes.
        start_percent: the same as a share of the capacity; the larger counts.
        more_free: how much more than that is made free.
        emergency_age: on a full volume nothing older than this is kept back by ``Rule.min_age``.
        interval: between two looks at everything.
        min_free: below this a volume is full, as ``domain.volume_state`` has it.
        resume_free: from this on it is used again.
        protected: what the service was told to keep. The index knows of the same, and perhaps of more.
    """

    rule: Rule = Rule()
    cameras: dict[str, Rule] = field(default_factory=dict)
    start_free: int = 5_000_000_000
    start_percent: float = 5.0
    more_free: int = 5_000_000_000
    emergency_age: int = 7 * DAY_NS
    interval: int = 600_000_000_000
    min_free: int = 1_000_000_000
    resume_free: int = 2_000_000_000
    protected: tuple[ProtectedSpan, ...] = ()

    def rule_for(self, camera: str) -> Rule:
        """A camera's rule."""
        return self.cameras.get(camera, self.rule)

    @property
    def rules(self) -> list[Rule]:
        """All there are."""
        return [self.rule, *self.cameras.values()]


class Thresholds(NamedTuple):
    """Bytes of free space: footage goes below ``start``, until ``stop``."""

    start: int
    stop: int


def thresholds(terms: Terms, total: int) -> Thresholds:
    """The configured bytes, held within shares of the capacity ``total``.

    Never below what recording needs to return to a volume, or a full one would stay full.
    """
    percent = terms.start_percent / 100
    wanted = max(terms.start_free, int(total * percent))
    start = min(wanted, int(total * max(START_SHARE, percent)))
    start = max(start, limits(terms.min_free, terms.resume_free, total).resume)
    return Thresholds(start, start + max(1, min(terms.more_free, int(total * MORE_SHARE))))


def bytes_needed(terms: Terms, free: int, total: int, *, full: bool = False, coming: int = 0) -> int:
    """How much has to go; 0: nothing.

    Args:
        terms: see there.
        free: bytes.
        total: of the volume.
        full: the volume takes no more, whatever ``free`` says: no inodes, say, or a disk quota.
        coming: bytes expected before the next look. They begin the work early, but never cost more than one threshold's
            distance, so that a small volume is not emptied for footage yet to come.
    """
    if not total:
        return 0
    start, stop = thresholds(terms, total)
    if free - min(coming, stop - start) < start:
        return max(1, stop - free)
    return stop - start if full else 0


class Protection:
    """Answers whether a segment touches a protected span.

    Args:
        spans: all of them, in any order.
    """

    def __init__(self, spans: Iterable[ProtectedSpan]) -> None:
        by_camera: dict[str, list[tuple[int, int]]] = {}
        for span in spans:
            by_camera.setdefault(span.camera, []).append((span.start_utc, span.end_utc))
        # Ends rise with starts once what overlaps is joined, so one search answers.
        self._spans = {camera: _joined(found) for camera, found in by_camera.items()}
        self._ends = {camera: [end for _, end in found] for camera, found in self._spans.items()}

    def covers(self, camera: str, start: int, end: int) -> bool:
        """Whether any instant of ``[start, end]`` is protected; a segment is kept as a whole."""
        ends = self._ends.get(camera)
        if ends is None:
            return False
        at = bisect_left(ends, start + 1)
        return at < len(ends) and self._spans[camera][at][0] <= end


def _joined(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    joined: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined


def excesses(held: Mapping[str, int], terms: Terms) -> dict[str, int]:
    """By how many bytes cameras are over their quotas.

    Args:
        held: bytes of each camera on the volumes that can be reached.
        terms: see there.
    """
    quotas = {camera: terms.rule_for(camera).quota for camera in held}
    return {camera: held[camera] - quota for camera, quota in quotas.items() if 0 < quota < held[camera]}
