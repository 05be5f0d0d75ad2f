"""The banner and the tray: what they say of trouble, what they keep to themselves, and that it is said once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtWidgets import QSystemTrayIcon, QWidget
from pytestqt.qtbot import QtBot

from desktop.canned_link import CannedLink, volume
from evertape_desktop.backend.backend import Backend
from evertape_desktop.context import Context
from evertape_desktop.recording import banner as banner_module
from evertape_desktop.recording import outlook
from evertape_desktop.recording.banner import StorageBanner
from evertape_desktop.recording.outlook import Standing
from evertape_desktop.recording.tray import Tray, standing_icon

REMOVED = "Recording device removed - insert device to resume recording"
GONE = {"volume": "usb1", "old": "online", "state": "not_mounted", "reason": "/mnt/usb1 is no longer mounted"}


@pytest.fixture
def banner(qtbot: QtBot, backend: Backend, link: CannedLink) -> StorageBanner:
    made = StorageBanner(backend)
    qtbot.addWidget(made)
    backend.start()
    qtbot.waitUntil(lambda: backend.look is not None and link.is_heard)
    return made


@pytest.fixture
def tray(qtbot: QtBot, context: Context, link: CannedLink, monkeypatch: pytest.MonkeyPatch) -> Iterator[Tray]:
    monkeypatch.setattr(QSystemTrayIcon, "isSystemTrayAvailable", lambda: True)
    window = QWidget()
    qtbot.addWidget(window)
    made = Tray(context, window)
    context.backend.start()
    qtbot.waitUntil(lambda: context.backend.look is not None and link.is_heard)
    yield made
    made.hide()


def pull(link: CannedLink, **recording: object) -> None:
    """The disk is pulled, and the door's footage waits."""
    link.state["volumes"] = [volume(state="not_mounted", reason=GONE["reason"]), *link.state["volumes"][1:]]
    waits = {"state": "waiting", "reason": "storage_missing", "attempt": 2, "retry_in_s": 4.4, "durable_age_s": 3.0}
    link.state["cameras"][0]["recording"].update({**waits, **recording})
    link.state["ring"] = {"bytes": 50, "budget": 200}
    link.say("volume_state", **GONE)


def put_back(link: CannedLink) -> None:
    link.state["volumes"] = [volume(), *link.state["volumes"][1:]]
    link.state["cameras"][0]["recording"].update(
        state="recording", reason="", attempt=0, retry_in_s=None, volume="usb1"
    )
    link.say("volume_state", volume="usb1", old="not_mounted", state="online")


def test_it_is_hidden_while_all_is_well(banner: StorageBanner) -> None:
    assert banner.isHidden() and banner.headline == ""


def test_it_tells_of_a_disk_that_was_removed_and_of_its_return(
    qtbot: QtBot, banner: StorageBanner, link: CannedLink, monkeypatch: pytest.MonkeyPatch
) -> None:
    pull(link)
    qtbot.waitUntil(lambda: banner.headline == REMOVED)
    qtbot.waitUntil(lambda: banner.countdown.startswith("attempt 3/20 in"))
    assert banner.detail.startswith("usb1: /mnt/usb1 is no longer mounted. New footage waits in memory, 3 s so")
    assert "25 % of the memory" in banner.detail and banner.detail.endswith("recording returns to it by itself.")
    monkeypatch.setattr(banner_module, "GOOD_NEWS_S", 1.2)
    put_back(link)
    qtbot.waitUntil(lambda: banner.headline == "Recording resumed on usb1")
    qtbot.waitUntil(banner.isHidden, timeout=4000)


def test_it_says_where_footage_goes_meanwhile(qtbot: QtBot, banner: StorageBanner, link: CannedLink) -> None:
    link.state["volumes"].append(volume("internal", role="spill"))
    pull(link, state="recording", reason="", volume="internal", attempt=0, retry_in_s=None)
    qtbot.waitUntil(lambda: "Recording goes on with internal." in banner.detail)
    assert (banner.headline, banner.countdown) == (REMOVED, "")


def test_a_spare_volume_that_is_away_does_not_sound_as_if_recording_had_stopped(
    qtbot: QtBot, banner: StorageBanner, backend: Backend, link: CannedLink
) -> None:
    link.state["volumes"].append(volume("internal", role="spill", state="io_error", trouble="io_error"))
    backend.look_now()
    qtbot.waitUntil(lambda: banner.headline == "The spare volume cannot be used: I/O Error")
    assert "Recording goes on with usb1." in banner.detail


@pytest.mark.parametrize(
    ("state", "trouble", "said"),
    [
        ("denied", "permission_denied", "may not be written"),
        ("full", "low_space", "is full"),
        ("io_error", "io_error", "reports errors"),
        ("hung", "not_responding", "does not respond"),
        ("wrong_volume", "wrong_volume", "Another disk is in place"),
        ("read_only", "read_only", "read-only"),
        ("not_mounted", "not_mounted", "not there"),
        ("missing", "directory_not_found", "folder not found"),
    ],
)
def test_each_trouble_has_its_words(
    qtbot: QtBot, backend: Backend, link: CannedLink, state: str, trouble: str, said: str
) -> None:
    link.state["volumes"] = [volume(state=state, trouble=trouble)]
    banner = StorageBanner(backend)
    qtbot.addWidget(banner)
    backend.start()
    qtbot.waitUntil(lambda: said in banner.headline)


