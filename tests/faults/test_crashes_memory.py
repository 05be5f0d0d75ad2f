"""A recorder runs out of memory, or takes more than it may: it alone is replaced, and the ledger says why."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from evertape_lab.judge import Result

pytestmark = pytest.mark.faults

Play = Callable[[str], Result]


def test_a_recorder_that_gets_no_memory_is_replaced(holds: Play) -> None:
    assert {outage.gap for outage in holds("C5").outages} == {("out_of_memory",)}


def test_a_recorder_over_its_limit_is_replaced_in_an_orderly_way(holds: Play) -> None:
    result = holds("C5B")
    assert {outage.gap for outage in result.outages} == {("out_of_memory",)}
    # Files are finished before it leaves, so nothing but the change itself is missing.
    assert max(outage.frames_missing for outage in result.outages) <= 25 * 3
