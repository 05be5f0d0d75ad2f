"""Who is told what happens to a stream. Threads: the owner's loop only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from evertape.domain.camera_events import Changed
from evertape.media.capture import StreamNotice
from evertape.types import AccessUnit

if TYPE_CHECKING:
    from evertape.engine.stream import StreamWorker


class StreamOwner(Protocol):
    """See the module."""

    def stream_changed(self, worker: StreamWorker, change: Changed) -> None:
        """Status or reason changed."""

    def stream_began(self, worker: StreamWorker, first: AccessUnit) -> None:
        """The first unit of a session came; it is a keyframe and in the ring."""

    def stream_noticed(self, worker: StreamWorker, notice: StreamNotice) -> None:
        """The session noticed something and goes on."""

    def stream_drained(self, worker: StreamWorker, now_ns: int) -> None:
        """Units were taken in outside the regular round; the ring has grown."""
