"""What follows for a volume from the kernel's news; devices that only exist here."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from evertape.disk.device_news import DeviceAction, DeviceNews
from evertape.disk.fault import VolumeFaultError
from evertape.disk.mounts import Mount
from evertape.disk.noticing import MOUNT_WAIT_S, KernelLayer
from evertape.domain.volume_state import Observation, VolumeState

OURS, OTHER = (8, 17), (8, 33)


class Fixture:
    """The layer of one volume, its clock set by hand."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, opened: bool) -> None:
        self.now = 100.0
        self.nudges = 0
        self.lost: list[tuple[VolumeFaultError, str]] = []
        self.seen: list[Observation] = []
        handle = SimpleNamespace(path="/mnt/usb", mount_id=7, devices=frozenset({OURS}))
        self.volume: Any = SimpleNamespace(
            session=SimpleNamespace(handle=handle) if opened else None,
            status=SimpleNamespace(state=VolumeState.ONLINE),
            lose=lambda fault, layer: self.lost.append((fault, layer)),
            see=self.seen.append,
            abandon_opening=lambda: None,
        )
        prober: Any = SimpleNamespace(nudge=self._nudge)
        self.layer = KernelLayer(self.volume, SimpleNamespace(open_paths=set), prober)  # type: ignore[arg-type]
        self.layer.running = True  # without its watches
        self.layer._can_watch = False
        monkeypatch.setattr(self.layer, "_loop", SimpleNamespace(time=lambda: self.now))

    def _nudge(self) -> None:
        self.nudges += 1

    def device(self, action: DeviceAction, number: tuple[int, int]) -> None:
        self.layer._device_news(DeviceNews(action, "sdx1", number))

    def mounts(self, *mounts: Mount) -> None:
        self.layer._mounts_changed(mounts)


Play = Callable[[Callable[[Fixture], None], bool], None]


@pytest.fixture
def play(monkeypatch: pytest.MonkeyPatch) -> Play:
    def run(scenario: Callable[[Fixture], None], opened: bool) -> None:
        async def within() -> None:
            scenario(Fixture(monkeypatch, opened=opened))

        asyncio.run(within())

    return run


def test_after_a_device_has_come_its_mount_is_looked_for_for_a_second(play: Play) -> None:
    def scenario(made: Fixture) -> None:
        made.layer.tick()
        assert made.nudges == 0
        made.device(DeviceAction.ADDED, OTHER)
        looks = []
        while made.now < 102:
            before = made.nudges
            made.layer.tick()
            if made.nudges > before:
                looks.append(round(made.now - 100, 1))
            made.now += 0.1
        assert looks[0] == 0
        assert len(looks) in (10, 11)
        assert looks[-1] <= MOUNT_WAIT_S

    play(scenario, False)


def test_the_volume_is_gone_with_its_own_device_and_no_other(play: Play) -> None:
    def scenario(made: Fixture) -> None:
        made.device(DeviceAction.REMOVED, OTHER)
        made.device(DeviceAction.CHANGED, OURS)
        assert made.lost == []
        made.device(DeviceAction.REMOVED, OURS)
        ((fault, layer),) = made.lost
        assert (fault.fault, fault.number, layer) == ("missing", errno.ENODEV, "kernel")
        assert "sdx1 was removed" in fault.what

    play(scenario, True)


def test_the_volume_is_gone_when_its_mount_is_no_longer_listed(play: Play) -> None:
    def scenario(made: Fixture) -> None:
        here = Mount(7, 1, OURS, "/mnt/usb", "ext4", read_only=False)
        made.mounts(here)
        assert made.lost == []
        made.mounts(Mount(8, 1, OURS, "/mnt/usb", "ext4", read_only=False))
        ((fault, layer),) = made.lost
        assert (fault.fault, layer) == ("missing", "kernel")
        assert made.nudges == 2, "and the volume is looked for"

    play(scenario, True)


def test_a_mount_that_became_read_only_is_said_to_be(play: Play) -> None:
    def scenario(made: Fixture) -> None:
        made.mounts(Mount(7, 1, OURS, "/mnt/usb", "ext4", read_only=True))
        (seen,) = made.seen
        assert (seen.fault, seen.layer) == ("read_only", "kernel")
        made.volume.status.state = VolumeState.READ_ONLY
        made.mounts(Mount(7, 1, OURS, "/mnt/usb", "ext4", read_only=True))
        assert len(made.seen) == 1

    play(scenario, True)
