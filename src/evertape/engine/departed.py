"""The pictures that left the ring while their fate was open: for counting exactly what is lost."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from evertape.media.ring import Gop, VideoMark
from evertape.types import Track


class Departed:
    """Where they were in the ring's order, and when; without their bytes."""

    def __init__(self) -> None:
        self._marks: deque[VideoMark] = deque()

    def __len__(self) -> int:
        return len(self._marks)

    def __iter__(self) -> Iterator[VideoMark]:
        return iter(self._marks)

    def add(self, gop: Gop) -> None:
        """These left; GOPs leave in their order."""
        self._marks.extend(_marks(gop))

    def within(self, start: int, end: int) -> list[VideoMark]:
        """Those at the positions ``[start, end)``."""
        return [mark for mark in self._marks if start <= mark.pos < end]

    def forget_before(self, pos: int) -> None:
        """What became of those before ``pos`` is known."""
        while self._marks and self._marks[0].pos < pos:
            self._marks.popleft()

    def clear(self) -> None:
        """What became of all of them is known."""
        self._marks.clear()


def _marks(gop: Gop) -> list[VideoMark]:
    video = [(pos, unit) for pos, unit in enumerate(gop.units, gop.view.start) if unit.track is Track.VIDEO]
    marks, frame = [], 0
    for i, (pos, unit) in enumerate(video):
        if i + 1 < len(video):
            frame = video[i + 1][1].dts_ns - unit.dts_ns
        marks.append(VideoMark(pos, unit.utc_ns, unit.utc_ns + max(0, frame)))
    return marks
