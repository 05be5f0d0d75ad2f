"""What a recording run needs from the recording it belongs to. Threads: the owner's loop only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from evertape.domain.cause import Cause
from evertape.engine.disk_link import DiskLink
from evertape.engine.guard import Guard
from evertape.engine.segment_writer import SegmentWriter, SentFragment
from evertape.ipc.messages import CameraSettings
from evertape.media.ring import Ring

if TYPE_CHECKING:
    from evertape.engine.recording_run import RecordingRun


class RunOwner(Protocol):
    """See the module."""

    settings: CameraSettings
    ring: Ring
    guard: Guard

    def choose_link(self) -> DiskLink | None:
        """The volume to write to now, if there is one."""

    def next_generation(self) -> int:
        """A number higher than every one before."""

    def replaces(self, why: str, writer: SegmentWriter) -> None:
        """This writer is about to be replaced by another one."""

    def opened(self, run: RecordingRun, writer: SegmentWriter) -> None:
        """A segment was begun."""

    def accepted(self, run: RecordingRun, writer: SegmentWriter) -> None:
        """Its file exists."""

    def durable(self, run: RecordingRun, writer: SegmentWriter, done: Sequence[SentFragment]) -> None:
        """Footage became durable."""

    def failed(self, run: RecordingRun, writer: SegmentWriter, fault: str, errno: int, text: str) -> None:
        """A writer failed; what was not durable will be replayed."""

    def closed(self, run: RecordingRun, writer: SegmentWriter) -> None:
        """A file is finished."""

    def lost(self, run: RecordingRun, frames: int, start_utc_ns: int, end_utc_ns: int, cause: Cause | None) -> None:
        """Video units are gone without having become durable; ``cause`` if it is not the storage's."""
