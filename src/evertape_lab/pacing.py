"""One thread sends every picture of every camera at the moment it is due.

Time: the frame numbered ``n`` of a camera in slot ``s`` is due at
``(n * slots + s) / (fps * slots)`` seconds of UTC since 1970. So a counter never repeats
across restarts, ``n`` and UTC always agree, and the loop's own clock equals UTC modulo
the loop's length (but for the slot, less than one frame). Slots spread the cameras over the
frame interval, as real ones are; all pictures at once would be a burst nobody meets.

The monotonic clock paces; its distance to UTC is read once at the start, so a stepped host
clock does not disturb the counters.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from evertape.types import NS_PER_S
from evertape_lab.gstreamer import Gst
from evertape_lab.loop import AudioLoop, VideoLoop
from evertape_lab.sei import SeiBuilder, stamp

log = logging.getLogger(__name__)

MAX_SLOTS = 8
LATE_LIMIT_NS = NS_PER_S
"""A camera that was stopped for longer does not send what it missed: real ones have no such memory."""


def utc_minus_monotonic_ns() -> int:
    """The distance between the two clocks; the best of several readings, good to a few microseconds."""
    best, distance = 1 << 62, 0
    for _ in range(20):
        before, utc, after = time.monotonic_ns(), time.time_ns(), time.monotonic_ns()
        if after - before < best:
            best, distance = after - before, utc - (before + after) // 2
    return distance


@dataclass(frozen=True, slots=True)
class Rhythm:
    """When frames are due. ``fps`` frames a second in each of ``slots`` slots."""

    fps: int
    slots: int

    def utc_ns(self, n: int, slot: int) -> int:
        """UTC at which frame ``n`` of a camera in ``slot`` is shown."""
        return self.tick_ns(n * self.slots + slot)

    def tick_ns(self, tick: int) -> int:
        """UTC of the ``tick``-th slot since 1970."""
        return tick * NS_PER_S // (self.fps * self.slots)

    def tick_after(self, utc_ns: int) -> int:
        """The first tick later than ``utc_ns``."""
        tick = utc_ns * self.fps * self.slots // NS_PER_S
        return tick if self.tick_ns(tick) > utc_ns else tick + 1


class Feed:
    """One stream of one camera on its way into one media pipeline.

    Created on the server's thread, then used by the pacing thread alone, but for the
    flags ``live``, ``paused`` and ``muted``, which others set and the pacing thread reads.

    Args:
        name: what the SEI says.
        slot: the camera's slot.
        video: the loop, and the ``appsrc`` that takes it.
        audio: the tone and its ``appsrc``, if the camera has sound.
        base_ns: monotonic time at which the pipeline's running time is 0.
        on_not_sent: called by the pacing thread with name, first and last number of frames that were left out.
    """

    def __init__(
        self,
        name: str,
        slot: int,
        video: tuple[VideoLoop, Any],
        audio: tuple[AudioLoop, Any] | None,
        base_ns: int,
        on_not_sent: Callable[[str, int, int], None],
    ) -> None:
        self.name = name
        self.slot = slot
        self.live = False
        self.paused = False
        self.muted = False
        self._loop, self._source = video
        self._audio = audio
        self._base_ns = base_ns
        self._sei = SeiBuilder(self._loop.params.codec, name)
        self._on_not_sent = on_not_sent
        self._running = False
        self._next: int | None = None
        self._audio_next = 0
        self._delay = self._loop.delay
        self._frames = self._loop.frames
        self._duration = NS_PER_S // self._loop.params.fps

    def end(self) -> None:
        """Send end-of-stream; nothing sent later arrives."""
        self.live = False
        for source in [self._source] if self._audio is None else [self._source, self._audio[1]]:
            source.end_of_stream()

    def hold(self) -> None:
        """Send nothing more until the next key frame."""
        self._running = False

    def push(self, tick_n: int, rhythm: Rhythm, offset_ns: int, stamps: dict[int, bytes]) -> None:
        """Send the frame that can be sent at ``tick_n``; ``stamps`` is shared by the cameras of one tick."""
        if not self.live or self.paused:
            self._running = False
            return
        n = tick_n - self._delay
        index = n % len(self._frames)
        frame = self._frames[index]
        if not self._running and not frame.key:
            return
        shown = n - index + frame.display
        utc_ns = rhythm.utc_ns(shown, self.slot)
        text = stamps.get(utc_ns)
        if text is None:
            text = stamps[utc_ns] = stamp(n, utc_ns)
        if not self._running:
            self._begin(n, utc_ns)
        self._next = n + 1
        self._send(self._source, frame.head + self._sei.sized(text) + frame.tail, utc_ns - offset_ns, frame.key)
        if self._audio is not None:
            self._push_audio(rhythm.utc_ns(tick_n, self.slot), offset_ns)

    def _begin(self, n: int, utc_ns: int) -> None:
        self._running = True
        self._audio_next = self._audio_index(utc_ns)
        if self._next is not None and n > self._next:
            self._on_not_sent(self.name, self._next, n - 1)

    def _audio_index(self, utc_ns: int) -> int:
        if self._audio is None:
            return 0
        loop = self._audio[0]
        return utc_ns * loop.rate // (NS_PER_S * loop.samples) + 1

    def _push_audio(self, now_ns: int, offset_ns: int) -> None:
        """Send the units of sound that have ended by now. ``utc = index * samples / rate``."""
        assert self._audio is not None
        loop, source = self._audio
        while (end := (self._audio_next + 1) * loop.samples * NS_PER_S // loop.rate) <= now_ns:
            if not self.muted:
                start = self._audio_next * loop.samples * NS_PER_S // loop.rate
                data = loop.units[self._audio_next % len(loop.units)]
                self._send(source, data, start - offset_ns, True, end - start)
            self._audio_next += 1

    def _send(self, source: Any, data: bytes, mono_ns: int, key: bool, duration: int = 0) -> None:
        buffer = Gst.Buffer.new_wrapped(data)
        buffer.pts = mono_ns - self._base_ns
        buffer.duration = duration or self._duration
        if not key:
            buffer.set_flags(Gst.BufferFlags.DELTA_UNIT)
        source.push_buffer(buffer)


class Pacer:
    """The pacing thread. All methods may be called from any thread.

    Args:
        rhythm: when frames are due; one for all cameras of a process.
    """

    def __init__(self, rhythm: Rhythm) -> None:
        self.rhythm = rhythm
        self.offset_ns = utc_minus_monotonic_ns()
        self._changed = threading.Condition()
        self._slots: list[list[Feed]] = [[] for _ in range(rhythm.slots)]
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="pacer", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread and wait for it."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        self._thread.join(timeout=5)

    def add(self, feed: Feed) -> None:
        """Serve ``feed`` from now on."""
        with self._changed:
            # New lists, so that the thread may go through an old one without holding the lock.
            self._slots[feed.slot] = [*self._slots[feed.slot], feed]
            self._changed.notify()

    def remove(self, feed: Feed) -> None:
        """Stop serving ``feed``; a push under way may still finish."""
        with self._changed:
            self._slots[feed.slot] = [other for other in self._slots[feed.slot] if other is not feed]

    def feeds(self) -> list[Feed]:
        """Everything that is served now."""
        with self._changed:
            return [feed for slot in self._slots for feed in slot]

    def _utc_ns(self) -> int:
        return time.monotonic_ns() + self.offset_ns

    def _run(self) -> None:
        try:
            tick = self.rhythm.tick_after(self._utc_ns())
            while self._wait(tick):
                late = self._utc_ns() - self.rhythm.tick_ns(tick)
                if late > LATE_LIMIT_NS:
                    tick = self._skip()
                    continue
                self._push(tick)
                tick += 1
        except Exception:
            log.exception("the pacing thread failed")
            raise

    def _wait(self, tick: int) -> bool:
        """Sleep until ``tick`` is due; without feeds until there is one. False when stopping."""
        with self._changed:
            while not self._stopping and not any(self._slots):
                self._changed.wait()
            if self._stopping:
                return False
        delay = self.rhythm.tick_ns(tick) - self._utc_ns()
        if delay > 0:
            time.sleep(delay / NS_PER_S)
        return True

    def _skip(self) -> int:
        """Leave out what was due while the process stood still or nobody watched; all wait for a key frame."""
        for feed in self.feeds():
            feed.hold()
        return self.rhythm.tick_after(self._utc_ns())

    def _push(self, tick: int) -> None:
        n, slot = divmod(tick, self.rhythm.slots)
        stamps: dict[int, bytes] = {}
        for feed in self._slots[slot]:
            feed.push(n, self.rhythm, self.offset_ns, stamps)
