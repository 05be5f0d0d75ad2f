"""Cameras that say no, and addresses where there is no camera: named, not hammered, and recorded once corrected."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from evertape_lab.judge import Result

pytestmark = pytest.mark.faults

Play = Callable[[str], Result]


def test_a_wrong_password_is_said_once_and_a_corrected_one_is_used_at_once(holds: Play) -> None:
    assert holds("A5").outages[0].recovered_after_s is not None


def test_a_wrong_path_is_named_and_retried_ever_more_rarely_and_a_corrected_one_is_used_at_once(holds: Play) -> None:
    assert holds("A6").outages[0].recovered_after_s is not None


def test_servers_that_are_no_cameras_are_each_named_and_disturb_nobody(holds: Play) -> None:
    assert holds("A15").figures["frames"] > 100
