"""The ring holds whole GOPs, counts its bytes, and lets go of what has another home first."""

from __future__ import annotations

from evertape.media.ring import UNIT_OVERHEAD, Gop, Held, Ring, RingKeeper
from evertape.types import NS_PER_S, AccessUnit, Codec, Epoch, StreamCaps, Track, UtcSource, VideoCaps

CAPS = StreamCaps(0, VideoCaps(Codec.H264, b"", 640, 360))


def unit(
    seq: int, *, key: bool = False, track: Track = Track.VIDEO, epoch: str = "e", at_s: float = 0.0, size: int = 100
) -> AccessUnit:
    ns = int(at_s * NS_PER_S)
    return AccessUnit(
        Epoch(epoch), track, seq, ns, ns, ns, ns, UtcSource.ARRIVAL, 0, key or track is Track.AUDIO, 0, bytes(size)
    )


def filled(gops: int, start_s: float = 0.0, size: int = 100) -> Ring:
    ring = Ring()
    for n in range(gops):
        for i in range(5):
            assert ring.append(unit(n * 5 + i, key=i == 0, at_s=start_s + n + i / 5, size=size), CAPS)
    return ring


def evict(ring: Ring, needed: int, *, now_s: float, keep_s: float = 60, budget: int = 1 << 40) -> list[Gop]:
    keeper = RingKeeper(int(keep_s * NS_PER_S), budget)
    return [gop for _, gop in keeper.victims([Held(ring, needed)], int(now_s * NS_PER_S))]


def test_nothing_begins_without_a_keyframe() -> None:
    ring = Ring()
    assert not ring.append(unit(0), CAPS)
    assert not ring.append(unit(0, track=Track.AUDIO), CAPS)
    assert ring.append(unit(1, key=True), CAPS)
    assert ring.append(unit(1, track=Track.AUDIO), CAPS)
    assert (ring.start, ring.end) == (0, 2)


def test_a_unit_of_another_session_does_not_join_an_older_gop() -> None:
    ring = filled(1)
    assert not ring.append(unit(0, track=Track.AUDIO, epoch="f"), CAPS)
    assert ring.append(unit(0, key=True, epoch="f"), CAPS)
    assert ring.append(unit(0, track=Track.AUDIO, epoch="f"), CAPS)


def test_a_gop_is_found_by_any_position_in_it() -> None:
    ring = filled(3)
    assert [ring.gop_at(pos).start for pos in (0, 4, 5, 9, 14, 99)] == [0, 0, 5, 5, 10, 10]  # type: ignore[union-attr]
    assert ring.gop_at(-1) is None
    assert [gop.view.start for gop in ring.gops_from(7)] == [5, 10]
    assert [gop.view.start for gop in ring.gops_from(0)] == [0, 5, 10]


def test_bytes_are_counted_with_what_a_unit_costs_beside_its_payload() -> None:
    ring = filled(2)
    assert ring.bytes == 10 * (100 + UNIT_OVERHEAD)
    ring.evict()
    assert ring.bytes == 5 * (100 + UNIT_OVERHEAD)


def test_what_is_durable_goes_when_it_is_old() -> None:
    ring = filled(10)
    assert [gop.view.start for gop in evict(ring, ring.end, now_s=65)] == [0, 5, 10, 15, 20]


def test_what_is_not_durable_stays_however_old_it_is() -> None:
    ring = filled(10)
    # The watermark lies inside the third GOP: replay would begin there.
    assert [gop.view.start for gop in evict(ring, 12, now_s=1000)] == [0, 5]


def test_the_gop_that_is_being_filled_never_goes() -> None:
    ring = filled(3)
    assert len(evict(ring, ring.end, now_s=1000, budget=0)) == 2
    assert ring.newest is not None


def test_over_budget_what_is_durable_goes_before_what_is_not() -> None:
    fresh = filled(4, start_s=100)  # durable, younger
    waiting = filled(4, start_s=0)  # not durable, older
    one_gop = 5 * (100 + UNIT_OVERHEAD)
    keeper = RingKeeper(60 * NS_PER_S, budget=4 * one_gop)
    gone = list(keeper.victims([Held(fresh, fresh.end), Held(waiting, 0)], 104 * NS_PER_S))
    # Three of the durable ones; the fourth is being filled, so the oldest of the others has to go too.
    assert [ring is fresh for ring, _ in gone] == [True, True, True, False]
    assert fresh.bytes + waiting.bytes <= 4 * one_gop


def test_positions_count_on_after_everything_left() -> None:
    ring = filled(2)
    ring.clear()
    assert (ring.start, ring.end, ring.bytes) == (10, 10, 0)
    assert ring.append(unit(10, key=True), CAPS)
    assert ring.end == 11


# -- a disk that takes footage, but not as fast as it comes -------------------------------------------------------


def slow(ring: Ring, handed: int, budget_gops: float) -> list[int]:
    """Where the GOPs began that went, of a ring whose units were handed over up to ``handed``; nothing is durable."""
    keeper = RingKeeper(60 * NS_PER_S, int(budget_gops * 5 * (100 + UNIT_OVERHEAD)))
    return [gop.view.start for _, gop in keeper.victims([Held(ring, 0, handed)], 0)]


def test_what_is_on_its_way_goes_first_and_nothing_more_is_lost_by_it() -> None:
    assert slow(filled(40), handed=20, budget_gops=37) == [0, 5, 10]


def test_a_hole_is_made_some_seconds_long_for_it_ends_a_file() -> None:
    gone = slow(filled(80), handed=0, budget_gops=79.5)
    assert gone == [5 * n for n in range(6)], "the first, and what came within five seconds"


def test_a_hole_is_not_made_longer_than_an_eighth_of_memory() -> None:
    assert slow(filled(16), handed=0, budget_gops=15.9) == [0, 5, 10]


def test_a_group_of_which_a_part_was_handed_over_makes_no_hole() -> None:
    assert slow(filled(40), handed=2, budget_gops=39.5) == [0]


def test_where_nobody_takes_anything_not_a_group_more_goes_than_has_to() -> None:
    ring = filled(40)
    keeper = RingKeeper(60 * NS_PER_S, int(39.5 * 5 * (100 + UNIT_OVERHEAD)))
    assert [gop.view.start for _, gop in keeper.victims([Held(ring, 0)], 0)] == [0]
