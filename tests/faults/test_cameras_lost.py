"""Cameras that go away and come back: noticed in time, recording again in time, and every missing frame explained.

What is done, and what is promised, stands in ``evertape_lab/scenarios``.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from evertape_lab.judge import Result

pytestmark = pytest.mark.faults

Play = Callable[[str], Result]


def test_a_killed_camera_is_noticed_at_once_and_recorded_as_soon_as_it_is_back(holds: Play) -> None:
    assert holds("A1").figures["frames_missing"] > 0


def test_a_reset_connection_is_made_anew_each_time(holds: Play) -> None:
    result = holds("A1B")
    assert len(result.outages) == 2
    assert all(outage.recovered_after_s is not None for outage in result.outages)


def test_a_frozen_camera_that_still_accepts_connections_is_noticed_by_its_silence(holds: Play) -> None:
    assert holds("A2").outages[0].gap == ("stream_stalled",)


def test_silently_dropped_packets_are_noticed_by_the_silence(holds: Play) -> None:
    assert holds("A3").outages[0].gap == ("stream_stalled",)


def test_a_half_open_connection_is_noticed_by_the_silence(holds: Play) -> None:
    assert holds("A3B").outages[0].gap[0] == "stream_stalled"


def test_rtp_that_stops_while_the_session_lives_is_noticed(holds: Play) -> None:
    assert holds("A4").outages[0].gap == ("stream_stalled",)


def test_the_end_of_a_stream_is_a_failure_whoever_announces_it(holds: Play) -> None:
    assert len(holds("A8").outages) == 2


@pytest.mark.timed
def test_cameras_that_lose_power_together_come_back_together_without_being_hammered(holds: Play) -> None:
    result = holds("A9")
    assert len(result.outages) == 8
    assert result.figures["describe_per_s"] == 1


def test_a_flapping_camera_resets_no_backoff_leaks_nothing_and_every_span_is_kept(holds: Play) -> None:
    result = holds("A10")
    assert len(result.outages) == 5
    assert result.figures["threads"][0] == result.figures["threads"][1]
