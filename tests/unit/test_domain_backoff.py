import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evertape.domain.backoff import ExponentialBackoff
from evertape.types import NS_PER_S


class Fixed:
    def __init__(self, value: float) -> None:
        self.value = value

    def random(self) -> float:
        return self.value


def test_without_jitter_the_waits_are_exactly_5_10_20_40_60_60() -> None:
    backoff = ExponentialBackoff(jitter=False)
    waits = [backoff.delay(attempt, random.Random(1)) // NS_PER_S for attempt in range(1, 7)]
    assert waits == [5, 10, 20, 40, 60, 60]


def test_full_jitter_reaches_from_next_to_nothing_to_the_whole_length() -> None:
    backoff = ExponentialBackoff()
    assert backoff.delay(2, Fixed(0.0)) == 10 * NS_PER_S
    assert backoff.delay(2, Fixed(0.5)) == 5 * NS_PER_S
    assert 0 < backoff.delay(2, Fixed(1 - 2**-53)) < 1000


def test_full_jitter_is_spread_evenly() -> None:
    backoff, rng = ExponentialBackoff(), random.Random(7)
    waits = [backoff.delay(3, rng) / (20 * NS_PER_S) for _ in range(4000)]
    quarters = [sum(q / 4 < w <= (q + 1) / 4 for w in waits) for q in range(4)]
    assert all(900 < count < 1100 for count in quarters), quarters


def test_after_max_retries_it_goes_on_at_the_cap() -> None:
    backoff = ExponentialBackoff(jitter=False, max_retries=2)
    assert [backoff.delay(n, Fixed(0)) // NS_PER_S for n in (1, 2, 3, 4)] == [5, 10, 60, 60]
    assert [backoff.exhausted(n) for n in (1, 2, 3)] == [False, False, True]


def test_a_million_attempts_do_not_overflow() -> None:
    assert ExponentialBackoff(factor=10, max_retries=10**7).delay(1_000_000, Fixed(0)) == 60 * NS_PER_S


@pytest.mark.parametrize("wrong", [{"base": 0}, {"cap": -1}, {"factor": 0.5}, {"factor": float("nan")}])
def test_a_backoff_that_cannot_work_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="no backoff"):
        ExponentialBackoff(**wrong)  # type: ignore[arg-type]


@given(
    st.integers(1, 10**12),
    st.integers(1, 10**12),
    st.floats(1, 10),
    st.integers(1, 5000),
    st.floats(0, 1, exclude_max=True),
)
def test_waits_are_positive_never_shrink_and_stay_below_the_cap(
    base: int, cap: int, factor: float, attempt: int, chance: float
) -> None:
    backoff = ExponentialBackoff(base, cap, factor, max_retries=10**6)  # type: ignore[arg-type]
    ceiling = backoff.ceiling(attempt)
    assert 0 < backoff.delay(attempt, Fixed(chance)) <= ceiling <= cap
    assert ceiling <= backoff.ceiling(attempt + 1)
