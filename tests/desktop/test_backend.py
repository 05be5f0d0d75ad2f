"""The window's interface to a recorder."""

from __future__ import annotations

import threading
from typing import Any

import shiboken6
from PySide6.QtCore import QObject
from pytestqt.qtbot import QtBot

from desktop.canned_link import CannedLink, camera
from evertape_desktop.backend.backend import Backend
from evertape_desktop.backend.model import instant, utc_ns
from evertape_desktop.backend.problem import Contact, Problem


def test_the_state_arrives_on_the_gui_thread(qtbot: QtBot, backend: Backend) -> None:
    threads = []
    backend.state_changed.connect(lambda _: threads.append(threading.current_thread()))
    with qtbot.waitSignal(backend.state_changed, timeout=5000) as seen:
        backend.start()
    assert seen.args is not None and [one.id for one in seen.args[0].cameras] == ["door", "gate"]
    assert threads == [threading.main_thread()]
    assert backend.connection.contact is Contact.CONNECTED


def test_an_event_is_told_and_brings_the_new_state_at_once(qtbot: QtBot, backend: Backend, link: CannedLink) -> None:
    with qtbot.waitSignal(backend.state_changed, timeout=5000):
        backend.start()
    qtbot.waitUntil(lambda: link._events is not None)
    link.state["cameras"] = [camera("door", recording="waiting")]
    with qtbot.waitSignals([backend.happened, backend.state_changed], timeout=1000):
        link.say("camera_state", "door", state="stalled")
    assert backend.look is not None and backend.look.cameras[0].recording is not None
    assert backend.look.cameras[0].recording.state == "waiting"


def test_a_recorder_that_goes_and_comes_is_noticed(qtbot: QtBot, backend: Backend, link: CannedLink) -> None:
    with qtbot.waitSignal(backend.state_changed, timeout=5000):
        backend.start()
    link.is_away = True
    qtbot.waitUntil(lambda: backend.connection.contact is Contact.LOST, timeout=6000)
    assert "cannot be reached" in backend.connection.text
    link.is_away = False
    qtbot.waitUntil(lambda: backend.connection.contact is Contact.CONNECTED, timeout=6000)


def test_events_that_were_missed_are_told_of_once_the_line_stands_again(
    qtbot: QtBot, backend: Backend, link: CannedLink
) -> None:
    missed: list[int] = []
    backend.missed.connect(lambda: missed.append(1))
    with qtbot.waitSignal(backend.state_changed, timeout=5000):
        backend.start()
    qtbot.waitUntil(lambda: link._events is not None)
    first = link._events
    with qtbot.waitSignal(backend.missed, timeout=5000):
        link.hang_up()
    assert link._events is not first and len(missed) == 1
    with qtbot.waitSignal(backend.happened, timeout=5000):
        link.say("notice", text="hm")


def test_an_answer_comes_to_whoever_asked(qtbot: QtBot, backend: Backend, link: CannedLink) -> None:
    link.answers["POST /recording"] = {"cameras": ["gate"], "wanted": True}
    backend.start()
    answers: list[Any] = []
    backend.record(["gate"], True).then(answers.append)
    qtbot.waitUntil(lambda: bool(answers))
    assert answers == [{"cameras": ["gate"], "wanted": True}]
    assert ("POST /recording", {}, {"cameras": ["gate"], "wanted": True}) in link.asked


def test_a_refusal_that_nobody_took_care_of_is_told(qtbot: QtBot, backend: Backend, link: CannedLink) -> None:
    link.answers["POST /recording"] = Problem("not_allowed", "this needs the role operator", status=403)
    backend.start()
    with qtbot.waitSignal(backend.failed, timeout=5000) as seen:
        backend.record(["gate"], True)
    assert seen.args is not None and seen.args[0].code == "not_allowed"


def test_whoever_is_gone_is_told_nothing(qtbot: QtBot, backend: Backend) -> None:
    owner, told = QObject(), []
    backend.start()
    backend.get("/alerts").then(told.append, owner=owner)
    shiboken6.delete(owner)
    after: list[Any] = []
    qtbot.waitUntil(lambda: backend.look is not None)
    backend.get("/alerts").then(after.append)
    qtbot.waitUntil(lambda: bool(after))
    assert not told


def test_it_leaves_no_thread(qtbot: QtBot, link: CannedLink) -> None:
    before = set(threading.enumerate())
    backend = Backend(link)
    with qtbot.waitSignal(backend.state_changed, timeout=5000):
        backend.start()
    backend.close()
    assert set(threading.enumerate()) <= before


def test_instants_keep_their_nanoseconds() -> None:
    assert utc_ns("2026-11-24T13:30:00.25Z") == utc_ns("2026-11-24T13:30:00Z") + 250_000_000
    assert instant(utc_ns("2026-11-24T13:30:00.123456789Z")) == "2026-11-24T13:30:00.123456789Z"
