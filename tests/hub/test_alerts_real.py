"""A camera goes, a disk is pulled: who hears of it, how soon, and how often. Everybody here is real."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from evertape.ipc.events import Alert, CameraStateChanged, Event, VolumeStateChanged
from evertape_lab import LabCameras
from evertape_lab.disks import LoopVolume, why_no_loop_mounts
from evertape_lab.rig import Rig
from hub.receivers import Broker, Hooks, Mailbox, mosquitto

NOTICED_S = 5.0
"""After noticing, as promised, and with the settings that people have."""
MARGIN_S = 1.0
"""For a busy machine."""


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    with Mailbox() as found:
        yield found


@pytest.fixture
def hooks() -> Iterator[Hooks]:
    with Hooks() as found:
        yield found


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    if mosquitto() is None:
        pytest.skip("mosquitto is not installed")
    (tmp_path / "broker").mkdir()
    with Broker(tmp_path / "broker") as found:
        yield found


def settings(mailbox: Mailbox, hooks: Hooks, broker: Broker | None = None, more: str = "") -> str:
    text = f"""
[hub]
listen = "127.0.0.1:0"
[installation]
name = "Shop"
[alerts]
heartbeat_url = "http://127.0.0.1:{hooks.port}/beat"
heartbeat_interval = "10s"
{more}
[alerts.channels.mail]
url = "mailto://127.0.0.1:{mailbox.port}?from=tape@example.org&to=ann@example.org&mode=insecure"
[alerts.channels.hook]
url = "json://127.0.0.1:{hooks.port}/told"
"""
    if broker is not None:
        text += f'[mqtt]\nbroker = "127.0.0.1:{broker.port}"\nuser = "tape"\npassword = "secret"\n'
    return text


def alerts(rig: Rig, kind: str, state: str) -> list[Alert]:
    events = [event for event in rig.events() if isinstance(event, Alert)]
    return [event for event in events if event.kind == kind and event.state == state]


def mails(mailbox: Mailbox, word: str) -> list[float]:
    return [at for at, text in mailbox.mails if word in text]


def posts(hooks: Hooks, word: str) -> list[float]:
    return [at for at, post in hooks.posts if word in post["title"] + post["message"]]


def in_time(at: float, event: Event) -> None:
    """Told so soon after what showed it, which is not the alert itself: that waits whether it passes."""
    assert 0 < at - event.at / 1e9 < NOTICED_S + MARGIN_S


def test_a_camera_that_is_not_recorded_is_told_of_once_by_everybody_and_so_is_its_end(
    tmp_path: Path, mailbox: Mailbox, hooks: Hooks, broker: Broker
) -> None:
    async def scenario(cameras: LabCameras) -> None:
        more = settings(mailbox, hooks, broker)
        async with Rig(tmp_path, {"gate": cameras.urls[0]}, settings=more, with_keeper=True) as rig:
            await rig.recorded(["gate"], 1)
            await rig.until(lambda: broker.text("evertape/status") == "online", 20, "MQTT is kept informed")
            await rig.until(lambda: broker.text("evertape/camera/gate/problem") == "OFF", 10)
            await rig.until(lambda: bool(hooks.gets), 20, "a heartbeat")
            config = json.loads(broker.text("homeassistant/binary_sensor/evertape_camera_gate_problem/config"))
            assert config["state_topic"] == "evertape/camera/gate/problem"

            cameras.kill()
            await rig.until(lambda: bool(mails(mailbox, "gate")) and bool(posts(hooks, "gate")), 40, "people are told")
            assert len(alerts(rig, "camera_not_recording", "raised")) == 1
            states = [event for event in rig.events() if isinstance(event, CameraStateChanged)]
            noticed = next(event for event in states if event.old == "connected")
            in_time(mails(mailbox, "gate")[0], noticed)
            in_time(posts(hooks, "gate")[0], noticed)
            await rig.until(lambda: broker.text("evertape/camera/gate/problem") == "ON", 10)
            in_time(broker.topics["evertape/camera/gate/problem"][0], noticed)
            assert "camera_not_recording" in broker.text("evertape/alerts")
            beats = len(hooks.gets)

            hub = rig.supervisor.children["hub"]
            assert hub.pid is not None
            os.kill(hub.pid, signal.SIGKILL)
            await rig.until(lambda: broker.text("evertape/status") == "offline", 40, "its last will")
            await rig.until(lambda: broker.text("evertape/status") == "online", 40, "the next hub")
            await asyncio.sleep(3)
            assert len(mails(mailbox, "gate")) == 1, "told already"
            assert len(hooks.gets) == beats, "no heartbeat while a camera is not recorded"

            cameras.restart()
            await rig.until(lambda: len(mails(mailbox, "gate")) == 2 and len(posts(hooks, "gate")) == 2, 40, "its end")
            (ended,) = alerts(rig, "camera_not_recording", "ended")
            in_time(mails(mailbox, "gate")[1], ended)
            await rig.until(lambda: broker.text("evertape/camera/gate/problem") == "OFF", 10)
            await rig.until(lambda: len(hooks.gets) > beats, 15, "and the heartbeat goes on")
        assert broker.text("evertape/status") == "offline"

    with LabCameras(count=1) as lab:
        asyncio.run(scenario(lab))


@pytest.mark.faults
@pytest.mark.skipif(bool(why_no_loop_mounts()), reason=why_no_loop_mounts() or "works")
def test_a_disk_that_is_pulled_is_told_of_with_what_to_do(tmp_path: Path, mailbox: Mailbox, hooks: Hooks) -> None:
    async def scenario(disk: LoopVolume, spill: Path, cameras: LabCameras) -> None:
        volumes = {"usb": (disk.mount_point, "primary"), "ssd": (spill, "spill")}
        async with Rig(tmp_path, {"gate": cameras.urls[0]}, volumes, settings(mailbox, hooks), with_keeper=True) as rig:
            await rig.recorded(["gate"], 2)
            await rig.until(lambda: bool(hooks.gets), 20, "the hub has begun")
            disk.pull()
            await rig.until(lambda: bool(mails(mailbox, "usb")), 30, "somebody is told")
            assert len(alerts(rig, "volume_unusable", "raised")) == 1
            states = [event for event in rig.events() if isinstance(event, VolumeStateChanged)]
            noticed = next(event for event in states if event.old == "online")
            in_time(mails(mailbox, "usb")[0], noticed)
            disk.mount()
            await rig.until(lambda: len(mails(mailbox, "usb")) == 2, 30, "and that it is back")
            (ended,) = alerts(rig, "volume_unusable", "ended")
            in_time(mails(mailbox, "usb")[1], ended)
            assert not mails(mailbox, "not recorded"), "the other disk took over"

    spill = tmp_path / "ssd"
    spill.mkdir()
    with LoopVolume(tmp_path, size=64 << 20, name="usb") as disk, LabCameras(count=1) as lab:
        asyncio.run(scenario(disk, spill, lab))
