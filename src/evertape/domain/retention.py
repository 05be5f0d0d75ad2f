"""What is deleted, and why: by age, by quota, for space; the oldest first. Pure.

What is protected never goes, nor what is being written (it is no candidate). See ``docs/design/retention.md``.
"""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple, Protocol

from evertape.domain.retention_terms import Protection, Terms


class Why(StrEnum):
    """Why a segment goes; also what its ``SegmentDeleted`` gives as the reason."""

    AGE = "retention_age"
    QUOTA = "retention_quota"
    SPACE = "retention_space"
    EMERGENCY = "retention_emergency"
    PERSON = "person"
    """Somebody said so, with an age of their own."""


class Candidate(NamedTuple):
    """A closed segment; instants UTC nanoseconds."""

    id: str
    camera: str
    volume: str
    path: str
    start: int
    end: int
    bytes: int


class Eviction(NamedTuple):
    """A segment that goes, and why."""

    segment: Candidate
    why: Why


class Source(Protocol):
    """Where candidates come from: a volume's closed segments that began before an instant, the oldest first."""

    def __call__(self, volume: str, before: int, camera: str = "") -> Iterable[Candidate]:
        """Of one camera, or of all."""


@dataclass(slots=True)
class Goals:
    """What a pass is to reach.

    Args:
        volumes: ids of those that can be reached.
        need: bytes to free, by volume.
        full: volumes too full to be recorded to.
        excess: bytes beyond its quota, by camera.
        camera: only this one's footage, by its age and quota; empty: all.
        older_than: a person wants everything to go that is older than this, nanoseconds; nothing else is done then.
        by_age: whether ages count; they do not while the clock is not to be trusted.
    """

    volumes: Sequence[str]
    need: dict[str, int] = field(default_factory=dict)
    full: Collection[str] = ()
    excess: dict[str, int] = field(default_factory=dict)
    camera: str = ""
    older_than: int | None = None
    by_age: bool = True


@dataclass(slots=True)
class Kept:
    """What would have gone, and did not: files met on the way."""

    protected: int = 0
    protected_bytes: int = 0
    young: int = 0
    """Younger than ``min_age``."""


def plan(
    source: Source,
    goals: Goals,
    terms: Terms,
    protection: Protection,
    now: int,
    *,
    skip: Collection[str] = (),
    kept: Kept | None = None,
) -> Iterator[Eviction]:
    """What goes, lazily: first what is too old, then what is over a quota, then the oldest until there is room.

    Args:
        source: candidates.
        goals: what is to be reached.
        terms: see there.
        protection: what must stay.
        now: UTC nanoseconds.
        skip: ids that could not be deleted.
        kept: counts what was passed over.
    """
    yield from _Planner(source, goals, terms, protection, now, skip, kept or Kept()).evictions()


class _Planner:
    def __init__(
        self,
        source: Source,
        goals: Goals,
        terms: Terms,
        protection: Protection,
        now: int,
        skip: Collection[str],
        kept: Kept,
    ) -> None:
        self._source, self._goals, self._terms = source, goals, terms
        self._protection, self._now, self._skip, self._kept = protection, now, skip, kept
        self._need = dict(goals.need)
        self._excess = dict(goals.excess)
        self._quota_until: dict[str, int] = {}
        """Up to which start a camera's quota took everything it could."""

    def evictions(self) -> Iterator[Eviction]:
        goals = self._goals
        if goals.older_than is not None:
            yield from self._person(goals.older_than)
            return
        if goals.by_age:
            yield from self._age()
        for camera in sorted(self._excess):
            if not goals.camera or camera == goals.camera:
                yield from self._quota(camera)
        if not goals.camera:
            for volume in goals.volumes:
                yield from self._space(volume)

    def _person(self, age: int) -> Iterator[Eviction]:
        before = self._now - age
        for volume in self._goals.volumes:
            for candidate in self._source(volume, before, self._goals.camera):
                if candidate.end <= before and self._may_go(candidate):
                    yield Eviction(candidate, Why.PERSON)

    def _age(self) -> Iterator[Eviction]:
        ages = [rule.max_age for rule in self._terms.rules if rule.max_age]
        if not ages:
            return
        for volume in self._goals.volumes:
            for candidate in self._source(volume, self._now - min(ages), self._goals.camera):
                if self._too_old(candidate) and self._may_go(candidate):
                    yield self._take(candidate, Why.AGE)

    def _quota(self, camera: str) -> Iterator[Eviction]:
        keep = self._terms.rule_for(camera).min_age
        sources = [self._source(volume, self._now - keep, camera) for volume in self._goals.volumes]
        for candidate in heapq.merge(*sources, key=lambda c: c.start):
            if self._excess[camera] <= 0:
                return
            self._quota_until[camera] = candidate.start
            if self._gone_by_age(candidate) or not self._old_enough(candidate, keep):
                continue
            if self._may_go(candidate):
                yield self._take(candidate, Why.QUOTA)

    def _space(self, volume: str) -> Iterator[Eviction]:
        if self._need.get(volume, 0) <= 0:
            return
        full = volume in self._goals.full
        keeps = {camera: self._keep(camera, full) for camera in self._terms.cameras}
        usual = self._keep("", full)
        why = Why.EMERGENCY if full else Why.SPACE
        for candidate in self._source(volume, self._now - min([usual, *keeps.values()])):
            if self._need[volume] <= 0:
                return
            if self._gone_by_age(candidate) or candidate.start <= self._quota_until.get(candidate.camera, -1):
                continue
            if self._old_enough(candidate, keeps.get(candidate.camera, usual)) and self._may_go(candidate):
                yield self._take(candidate, why)

    def _keep(self, camera: str, full: bool) -> int:
        keep = self._terms.rule_for(camera).min_age
        return min(keep, self._terms.emergency_age) if full else keep

    def _take(self, candidate: Candidate, why: Why) -> Eviction:
        for book, key in ((self._need, candidate.volume), (self._excess, candidate.camera)):
            if key in book:
                book[key] -= candidate.bytes
        return Eviction(candidate, why)

    def _too_old(self, candidate: Candidate) -> bool:
        age = self._terms.rule_for(candidate.camera).max_age
        return bool(age) and candidate.end <= self._now - age

    def _gone_by_age(self, candidate: Candidate) -> bool:
        return self._goals.by_age and self._too_old(candidate)

    def _old_enough(self, candidate: Candidate, keep: int) -> bool:
        if candidate.end <= self._now - keep or not keep:
            return True
        self._kept.young += 1
        return False

    def _may_go(self, candidate: Candidate) -> bool:
        if self._protection.covers(candidate.camera, candidate.start, candidate.end):
            self._kept.protected += 1
            self._kept.protected_bytes += candidate.bytes
            return False
        return candidate.id not in self._skip


@dataclass(slots=True)
class Share:
    """One line of a summary: how much of a camera's footage on a volume goes for one reason."""

    files: int = 0
    bytes: int = 0
    oldest: int = 0
    newest: int = 0

    def add(self, segment: Candidate) -> None:
        """Count one more."""
        self.oldest = segment.start if not self.files else min(self.oldest, segment.start)
        self.newest = max(self.newest, segment.end)
        self.files += 1
        self.bytes += segment.bytes


def summary(evictions: Iterable[Eviction]) -> dict[tuple[str, str, Why], Share]:
    """What goes, by volume, camera and reason."""
    shares: dict[tuple[str, str, Why], Share] = {}
    for segment, why in evictions:
        shares.setdefault((segment.volume, segment.camera, why), Share()).add(segment)
    return shares
