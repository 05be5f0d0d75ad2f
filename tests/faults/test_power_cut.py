"""The power is cut while three cameras record: what was synced is there, and nobody has to lend a hand."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import pytest

from evertape_lab.powercut import MOST_LOST_S, QUICK_TIMES, play_cuts, why_no_power_cuts

pytestmark = [
    pytest.mark.faults,
    pytest.mark.skipif(bool(why_no_power_cuts()), reason=why_no_power_cuts() or "works"),
]


def test_a_power_cut_takes_the_last_two_seconds_at_most_and_leaves_nothing_to_do() -> None:
    # On a disk: a folder in memory flushes in no time.
    with tempfile.TemporaryDirectory(prefix="evt-", dir="/var/tmp") as folder:
        result = play_cuts(Path(folder), QUICK_TIMES, seed=6, is_quick=True)
    print(result.line())  # noqa: T201 - the figures, for whoever reads the run
    assert result.ok, json.dumps(result.json(), indent=1)
    figures = result.figures
    assert (figures["cuts"], figures["manual_steps"]) == (QUICK_TIMES, 0)
    assert 0 < figures["lost_s"]["max"] <= MOST_LOST_S
    assert figures["files_read"] > 3 * QUICK_TIMES
