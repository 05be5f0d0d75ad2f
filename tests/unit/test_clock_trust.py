"""A clock that was just set deletes nothing."""

from __future__ import annotations

from evertape.domain.clock_trust import DISTRUST_NS, STEP_NS, begin, look
from evertape.types import NS_PER_S

DAY = 86_400 * NS_PER_S
UTC, BOOT = 20_000 * DAY, 5 * NS_PER_S


def test_ages_count_once_the_start_has_settled() -> None:
    trust = begin(UTC, BOOT, 600 * NS_PER_S)
    assert not trust.trusted(BOOT + 599 * NS_PER_S)
    assert trust.trusted(BOOT + 600 * NS_PER_S)


def test_a_clock_that_jumps_either_way_is_not_trusted_for_an_hour() -> None:
    for jump in (30 * DAY, -30 * DAY, STEP_NS + 1):
        later = BOOT + 10 * DAY
        trust = look(begin(UTC, BOOT, 0), UTC + 10 * DAY + jump, later)
        assert not trust.trusted(later + DISTRUST_NS - 1)
        assert trust.trusted(later + DISTRUST_NS)
        # The time after it is not another jump.
        assert look(trust, UTC + 10 * DAY + jump + DISTRUST_NS, later + DISTRUST_NS).trusted(later + DISTRUST_NS)


def test_a_clock_that_is_kept_right_in_small_steps_stays_trusted() -> None:
    trust, utc, boot = begin(UTC, BOOT, 0), UTC, BOOT
    for _ in range(1000):
        utc, boot = utc + 61 * NS_PER_S, boot + 60 * NS_PER_S
        trust = look(trust, utc, boot)
        assert trust.trusted(boot)
