"""When a fragment is full."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evertape.mp4.cutter import Cut, FragmentCutter
from evertape.types import AccessUnit, Epoch, Track, UtcSource

MS = 1_000_000
EPOCH = Epoch("e" * 32)


def video(i: int, *, key: bool = False, at_ms: int | None = None) -> AccessUnit:
    dts = (i * 40 if at_ms is None else at_ms) * MS
    return AccessUnit(EPOCH, Track.VIDEO, i, dts, dts, dts + 5 * MS, 0, UtcSource.ARRIVAL, 0, key, 0, b"v")


def audio(i: int, at_ms: int) -> AccessUnit:
    dts = at_ms * MS
    return AccessUnit(EPOCH, Track.AUDIO, i, dts, dts, dts + 5 * MS, 0, UtcSource.ARRIVAL, 0, True, 0, b"a")


def cut(units: list[AccessUnit], cutter: FragmentCutter | None = None) -> list[Cut]:
    cutter = cutter or FragmentCutter()
    cuts = list(cutter.push(units))
    last = cutter.flush()
    return cuts + ([last] if last is not None else [])


def test_a_long_gop_is_cut_every_half_second() -> None:
    cuts = cut([video(i, key=i == 0) for i in range(100)])
    assert [len(c.units) for c in cuts] == [13, 13, 13, 13, 13, 13, 13, 9]
    assert cuts[0].next_dts_ns == {Track.VIDEO: 520 * MS}
    assert cuts[-1].next_dts_ns == {}


def test_a_key_unit_begins_a_fragment() -> None:
    cuts = cut([video(i, key=i % 5 == 0) for i in range(12)])
    assert [[u.seq for u in c.units] for c in cuts] == [[0, 1, 2, 3, 4], [5, 6, 7, 8, 9], [10, 11]]


def test_audio_that_waits_before_a_key_unit_stays_with_it() -> None:
    cuts = cut([audio(0, 0), video(0, key=True, at_ms=10), audio(1, 21), video(1, key=True, at_ms=50)])
    assert [len(c.units) for c in cuts] == [3, 1]


def test_audio_that_lags_far_behind_does_not_shred_the_fragments() -> None:
    units = []
    for i in range(50):
        units += [video(i, key=i == 0, at_ms=2000 + i * 40), audio(i, i * 40)]
    assert len(cut(units)) == 4


def test_silent_video_lets_audio_leave_and_the_other_way_round() -> None:
    assert [len(c.units) for c in cut([audio(i, i * 20) for i in range(60)])] == [25, 25, 10]
    assert len(cut([video(i) for i in range(26)])) == 2


def test_a_change_of_caps_or_session_ends_the_fragment() -> None:
    a, b = video(0), replace(video(1), caps_id=1)
    c = replace(video(2), caps_id=1, epoch=Epoch("f" * 32))
    assert [len(x.units) for x in cut([a, b, c])] == [1, 1, 1]


def test_a_jump_of_time_in_either_direction_ends_the_fragment() -> None:
    assert [len(c.units) for c in cut([video(0, at_ms=5000), video(1, at_ms=100), video(2, at_ms=140)])] == [1, 2]


def test_the_deadline_is_known_only_while_something_waits() -> None:
    cutter = FragmentCutter()
    deadlines = [cutter.deadline_ns]
    assert list(cutter.push([video(0)])) == []
    deadlines.append(cutter.deadline_ns)
    assert cutter.pending == 1
    assert cutter.flush() is not None
    assert cutter.flush() is None
    deadlines.append(cutter.deadline_ns)
    assert deadlines == [None, 5 * MS + 1000 * MS, None]


def test_a_period_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="shorter"):
        FragmentCutter(0)


@settings(deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 3000), st.booleans()), max_size=60))
def test_every_unit_leaves_once_and_in_order(shape: list[tuple[bool, int, bool]]) -> None:
    units = [video(i, key=key, at_ms=at) if is_video else audio(i, at) for i, (is_video, at, key) in enumerate(shape)]
    cuts = cut(units)
    assert [u for c in cuts for u in c.units] == units
    for c in cuts:
        pictures = [u for u in c.units if u.track is Track.VIDEO]
        assert not any(u.key for u in pictures[1:])
