"""The replay protocol: what is written where, what counts as kept, what has to be written again.

One ``Replay`` is one recording run of one camera, from a start to a stop. It is a pure decision:
no clock, no file, no thread; events go in, effects come out, and the same events give the same
effects. ``docs/design/durability.md`` has the words (watermark ``W``, ``S``, supersede) and the
reasons; ``tests/unit/test_replay_machine.py`` runs it against vanishing volumes and crashes.

Positions are places in the ring's total order of a camera's access units; they count up for ever
within a process and never leave it.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Protocol

from evertape.types import Epoch, SegmentId


@dataclass(frozen=True, slots=True)
class GopView:
    """What the protocol must know of a group of pictures in the ring.

    Args:
        start: position of its keyframe.
        epoch: the capture session all its units belong to.
        caps_id: what describes them; with ``epoch`` it decides which GOPs may share a file.
        first_video: sequence number of the keyframe.
    """

    start: int
    epoch: Epoch
    caps_id: int
    first_video: int


class RingView(Protocol):
    """The ring, as far as the protocol looks at it."""

    @property
    def start(self) -> int:
        """Position of the oldest unit held; ``end`` if none is."""

    @property
    def end(self) -> int:
        """Position that the next unit will get."""

    def gop_at(self, pos: int) -> GopView | None:
        """The last held GOP that starts at or before ``pos``, or ``None``."""


@dataclass(frozen=True, slots=True)
class Supersede:
    """From video unit ``from_seq`` on, the new segment counts instead of ``segment``."""

    segment: SegmentId
    from_seq: int


@dataclass(frozen=True, slots=True)
class OpenWriter:
    """Effect: begin a segment with the GOP at ``start``."""

    segment: SegmentId
    volume: str
    start: int
    generation: int
    supersedes: tuple[Supersede, ...]


@dataclass(frozen=True, slots=True)
class CloseWriter:
    """Effect: finish this segment; it holds every unit handed to it so far."""

    segment: SegmentId
    volume: str
    reason: str


@dataclass(frozen=True, slots=True)
class DropWriter:
    """Effect: forget this segment; what it holds beyond the watermark is written again elsewhere."""

    segment: SegmentId
    volume: str


@dataclass(frozen=True, slots=True)
class Lost:
    """Effect: the units in ``[start, end)`` left the ring without having become durable."""

    start: int
    end: int


Effect = OpenWriter | CloseWriter | DropWriter | Lost


@dataclass(slots=True)
class _Segment:
    id: SegmentId
    volume: str
    epoch: Epoch
    caps_id: int
    start: int
    fragments: list[int] = field(default_factory=list)
    """The end position of each fragment handed over, in order."""
    durable: int = 0
    """How many of them a completed sync covers."""
    closed: bool = False

    @property
    def given(self) -> int:
        return self.fragments[-1] if self.fragments else self.start

    @property
    def durable_to(self) -> int:
        return self.fragments[self.durable - 1] if self.durable else self.start


class Replay:
    """One recording run.

    Args:
        start: where it begins; the position of a keyframe that is in the ring, or will be the next to come.
    """

    def __init__(self, start: int) -> None:
        self.watermark = start
        self.cursor = start
        """The next position to be handed to the current writer, or to begin the next one with."""
        self.stop_at: int | None = None
        self._in_flight: deque[_Segment] = deque()
        self._given: deque[_Segment] = deque()
        """Every segment that may hold units the ring still holds, oldest first: candidates for superseding."""
        self._current: _Segment | None = None
        self._replay = False
        """The writer failed: the next one starts at S, not at the cursor."""
        self._holes: list[tuple[int, int]] = []
        """Booked as lost already, above the watermark: units a living writer was too slow to take."""

    # -- questions ------------------------------------------------------------------------------------------

    @property
    def current(self) -> SegmentId | None:
        """The segment that takes units now."""
        return self._current.id if self._current else None

    @property
    def volume(self) -> str | None:
        """Where the current segment is written."""
        return self._current.volume if self._current else None

    def awaits(self, segment: SegmentId) -> bool:
        """Something of this segment is not known to be durable yet, or more may come."""
        return any(held.id == segment for held in self._in_flight)

    @property
    def volumes_in_flight(self) -> set[str]:
        """The volumes from which an acknowledgement is still awaited."""
        return {segment.volume for segment in self._in_flight}

    @property
    def finished(self) -> bool:
        """Stopped, and everything up to the stop is durable or booked as lost."""
        return self.stop_at is not None and self.watermark >= self.stop_at and not self._in_flight

    def limit(self, ring_end: int) -> int:
        """Up to where units are to be written by now."""
        return ring_end if self.stop_at is None else min(ring_end, self.stop_at)

    def wants_writer(self, ring: RingView) -> bool:
        """There are units to write and nobody to write them."""
        return self._current is None and self.limit(ring.end) > (self.watermark if self._replay else self.cursor)

    def fits(self, gop: GopView) -> bool:
        """Whether this GOP may go into the current segment."""
        current = self._current
        return current is not None and current.epoch == gop.epoch and current.caps_id == gop.caps_id

    def needed_from(self, ring: RingView) -> int:
        """The oldest position the run still needs in the ring: S, or the cursor, whichever is older."""
        needed = min(self.watermark, self.cursor)
        if needed >= self.limit(ring.end) and self.stop_at is not None:
            return self.stop_at
        gop = ring.gop_at(needed)
        return needed if gop is None else gop.start

    # -- events ---------------------------------------------------------------------------------------------

    def open(self, segment: SegmentId, volume: str, generation: int, ring: RingView) -> list[Effect]:
        """A volume can be written: begin a segment there. Call it when ``wants_writer`` says so.

        ``generation`` is higher than that of every earlier segment of the camera.
        """
        effects = self.evicted(ring)
        if self._replay:
            gop = ring.gop_at(self.watermark)
            self.cursor = self.watermark if gop is None else gop.start
            self._replay = False
        gop = ring.gop_at(self.cursor)
        if gop is None or gop.start != self.cursor or self._current is not None:
            # Nothing there yet; the next unit will be a keyframe, or wants_writer was not asked.
            return effects
        supersedes = tuple(
            Supersede(old.id, gop.first_video)
            for old in self._given
            if old.epoch == gop.epoch and old.given > gop.start
        )
        new = _Segment(segment, volume, gop.epoch, gop.caps_id, gop.start)
        self._current = new
        self._in_flight.append(new)
        self._given.append(new)
        effects.append(OpenWriter(segment, volume, gop.start, generation, supersedes))
        self._forget(ring)
        return effects

    def sent(self, end: int) -> None:
        """The units ``[cursor, end)`` went to the current writer as one fragment."""
        assert self._current is not None and end > self.cursor
        self._current.fragments.append(end)
        self.cursor = end

    def rotate(self, reason: str) -> list[Effect]:
        """Close the current segment; the next one begins at the cursor, which must be a keyframe's place."""
        current = self._current
        if current is None:
            return []
        current.closed = True
        self._current = None
        self._advance()
        return [CloseWriter(current.id, current.volume, reason)]

    def may_split(self, ring: RingView) -> bool:
        """A keyframe later than the current segment's own was handed over: ``split`` can begin with it."""
        gop = ring.gop_at(self.cursor - 1)
        return self._current is not None and gop is not None and self._current.start < gop.start

    def split(self, ring: RingView, reason: str) -> list[Effect]:
        """Close the current segment; the next one begins with the last keyframe handed over, and supersedes it there.

        Only if ``may_split``, and ``open`` must follow before anything is evicted.
        """
        gop = ring.gop_at(self.cursor - 1)
        assert gop is not None
        effects = self.rotate(reason)
        self.cursor = gop.start
        return effects

    def stop(self, at: int) -> None:
        """The last unit to keep is the one before ``at``; units handed over later are not taken."""
        self.stop_at = max(at, self.cursor if self._current else self.watermark)

    def durable(self, segment: SegmentId, fragments: int) -> int:
        """A completed sync covers the first ``fragments`` fragments of ``segment``.

        Returns:
            The watermark, which may have risen.
        """
        for held in self._in_flight:
            if held.id == segment:
                held.durable = max(held.durable, min(fragments, len(held.fragments)))
        self._advance()
        return self.watermark

    def failed(self, ring: RingView) -> list[Effect]:
        """A writer failed: drop all that are in flight and start again from S.

        Also the ones on other volumes: they may finish by themselves, and whatever they hold beyond
        S is superseded. Waiting for them would make one disk's trouble another's.
        """
        effects: list[Effect] = [DropWriter(held.id, held.volume) for held in self._in_flight]
        self._in_flight.clear()
        self._current = None
        self._replay = True
        return effects + self.evicted(ring)

    def evicted(self, ring: RingView) -> list[Effect]:
        """The ring dropped its oldest GOPs; call it after each eviction."""
        if self._replay:
            return self._lose_to(min(ring.start, self.limit(ring.end)))
        start = min(ring.start, self.limit(ring.end))
        if start <= self.cursor:
            return []
        effects = self.rotate("evicted")
        effects.append(Lost(self.cursor, start))
        self._holes.append((self.cursor, start))
        self.cursor = start
        self._advance()
        return effects

    # -- inside ---------------------------------------------------------------------------------------------

    def _lose_to(self, end: int) -> list[Effect]:
        effects: list[Effect] = []
        # Holes lie below the ring's start, hence below `end`; what is left between them is lost now.
        for start, stop in [*self._holes, (end, end)]:
            if start > self.watermark:
                effects.append(Lost(self.watermark, start))
            self.watermark = max(self.watermark, stop)
        self._holes.clear()
        return effects

    def _advance(self) -> None:
        while self._in_flight:
            head = self._in_flight[0]
            self.watermark = max(self.watermark, head.durable_to)
            if not (head.closed and head.durable == len(head.fragments)):
                return
            self._in_flight.popleft()
            if self._in_flight:
                # What lies between two segments was booked as lost when it was evicted.
                self.watermark = max(self.watermark, self._in_flight[0].start)
        if not self._replay:
            self.watermark = max(self.watermark, self.cursor)
            self._holes.clear()

    def _forget(self, ring: RingView) -> None:
        while self._given and self._given[0].given <= ring.start and self._given[0] is not self._current:
            self._given.popleft()
