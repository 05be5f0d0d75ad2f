"""The installation tells people of a volume that cannot be used: what is wrong, what is done, what they can do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from evertape.clock import ManualClock
from evertape.domain.storage_label import HEADLINES, REMEDIES, StorageTrouble
from evertape.engine.declared_volumes import Declared
from evertape.engine.volume_alarms import VolumeAlarms
from evertape.ipc.events import Alert, AnyEvent, EventStamp
from evertape.ipc.messages import VolumeInfo
from evertape.types import NS_PER_MS


class Installation:
    """A supervisor with two volumes and one camera that is recorded."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.stamp = EventStamp("supervisor", "run-1", self.clock)
        self.volumes = {name: Declared(Path("/mnt", name), role, is_mount=True) for name, role in ROLES.items()}
        self.wanted = True
        self.events: list[AnyEvent] = []
        self.alarms = VolumeAlarms(self, lambda: self.wanted)
        self.infos: dict[str, VolumeInfo] = {}
        for name in ROLES:
            self.news(name, "online")

    def journal(self, event: AnyEvent) -> None:
        self.events.append(event)

    def news(self, name: str, state: str, **more: Any) -> None:
        role = self.volumes[name].role
        about: dict[str, Any] = {"is_mount": True, "was_usable": True, "path": f"/mnt/{name}", **more}
        self.infos[name] = VolumeInfo(name=name, state=state, role=role, **about)
        self.alarms.look(self.infos)

    def passes(self, seconds: float) -> None:
        for _ in range(round(seconds * 2)):
            self.clock.advance(500 * NS_PER_MS)
            self.alarms.look(self.infos)

    @property
    def alerts(self) -> list[tuple[str, str]]:
        return [(event.volume, event.state) for event in self.events if isinstance(event, Alert)]

    @property
    def text(self) -> str:
        last = self.events[-1]
        assert isinstance(last, Alert)
        return last.text


ROLES = {"internal": "spill", "usb": "primary"}


@pytest.fixture
def made() -> Installation:
    return Installation()


def test_a_dead_disk_is_told_of_once_with_what_is_done_and_what_a_person_can_do(made: Installation) -> None:
    made.news("usb", "io_error", errno=5)
    made.passes(60)
    assert made.alerts == [("usb", "raised")]
    assert "⚠ Storage: I/O Error" in made.text
    assert "recording goes on with internal" in made.text
    assert REMEDIES[StorageTrouble.IO_ERROR] in made.text


def test_the_alert_is_over_once_the_disk_is_well_for_a_while(made: Installation) -> None:
    made.news("usb", "missing")
    made.passes(2)
    made.news("usb", "online")
    made.passes(2)
    assert made.alerts == [("usb", "raised")]
    made.passes(2)
    assert made.alerts == [("usb", "raised"), ("usb", "ended")]
    raised, ended = (event for event in made.events if isinstance(event, Alert))
    assert (raised.kind, raised.alert) == ("volume_unusable", ended.alert)


def test_a_disk_that_is_pulled_for_300_ms_rings_no_bell(made: Installation) -> None:
    made.news("usb", "missing")
    made.clock.advance(300 * NS_PER_MS)
    made.news("usb", "online")
    made.passes(20)
    assert made.alerts == []


def test_a_spill_volume_that_is_away_is_told_of_though_nothing_is_recorded_to_it_now(made: Installation) -> None:
    made.news("internal", "not_mounted")
    made.passes(2)
    assert made.alerts == [("internal", "raised")]
    assert "recording goes on with usb" in made.text


def test_without_another_volume_footage_waits_in_memory(made: Installation) -> None:
    made.news("internal", "full")
    made.news("usb", "hung")
    made.passes(2)
    assert made.alerts == [("usb", "raised")]
    assert "new footage waits in memory" in made.text


def test_nobody_is_told_of_a_volume_that_no_camera_needs(made: Installation) -> None:
    made.wanted = False
    made.news("usb", "missing")
    made.passes(10)
    assert made.alerts == []
    made.wanted = True
    made.passes(2)
    assert made.alerts == [("usb", "raised")]
    made.wanted = False
    made.passes(1)
    assert made.alerts[-1] == ("usb", "ended")


def test_a_volume_that_is_retired_or_removed_meanwhile_is_no_trouble_any_more(made: Installation) -> None:
    made.news("usb", "missing")
    made.news("internal", "missing")
    made.passes(2)
    made.volumes["internal"].role = "retired"
    del made.volumes["usb"], made.infos["usb"]
    made.passes(1)
    assert sorted(made.alerts) == [("internal", "ended"), ("internal", "raised"), ("usb", "ended"), ("usb", "raised")]


def test_every_trouble_has_a_remedy() -> None:
    assert set(REMEDIES) == set(HEADLINES) == set(StorageTrouble)
