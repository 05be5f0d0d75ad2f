"""A login that a camera refused is not tried again within a minute, whoever tried it, whoever was restarted since."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from evertape.clock import ManualClock
from evertape.config.schema import Camera, Config
from evertape.config.url import CameraUrl
from evertape.engine.refused_logins import HOLD_NS, RefusedLogins, hold_until, now, remember
from evertape.engine.state_files import REFUSED, read_refused
from evertape.errors import UsageError
from evertape.ipc.events import CameraStateChanged
from evertape.types import NS_PER_S, CameraId

URL = "rtsp://viewer:wrong@192.0.2.1/live"
BOOT = "7e3c"


class Host:
    def __init__(self, folder: Path, clock: ManualClock) -> None:
        self.clock = clock
        self.folder = folder
        camera = Camera(url=CameraUrl(URL), sub_url=CameraUrl("rtsp://192.0.2.1/small"))
        self.config = Config(cameras={CameraId("door"): camera})

    @property
    def camera(self) -> Camera:
        return self.config.cameras[CameraId("door")]

    def put_state(self, name: str, text: bytes) -> None:
        (self.folder / name).write_bytes(text)


def changed(old: str, state: str, **more: object) -> CameraStateChanged:
    return CameraStateChanged(id="x", at=0, boot=0, source="r", camera="door", old=old, state=state, **more)  # type: ignore[arg-type]


def book(host: Host, boot: str = BOOT) -> RefusedLogins:
    made = RefusedLogins(host, boot)
    made.load(host.folder)
    return made


def left(host: Host, boot: str = BOOT) -> float:
    """Seconds for which a service that starts now leaves the camera alone."""
    until = book(host, boot).holds(host.camera)[0]
    return max(0, until - host.clock.boot_ns()) / NS_PER_S


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path, ManualClock())


REFUSED_NOW = changed("connecting", "auth_failed", detail={"rtsp_status": 401})


def test_a_restarted_service_waits_for_the_rest_of_the_minute(host: Host) -> None:
    book(host).heard(REFUSED_NOW)
    host.clock.advance(20 * NS_PER_S)
    assert left(host) == 40
    host.clock.advance(41 * NS_PER_S)
    assert left(host) == 0


def test_an_attempt_counts_when_it_begins_and_waiting_counts_for_nothing(host: Host) -> None:
    first = book(host)
    first.heard(REFUSED_NOW)
    host.clock.advance(30 * NS_PER_S)
    second = book(host)
    second.heard(changed("stopped", "auth_failed"))  # it only waits, as it was told
    assert left(host) == 30
    host.clock.advance(30 * NS_PER_S)
    second.heard(changed("auth_failed", "reconnecting"))
    assert left(host) == 60


def test_a_login_that_is_taken_is_forgotten(host: Host) -> None:
    made = book(host)
    made.heard(REFUSED_NOW)
    made.heard(changed("reconnecting", "receiving"))
    assert left(host) == 0
    assert read_refused(host.folder) == {}


def test_another_password_is_tried_at_once_and_the_same_one_of_another_stream_is_not(host: Host) -> None:
    book(host).heard(REFUSED_NOW)
    other = Camera(url=CameraUrl("rtsp://viewer:right@192.0.2.1/live"))
    assert book(host).holds(other) == (0, 0)
    main, sub = book(host).holds(host.camera)
    assert main == sub > 0


@pytest.mark.parametrize("step_s", [-86400, 3600])
def test_a_clock_that_is_set_neither_shortens_nor_lengthens_the_minute_within_one_boot(host: Host, step_s: int) -> None:
    book(host).heard(REFUSED_NOW)
    host.clock.advance(20 * NS_PER_S)
    host.clock.step_utc(step_s * NS_PER_S)
    assert left(host) == 40


def test_after_a_reboot_the_wall_clock_tells_and_a_wrong_one_costs_a_minute_at_most(host: Host) -> None:
    book(host).heard(REFUSED_NOW)
    host.clock.advance(25 * NS_PER_S)
    assert left(host, "another boot") == 35
    host.clock.step_utc(-400 * 86400 * NS_PER_S)
    assert left(host, "another boot") == 60
    assert hold_until(now(host.clock, ""), host.clock, "") == host.clock.boot_ns() + HOLD_NS


def test_the_file_has_no_password_and_nothing_that_is_over(host: Host) -> None:
    made = book(host)
    made.heard(REFUSED_NOW)
    text = (host.folder / REFUSED).read_text()
    assert "wrong" not in text
    assert "viewer" not in text
    host.clock.advance(HOLD_NS)
    made.note("0" * 32)
    assert list(read_refused(host.folder)) == ["0" * 32]


def test_what_cannot_be_read_keeps_nobody_waiting(host: Host) -> None:
    (host.folder / REFUSED).write_text('{"a": 1, "b": {"utc": 1}')
    assert left(host) == 0


def test_who_looks_at_a_camera_without_a_service_leaves_a_note_for_it(tmp_path: Path) -> None:
    data, clock = tmp_path / "data", ManualClock()
    host = Host(data / "state", clock)
    remember(data, host.camera.main_stream(), clock, BOOT)
    clock.advance(10 * NS_PER_S)
    assert left(host) == 50


def test_a_client_names_a_login_by_its_digest_only(host: Host) -> None:
    made = book(host)
    with pytest.raises(UsageError):
        asyncio.run(made.told({"key": "hunter2"}))
    asyncio.run(made.told({"key": host.camera.main_stream().login_key}))
    assert left(host) == 60