def test_nobody_is_disturbed_while_nothing_is_to_be_recorded(
    qtbot: QtBot, banner: StorageBanner, backend: Backend, link: CannedLink
) -> None:
    for one in link.state["cameras"]:
        one["recording"].update(wanted=False, state="stopped")
    with qtbot.waitSignal(backend.state_changed):
        backend.look_now()
    link.state["volumes"] = [volume(state="not_mounted")]
    with qtbot.waitSignal(backend.happened):
        link.say("volume_state", **GONE)
    assert banner.isHidden()


def test_it_tells_of_a_recorder_that_does_not_answer(
    qtbot: QtBot, banner: StorageBanner, link: CannedLink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outlook, "LOST_S", 1.0)
    link.is_away = True
    qtbot.waitUntil(lambda: banner.headline == "No contact with the recorder for 1 s", timeout=10_000)
    assert "cannot be reached" in banner.detail
    qtbot.waitUntil(lambda: banner.headline == "No contact with the recorder for 2 s", timeout=4000)
    link.is_away = False
    qtbot.waitUntil(banner.isHidden, timeout=4000)


def test_the_tray_tells_once_of_a_loss_and_once_of_the_return(qtbot: QtBot, tray: Tray, link: CannedLink) -> None:
    told: list[tuple[str, str]] = []
    tray.message_shown.connect(lambda title, text: told.append((title, text)))
    qtbot.waitUntil(lambda: tray.standing is Standing.ALL)
    assert tray.tool_tip == "Evertape: 1 of 2 cameras recording"
    pull(link)
    qtbot.waitUntil(lambda: tray.standing is Standing.TROUBLE and "USB Disconnected" in tray.tool_tip)
    assert told == [(f"⚠️ {REMOVED}", "usb1: ⚠ Storage: USB Disconnected")]
    put_back(link)
    qtbot.waitUntil(lambda: len(told) == 2, timeout=8000)
    assert told[1] == ("Recording resumed on usb1", "Disk Usage: 80.0 GB (371 files) | Free: 120.0 GB")
    assert tray.standing is Standing.ALL


def test_a_plug_that_makes_contact_for_a_moment_is_one_loss(
    qtbot: QtBot, tray: Tray, context: Context, link: CannedLink
) -> None:
    told: list[str] = []
    tray.message_shown.connect(lambda title, _text: told.append(title))
    for _ in range(3):
        pull(link)
        qtbot.waitUntil(lambda: tray.standing is Standing.TROUBLE)
        put_back(link)
        qtbot.waitUntil(lambda: tray.standing is Standing.ALL)
    qtbot.waitUntil(lambda: len(told) == 2, timeout=8000)
    assert told == [f"⚠️ {REMOVED}", "Recording resumed on usb1"]


def test_the_mark_says_that_nothing_is_recorded_and_that_nobody_answers(
    qtbot: QtBot, tray: Tray, context: Context, link: CannedLink
) -> None:
    for one in link.state["cameras"]:
        one["recording"].update(wanted=False, state="stopped")
    context.backend.look_now()
    qtbot.waitUntil(lambda: tray.standing is Standing.NONE)
    link.is_away = True
    context.backend.look_now()
    qtbot.waitUntil(lambda: tray.standing is Standing.TROUBLE)
    pictures = {standing: standing_icon(standing).pixmap(32).toImage() for standing in Standing}
    assert all(pictures[a] != pictures[b] for a in Standing for b in Standing if a is not b)


def test_there_is_no_tray_where_nobody_wants_one(qtbot: QtBot, tray: Tray, context: Context, link: CannedLink) -> None:
    context.settings.set("appearance", tray=False)
    assert tray.tool_tip == ""
    with qtbot.assertNotEmitted(tray.message_shown), qtbot.waitSignal(context.backend.happened):
        pull(link)
    context.settings.set("appearance", tray=True)
    assert "USB Disconnected" in tray.tool_tip


def test_there_is_none_where_the_system_has_none(
    qtbot: QtBot, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(QSystemTrayIcon, "isSystemTrayAvailable", lambda: False)
    window = QWidget()
    qtbot.addWidget(window)
    assert Tray(context, window).tool_tip == ""


def test_the_tray_hides_and_shows_the_window_and_records_all(
    qtbot: QtBot, tray: Tray, context: Context, link: CannedLink
) -> None:
    window = tray.parent()
    assert isinstance(window, QWidget)
    window.show()
    tray.toggle_window()
    assert not window.isVisible()
    tray.toggle_window()
    assert window.isVisible()
    assert tray._menu is not None
    next(action for action in tray._menu.actions() if action.text() == "Start recording all cameras").trigger()
    qtbot.waitUntil(lambda: ("POST /recording", {}, {"cameras": ["door", "gate"], "wanted": True}) in link.asked)
