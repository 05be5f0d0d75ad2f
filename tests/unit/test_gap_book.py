"""Pictures that are shown in another order than they are sent: a hole between them is one gap, where it is."""

from __future__ import annotations

from itertools import pairwise

import pytest

from evertape.clock import Clock, ManualClock
from evertape.domain.cause import Cause
from evertape.engine.gap_book import GapBook
from evertape.ipc.events import AnyEvent, EventStamp, GapClosed
from evertape.media.ring import Ring
from evertape.media.rtsp.timeline import VideoTimeline
from evertape.types import NS_PER_MS, NS_PER_S, AccessUnit, Epoch, Track, UtcSource
from evertape_lab.fake_disk import caps

GOP = 25
ORDERS = {
    "none": [0],
    "one B-picture": [0, 2, 1],
    "two B-pictures": [0, 3, 1, 2],
    "a pyramid": [0, 4, 2, 1, 3],
}


class Host:
    """What a book needs."""

    def __init__(self) -> None:
        self.hands = ManualClock(boot_ns=0, utc_ns=1_000 * NS_PER_S)
        self.clock: Clock = self.hands
        self.stamp = EventStamp("recorder-0", "service", self.clock)
        self.events: list[AnyEvent] = []

    def journal(self, event: AnyEvent) -> None:
        self.events.append(event)


class Sender:
    """A camera whose picture ``n`` is shown at ``n`` frames; its GOPs are closed."""

    def __init__(self, order: list[int], fps: int, reorder: int | None) -> None:
        self.host, self.ring = Host(), Ring()
        self.book = GapBook("cam", self.ring, self.host)
        self._order, self._fps, self._seq = order, fps, 0
        self._line = VideoTimeline(90_000, reorder, NS_PER_S // fps)

    def send(self, first: int, gops: int, *, batch: int) -> None:
        """Whole GOPs from picture ``first`` on, noted ``batch`` at a time."""
        numbers = [n for gop in range(gops) for n in self._decoding_order(first + gop * GOP)]
        for count, n in enumerate(numbers, 1):
            self._put(n, key=(n - first) % GOP == 0)
            if count % batch == 0:
                self.book.note_held()
        self.book.note_held()

    def _decoding_order(self, first: int) -> list[int]:
        step = max(self._order)
        if not step:
            return list(range(first, first + GOP))
        groups = range(0, GOP - step, step)
        inner = [n + at for at in groups for n in self._order[1:]]
        return [first, *(first + n for n in inner), *range(first + groups[-1] + step + 1, first + GOP)]

    def _put(self, n: int, *, key: bool) -> None:
        shown = n * NS_PER_S // self._fps
        late = self._order[1] if len(self._order) > 1 else 0
        self.host.hands.advance(max(0, shown + late * NS_PER_S // self._fps - self.host.clock.boot_ns()))
        at = self._line.place(n * 90_000 // self._fps, self.host.clock.boot_ns())
        unit = AccessUnit(
            epoch=Epoch("e"), track=Track.VIDEO, seq=self._seq, dts_ns=at.dts_ns, pts_ns=at.pts_ns,
            arrival_ns=self.host.clock.boot_ns(), utc_ns=1_000 * NS_PER_S + shown, utc_source=UtcSource.RTCP,
            utc_error_ns=NS_PER_MS, key=key, caps_id=0, data=b"x",
        )  # fmt: skip
        self._seq += 1
        assert self.ring.append(unit, caps())

    def gaps(self) -> list[tuple[str, float, float]]:
        return [
            (event.cause, event.start_utc / NS_PER_S - 1_000, (event.end_utc or 0) / NS_PER_S - 1_000)
            for event in self.host.events
            if isinstance(event, GapClosed) and event.cause != Cause.STARTING
        ]


@pytest.mark.parametrize("batch", [1, 2, 3, 5, 100])
@pytest.mark.parametrize("fps", [25, 5])
@pytest.mark.parametrize("declared", [True, False])
@pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS)
def test_a_hole_is_one_gap_however_pictures_are_reordered(
    order: list[int], declared: bool, fps: int, batch: int
) -> None:
    depth = sum(later < n for n, later in pairwise(order)) if len(order) > 1 else 0
    camera = Sender(order, fps, {0: 0, 1: 1}.get(depth, 2) if declared else None)
    camera.book.run_begins(0)
    camera.book.wish_on()
    camera.send(0, 8, batch=batch)
    assert camera.gaps() == []
    camera.send(11 * GOP, 8, batch=batch)
    [(cause, start, end)] = camera.gaps()
    frame = 1 / fps
    assert cause == Cause.STREAM_STALLED
    assert end == pytest.approx(11 * GOP / fps, abs=0.001)
    assert start == pytest.approx(8 * GOP / fps, abs=6 * frame)
