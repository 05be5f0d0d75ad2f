"""Of overlapping segments, each held unit counts exactly once."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evertape.domain.resolve import HeldSpan, resolve
from evertape.types import Epoch, SegmentId

E = Epoch("e")


def span(name: str, generation: int, first: int, last: int, epoch: Epoch = E) -> HeldSpan:
    return HeldSpan(SegmentId(name), epoch, generation, first, last)


@pytest.mark.parametrize(
    ("held", "expected"),
    [
        pytest.param([(0, 0, 120), (1, 96, 200)], [(0, 0, 95), (1, 96, 200)], id="replacement-reaches-further"),
        pytest.param([(0, 0, 120), (1, 96, 110)], [(0, 0, 120), (1, 96, 95)], id="replacement-adds-nothing"),
        pytest.param(
            [(0, 0, 120), (1, 96, 110), (2, 108, 130)], [(0, 0, 107), (1, 96, 95), (2, 108, 130)], id="third-one-counts"
        ),
        pytest.param([(0, 0, 9), (1, 20, 29)], [(0, 0, 9), (1, 20, 29)], id="a-hole-stays-a-hole"),
        pytest.param([(1, 20, 29), (2, 5, 24)], [(2, 5, 24), (1, 25, 29)], id="an-older-run-finishes-late"),
        pytest.param([(0, 8, 12), (1, 8, 30)], [(0, 8, 7), (1, 8, 30)], id="wholly-replaced"),
    ],
)
def test_later_generation_counts_where_it_reaches_further(
    held: list[tuple[int, int, int]], expected: list[tuple[int, int, int]]
) -> None:
    result = resolve(span(str(g), g, first, last) for g, first, last in held)
    assert sorted((int(s.segment), s.first, s.last) for s in result) == sorted(expected)


spans = st.lists(
    st.tuples(st.sampled_from(["a", "b"]), st.integers(0, 40), st.integers(0, 15)).map(
        lambda t: (t[0], t[1], t[1] + t[2])
    ),
    max_size=8,
)


@given(spans)
def test_every_held_unit_counts_exactly_once(raw: list[tuple[str, int, int]]) -> None:
    held = [span(str(i), i, first, last, Epoch(epoch)) for i, (epoch, first, last) in enumerate(raw)]
    units = [(s.epoch, seq) for s in resolve(held) for seq in range(s.first, s.last + 1)]
    assert len(units) == len(set(units))
    assert set(units) == {(h.epoch, seq) for h in held for seq in range(h.first, h.last + 1)}


@given(spans)
def test_each_segment_gets_one_answer_within_what_it_holds(raw: list[tuple[str, int, int]]) -> None:
    held = {str(i): span(str(i), i, first, last, Epoch(epoch)) for i, (epoch, first, last) in enumerate(raw)}
    result = resolve(held.values())
    assert sorted(s.segment for s in result) == sorted(held)
    for logical in result:
        if not logical.empty:
            assert held[logical.segment].first <= logical.first <= logical.last <= held[logical.segment].last
