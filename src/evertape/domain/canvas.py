"""A stretch of time on which whoever paints first stays. Pure; used to account for every instant exactly once."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Canvas(Generic[T]):
    """``[start, end)``, at first all free.

    Args:
        start: in any unit.
        end: not before it.
    """

    def __init__(self, start: int, end: int) -> None:
        self.start = start
        self.end = end
        # The free stretches: apart from each other, in order, none empty.
        self._starts = [start] if start < end else []
        self._ends = [end] if start < end else []
        self._painted: list[tuple[int, T]] = []

    def paint(self, start: int, end: int, make: Callable[[int, int], T]) -> None:
        """Take whatever is free within ``[start, end)``; ``make(a, b)`` is called for each stretch taken."""
        start, end = max(start, self.start), min(end, self.end)
        if start >= end:
            return
        low = max(0, bisect_right(self._starts, start) - 1)
        high = low
        starts, ends = [], []
        while high < len(self._starts) and self._starts[high] < end:
            a, b = self._starts[high], self._ends[high]
            high += 1
            first, last = max(a, start), min(b, end)
            if first < last:
                self._painted.append((first, make(first, last)))
            for left, right in ((a, min(b, start)), (max(a, end), b)):
                if left < right:
                    starts.append(left)
                    ends.append(right)
        self._starts[low:high], self._ends[low:high] = starts, ends

    def free(self) -> list[tuple[int, int]]:
        """What nobody has taken, in order."""
        return list(zip(self._starts, self._ends, strict=True))

    def spans(self) -> list[T]:
        """What was painted, in order of time."""
        return [span for _, span in sorted(self._painted, key=lambda item: item[0])]
