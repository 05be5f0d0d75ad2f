"""The whole service dies or is told to stop: it comes back by itself, and leaves nothing unfinished."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from evertape_lab.judge import Result

pytestmark = pytest.mark.faults

Play = Callable[[str], Result]


@pytest.mark.parametrize("row", ["C3", "C3B"], ids=["the_supervisor", "everything"])
def test_a_killed_service_comes_back_and_has_lost_a_fragment_at_most(holds: Play, row: str) -> None:
    result = holds(row)
    assert result.figures["exits"][0] == -9
    assert {outage.gap for outage in result.outages} == {("process_crash",)}


@pytest.mark.parametrize("row", ["C7", "C7B"], ids=["SIGTERM", "Ctrl-C"])
def test_a_service_that_is_told_to_stop_finishes_every_file_and_closes_every_row(holds: Play, row: str) -> None:
    result = holds(row)
    assert result.figures["exits"] == [0]
    rows, still_open = result.figures["rows"]
    assert rows >= 3
    assert still_open == 0
