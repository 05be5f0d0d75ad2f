"""A camera's gaps as they are written down: what was held is told to the ``GapTracker``, what it finds to the journal.

Threads: the owner's loop only.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from evertape.clock import Clock
from evertape.domain.cause import Cause
from evertape.domain.gaps import SLACK, GapBegan, GapRecord, GapTracker
from evertape.ipc.events import AnyEvent, EventStamp, GapClosed, GapOpened
from evertape.media.ring import Ring
from evertape.types import NS_PER_S, AccessUnit, DurationNs, Track, UtcNs

_REORDER = 4
"""No camera shows a picture later than so many others that follow it."""
_PAUSE_NS = 2 * NS_PER_S
"""A camera that slows its pictures down to save bits pauses for less than this; what is longer is missing footage."""
_DAMAGE_NS = NS_PER_S
"""A loss is told when the next packet comes, so up to a batch after the last whole unit."""
_SETTLED_NS = 10 * NS_PER_S
"""Sender reports come every few seconds; a camera that has sent for so long without a notice has the right time."""
_CAMERA_CLOCK_NS = 2_500_000_000


class BookHost(Protocol):
    """What the book needs from the recorder."""

    clock: Clock
    stamp: EventStamp

    def journal(self, event: AnyEvent) -> None:
        """Write an event down."""


class GapBook:
    """See the module. The tracker's demands on the order of calls are met here and nowhere else.

    Args:
        camera: whose gaps.
        ring: where its units are.
        host: the recorder.
    """

    def __init__(self, camera: str, ring: Ring, host: BookHost) -> None:
        self._camera = camera
        self._ring = ring
        self._host = host
        self._tracker = GapTracker()
        self._prefix = host.stamp()["id"]
        self._held_to: int | None = None
        self._last: AccessUnit | None = None
        self._frame_ns: int | None = None
        self._hole_ns = 0
        self._ahead_ns = 0
        self._reordering_ns = 0
        self._damaged_at: int | None = None
        self._flows_since: int | None = None
        self._camera_clock: int | None = None

    @property
    def waits_for(self) -> Cause | None:
        """Why there is nothing to store, if there is nothing."""
        return self._tracker.head.cause if self._tracker.head is not None else None

    # -- the wish -------------------------------------------------------------------------------------------

    def run_begins(self, start: int) -> None:
        """What is in the ring from position ``start`` on is recorded."""
        self._held_to = start
        self._last = None

    def wish_on(self) -> None:
        """Recording is meant to go on from now. After ``run_begins`` and ``note_held`` if a unit is at hand."""
        self._write(self._tracker.wish_on(self._now()))

    def wish_off(self, cause: Cause) -> None:
        """Recording is no longer meant to go on. After ``note_held``."""
        self._held_to = None
        self._write(self._tracker.wish_off(self._now(), cause))

    # -- the head -------------------------------------------------------------------------------------------

    def note_held(self) -> None:
        """Tell the tracker of every unit that came since the last time."""
        begin, end = self._held_to, self._ring.end
        if begin is None or begin >= end:
            return
        self._held_to = end
        for gop in self._ring.gops_from(begin):
            units = gop.units[max(0, begin - gop.view.start) :]
            self._note([unit for unit in units if unit.track is Track.VIDEO])

    def capture_back(self) -> None:
        """Frames come again."""
        self._flows_since = self._host.clock.boot_ns()
        self._tracker.capture_back()

    def capture_lost(self, cause: Cause, evidence: str) -> None:
        """Frames no longer come, or still do not but for another cause; ``evidence`` is an event's id."""
        self.note_held()
        self._flows_since = None
        self._write(self._tracker.capture_lost(self._now(), cause, evidence))

    def damaged(self) -> None:
        """The session noticed that something of the stream never came."""
        self._damaged_at = self._host.clock.boot_ns()

    # -- the tail -------------------------------------------------------------------------------------------

    def lost(self, start_utc: int, end_utc: int, frames: int, cause: Cause) -> None:
        """Units left memory without having become durable."""
        # Only what was held can be lost.
        self.note_held()
        self._write(self._tracker.lost(UtcNs(start_utc), UtcNs(end_utc), frames, cause))

    def storage_back(self) -> None:
        """Footage becomes durable again."""
        if self._tracker.tail is not None:
            self._write(self._tracker.storage_back())

    # -- clocks ---------------------------------------------------------------------------------------------

    def host_clock_stepped(self, offset_ns: int) -> None:
        """The host's wall clock was stepped by ``offset_ns`` just now."""
        self._write(self._tracker.clock_stepped(self._now(), DurationNs(offset_ns)))

    def camera_clock(self, offset_ns: int) -> None:
        """The camera's own clock is so far ahead of ours; 0: it agrees. On record only if it was set while it sent."""
        known, boot = self._camera_clock, self._host.clock.boot_ns()
        if known is None and self._flows_since is not None and boot - self._flows_since > _SETTLED_NS:
            known = 0
        self._camera_clock = offset_ns
        if known is not None and abs(offset_ns - known) > _CAMERA_CLOCK_NS and self._tracker.wanted:
            self._write(self._tracker.instant(self._now(), Cause.CLOCK_JUMP))

    # -- inside ---------------------------------------------------------------------------------------------

    def _now(self) -> UtcNs:
        return self._host.clock.utc_ns()

    def _note(self, video: Sequence[AccessUnit]) -> None:
        span: list[AccessUnit] = []
        missing, hole = 0, Cause.STREAM_DAMAGED
        for unit in video:
            found = self._hole(unit)
            if found is not None:
                self._held(span, missing, hole)
                span = []
                missing, hole = found
            elif not span:
                self._stretch(unit)
            span.append(unit)
            self._advance(unit, found is not None)
        self._held(span, missing, hole)

    def _hole(self, unit: AccessUnit) -> tuple[int, Cause] | None:
        """The media time missing before ``unit``, and why; ``None`` if it follows on."""
        last = self._last
        if last is None or last.epoch != unit.epoch or self._frame_ns is None:
            return None
        missing = self._since(last, unit) - self._frame_ns
        if missing > SLACK and self._damaged_at is not None and self._damaged_at >= last.arrival_ns - _DAMAGE_NS:
            return missing, Cause.STREAM_DAMAGED
        return (missing, Cause.STREAM_STALLED) if missing > _PAUSE_NS else None

    def _since(self, last: AccessUnit, unit: AccessUnit) -> int:
        """Media time from ``last`` to ``unit``, with what lies between though decoding times do not show it yet."""
        return unit.dts_ns - last.dts_ns + self._ahead(unit) - self._ahead_ns

    def _ahead(self, unit: AccessUnit) -> int:
        """How much later a picture is shown than reordering explains.

        With B-pictures a decoding time is the n-th smallest presentation time, some pictures late: behind a hole the
        first ones still have decoding times from before it.
        """
        excess = unit.pts_ns - unit.dts_ns - self._reordering_ns
        return excess if excess > SLACK + _REORDER * (self._frame_ns or 0) else 0

    def _stretch(self, unit: AccessUnit) -> None:
        """The picture before ``unit`` lasted until ``unit``, by media time, and was told to have ended earlier."""
        last = self._last
        if last is None or last.epoch != unit.epoch:
            return
        lasted = self._since(last, unit)
        if lasted > (self._frame_ns or 0) + SLACK:
            start = UtcNs(last.utc_ns)
            self._write(self._tracker.held(start, UtcNs(start + lasted)))

    def _advance(self, unit: AccessUnit, after_hole: bool) -> None:
        last, self._last = self._last, unit
        if last is None or last.epoch != unit.epoch:
            self._ahead_ns, self._reordering_ns = 0, unit.pts_ns - unit.dts_ns
            return
        distance = self._since(last, unit)
        self._ahead_ns = self._ahead(unit)
        if not self._ahead_ns:
            self._reordering_ns = max(self._reordering_ns, unit.pts_ns - unit.dts_ns)
        if distance <= 0:
            return
        # A camera that goes on at the pace of the hole was set to fewer pictures.
        if not after_hole or distance <= 2 * self._hole_ns:
            self._frame_ns = distance
        self._hole_ns = distance if after_hole else 0

    def _held(self, span: Sequence[AccessUnit], missing: int, hole: Cause) -> None:
        if not span:
            return
        start = UtcNs(min(unit.utc_ns for unit in span))
        # The picture before a hole lasted as long as its predecessors, not until the hole's end.
        end = UtcNs(max(unit.utc_ns for unit in span) + (self._frame_ns or 0))
        self._write(self._tracker.held(start, end, missing=DurationNs(missing), hole=hole))

    def _write(self, records: Iterable[GapRecord]) -> None:
        host = self._host
        for record in records:
            gap, camera, cause = f"{self._prefix}-{record.number}", self._camera, str(record.cause)
            if isinstance(record, GapBegan):
                host.journal(
                    GapOpened(
                        **host.stamp(),
                        gap=gap,
                        camera=camera,
                        cause=cause,
                        start_utc=record.start_utc,
                        evidence=record.evidence,
                    )
                )
            else:
                host.journal(
                    GapClosed(
                        **host.stamp(),
                        gap=gap,
                        camera=camera,
                        cause=cause,
                        start_utc=record.start_utc,
                        end_utc=record.end_utc,
                        frames_lost=record.frames_lost,
                        done="lost" if record.frames_lost else "",
                    )
                )
