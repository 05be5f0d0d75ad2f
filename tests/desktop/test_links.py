"""The lines to real recorders: a hub on this machine, one that wants a login, an engine in this process."""

from __future__ import annotations

import asyncio
import stat
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from evertape import RobustNVRPipeline
from evertape.types import NS_PER_S
from evertape_desktop.backend.backend import Backend
from evertape_desktop.backend.http_link import HttpLink, LocalLink
from evertape_desktop.backend.in_process import InProcessLink
from evertape_desktop.backend.model import EventLook, instant
from evertape_desktop.backend.problem import Contact, Problem
from evertape_lab.fleet import LabCameras
from hub.served_hub import ServedHub


@pytest.fixture(scope="module")
def camera_url() -> Iterator[str]:
    with LabCameras(count=1, size="320x180", bitrate=300) as lab:
        yield lab.urls[0]


@pytest.fixture(scope="module")
def hub(camera_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedHub]:
    served = ServedHub(tmp_path_factory.mktemp("data"), f'[cameras.door]\nurl = "{camera_url}"\n')
    served.start()
    yield served
    assert served.stop() == 0


def test_a_hub_on_this_machine_needs_no_login(qtbot: QtBot, hub: ServedHub) -> None:
    backend = Backend(LocalLink(hub.data))
    events: list[EventLook] = []
    backend.happened.connect(events.append)
    backend.start()
    try:
        qtbot.waitUntil(lambda: backend.look is not None and backend.look.cameras[0].is_recording, timeout=30_000)
        backend.record(["door"], False)
        qtbot.waitUntil(lambda: backend.look is not None and not backend.look.cameras[0].is_recording, timeout=10_000)
        backend.record(["door"], True)
        qtbot.waitUntil(lambda: any(event.kind == "recording_state" for event in events), timeout=10_000)
    finally:
        backend.close()


def test_a_hub_elsewhere_asks_who_it_is(qtbot: QtBot, hub: ServedHub) -> None:
    hub.log_in()
    backend = Backend(HttpLink(hub.url()))
    backend.start()
    try:
        qtbot.waitUntil(lambda: backend.connection.contact is Contact.LOGIN_NEEDED, timeout=10_000)
        refused: list[Problem] = []
        backend.log_in("admin", "wrong").then(print, refused.append)
        qtbot.waitUntil(lambda: bool(refused), timeout=10_000)
        backend.log_in("admin", "correct horse battery")
        qtbot.waitUntil(lambda: backend.connection.contact is Contact.CONNECTED, timeout=10_000)
        done: list[object] = []
        backend.record(["door"], True).then(done.append)
        qtbot.waitUntil(lambda: bool(done), timeout=10_000)
    finally:
        backend.close()


def test_whoever_stays_logged_in_is_not_asked_again(qtbot: QtBot, hub: ServedHub, tmp_path: Path) -> None:
    kept = tmp_path / "desktop.token"
    backend = Backend(HttpLink(hub.url(), kept=kept))
    backend.start()
    try:
        backend.log_in("admin", "correct horse battery", stay=True)
        qtbot.waitUntil(lambda: backend.connection.contact is Contact.CONNECTED, timeout=10_000)
    finally:
        backend.close()
    assert kept.read_text().startswith("et_") and stat.S_IMODE(kept.stat().st_mode) == 0o600
    again = Backend(HttpLink(hub.url(), kept.read_text().strip()))
    again.start()
    try:
        qtbot.waitUntil(lambda: again.look is not None, timeout=10_000)
    finally:
        again.close()


def test_an_engine_in_this_process_needs_no_hub(qtbot: QtBot, camera_url: str, tmp_path: Path) -> None:
    with RobustNVRPipeline(camera_url, tmp_path / "footage", "yard") as pipeline:
        backend = Backend(InProcessLink.of_pipelines(tmp_path / "footage"))
        kinds: list[str] = []
        backend.happened.connect(lambda event: kinds.append(event.kind))
        backend.start()
        try:
            qtbot.waitUntil(lambda: backend.look is not None and bool(backend.look.cameras), timeout=10_000)
            backend.record(["yard"], True)
            qtbot.waitUntil(lambda: pipeline.recording, timeout=20_000)
            qtbot.waitUntil(lambda: backend.look is not None and backend.look.cameras[0].is_recording, timeout=5000)
            assert "recording_state" in kinds
            account: list[object] = []
            backend.get("/timeline", **_today()).then(account.append, account.append)
            qtbot.waitUntil(lambda: bool(account), timeout=10_000)
            assert isinstance(account[0], dict), account[0]
        finally:
            backend.close()


def _today() -> dict[str, str]:
    now = time.time_ns()
    return {"start": instant(now - 3600 * NS_PER_S), "end": instant(now + 3600 * NS_PER_S)}


def test_a_recorder_that_is_not_there_is_a_problem_with_a_hint(tmp_path: Path) -> None:
    link = LocalLink(tmp_path)

    async def ask() -> None:
        try:
            await link.request("GET", "/status", {}, None, {})
        finally:
            await link.close()

    with pytest.raises(Problem) as caught:
        asyncio.run(ask())
    assert caught.value.code == "unreachable" and "evertape serve" in caught.value.hint
