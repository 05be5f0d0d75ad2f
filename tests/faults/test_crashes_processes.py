"""Processes of the service that die or hang: what it costs is bounded and named, and nobody else notices.

What is done, and what is promised, stands in ``evertape_lab/scenarios``.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from evertape_lab.judge import Result

pytestmark = pytest.mark.faults

Play = Callable[[str], Result]


def test_a_killed_recorder_costs_its_cameras_a_second_and_the_others_nothing(holds: Play) -> None:
    result = holds("C1")
    assert [(outage.camera, outage.gap) for outage in result.outages] == [("cam_17", ("process_crash",))]
    assert result.figures["frames_missing"] == result.outages[0].frames_missing > 0


def test_a_killed_disk_process_costs_no_frame(holds: Play) -> None:
    assert holds("C1B").figures["frames_missing"] == 0


def test_a_killed_keeper_costs_nothing_and_the_index_catches_up(holds: Play) -> None:
    assert holds("C1C").figures["frames_missing"] == 0


def test_a_recorder_that_hangs_is_noticed_by_its_heartbeat_and_replaced(holds: Play) -> None:
    assert {outage.gap for outage in holds("C4").outages} == {("recorder_hung",)}
