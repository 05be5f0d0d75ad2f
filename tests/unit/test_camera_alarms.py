"""The supervisor's alarms of cameras: what the journal gets, and what survives a restart."""

from __future__ import annotations

from pathlib import Path

import pytest

from evertape.clock import ManualClock
from evertape.config.schema import Camera, Config
from evertape.config.url import CameraUrl
from evertape.domain.camera_outage import CameraAlert
from evertape.domain.cause import Cause, explain
from evertape.engine.camera_alarms import STALE_NS, CameraAlarms, text_of
from evertape.ipc.events import Alert, AnyEvent, EventStamp
from evertape.ipc.messages import CameraInfo, RecordingInfo, StreamInfo
from evertape.types import NS_PER_S, CameraId


def config(password: str = "wrong", *, cameras: tuple[str, ...] = ("door",)) -> Config:
    url = CameraUrl(f"rtsp://viewer:{password}@192.0.2.1/live")
    return Config(cameras={CameraId(name): Camera(url=url) for name in cameras})


class Host:
    def __init__(self, folder: Path) -> None:
        self.clock = ManualClock()
        self.folder = folder
        self.placed = {"door": 0}
        self.events: list[AnyEvent] = []
        self.infos: dict[str, CameraInfo] = {}
        self.begin()

    def begin(self) -> None:
        """A service starts."""
        self.stamp = EventStamp("supervisor", "s", self.clock)
        self.alarms = CameraAlarms(self, lambda _name: True)
        self.alarms.load(self.folder)
        self.infos = {}
        self.alarms.apply(config(), config())

    def journal(self, event: AnyEvent) -> None:
        self.events.append(event)

    def put_state(self, name: str, text: bytes) -> None:
        (self.folder / name).write_bytes(text)

    def say(self, stream: str, reason: str, recording: str, cause: str, seconds: float = 5) -> None:
        """For so long the recorder says once a second that this is how the camera is."""
        since = int(self.clock.utc_ns())
        info = CameraInfo(
            id="door",
            name="door",
            streams=(StreamInfo(stream="main", state=stream, reason=reason, since_utc=since),),
            recording=RecordingInfo(wanted=True, state=recording, reason=cause),
        )
        for _ in range(round(seconds)):
            self.infos["door"] = info
            self.alarms.heard([info])
            self.alarms.look(self.infos)
            self.clock.advance(NS_PER_S)

    def silence(self, seconds: float) -> None:
        for _ in range(round(seconds * 2)):
            self.alarms.look(self.infos)
            self.clock.advance(NS_PER_S // 2)

    @property
    def alerts(self) -> list[tuple[str, str, str]]:
        return [(e.kind, e.state, str(e.detail.get("cause", ""))) for e in self.events if isinstance(e, Alert)]


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


REFUSED = ("auth_failed", "auth_failed", "waiting", "auth_failed")
WELL = ("connected", "", "recording", "")
RAISED, ENDED = ("camera_login_refused", "raised", "auth_failed"), ("camera_login_refused", "ended", "")


def test_an_alert_names_the_camera_the_cause_and_what_to_do(host: Host) -> None:
    host.say(*REFUSED)
    host.say(*WELL)
    assert host.alerts == [RAISED, ENDED]
    raised, ended = [e for e in host.events if isinstance(e, Alert)]
    assert raised.alert == ended.alert
    assert raised.camera == ended.camera == "door"
    assert "refused the user name or the password" in raised.text
    assert "Correct them" in raised.text


def test_a_restart_of_the_service_raises_nothing_again_and_ends_what_is_over(host: Host) -> None:
    host.say(*REFUSED)
    host.alarms.close()
    host.silence(10)
    host.begin()
    host.silence(1)
    host.say(*REFUSED)
    assert host.alerts == [RAISED]
    host.begin()
    host.say(*WELL)
    assert host.alerts == [RAISED, ENDED]
    raised, ended = [e for e in host.events if isinstance(e, Alert)]
    assert raised.alert == ended.alert
    host.begin()
    host.say(*WELL)
    assert len(host.alerts) == 2


def test_a_removed_camera_is_no_trouble_any_more(host: Host) -> None:
    host.say(*REFUSED)
    host.placed = {}
    host.alarms.apply(config(), config(cameras=()))
    assert host.alerts == [RAISED, ENDED]


def test_another_password_ends_it_and_what_was_said_before_is_no_news(host: Host) -> None:
    host.say(*REFUSED)
    old = host.infos["door"]
    host.alarms.apply(config(), config("right"))
    host.alarms.heard([old])
    host.alarms.look(host.infos)
    assert host.alerts == [RAISED, ENDED]
    host.clock.advance(NS_PER_S)
    host.say(*REFUSED)
    assert host.alerts == [RAISED, ENDED, RAISED]


def test_a_recorder_that_says_nothing_is_not_recording(host: Host) -> None:
    host.say(*WELL)
    host.silence(STALE_NS / NS_PER_S)
    assert host.alerts == []
    host.silence(5)
    assert host.alerts == [("camera_not_recording", "raised", "recorder_hung")]
    host.say(*WELL, seconds=10)
    assert host.alerts[1:] == [("camera_not_recording", "ended", "")]


def test_a_service_that_leaves_raises_nothing(host: Host) -> None:
    host.say(*WELL)
    host.alarms.close()
    host.say("stopped", "service_stopped", "stopped", "", seconds=30)
    assert host.alerts == []


@pytest.mark.parametrize("cause", [cause for cause in Cause if cause.value.startswith("storage_")])
def test_while_memory_bridges_a_disk_nobody_is_told_that_it_could_not(cause: Cause) -> None:
    text = text_of("gate", CameraAlert.NOT_RECORDING, cause)
    assert "waits in memory" in text and "longer than memory" not in text
    assert text.endswith(explain(cause).remedy)
