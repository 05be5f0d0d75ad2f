"""Which file counts where several may hold the same units: the one rule for playback, export, coverage, audit.

Pure. ``docs/design/durability.md``, *Supersede, resolve, reconcile*, has the reasons.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from evertape.types import Epoch, SegmentId


@dataclass(frozen=True, slots=True)
class HeldSpan:
    """What one reachable segment really holds: video units ``first`` to ``last``, both inclusive."""

    segment: SegmentId
    epoch: Epoch
    generation: int
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class LogicalSpan:
    """The part of a segment that counts: video units ``first`` to ``last``, both inclusive.

    ``superseded_by`` is a segment that counts where this one holds more than that, or (``empty``)
    one that makes this one superfluous.
    """

    segment: SegmentId
    epoch: Epoch
    first: int
    last: int
    superseded_by: SegmentId | None = None

    @property
    def empty(self) -> bool:
        """Nothing of the segment counts."""
        return self.last < self.first


def resolve(spans: Iterable[HeldSpan]) -> list[LogicalSpan]:
    """Decide what counts, so that no unit is there twice and none that is held is missing.

    Within an epoch the segments are taken by generation. One that adds no unit to what earlier
    ones hold counts for nothing; any other replaces the earlier ones where they overlap, because
    it starts with a keyframe and they may end anywhere.

    Returns:
        One entry per given segment, by epoch (in order of first appearance), then first unit.
    """
    by_epoch: dict[Epoch, list[HeldSpan]] = {}
    for span in spans:
        by_epoch.setdefault(span.epoch, []).append(span)
    result: list[LogicalSpan] = []
    for held in by_epoch.values():
        result += _resolve_epoch(sorted(held, key=lambda span: (span.generation, span.first)))
    return result


def _resolve_epoch(held: list[HeldSpan]) -> list[LogicalSpan]:
    kept: list[LogicalSpan] = []
    void: list[LogicalSpan] = []
    for new in held:
        overlapping = [old for old in kept if old.last >= new.first and old.first <= new.last]
        if overlapping and _covers(overlapping, new):
            void.append(LogicalSpan(new.segment, new.epoch, new.first, new.first - 1, overlapping[0].segment))
            continue
        kept = [old for old in kept if old not in overlapping]
        for old in overlapping:
            for part in _without(old, new):
                (void if part.empty else kept).append(part)
        kept.append(LogicalSpan(new.segment, new.epoch, new.first, new.last))
        kept.sort(key=lambda span: span.first)
    return sorted(kept + void, key=lambda span: (span.first, span.last))


def _covers(spans: list[LogicalSpan], new: HeldSpan) -> bool:
    reached = new.first
    for span in spans:
        if span.first > reached:
            return False
        reached = max(reached, span.last + 1)
    return reached > new.last


def _without(old: LogicalSpan, new: HeldSpan) -> list[LogicalSpan]:
    """What of ``old`` still counts beside ``new``: never both ends, because then ``old`` would cover ``new``."""
    if old.first < new.first:
        return [replace(old, last=new.first - 1, superseded_by=new.segment)]
    if old.last > new.last:
        return [replace(old, first=new.last + 1, superseded_by=new.segment)]
    return [replace(old, last=old.first - 1, superseded_by=new.segment)]
