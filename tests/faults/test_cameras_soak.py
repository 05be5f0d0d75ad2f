"""Everything that cameras and networks do, at random and several at once; afterwards nothing is left over.

Three minutes of it; ``evertape lab soak`` takes half an hour. What each fault may take to be noticed and to come back
from is held tightly by the scenarios (``test_cameras_lost.py``); here other tests run at the same time.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from evertape_lab.soak import soak, why_not
from evertape_lab.soak_plan import Fault, plan

MARGIN_S = 4.0
"""Added to each promised time."""
SECONDS = 125.0
"""Of faults; to start, to heal and to count take half a minute more."""


@pytest.mark.faults
@pytest.mark.timeout(400)
def test_after_random_faults_every_missing_frame_has_its_cause_and_nothing_is_left_over(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    if reason := why_not():
        pytest.skip(reason)
    said: list[str] = []
    result = soak(plan(seed=3, cameras=8, seconds=SECONDS), tmp_path, margin_s=MARGIN_S, say=said.append)
    print("\n".join(said), result.text(), sep="\n\n")  # noqa: T201 - the figures, for whoever reads the run
    record_property("soak", json.dumps(result.json()))
    assert result.ok, "\n".join([*result.problems, *said])
    assert len(result.faults) == len(Fault), "every kind of fault"
    assert result.figures["at_once_max"] >= 3
    frames = result.figures["frames"]
    assert frames["in_gaps"] > 1000, "something was broken"
    assert frames["unexplained"] == frames["doubled"] == 0
