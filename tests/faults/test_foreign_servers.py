"""Servers that are not ours are recorded too, and come back after they were killed and started again."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from evertape_lab.foreign import why_not
from evertape_lab.foreign_run import foreign_somewhere

pytestmark = pytest.mark.faults

MARGIN_S = 1.0
"""The machine has two cores, and other tests may be using them."""


@pytest.mark.parametrize("server, cameras", [("live555", 3), ("vlc", 1)])
def test_a_foreign_server_is_recorded_through_its_death(
    server: str, cameras: int, record_property: Callable[[str, object], None]
) -> None:
    if reason := why_not(server):
        pytest.skip(reason)
    result = foreign_somewhere([server], seconds=17.0, outage_s=3.0, ends_after_s=5, margin_s=MARGIN_S)
    print(result.text())  # noqa: T201 - the figures, for whoever reads the run
    record_property(server, json.dumps(result.json()))
    assert result.ok, json.dumps(result.json(), indent=1)
    assert len(result.cameras) == cameras
    for name, figures in result.cameras.items():
        assert figures["frames"] > 250, name
        assert figures["sessions"] >= 2, name
