"""What a camera's recording has stored, for people to look at, and when its files really began.

Threads: the owner's loop only.
"""

from __future__ import annotations

from collections.abc import Sequence

from evertape.engine.recording_host import RecordingHost
from evertape.engine.segment_writer import SegmentWriter, SentFragment, start_by
from evertape.ipc.events import SegmentClock
from evertape.ipc.messages import RecordingInfo
from evertape.types import NS_PER_S, AccessUnit, UtcSource

_MOST_UNSETTLED = 32
"""Files whose start may wait for the camera's first report; it comes within seconds, or never."""


class RecordingCount:
    """Sums since the recorder started. Units as in ``RecordingInfo``."""

    def __init__(self) -> None:
        self.newest: SentFragment | None = None
        """What became durable last."""
        self.segments = self.frames = self.frames_lost = self.bytes = self.recorded_ns = 0

    def durable(self, done: Sequence[SentFragment]) -> None:
        """Footage became durable."""
        self.newest = done[-1]
        for fragment in done:
            self.frames += fragment.frames
            self.recorded_ns += fragment.duration_ns
            self.bytes += fragment.size

    def info(self, now_ns: int, writer: SegmentWriter | None) -> RecordingInfo:
        """The numbers, and the file being written; what else there is to know is whoever knows it."""
        newest = self.newest
        return RecordingInfo(
            wanted=False,
            state="",
            volume=writer.link.endpoint.name if writer else "",
            file=writer.path if writer else "",
            segment=writer.id if writer else "",
            segments=self.segments,
            recorded_s=self.recorded_ns / NS_PER_S,
            bytes=self.bytes,
            durable_age_s=(now_ns - newest.arrival_ns) / NS_PER_S if newest else None,
            durable_utc=newest.end_utc_ns if newest else 0,
            frames=self.frames,
            frames_lost=self.frames_lost,
        )


class FileStarts:
    """The finished files whose start in UTC may still become known better."""

    def __init__(self, host: RecordingHost) -> None:
        self._host = host
        self._waiting: list[SegmentWriter] = []

    def closed(self, writer: SegmentWriter) -> None:
        """A file is finished."""
        if not writer.clock_settled:
            self._waiting = [*self._waiting[-_MOST_UNSETTLED + 1 :], writer]

    def settle(self, unit: AccessUnit | None) -> None:
        """Say when finished files really began, once the camera's first report is there; ``unit`` is the newest."""
        if not self._waiting or unit is None or unit.utc_source is not UtcSource.RTCP:
            return
        host = self._host
        for writer in self._waiting:
            if writer.first.epoch == unit.epoch:
                start, error = start_by(unit, writer.first)
                host.journal(
                    SegmentClock(
                        **host.stamp(),
                        segment=writer.id,
                        start_utc=start,
                        utc_source=str(unit.utc_source),
                        utc_error=error,
                    )
                )
        self._waiting.clear()
