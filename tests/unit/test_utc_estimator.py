from __future__ import annotations

import random

import pytest

from evertape.domain.utc import UtcEstimator
from evertape.types import NS_PER_MS, NS_PER_S, UtcSource

BOOT0, UTC0, FRAME = 5_000 * NS_PER_S, 1_767_225_600 * NS_PER_S, 40 * NS_PER_MS


def watched(seconds: float, *, seed: int = 1, ppm: int = 0, delay_ns: int = NS_PER_MS) -> tuple[UtcEstimator, int]:
    """An estimator that saw ``seconds`` of media, arriving up to 150 ms late; and the last frame's media time."""
    rng = random.Random(seed)
    estimator = UtcEstimator()
    estimator.set_host(BOOT0, UTC0)
    media = 0
    for n in range(int(seconds * 25)):
        media = n * FRAME
        true_boot = BOOT0 + media * (1_000_000 + ppm) // 1_000_000
        estimator.feed_arrival(true_boot + delay_ns + rng.randrange(150 * NS_PER_MS), media)
    return estimator, media


def test_arrival_is_right_to_the_smallest_delay_seen() -> None:
    estimator, media = watched(10)
    utc, source, error = estimator.utc_of(media)
    assert source is UtcSource.ARRIVAL
    assert abs(utc - (UTC0 + media)) < 5 * NS_PER_MS
    assert error >= 50 * NS_PER_MS


@pytest.mark.parametrize("ppm", [-150, 150])
def test_arrival_follows_a_drifting_camera_for_a_day(ppm: int) -> None:
    estimator = UtcEstimator()
    estimator.set_host(BOOT0, UTC0)
    rng = random.Random(3)
    for n in range(24 * 3600 * 2):
        media = n * NS_PER_S // 2
        true = media * (1_000_000 + ppm) // 1_000_000
        estimator.feed_arrival(BOOT0 + true + rng.randrange(20 * NS_PER_MS), media)
    assert abs(estimator.utc_of(media)[0] - (UTC0 + true)) < FRAME


def test_a_report_that_agrees_is_followed_exactly() -> None:
    estimator, media = watched(3)
    offset = estimator.feed_report(media, UTC0 + media - 30 * NS_PER_MS)
    assert offset == pytest.approx(-30 * NS_PER_MS, abs=5 * NS_PER_MS)
    utc, source, error = estimator.utc_of(media + NS_PER_S)
    assert (utc, source) == (UTC0 + media - 30 * NS_PER_MS + NS_PER_S, UtcSource.RTCP)
    assert error < 10 * NS_PER_MS


@pytest.mark.parametrize("off_s", [-3600, -3, 3, 3600, 56 * 365 * 86400])
def test_a_camera_with_a_wrong_clock_is_remembered_and_not_used(off_s: int) -> None:
    estimator, media = watched(3)
    estimator.feed_report(media, UTC0 + media + off_s * NS_PER_S)
    assert not estimator.trusts_reports
    assert estimator.camera_offset_ns == pytest.approx(off_s * NS_PER_S, abs=5 * NS_PER_MS)
    utc, source, _ = estimator.utc_of(media)
    assert source is UtcSource.ARRIVAL
    assert abs(utc - (UTC0 + media)) < FRAME


def test_a_camera_that_sets_its_clock_right_is_followed_again() -> None:
    estimator, media = watched(3)
    estimator.feed_report(media, UTC0 + media + 3600 * NS_PER_S)
    estimator.feed_report(media, UTC0 + media)
    assert estimator.trusts_reports
    assert estimator.utc_of(media)[1] is UtcSource.RTCP


@pytest.mark.parametrize("step_s", [-3600, 3600])
def test_a_stepped_host_clock_ends_the_trust_in_reports_that_contradict_it(step_s: int) -> None:
    estimator, media = watched(3)
    estimator.feed_report(media, UTC0 + media)
    estimator.set_host(BOOT0, UTC0 + step_s * NS_PER_S)
    utc, source, _ = estimator.utc_of(media)
    assert source is UtcSource.ARRIVAL
    assert abs(utc - (UTC0 + step_s * NS_PER_S + media)) < FRAME


def test_media_that_fell_behind_for_good_is_followed_after_a_window() -> None:
    estimator, media = watched(20)
    late = 3 * NS_PER_S
    for n in range(25 * 25):
        estimator.feed_arrival(BOOT0 + media + n * FRAME + late, media + n * FRAME)
    utc, _, _ = estimator.utc_of(media + n * FRAME)
    assert abs(utc - (UTC0 + media + n * FRAME + late)) < FRAME


def test_after_a_restart_nothing_of_before_counts() -> None:
    estimator, media = watched(3)
    estimator.feed_report(media, UTC0 + media)
    estimator.restart()
    assert estimator.media_of_arrival(BOOT0) is None
    estimator.feed_arrival(BOOT0 + 100 * NS_PER_S, 7)
    assert estimator.utc_of(7) == (UTC0 + 100 * NS_PER_S, UtcSource.ARRIVAL, 50 * NS_PER_MS)
