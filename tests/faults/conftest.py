"""Plays the lab's scenarios, as short as their rows allow."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from evertape_lab.scenario import Result, play, why_not
from evertape_lab.script import load_script

MARGIN_S = 1.0
"""Added to each promised time: the machine has two cores, and other tests may be using them."""

Play = Callable[[str], Result]


@pytest.fixture
def holds(tmp_path: Path, record_property: Callable[[str, object], None]) -> Play:
    """Plays the scenario of a row; fails unless everything that it promises came true, and prints its figures."""

    def run(row: str) -> Result:
        script = load_script(row)
        if reason := why_not(script):
            pytest.skip(reason)
        result = play(script, tmp_path, is_quick=True, margin_s=MARGIN_S)
        print(result.line())  # noqa: T201 - the figures, for whoever reads the run
        record_property(row, json.dumps(result.json()))
        assert result.ok, json.dumps(result.json(), indent=1)
        return result

    return run
