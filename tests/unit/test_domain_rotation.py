from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evertape.domain.rotation import RotationPolicy, next_boundary, rotation_due, stagger
from evertape.types import NS_PER_S, DurationNs, UtcNs

TEN_MIN = RotationPolicy()
BASE = int(datetime(2026, 3, 1, tzinfo=UTC).timestamp()) * NS_PER_S


def at(h: int, m: int, s: float = 0) -> UtcNs:
    return UtcNs(BASE + round((h * 3600 + m * 60 + s) * NS_PER_S))


def seconds(value: float) -> DurationNs:
    return DurationNs(round(value * NS_PER_S))


@pytest.mark.parametrize(
    "start, boundary",
    [
        (at(12, 0), at(12, 10)),
        (at(12, 3), at(12, 10)),
        (at(12, 7, 30), at(12, 10)),
        (at(12, 7, 30.1), at(12, 20)),
        (at(12, 9, 57), at(12, 20)),
    ],
)
def test_files_end_on_the_wall_clock_and_a_nearby_boundary_is_skipped(start: UtcNs, boundary: UtcNs) -> None:
    assert next_boundary(start, TEN_MIN) == boundary


def test_each_camera_has_its_own_boundary() -> None:
    shifted = RotationPolicy(offset=seconds(37))
    assert next_boundary(at(12, 0), shifted) == at(12, 10, 37)
    assert next_boundary(at(12, 0, 37), shifted) == at(12, 10, 37)


def test_the_first_keyframe_at_or_after_the_boundary_begins_the_next_file() -> None:
    start = at(12, 0, 0.4)
    assert not rotation_due(start, UtcNs(at(12, 10) - 1), seconds(599.5), 0, TEN_MIN)
    assert rotation_due(start, at(12, 10), seconds(599.6), 0, TEN_MIN)


def test_without_alignment_the_length_counts() -> None:
    policy = RotationPolicy(align=False)
    assert not rotation_due(at(12, 9, 59), at(12, 19, 58), seconds(599), 0, policy)
    assert rotation_due(at(12, 9, 59), at(12, 19, 59), seconds(600), 0, policy)


def test_size_ends_a_file_before_its_time_but_never_an_empty_one() -> None:
    policy = RotationPolicy(max_bytes=1000)
    assert not rotation_due(at(12, 0), at(12, 0, 10), seconds(10), 999, policy)
    assert rotation_due(at(12, 0), at(12, 0, 10), seconds(10), 1000, policy)
    assert not rotation_due(at(12, 0), at(12, 0), seconds(0), 5000, policy)


@pytest.mark.parametrize("align", [True, False])
@pytest.mark.parametrize("gop_s", [1, 7, 50])
@given(
    steps=st.lists(st.tuples(st.integers(0, 3000), st.integers(-4000, 4000)), max_size=8),
    offset=st.integers(0, 599),
    start=st.integers(0, 3600),
)
def test_a_stepped_clock_makes_neither_endless_files_nor_a_flood(
    align: bool, gop_s: int, steps: list[tuple[int, int]], offset: int, start: int
) -> None:
    policy = RotationPolicy(align=align, offset=seconds(offset))
    jumps = dict(steps)
    utc, begun, media = start, start, 0
    lengths = []
    for second in range(gop_s, 6000, gop_s):
        utc += gop_s + sum(jumps.get(s, 0) for s in range(second - gop_s, second))
        media += gop_s
        if rotation_due(at(0, 0, begun), at(0, 0, utc), seconds(media), 0, policy):
            lengths.append(media)
            begun, media = utc, 0
    assert all(150 <= length <= 900 for length in lengths), lengths
    assert sum(lengths) + media == second


@given(st.integers(0, 10**6), st.integers(2, 3600), st.integers(0, 3599))
def test_with_a_steady_clock_every_boundary_is_met(start: int, rotation: int, offset: int) -> None:
    policy = RotationPolicy(seconds(rotation), offset=seconds(offset))
    boundary = next_boundary(at(0, 0, start), policy)
    length = boundary - at(0, 0, start)
    assert policy.rotation <= 4 * length <= 5 * policy.rotation
    assert (boundary - policy.offset) % policy.rotation == 0
    assert rotation_due(at(0, 0, start), boundary, DurationNs(length), 0, policy)
    assert not rotation_due(at(0, 0, start), UtcNs(boundary - 1), DurationNs(length - 1), 0, policy)


@given(st.integers(1, 64), st.integers(2, 3600))
def test_cameras_are_spread_evenly_over_the_rotation(count: int, rotation: int) -> None:
    shifts = [stagger(i, count, seconds(rotation)) for i in range(count)]
    assert shifts == sorted(shifts)
    assert shifts[0] == 0
    assert shifts[-1] < seconds(rotation)
    distances = [b - a for a, b in zip(shifts, [*shifts[1:], seconds(rotation)], strict=True)]
    assert max(distances) - min(distances) <= 1


def test_a_camera_that_is_not_among_them_has_no_share() -> None:
    with pytest.raises(ValueError, match="no camera 4 among 4"):
        stagger(4, 4, seconds(600))
    with pytest.raises(ValueError, match="takes time"):
        RotationPolicy(seconds(0))
