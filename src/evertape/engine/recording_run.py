"""One recording run, from a start to a stop: the effects around ``domain.replay``.

Threads: the owner's loop only.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Sequence

from evertape.domain.cause import Cause
from evertape.domain.replay import CloseWriter, DropWriter, Effect, Lost, OpenWriter, Replay
from evertape.domain.rotation import RotationPolicy, rotation_due
from evertape.domain.volumes import RETIRED
from evertape.engine.departed import Departed
from evertape.engine.disk_link import DiskLink
from evertape.engine.run_owner import RunOwner
from evertape.engine.segment_writer import SegmentWriter, SentFragment
from evertape.media.ring import Gop
from evertape.types import NS_PER_S, AccessUnit, DurationNs, SegmentId, UtcNs

log = logging.getLogger(__name__)

_HOME_NS = NS_PER_S
"""A better volume is waited for until the next keyframe, but no longer than this: back on the primary within 2 s."""

_SLICE = 16
"""Units fed at a time: less than a fragment, so that no more of a backlog is handed over than there is room for."""


class RecordingRun:
    """See the module.

    Args:
        owner: the camera's recording.
        start: ring position of the keyframe it begins with.
    """

    def __init__(self, owner: RunOwner, start: int) -> None:
        self._owner = owner
        self._ring = owner.ring
        self.start = start
        self.replay = Replay(start)
        self._writer: SegmentWriter | None = None
        self._writers: dict[SegmentId, SegmentWriter] = {}
        self._departed = Departed()
        self._rotate_for: str | None = None
        self._home_since: int | None = None
        self.waits = False
        """Something is to be written, and no volume takes it."""

    # -- questions ------------------------------------------------------------------------------------------

    @property
    def writer(self) -> SegmentWriter | None:
        """The segment that takes units now."""
        return self._writer

    @property
    def finished(self) -> bool:
        """Stopped, and everything is durable or booked as lost, and every file closed."""
        return self.replay.finished and not self._writers

    @property
    def needed_from(self) -> int:
        """The oldest ring position this run may still have to read."""
        return self.replay.needed_from(self._ring)

    @property
    def pending_bytes(self) -> int:
        """Bytes in the ring at and above the watermark."""
        return sum(
            len(unit.data)
            for gop in self._ring.gops_from(self.replay.watermark)
            for unit in gop.units[max(0, self.replay.watermark - gop.view.start) :]
        )

    # -- events ---------------------------------------------------------------------------------------------

    def pump(self, now_ns: int) -> None:
        """Write what can be written. Cheap when there is nothing to do; call it once per round."""
        ring, replay = self._ring, self.replay
        self.waits = False
        self._go_home(now_ns)
        # Each round of the loop either opens a segment or fills it up to a boundary.
        while True:
            if self._writer is None and (not replay.wants_writer(ring) or not self._open()):
                return
            if not self._fill(now_ns):
                return

    def stop(self, at: int) -> None:
        """End the run before ring position ``at``."""
        self.replay.stop(at)

    def split(self, reason: str) -> bool:
        """Begin a new file, with the last keyframe if the current one has an earlier one; else with the next to come.

        Returns:
            Whether the old file was closed at once; ``pump`` begins the new one.
        """
        writer = self._writer
        if writer is not None and self._link() is not None and self.replay.may_split(self._ring):
            # A split at once must find its volume at once, so that nothing is evicted in between.
            self._sent(writer.flush())
            self._perform(self.replay.split(self._ring, reason))
            return True
        self._rotate_for = reason
        return False

    def restart_writers(self) -> None:
        """Throw away whatever is under way; what is not durable is written anew."""
        self._perform(self.replay.failed(self._ring))

    def abandon(self, cause: Cause) -> None:
        """Give the run up where it stands: what is not durable by now is lost because of ``cause``."""
        start, end = self.replay.watermark, self.replay.limit(self._ring.end)
        for writer in list(self._writers.values()):
            writer.drop()
        self._writers.clear()
        self._writer = None
        for gop in self._ring.gops_from(start):
            self._departed.add(gop)
        self._lost(start, end, cause)
        self._departed.clear()

    def volume_failed(self, link: DiskLink) -> bool:
        """Everything in flight on this volume is written again elsewhere; False if nothing was."""
        if link.endpoint.name not in self.replay.volumes_in_flight:
            return False
        self._perform(self.replay.failed(self._ring))
        return True

    def evicted(self, gop: Gop) -> None:
        """The ring dropped ``gop``."""
        if gop.end > self.replay.watermark and gop.view.start < self.replay.limit(self._ring.end):
            self._departed.add(gop)
        if self._writer is not None and self._ring.start > self.replay.cursor:
            self._finish_gop(self._writer, gop)
        self._perform(self.replay.evicted(self._ring))
        self._departed.forget_before(self.replay.watermark)

    # -- the segments' fates (SegmentOwner) -----------------------------------------------------------------

    def segment_accepted(self, writer: SegmentWriter) -> None:
        """Its file exists."""
        with self._owner.guard:
            self._owner.accepted(self, writer)

    def segment_durable(self, writer: SegmentWriter, fragments: int, done: Sequence[SentFragment]) -> None:
        """Raise the watermark."""
        with self._owner.guard:
            self.replay.durable(writer.id, fragments)
            self._owner.durable(self, writer, done)
            self._departed.forget_before(self.replay.watermark)

    def segment_failed(self, writer: SegmentWriter, fault: str, errno: int, text: str) -> None:
        """Drop everything in flight and replay."""
        if self._writers.pop(writer.id, None) is None:
            return
        with self._owner.guard:
            self._owner.failed(self, writer, fault, errno, text)
            # One that was only waiting for its index is durable already: nobody else need suffer for it.
            if self.replay.awaits(writer.id):
                self._perform(self.replay.failed(self._ring))

    def segment_closed(self, writer: SegmentWriter) -> None:
        """A file is finished."""
        if self._writers.pop(writer.id, None) is not None:
            with self._owner.guard:
                self._owner.closed(self, writer)

    # -- inside ---------------------------------------------------------------------------------------------

    def _open(self) -> bool:
        link = self._link()
        if link is None:
            return False
        segment = SegmentId(uuid.uuid4().hex)
        self._perform(self.replay.open(segment, link.endpoint.name, self._owner.next_generation(), self._ring), link)
        return self._writer is not None

    def _link(self) -> DiskLink | None:
        link = self._owner.choose_link()
        self.waits = link is None
        gop = self._ring.find(max(self.needed_from, self._ring.start))
        # A file is begun where it can be filled; until then its footage stays in the ring.
        return link if link is not None and gop and link.admits(self, gop.units[0].arrival_ns) else None

    def _go_home(self, now_ns: int) -> None:
        """Leave a spill volume without waiting for a keyframe any longer, once a better one is back."""
        writer = self._writer
        if writer is None or writer.link.endpoint.role == "primary":
            self._home_since = None
            return
        better = self._owner.choose_link()
        if better is None or better is writer.link:
            self._home_since = None
        elif self._home_since is None:
            self._home_since = now_ns
        elif now_ns - self._home_since > _HOME_NS:
            self._owner.replaces("home", writer)
            self.restart_writers()

    def _fill(self, now_ns: int) -> bool:
        """Feed the current writer; True if it was closed and another one may be wanted."""
        writer, ring, replay = self._writer, self._ring, self.replay
        assert writer is not None
        limit = replay.limit(ring.end)
        for gop in ring.gops_from(writer.fed):
            if writer.fed == gop.view.start and (reason := self._boundary(writer, gop)):
                self._sent(writer.flush(gop.units[0]))
                if reason in ("home", "failover"):
                    self._owner.replaces(reason, writer)
                self._perform(replay.rotate(reason))
                return True
            offset = writer.fed - gop.view.start
            end = min(gop.end, limit) - gop.view.start
            if not self._feed(writer, gop.units[offset:end]):
                # It goes on in the next round. What the disk is too slow for leaves the ring and is booked.
                return False
        writer.link.content(self)
        at_stop = replay.stop_at is not None and writer.fed >= replay.stop_at
        if at_stop or ((due := writer.flush_at_ns) is not None and due <= now_ns and writer.fed >= limit):
            self._sent(writer.flush())
        if at_stop:
            self._perform(replay.rotate("stop"))
        return False

    def _feed(self, writer: SegmentWriter, units: Sequence[AccessUnit]) -> bool:
        """Hand units over as long as there is room; whether there was for all of them.

        Whoever leaves for a volume that keeps up finishes its GOP, room or not: what follows goes there at once.
        """
        better = self._owner.choose_link() if writer.link.congested else None
        leaves = better is not None and better is not writer.link
        for at in range(0, len(units), _SLICE):
            if not writer.link.admits(self, units[at].arrival_ns) and not leaves:
                return False
            self._sent(writer.feed(units[at : at + _SLICE]))
        return True

    def _finish_gop(self, writer: SegmentWriter, gop: Gop) -> None:
        """What was begun of a GOP that leaves the ring is written whole, room or not; what was not begun is lost."""
        end = min(gop.end, self.replay.limit(self._ring.end))
        if gop.view.start < writer.fed < end:
            self._sent(writer.feed(gop.units[writer.fed - gop.view.start : end - gop.view.start]))
        self._sent(writer.flush())

    def _sent(self, ends: list[int]) -> None:
        for end in ends:
            self.replay.sent(end)

    def _boundary(self, writer: SegmentWriter, gop: Gop) -> str | None:
        if gop.view.start == writer.fed and writer.sent == 0 and gop.units[0] is writer.first:
            return None
        if not self.replay.fits(gop.view):
            return "epoch" if gop.view.epoch != writer.first.epoch else "caps"
        if self._rotate_for is not None:
            return self._rotate_for
        better = self._owner.choose_link()
        if better is not None and better is not writer.link and writer.link.endpoint.role != "primary":
            return "home"
        if writer.link.endpoint.role == RETIRED:
            return "failover"
        if not writer.link.usable or (writer.link.congested and better is not None and better is not writer.link):
            # Full: what is left is for others. Too slow: somebody else takes over.
            return "failover"
        settings = self._owner.settings
        policy = RotationPolicy(
            DurationNs(settings.rotation_ns),
            settings.rotation_align,
            DurationNs(settings.rotation_offset_ns),
            settings.rotation_size,
        )
        key = gop.units[0]
        media = DurationNs(key.pts_ns - writer.first.pts_ns)
        if rotation_due(UtcNs(writer.start_utc_ns), UtcNs(key.utc_ns), media, writer.size, policy):
            return "rotate"
        return None

    def _perform(self, effects: list[Effect], link: DiskLink | None = None) -> None:
        for effect in effects:
            match effect:
                case OpenWriter():
                    self._begin(effect, link)
                case CloseWriter(segment=segment, reason=reason):
                    self._rotate_for = None
                    if self._writer is not None and self._writer.id == segment:
                        self._writer = None
                    self._writers[segment].close(reason)
                case DropWriter(segment=segment):
                    if self._writer is not None and self._writer.id == segment:
                        self._writer = None
                    if dropped := self._writers.pop(segment, None):
                        dropped.drop()
                case Lost(start=start, end=end):
                    self._lost(start, end)
        if self.replay.current is None:
            self._writer = None

    def _begin(self, plan: OpenWriter, link: DiskLink | None) -> None:
        gop = self._ring.find(plan.start)
        assert gop is not None and link is not None
        writer = SegmentWriter(self._owner.settings, plan, gop, link, self)
        self._writer = self._writers[plan.segment] = writer
        self._owner.opened(self, writer)

    def _lost(self, start: int, end: int, cause: Cause | None = None) -> None:
        marks = self._departed.within(start, end)
        if marks:
            first, last = min(mark.utc_ns for mark in marks), max(mark.end_utc_ns for mark in marks)
            self._owner.lost(self, len(marks), first, last, cause)
