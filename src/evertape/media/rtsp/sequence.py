"""Packets that seem to come late: a repetition, or a stream whose one packet had a wrong number. No input or output."""

from __future__ import annotations

_RUN = 3
LATE = 0xFF00
"""A sequence number that is ahead of the expected one by this or more is taken for one from before it."""


class LateRun:
    """Recognises by three consecutive late packets that they are the stream itself, which a wrong number ran ahead of.

    Without it such a number (a flipped bit in the camera, say) would cost the up to 255 packets until the true ones
    catch up: half a second of a picture, five seconds of sound.
    """

    __slots__ = ("_expected", "_following", "_length")

    def __init__(self) -> None:
        self._length = 0
        self._following = -1
        self._expected = -1

    def is_stream(self, seq: int, expected: int) -> bool:
        """Take the number of a late packet while ``expected`` was awaited; True if it is to be taken as the stream."""
        # Repetitions of a stream that goes on in between are no run.
        on = seq == self._following and expected == self._expected
        self._length = self._length + 1 if on else 1
        self._following, self._expected = (seq + 1) & 0xFFFF, expected
        return self._length >= _RUN
