"""What a recorder tells the ledger about one camera: every span without footage, the moment it begins and ends.

Two things can go wrong at two places. At the head, where units arrive, there may be nothing to store:
the camera is away, or nobody wants it recorded. At the tail, where units leave memory, some may be lost
because no volume took them. The two never meet in time, since only what was held can be lost; so a
camera has at most one open gap at the head and one at the tail.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from evertape.domain.cause import Cause
from evertape.types import NS_PER_MS, DurationNs, UtcNs

SLACK: DurationNs = DurationNs(500 * NS_PER_MS)
"""Less media time than this missing between two units is a lost packet or two, not a gap."""

CLOCK_TOLERANCE: DurationNs = DurationNs(2500 * NS_PER_MS)
"""UTC may move by less than this between two units: an estimate was corrected, which ``domain.utc`` bounds."""


@dataclass(frozen=True, slots=True)
class GapBegan:
    """No footage from ``start_utc`` on. ``number`` counts this tracker's gaps; the ledger's id is the caller's."""

    number: int
    cause: Cause
    start_utc: UtcNs
    evidence: str = ""


@dataclass(frozen=True, slots=True)
class GapEnded:
    """Footage, or another cause, from ``end_utc`` on; may equal the start. Repeats what ``GapBegan`` said."""

    number: int
    cause: Cause
    start_utc: UtcNs
    end_utc: UtcNs
    frames_lost: int | None = None


GapRecord = GapBegan | GapEnded
_NOTHING = DurationNs(0)


