"""What comes in on one stream: into the ring, counted.

Threads: the owner's loop only.
"""

from __future__ import annotations

from collections.abc import Sequence

from evertape.engine.rate import Rate
from evertape.ipc.messages import StreamInfo
from evertape.media.capture import SessionOpened
from evertape.media.ring import Ring
from evertape.types import NS_PER_S, AccessUnit, Epoch, StreamCaps, Track


class Intake:
    """See the module.

    Args:
        ring: where units go.
    """

    def __init__(self, ring: Ring) -> None:
        self.ring = ring
        self.frames = 0
        """Video units ever taken in."""
        self.opened: SessionOpened | None = None
        """What the running session told of itself."""
        self._rate = Rate()
        self._caps: dict[int, StreamCaps] = {}
        self._last_caps: StreamCaps | None = None

    def session_begins(self) -> None:
        """Nothing is known of the new session yet."""
        self._caps.clear()
        self.opened = None

    def session_ends(self) -> None:
        """What comes next is counted afresh."""
        self._rate.reset()

    def describe(self, caps: StreamCaps) -> None:
        """What describes the units that follow."""
        self._caps[caps.id] = self._last_caps = caps

    def take(self, units: Sequence[AccessUnit], now_ns: int) -> int:
        """Put units into the ring; returns the number of pictures it took."""
        ring, caps = self.ring, self._caps
        frames = 0
        for unit in units:
            if not ring.append(unit, caps[unit.caps_id]):
                continue
            if unit.track is Track.VIDEO:
                frames += 1
                self._rate.frame(unit)
        self.frames += frames
        self._rate.count(now_ns, frames, sum([len(unit.data) for unit in units]))
        return frames

    def first_of(self, epoch: Epoch) -> AccessUnit | None:
        """The first unit held of a session; ``None`` if nothing of it came."""
        return next((gop.units[0] for gop in self.ring.gops_from(0) if gop.view.epoch == epoch), None)

    def info(self, stream: str, state: str, now_ns: int, flowing: bool) -> StreamInfo:
        """What it looks like right now; the state's details are whoever keeps it."""
        ring, caps = self.ring, self._last_caps
        fps, bitrate = self._rate.value(now_ns)
        unit = ring.newest_unit
        return StreamInfo(
            stream=stream,
            state=state,
            codec=str(caps.video.codec) if caps else "",
            width=caps.video.width if caps else 0,
            height=caps.video.height if caps else 0,
            audio=str(caps.audio.codec) if caps and caps.audio else "",
            fps=fps if flowing else 0.0,
            bitrate=bitrate if flowing else 0.0,
            gop_s=self._rate.gop_ns / NS_PER_S,
            units=self.frames,
            ring_bytes=ring.bytes,
            ring_s=ring.reach_ns(now_ns) / NS_PER_S,
            utc_source=str(unit.utc_source) if unit else "",
            receiver=str(self.opened.backend) if self.opened else "",
        )
