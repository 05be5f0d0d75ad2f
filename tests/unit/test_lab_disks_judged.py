"""What a scenario promises of disks: each alert raised once and over once, and the log's lines in order."""

from __future__ import annotations

import pytest

from evertape.clock import ManualClock
from evertape.ipc.events import Alert, EventStamp
from evertape_lab.judge import Result
from evertape_lab.judge_disks import UNUSABLE, judge_alerts
from evertape_lab.script import load_script
from evertape_lab.script_disks import StorageExpect

WITH_ALERT = "B1 B1B B1C B3 B3B B4 B4B B5B B5C B8 B9 B9B B9C B10 B10B B11 B11B B13 B14".split()
STORY = (
    "[STORAGE] Calling storage error callback for cam_01",
    "[RECORDING] Stopping recording due to storage error",
    "[STREAMING] Streaming continues",
    "[STORAGE] Storage recovered!",
    "[STORAGE] Storage path available!",
    "[RECORDING RETRY] Recording resumed successfully!",
)


def problems(*states: str) -> list[str]:
    """What is wrong with these alerts, each ``raised`` or ``ended`` and which, where one is promised."""
    stamp = EventStamp("supervisor", "run-1", ManualClock())
    events = []
    for word in states:
        state, _, number = word.partition(" ")
        events.append(Alert(**stamp(), alert=f"a-{number}", kind=UNUSABLE, state=state, volume="usb"))
    result = Result("B1", "a test", quick=True)
    judge_alerts(result, events, StorageExpect(alerts=(UNUSABLE,)))
    return result.problems


def test_an_alert_that_is_raised_once_and_over_once_is_as_promised() -> None:
    assert problems("raised 1", "ended 1") == []


@pytest.mark.parametrize(
    "states",
    [(), ("raised 1",), ("raised 1", "ended 1", "raised 2", "ended 2"), ("raised 1", "ended 1", "ended 1")],
    ids=["never", "not over", "twice", "over twice"],
)
def test_an_alert_that_is_missing_goes_on_or_rings_twice_breaks_the_promise(states: tuple[str, ...]) -> None:
    assert problems(*states)


@pytest.mark.parametrize("row", WITH_ALERT)
def test_every_row_in_which_a_volume_cannot_be_used_promises_an_alert(row: str) -> None:
    assert any(kind.startswith("volume_") for kind in load_script(row).expect.storage.alerts)


@pytest.mark.parametrize("name", [f"storage-{n}" for n in range(1, 6)])
def test_the_named_scenarios_assert_the_whole_story_in_order(name: str) -> None:
    log = iter(load_script(name).expect.storage.log)
    assert [line for line in STORY if not any(wanted.startswith(line) for wanted in log)] == []
