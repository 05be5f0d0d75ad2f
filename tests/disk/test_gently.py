"""Whoever reads an archive lets recording go first."""

from __future__ import annotations

import platform
import sys

import pytest

from evertape.disk.gently import IDLE, gently, priority

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the priority of disk accesses is Linux's")


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the number of the call is known for few machines")
def test_the_disk_serves_what_is_read_gently_last_and_afterwards_as_before() -> None:
    before = priority()
    assert before is not None
    with gently():
        assert priority() == IDLE
    # The default is told as the class that follows from the processor's priority, once it was set.
    assert priority() != IDLE


def test_where_there_is_no_such_priority_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "vax")
    assert priority() is None
    with gently():
        pass
