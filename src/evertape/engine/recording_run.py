"""One recording run, from a start to a stop: the effects around ``domain.replay``.

Threads: the owner's loop only.
"""

from __future__ import annotations

import logging
import uuid
from collections import deque
from collections.abc import Sequence
from typing import Protocol

from evertape.domain.cause import Cause
from evertape.domain.replay import CloseWriter, DropWriter, Effect, Lost, OpenWriter, Replay
from evertape.domain.rotation import RotationPolicy, rotation_due
from evertape.engine.disk_link import DiskLink
from evertape.engine.guard import Guard
from evertape.engine.segment_writer import SegmentWriter, SentFragment
from evertape.ipc.messages import CameraSettings
from evertape.media.ring import Gop, Ring, VideoMark
from evertape.types import DurationNs, SegmentId, Track, UtcNs

log = logging.getLogger(__name__)

_CONGESTED_BYTES = 8 << 20
"""What may wait for a disk process that does not read: the rest stays in the ring, which has a budget."""


class RunOwner(Protocol):
    """What a run needs from the recording it belongs to."""

    settings: CameraSettings
    ring: Ring
    guard: Guard

    def choose_link(self) -> DiskLink | None:
        """The volume to write to now, if there is one."""

    def next_generation(self) -> int:
        """A number higher than every one before."""

    def opened(self, run: RecordingRun, writer: SegmentWriter) -> None:
        """A segment was begun."""

    def durable(self, run: RecordingRun, writer: SegmentWriter, done: Sequence[SentFragment]) -> None:
        """Footage became durable."""

    def failed(self, run: RecordingRun, writer: SegmentWriter, fault: str, errno: int, text: str) -> None:
        """A writer failed; what was not durable will be replayed."""

    def closed(self, run: RecordingRun, writer: SegmentWriter) -> None:
        """A file is finished."""

    def lost(self, run: RecordingRun, frames: int, start_utc_ns: int, end_utc_ns: int, cause: Cause | None) -> None:
        """Video units are gone without having become durable; ``cause`` if it is not the storage's."""


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
        self._departed: deque[VideoMark] = deque()
        """The pictures that left the ring while their fate was open; for counting exactly what is lost."""
        self._rotate_for: str | None = None

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
        # Each round of the loop either opens a segment or fills it up to a boundary.
        while True:
            if self._writer is None and (not replay.wants_writer(ring) or not self._open()):
                return
            if not self._fill(now_ns):
                return

    def stop(self, at: int) -> None:
        """End the run before ring position ``at``."""
        self.replay.stop(at)

    def split(self, reason: str) -> None:
        """Begin a new file at the next keyframe."""
        self._rotate_for = reason

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
            self._departed.extend(_marks(gop))
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
            self._departed.extend(_marks(gop))
        if self._writer is not None and self._ring.start > self.replay.cursor:
            # What the writer was fed and had not sent need not be lost.
            self._sent(self._writer.flush())
        self._perform(self.replay.evicted(self._ring))
        self._forget_departed()

    # -- the segments' fates (SegmentOwner) -----------------------------------------------------------------

    def segment_durable(self, writer: SegmentWriter, fragments: int, done: Sequence[SentFragment]) -> None:
        """Raise the watermark."""
        with self._owner.guard:
            self.replay.durable(writer.id, fragments)
            self._owner.durable(self, writer, done)
            self._forget_departed()

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
        link = self._owner.choose_link()
        if link is None:
            return False
        segment = SegmentId(uuid.uuid4().hex)
        self._perform(self.replay.open(segment, link.endpoint.name, self._owner.next_generation(), self._ring), link)
        return self._writer is not None

    def _fill(self, now_ns: int) -> bool:
        """Feed the current writer; True if it was closed and another one may be wanted."""
        writer, ring, replay = self._writer, self._ring, self.replay
        assert writer is not None
        limit = replay.limit(ring.end)
        for gop in ring.gops_from(writer.fed):
            if writer.link.queued_bytes > _CONGESTED_BYTES:
                # It goes on in the next round. What the disk is too slow for leaves the ring and is booked.
                return False
            if writer.fed == gop.view.start and (reason := self._boundary(writer, gop)):
                self._sent(writer.flush(gop.units[0]))
                self._perform(replay.rotate(reason))
                return True
            offset = writer.fed - gop.view.start
            end = min(gop.end, limit) - gop.view.start
            if end > offset:
                self._sent(writer.feed(gop.units[offset:end]))
        at_stop = replay.stop_at is not None and writer.fed >= replay.stop_at
        if at_stop or ((due := writer.flush_at_ns) is not None and due <= now_ns and writer.fed >= limit):
            self._sent(writer.flush())
        if at_stop:
            self._perform(replay.rotate("stop"))
        return False

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
        marks = [mark for mark in self._departed if start <= mark.pos < end]
        if marks:
            first, last = min(mark.utc_ns for mark in marks), max(mark.end_utc_ns for mark in marks)
            self._owner.lost(self, len(marks), first, last, cause)

    def _forget_departed(self) -> None:
        while self._departed and self._departed[0].pos < self.replay.watermark:
            self._departed.popleft()


def _marks(gop: Gop) -> list[VideoMark]:
    """What has to be remembered of a GOP: where its pictures were, and when."""
    video = [(pos, unit) for pos, unit in enumerate(gop.units, gop.view.start) if unit.track is Track.VIDEO]
    marks, frame = [], 0
    for i, (pos, unit) in enumerate(video):
        if i + 1 < len(video):
            frame = video[i + 1][1].dts_ns - unit.dts_ns
        marks.append(VideoMark(pos, unit.utc_ns, unit.utc_ns + max(0, frame)))
    return marks
