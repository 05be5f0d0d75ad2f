"""Where each sample of an encoded sound belongs in time. Pure.

An encoder sees samples, not gaps: it glues what comes before a hole to what comes after. So its input is kept
true by hand. Small holes are filled with silence, overlaps are cut off, and at a large hole the frame under way
is filled up and the next one begins where the sound does.
"""

from __future__ import annotations

from collections import deque

from evertape.types import NS_PER_MS, NS_PER_S

FRAME_SAMPLES = 1024
"""Samples per AAC-LC frame and channel (ISO/IEC 14496-3 4.5.1.1, frameLengthFlag 0)."""

TOLERANCE_NS = 40 * NS_PER_MS
"""Time stamps wobble by so much and mean nothing by it (jitter buffers; GStreamer's encoders allow the same)."""


class SampleLine:
    """Counts samples in and frames out. One thread.

    Args:
        rate: samples per second.
        delay: samples by which what the encoder's first frame decodes to precedes the first sample it was given.
    """

    def __init__(self, rate: int, delay: int) -> None:
        self._rate = rate
        self._delay = delay
        self._fed = 0
        self._frames = 0
        self._anchors: deque[tuple[int, int]] = deque()

    def place(self, count: int, pts_ns: int) -> tuple[int, int]:
        """Take note of ``count`` samples that begin at ``pts_ns``.

        Returns:
            How many samples of silence to give to the encoder first, and how many of these to leave out.
        """
        silence = skip = 0
        if not self._anchors:
            self._anchors.append((0, pts_ns))
        error_ns = pts_ns - self._pts_of(self._fed)
        off = error_ns * self._rate // NS_PER_S
        if error_ns > TOLERANCE_NS and off <= FRAME_SAMPLES:
            silence = off
        elif off > FRAME_SAMPLES or off < -self._rate:
            silence = -(self._fed + self._delay) % FRAME_SAMPLES
            self._anchors.append((self._fed + silence, pts_ns))
        elif error_ns < -TOLERANCE_NS:
            skip = min(-off, count)
        self._fed += silence + count - skip
        return silence, skip

    def next_frame(self) -> int | None:
        """The encoder put out a frame: its PTS, or ``None`` if it holds nothing but what precedes the first sample."""
        start = self._frames * FRAME_SAMPLES - self._delay
        self._frames += 1
        if not self._anchors or start + FRAME_SAMPLES <= 0:
            return None
        while len(self._anchors) > 1 and self._anchors[1][0] <= start:
            self._anchors.popleft()
        index, pts_ns = self._anchors[0]
        return pts_ns + (start - index) * NS_PER_S // self._rate

    def _pts_of(self, sample: int) -> int:
        index, pts_ns = self._anchors[-1]
        return pts_ns + (sample - index) * NS_PER_S // self._rate
