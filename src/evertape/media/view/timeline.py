"""When to show a picture: from media time, which starts anew with every session, to a pipeline's running time. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from evertape.media.view.terms import Picture
from evertape.types import NS_PER_MS, Epoch

LATE_NS = 250 * NS_PER_MS
"""Pictures that come so much later than their time move all later ones back: beyond what the pipeline waits for."""

EARLY_NS = 500 * NS_PER_MS
"""Pictures that come so much before their time (the first ones came late) move all later ones forward."""


class PictureClock:
    """Places pictures on the running time of one pipeline, never before what was placed already at a change.

    The newest picture of a batch belongs to now; the ones before it lie in the past and are decoded at once.
    """

    def __init__(self) -> None:
        self._epoch: Epoch | None = None
        self._offset = 0
        self._floor = 0
        self._highest = -1

    def place(self, pictures: Sequence[Picture], now_ns: int) -> list[int]:
        """The running times of a batch from one epoch, in its order.

        Args:
            pictures: what came together; not empty.
            now_ns: the pipeline's running time.
        """
        newest = max(picture.pts_ns for picture in pictures)
        ahead = newest + self._offset - now_ns
        if pictures[0].epoch != self._epoch or not -LATE_NS <= ahead <= EARLY_NS:
            self._epoch = pictures[0].epoch
            self._offset = now_ns - newest
            # Reordered pictures are placed out of order, so only a change makes a floor.
            self._floor = self._highest + 1
        times = [max(self._floor, picture.pts_ns + self._offset) for picture in pictures]
        self._highest = max(self._highest, *times)
        return times

    def not_before(self, running_ns: int) -> None:
        """Something else was shown until then: nothing is placed before it."""
        self._floor = max(self._floor, running_ns)
        self._highest = max(self._highest, running_ns - 1)