class GapTracker:
    """The gaps of one camera. Times are UTC; not thread-safe: the owner's thread only.

    Args:
        covered_until: where footage ended before, if it is known and recording was meant to go on: after a crash,
            the end of the newest durable unit. ``wish_on`` opens the gap there.
    """

    def __init__(self, covered_until: UtcNs | None = None) -> None:
        self._covered = covered_until
        self._flowing = False
        self._wanted = False
        self._trouble: tuple[Cause, str] | None = None
        self._head: GapBegan | None = None
        self._tail: GapBegan | None = None
        self._tail_until: UtcNs | None = None
        self._tail_frames = 0
        # Where units began again after a gap at the head. The ring reaches back a minute, so this is ample.
        self._resumed: deque[UtcNs] = deque(maxlen=256)
        self._count = 0

    @property
    def wanted(self) -> bool:
        """The camera is meant to record."""
        return self._wanted

    @property
    def head(self) -> GapBegan | None:
        """The open gap since which there has been nothing to store."""
        return self._head

    @property
    def tail(self) -> GapBegan | None:
        """The open gap of footage that no volume took."""
        return self._tail

    @property
    def tail_until(self) -> UtcNs | None:
        """How far footage is lost by now; ``None``: none ever was."""
        return self._tail_until

    @property
    def covered_until(self) -> UtcNs | None:
        """The end of the newest unit that is stored or held for storing."""
        return self._covered

    # -- the wish -------------------------------------------------------------------------------------------

    def wish_on(self, utc: UtcNs, cause: Cause = Cause.STARTING) -> list[GapRecord]:
        """The camera is meant to record from ``utc`` on.

        Until the first unit is held that is a gap: of what troubles the camera, else of ``cause``. If the first unit is
        at hand, give it to ``held`` before calling this: then there is no such gap.
        """
        if self._wanted:
            return []
        self._wanted = True
        if self._flowing:
            return []
        why, evidence = self._trouble or (cause, "")
        return self._begin(why, self._edge(utc), evidence) if self._head is None else self._turn(why, utc, evidence)

    def wish_off(self, utc: UtcNs, cause: Cause = Cause.STOPPED_BY_PERSON) -> list[GapRecord]:
        """The camera is no longer meant to record. A gap on purpose begins at the end of the newest footage.

        Also a change of the reason, from the schedule to a person, say.
        """
        self._wanted = self._flowing = False
        return self._begin(cause, self._edge(utc), "") if self._head is None else self._turn(cause, utc, "")

    # -- the head -------------------------------------------------------------------------------------------

    def capture_lost(self, utc: UtcNs, cause: Cause, evidence: str = "") -> list[GapRecord]:
        """No units come, or still none but for another cause. The gap begins at the end of the newest one.

        Args:
            utc: now; where a change of cause divides a gap.
            cause: why.
            evidence: the id of the event that showed it.
        """
        self._trouble = (cause, evidence)
        self._flowing = False
        if not self._wanted:
            return []
        if self._head is None:
            return self._begin(cause, self._edge(utc), evidence)
        return self._turn(cause, utc, evidence)

    def capture_back(self) -> None:
        """Units come again. Only the first one that is ``held`` ends the gap."""
        self._trouble = None

    def held(
        self, start: UtcNs, end: UtcNs, *, missing: DurationNs = _NOTHING, hole: Cause = Cause.STREAM_DAMAGED
    ) -> list[GapRecord]:
        """Units that present ``[start, end)`` are stored or held for storing.

        Ends the gap at the head at ``start``, exactly.

        Args:
            start: UTC of the first unit's presentation.
            end: UTC of the end of the last.
            missing: media time between the unit before and the first of these for which no unit ever came.
            hole: why, if that is long enough to be a gap.
        """
        self._trouble = None
        records = self._hole(start, missing, hole) if self._head is None else self._end(start)
        self._flowing = True
        self._covered = end
        return records

    def _hole(self, start: UtcNs, missing: DurationNs, hole: Cause) -> list[GapRecord]:
        if missing > SLACK:
            return self._gap(hole, UtcNs(start - missing), start)
        if self._flowing and abs(start - self._edge(start)) > CLOCK_TOLERANCE:
            return self._gap(Cause.CLOCK_JUMP, self._edge(start), start)
        return []

    # -- the tail -------------------------------------------------------------------------------------------

    def lost(self, start: UtcNs, end: UtcNs, frames: int, cause: Cause, evidence: str = "") -> list[GapRecord]:
        """Units that present ``[start, end)`` left memory without having become durable.

        What follows on is one gap, until its cause changes, a span without units lies between, or ``storage_back``.
        """
        until = start if self._tail_until is None else self._tail_until
        # A jump back can only come from a wall clock that was set.
        apart = abs(start - until) > SLACK or any(until < resumed <= start for resumed in self._resumed)
        records: list[GapRecord] = []
        if self._tail is not None and (self._tail.cause is not cause or apart):
            records = self.storage_back()
        if self._tail is None:
            self._tail = GapBegan(self._number(), cause, start if apart else max(start, until), evidence)
            records.append(self._tail)
        self._tail_until = max(end, self._tail.start_utc) if apart else max(end, until)
        self._tail_frames += frames
        return records

    def storage_back(self) -> list[GapRecord]:
        """A volume takes units again, beginning with the oldest held. Ends the gap at the tail."""
        tail, until, frames = self._tail, self._tail_until, self._tail_frames
        self._tail, self._tail_frames = None, 0
        if tail is None or until is None:
            return []
        return [GapEnded(tail.number, tail.cause, tail.start_utc, until, frames)]

    # -- the clock ------------------------------------------------------------------------------------------

    def clock_stepped(self, now: UtcNs, offset: DurationNs) -> list[GapRecord]:
        """The wall clock was stepped by ``offset``; ``now`` is its reading afterwards.

        An hour that was skipped becomes a gap of its own, one that passes twice is on record as an instant. Matters
        only while a gap is open: units that are held show a step by themselves.
        """
        head = self._head
        if head is None:
            return []
        before = max(head.start_utc, UtcNs(now - offset))
        return [
            *self._end(before),
            *self._gap(Cause.CLOCK_JUMP, before, UtcNs(before + offset)),
            *self._begin(head.cause, UtcNs(before + offset), head.evidence),
        ]

    def instant(self, utc: UtcNs, cause: Cause) -> list[GapRecord]:
        """Something worth a line in the ledger that cost nothing, such as a camera whose own clock was set."""
        number = self._number()
        return [GapBegan(number, cause, utc), GapEnded(number, cause, utc, utc)]

    # -- bookkeeping ----------------------------------------------------------------------------------------

    def _number(self) -> int:
        self._count += 1
        return self._count

    def _edge(self, utc: UtcNs) -> UtcNs:
        """Where footage ends."""
        return utc if self._covered is None else self._covered

    def _gap(self, cause: Cause, start: UtcNs, end: UtcNs) -> list[GapRecord]:
        return [*self._begin(cause, start, ""), *self._end(end)]

    def _begin(self, cause: Cause, start: UtcNs, evidence: str) -> list[GapRecord]:
        self._head = GapBegan(self._number(), cause, start, evidence)
        return [self._head]

    def _end(self, end: UtcNs) -> list[GapRecord]:
        head = self._head
        if head is None:
            return []
        self._head = None
        self._resumed.append(end)
        # The first unit may be from before the gap was known to have begun: then it has no length.
        return [GapEnded(head.number, head.cause, head.start_utc, max(head.start_utc, end))]

    def _turn(self, cause: Cause, utc: UtcNs, evidence: str) -> list[GapRecord]:
        """The open gap goes on with another cause from ``utc`` on."""
        head = self._head
        if head is None or head.cause is cause:
            return []
        at = max(head.start_utc, utc)
        return [*self._end(at), *self._begin(cause, at, evidence)]
