"""What a slow disk is given, and when it counts as slow; a disk of a given rate on a virtual clock."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import pytest

from evertape.domain.handover import (
    AIM_NS,
    HOLD_NS,
    LONGEST_HOLD_NS,
    NARROW_BYTES,
    PATIENCE_NS,
    STRAINED_NS,
    WIDE_BYTES,
    Congestion,
    Window,
)
from evertape.types import NS_PER_MS, NS_PER_S

ROUND_NS = 100 * NS_PER_MS
FRAGMENT_NS = 500 * NS_PER_MS


@dataclass
class Disk:
    """Writes in the order of handing over, and says each ``sync_ns`` what it has."""

    rate: float
    sync_ns: int = 500 * NS_PER_MS
    queue: deque[tuple[int, int, int]] = field(default_factory=deque)
    written: int = 0
    credit: float = 0.0
    idle_ns: int = 0
    done: dict[int, int] = field(default_factory=dict)
    synced_ns: int = 0

    def work(self, window: Window, now: int) -> None:
        self.credit += self.rate * ROUND_NS / NS_PER_S
        while self.queue and self.queue[0][2] <= self.credit:
            writer, index, size = self.queue.popleft()
            self.credit -= size
            self.written += size
            self.done[writer] = index + 1
        if not self.queue:
            self.idle_ns += ROUND_NS
            self.credit = 0.0
        if now - self.synced_ns >= self.sync_ns:
            self.synced_ns = now
            for writer, fragments in self.done.items():
                window.durable(writer, fragments, now)


class Site:
    """Cameras that send a fragment each half second, and the disk they share."""

    def __init__(self, disk: Disk, *cameras: int) -> None:
        self.disk, self.window, self.now = disk, Window(), 10 * NS_PER_S
        self.sizes = [rate // 2 for rate in cameras]
        self.waiting: list[deque[int]] = [deque() for _ in cameras]
        self.handed = [0 for _ in cameras]
        self.most = 0

    def run(self, seconds: float) -> None:
        for _ in range(round(seconds * NS_PER_S / ROUND_NS)):
            self.now += ROUND_NS
            for camera, size in enumerate(self.sizes):
                if self.now % FRAGMENT_NS == 0:
                    self.waiting[camera].append(self.now)
                self._hand_over(camera, size)
            self.disk.work(self.window, self.now)
            self.most = max(self.most, self.window.bytes)

    def _hand_over(self, camera: int, size: int) -> None:
        waiting = self.waiting[camera]
        while waiting:
            turn = self.window.is_turn(camera, waiting[0], self.now)
            if not turn or not self.window.has_room(self.now):
                return
            waiting.popleft()
            self.window.given(camera, size, self.now)
            self.disk.queue.append((camera, self.handed[camera], size))
            self.handed[camera] += 1
        self.window.content(camera)


def test_a_disk_that_keeps_up_is_given_everything_at_once() -> None:
    site = Site(Disk(40e6), *[500_000] * 16)
    site.run(60)
    assert not any(site.waiting)
    assert not site.window.strained
    assert site.window.limit(site.now) == WIDE_BYTES


@pytest.mark.parametrize("rate", [30_000, 250_000, 1_000_000, 5_000_000])
@pytest.mark.parametrize("sync_s", [0.5, 1.5])
def test_a_slow_disk_is_never_idle_and_never_has_more_than_a_few_seconds_of_work(rate: int, sync_s: float) -> None:
    cameras = [rate // 2] * 4  # twice what it takes
    site = Site(Disk(rate, round(sync_s * NS_PER_S)), *cameras)
    site.run(30)
    site.disk.idle_ns, site.disk.written, site.most = 0, 0, 0
    site.run(300)
    assert site.disk.written >= 0.98 * 300 * rate - 2 * site.sizes[0]
    assert site.disk.idle_ns <= 5 * NS_PER_S
    assert site.most <= max(NARROW_BYTES, (AIM_NS / NS_PER_S + 2 * sync_s) * rate) + 4 * site.sizes[0]


def test_a_disk_that_becomes_slow_at_once_is_given_no_more_than_four_seconds_more() -> None:
    site = Site(Disk(40e6), *[500_000] * 16)
    site.run(20)
    site.disk.rate, site.most = 500_000, 0
    site.run(120)
    assert site.most <= (AIM_NS + 2 * FRAGMENT_NS) / NS_PER_S * 8_000_000


def test_a_disk_whose_syncs_take_three_seconds_whatever_is_in_them_gets_all_that_it_can_take() -> None:
    site = Site(Disk(20e6, 3 * NS_PER_S), *[500_000] * 8)
    site.run(300)
    assert max(map(len, site.waiting)) <= 2
    assert site.window.strained


def test_cameras_on_a_slow_disk_fall_behind_alike_whatever_they_send() -> None:
    site = Site(Disk(500_000), 800_000, 100_000, 100_000)
    site.run(120)
    behind = [site.now - waiting[0] for waiting in site.waiting]
    assert min(behind) > 40 * NS_PER_S
    assert max(behind) - min(behind) <= 3 * NS_PER_S


def test_a_disk_that_is_fast_again_catches_up_within_seconds() -> None:
    site = Site(Disk(500_000), *[500_000] * 4)
    site.run(60)
    backlog = sum(map(len, site.waiting)) * site.sizes[0]
    assert backlog > 60_000_000
    site.disk.rate = 40e6
    site.run(10)
    assert not any(site.waiting)


def test_a_window_narrows_to_what_a_disk_that_keeps_nothing_is_tried_with() -> None:
    window = Window()
    window.given(1, 8 << 20, 0)
    assert window.has_room(STRAINED_NS)
    assert not window.has_room(STRAINED_NS + 1)
    assert window.limit(60 * NS_PER_S) == NARROW_BYTES
    window.ended(1)
    assert window.bytes == 0
    assert window.has_room(60 * NS_PER_S)


def test_what_ends_or_is_durable_is_no_longer_on_its_way() -> None:
    window = Window()
    for writer in (1, 2):
        for n in range(3):
            window.given(writer, 100, n)
    window.durable(1, 2, 10)
    window.durable(1, 2, 11)
    window.durable(7, 2, 11)
    assert (window.bytes, window.oldest_ns(10)) == (400, 10)
    window.ended(2)
    assert (window.bytes, window.oldest_ns(10)) == (100, 8)
    window.durable(1, 3, 12)
    assert (window.bytes, window.oldest_ns(12)) == (0, 0)


def test_whoever_no_longer_asks_keeps_nobody_waiting() -> None:
    window = Window()
    window.given(1, 100, 0)
    now = STRAINED_NS + 1
    window.has_room(now)
    assert window.strained
    assert window.is_turn("old", 0, now)
    assert not window.is_turn("young", NS_PER_S, now)
    assert window.is_turn("young", NS_PER_S, now + 2 * NS_PER_S), "the other has not asked for a while"
    assert window.is_turn("old", 0, now + 2 * NS_PER_S)
    window.content("old")
    assert window.is_turn("young", NS_PER_S, now + 2 * NS_PER_S)


# -- whether it keeps up ------------------------------------------------------------------------------------------


def judged(congestion: Congestion, ages_s: list[float | None], start: int = 0) -> list[bool]:
    seen = []
    for n, age in enumerate(ages_s):
        congestion.look(None if age is None else round(age * NS_PER_S), start + n * ROUND_NS)
        seen.append(congestion.on)
    return seen


def test_footage_that_is_held_back_for_two_seconds_and_gets_older_is_too_much_for_the_disk() -> None:
    seen = judged(Congestion(), [1 + n / 20 for n in range(40)])
    assert seen.index(True) == PATIENCE_NS // ROUND_NS


def test_a_moments_jam_is_nothing() -> None:
    assert not any(judged(Congestion(), [*[0.5] * 19, None] * 10))


def test_catching_up_is_not_being_slow() -> None:
    assert not any(judged(Congestion(), [60 - n / 5 for n in range(300)]))


def test_it_is_over_once_nothing_was_held_back_for_a_while_and_later_the_next_time() -> None:
    congestion, start, holds = Congestion(), 0, []
    for _ in range(8):
        assert judged(congestion, [1 + n / 20 for n in range(30)], start)[-1]
        start += 30 * ROUND_NS
        calm = judged(congestion, [None] * 4000, start)
        holds.append(calm.index(False) * ROUND_NS)
        start += holds[-1] + NS_PER_S
    assert holds[:4] == [HOLD_NS, 2 * HOLD_NS, 4 * HOLD_NS, 8 * HOLD_NS]
    assert holds[-1] == LONGEST_HOLD_NS


def test_a_volume_that_nobody_writes_to_may_be_tried_but_is_not_known_to_keep_up() -> None:
    congestion, now = Congestion(), 0

    def rounds(seconds: float, *, held_back: bool = False, used: bool = True) -> None:
        nonlocal now
        for n in range(round(seconds * NS_PER_S / ROUND_NS)):
            now += ROUND_NS
            congestion.look(NS_PER_S + n * ROUND_NS if held_back else None, now, used=used)

    rounds(3, held_back=True)
    assert (congestion.on, congestion.known) == (True, True)
    rounds(11, used=False)
    assert (congestion.on, congestion.known) == (False, True), "it may be tried"
    rounds(3, held_back=True)
    rounds(21, used=False)
    assert (congestion.on, congestion.known) == (False, True), "tried, and too slow again: one story"
    rounds(9)
    assert congestion.known
    rounds(2)
    assert not congestion.known, "it took everything for ten seconds"
    rounds(3, held_back=True)
    rounds(LONGEST_HOLD_NS / NS_PER_S + 1, used=False)
    assert not congestion.known, "nobody has asked it for long"
