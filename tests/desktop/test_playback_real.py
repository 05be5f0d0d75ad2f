"""Playing what a real service recorded: two lab cameras that number their pictures, rotations, and a gap."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from desktop.playback_service import PlaybackService, number, numbers_seen, settle
from evertape.evidence.verify import verify
from evertape.media.gst.lib import join_disposals
from evertape.types import NS_PER_MS, NS_PER_S
from evertape_desktop.actions import Actions
from evertape_desktop.backend.backend import Backend
from evertape_desktop.backend.http_link import LocalLink
from evertape_desktop.backend.model import utc_ns
from evertape_desktop.context import Context
from evertape_desktop.playback.calendar import Day
from evertape_desktop.playback.player import Player
from evertape_desktop.playback.reel import Look
from evertape_desktop.playback.scale import Window
from evertape_desktop.playback.selection import BackupDialog, DeleteDialog, ExportDialog, ProtectDialog
from evertape_desktop.playback.widget import PlaybackWidget
from evertape_desktop.store import SettingsStore
from evertape_lab.sei import LAB_UUID
from hub.served_hub import until

GUIDE = Path(__file__).parents[2] / "docs/guide"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PlaybackService]:
    made = PlaybackService(tmp_path_factory.mktemp("playback") / "data")
    try:
        made.start()
        yield made
    finally:
        made.stop()


@pytest.fixture
def widget(qapp: QApplication, qtbot: QtBot, service: PlaybackService) -> Iterator[PlaybackWidget]:
    window = QWidget()
    backend = Backend(LocalLink(service.data))
    made = PlaybackWidget(Context(backend, SettingsStore(None), Actions(window)))
    made.resize(1280, 560)
    backend.start()
    made.show()
    qtbot.waitUntil(lambda: len(made.player.tracks) == 2, timeout=8000)
    yield made
    made.close_player()
    made.close()
    backend.close()
    made.deleteLater()
    window.deleteLater()


@pytest.fixture
def player(widget: PlaybackWidget) -> Player:
    return widget.player


def begin_of(service: PlaybackService, camera: str = "door") -> int:
    return utc_ns(service.parts(camera)[0]["start"])


def gap_of(service: PlaybackService, camera: str = "yard") -> tuple[int, int]:
    """That of both cameras; of the one from which nothing is deleted here."""
    parts = service.parts(camera)
    for before, after in pairwise(parts):
        if utc_ns(after["start"]) - utc_ns(before["end"]) > NS_PER_S:
            return utc_ns(before["end"]), utc_ns(after["start"])
    raise AssertionError("there is no gap")


def test_every_step_is_one_picture_on_or_back(qtbot: QtBot, service: PlaybackService, player: Player) -> None:
    player.seek(begin_of(service) + 2 * NS_PER_S)
    settle(qtbot, player)
    first = number(player, "door")
    for steps in range(1, 6):
        player.step(1)
        qtbot.waitUntil(lambda steps=steps: number(player, "door") == first + steps)
    # More than are kept: they are decoded again from the keyframe before.
    for steps in range(1, 22):
        player.step(-1)
        settle(qtbot, player)
        assert number(player, "door") == first + 5 - steps


def test_a_seek_shows_both_cameras_at_that_instant(qtbot: QtBot, service: PlaybackService, player: Player) -> None:
    begin = max(begin_of(service, "door"), begin_of(service, "yard"))
    for offset_ms in (500, 3210, 1777):
        at = begin + offset_ms * NS_PER_MS
        player.seek(at)
        settle(qtbot, player)
        for track in player.tracks.values():
            assert track.shown is not None
            assert track.shown.utc <= at < track.shown.until, track.camera
            assert track.shown.until - track.shown.utc <= 41 * NS_PER_MS


def test_playing_crosses_rotations_and_leaves_no_picture_out(
    qtbot: QtBot, service: PlaybackService, player: Player
) -> None:
    parts = service.parts("door")
    player.seek(utc_ns(parts[0]["end"]) - NS_PER_S)
    settle(qtbot, player)
    track = player.tracks["door"]
    first = number(player, "door")
    # Everything that is decoded, in order, whatever the screen had time for.
    decoded: list[int] = []
    take = track._work.take

    def watched(holding: int) -> Any:
        found = take(holding)
        for one in found:
            if hasattr(one, "encoded"):
                at = one.encoded.data.index(LAB_UUID)
                decoded.append(int(one.encoded.data[at:].split(b"n=")[1][:15]))
        return found

    track._work.take = watched  # type: ignore[method-assign]
    segments = {track.shown.encoded.segment} if track.shown else set()
    seen, note = numbers_seen(player, "door")
    player.play(1.0)
    qtbot.waitUntil(lambda: player.at > utc_ns(parts[0]["end"]) + NS_PER_S, timeout=10_000)
    player.pause()
    player.track_changed.disconnect(note)
    assert decoded == list(range(decoded[0], decoded[0] + len(decoded))), "a picture is missing"
    assert seen == sorted(set(seen)) and seen[0] <= first + 2
    assert track.shown is not None and track.shown.encoded.segment not in segments
    yard = player.tracks["yard"]
    assert yard.shown is not None and abs(yard.shown.utc - track.shown.utc) <= 40 * NS_PER_MS


def test_a_gap_shows_its_cause_and_playing_goes_on_behind_it(
    qtbot: QtBot, service: PlaybackService, widget: PlaybackWidget
) -> None:
    player = widget.player
    start, end = gap_of(service)
    player.seek(begin_of(service) + NS_PER_S)
    settle(qtbot, player)
    player.go_to_gap(1)
    settle(qtbot, player, Look.GAP)
    assert start <= player.at < end
    card = widget.wall.surfaces["door"]
    qtbot.waitUntil(lambda: card.card is not None and card.card.headline == "Camera unreachable")
    assert card.card is not None and any("The camera did not answer" in line for line in card.card.lines)
    player.go_on_behind()
    qtbot.waitUntil(lambda: any(one.look is Look.PICTURE for one in player.tracks.values()))
    assert player.at >= end - NS_PER_S
    player.seek(start - NS_PER_S // 2)
    settle(qtbot, player)
    player.play(1.0)
    qtbot.waitUntil(lambda: player.at > end + NS_PER_S, timeout=8000)
    assert player.tracks["door"].look is Look.PICTURE
    player.go_to_gap(-1)
    settle(qtbot, player, Look.GAP)


def test_backward_shows_earlier_and_earlier_keyframes(qtbot: QtBot, service: PlaybackService, player: Player) -> None:
    player.seek(gap_of(service)[0] - NS_PER_S // 2)
    settle(qtbot, player)
    seen, _ = numbers_seen(player, "door")
    player.play(-2.0)
    qtbot.waitUntil(lambda: len(seen) >= 4, timeout=8000)
    player.pause()
    assert seen[1:] == sorted(seen[1:], reverse=True), seen
    track = player.tracks["door"]
    assert track.shown is not None and track.shown.encoded.key


def test_sixteen_times_goes_by_keyframes_and_over_the_gap(
    qtbot: QtBot, service: PlaybackService, player: Player
) -> None:
    begin, (_, end) = begin_of(service), gap_of(service)
    player.seek(begin + NS_PER_S // 2)
    settle(qtbot, player)
    seen, _ = numbers_seen(player, "door")
    player.play(16.0)
    assert player.only_keys
    qtbot.waitUntil(lambda: player.at > end + NS_PER_S, timeout=10_000)
    player.pause()
    assert len(seen) >= 4 and seen == sorted(seen)


def test_files_can_be_gone_through(qtbot: QtBot, service: PlaybackService, player: Player) -> None:
    starts = [utc_ns(part["start"]) for part in service.parts("door")]
    player.seek(starts[0] + NS_PER_S)
    settle(qtbot, player)
    player.go_to_segment(1)
    qtbot.waitUntil(lambda: abs(player.at - starts[1]) < 50 * NS_PER_MS)
    player.go_to_segment(-1)
    qtbot.waitUntil(lambda: abs(player.at - starts[0]) < 50 * NS_PER_MS)


def test_the_last_seconds_can_be_seen_and_go_on(qtbot: QtBot, service: PlaybackService, player: Player) -> None:
    player.seek(player.recorder_clock.now() - 4 * NS_PER_S)
    settle(qtbot, player)
    at = player.at
    player.play(1.0)
    qtbot.waitUntil(lambda: player.at > at + 2 * NS_PER_S, timeout=10_000)
    assert player.playing and not any(track.problem for track in player.tracks.values())


def test_the_picture_is_saved_in_full_size(
    qtbot: QtBot, service: PlaybackService, widget: PlaybackWidget, tmp_path: Path
) -> None:
    widget.player.seek(begin_of(service) + 2 * NS_PER_S)
    settle(qtbot, widget.player)
    for name in ("door.png", "door.jpg"):
        widget.deeds.save_picture("door", tmp_path / name)
        qtbot.waitUntil(lambda name=name: (tmp_path / name).is_file() and "360" in widget.controls.state.text())
        image = QImage(str(tmp_path / name))
        assert (image.width(), image.height()) == (640, 360)
        widget.say("")


def test_a_selection_is_exported_backed_up_protected_and_deleted(
    qtbot: QtBot, service: PlaybackService, widget: PlaybackWidget, tmp_path: Path
) -> None:
    assert service.hub is not None
    parts = service.parts("door")
    span = (utc_ns(parts[0]["start"]), utc_ns(parts[1]["end"]))
    widget.choosing.choose(["door"])
    widget.timeline.select(span)
    backend = widget.context.backend

    widget.context.actions["playback_export"].trigger()
    export = widget.findChild(ExportDialog)
    assert export is not None
    export.target.edit.setText(str(tmp_path / "clip.mp4"))
    with qtbot.waitSignal(export.finished_well, timeout=20_000):
        export.begin.click()
    assert verify(tmp_path / "clip.mp4.blake3").ok
    assert b"ftyp" in (tmp_path / "clip.mp4").read_bytes()[:64]
    export.close()

    widget.context.actions["playback_backup"].trigger()
    backup = widget.findChild(BackupDialog)
    assert backup is not None
    backup.target.edit.setText(str(tmp_path / "disk"))
    with qtbot.waitSignal(backup.finished_well, timeout=20_000) as done:
        backup.begin.click()
    assert done.args is not None
    report = done.args[0]
    assert report.ok and report.verified + report.unhashed == 2, report.text()
    lists = list((tmp_path / "disk").rglob("*.blake3"))
    assert lists and all(verify(one).ok for one in lists)
    backup.close()

    protect = ProtectDialog(backend, ("door",), (span[0], span[0] + NS_PER_S), "", widget)
    with qtbot.waitSignal(protect.finished_well, timeout=10_000):
        protect.begin.click()
    refused = service.hub.http.post("/retention/delete", json={"segments": [parts[0]["segment"]["id"]]})
    assert refused.status_code == 409 and refused.json()["error"]["code"] == "segment_protected"
    writing = service.parts("door")[-1]["segment"]
    refused = service.hub.http.post("/retention/delete", json={"segments": [writing["id"]]})
    assert writing["state"] != "open" or refused.json()["error"]["code"] == "segment_open"

    until(lambda: service.hub is not None and service.hub.get("/protections")["protections"], "the index knows of it")
    delete = DeleteDialog(backend, ("door",), span, "", widget)
    qtbot.waitUntil(lambda: delete.begin.isEnabled(), timeout=10_000)
    assert delete.chosen == (parts[1]["segment"]["id"],), "what is protected stays"
    with qtbot.waitSignal(delete.finished_well, timeout=20_000):
        delete.begin.click()
    middle = (utc_ns(parts[1]["start"]) + utc_ns(parts[1]["end"])) // 2
    widget.player.forget()
    widget.player.seek(middle)
    settle(qtbot, widget.player, Look.GAP)
    surface = widget.wall.surfaces["door"]
    qtbot.waitUntil(lambda: surface.card is not None and "deleted" in " ".join(surface.card.lines))
    track = widget.player.tracks["door"]
    assert track.gap["gap"]["cause"] == "removed_by_person"
    for dialog in (protect, delete):
        dialog.close()


def test_days_with_footage_are_marked(qtbot: QtBot, widget: PlaybackWidget) -> None:
    qtbot.waitUntil(lambda: Day.GAPS in widget.choosing.calendar.days.values(), timeout=8000)
    assert list(widget.choosing.calendar.days.values()).count(Day.NONE) >= 27


def test_the_window_looks_as_it_should(qtbot: QtBot, service: PlaybackService, widget: PlaybackWidget) -> None:
    start, end = gap_of(service)
    widget.timeline.show_window(Window(start - 20 * NS_PER_S, end + 25 * NS_PER_S))
    widget.timeline.select((start - 9 * NS_PER_S, start - 3 * NS_PER_S))
    widget.player.seek(end + 2 * NS_PER_S)
    settle(qtbot, widget.player)
    qtbot.waitUntil(lambda: bool(widget.tiles.spans("door", start, end, 50 * NS_PER_MS)), timeout=8000)
    widget.say("")
    picture = widget.grab().toImage()
    spot = widget.wall.surfaces["door"].mapTo(widget, widget.wall.surfaces["door"].rect().center())
    assert picture.pixelColor(spot).lightness() > 20, "there is a picture"
    if os.environ.get("EVERTAPE_GUIDE_PICTURES"):
        # The lab's noise would take most of the bytes.
        few = picture.convertToFormat(QImage.Format.Format_Indexed8, Qt.ImageConversionFlag.ThresholdDither)
        assert few.save(str(GUIDE / "desktop-playback.png"))
        assert (GUIDE / "desktop-playback.png").stat().st_size < 150_000


def test_closing_leaves_no_thread(qtbot: QtBot, service: PlaybackService, qapp: QApplication) -> None:
    join_disposals(5)
    before = set(threading.enumerate())
    window = QWidget()
    backend = Backend(LocalLink(service.data))
    widget = PlaybackWidget(Context(backend, SettingsStore(None), Actions(window)))
    backend.start()
    widget.show()
    qtbot.waitUntil(lambda: len(widget.player.tracks) == 2, timeout=8000)
    widget.player.seek(begin_of(service) + NS_PER_S)
    settle(qtbot, widget.player)
    widget.player.play(2.0)
    widget.close_player()
    widget.close()
    backend.close()
    # Pipelines end on threads that are abandoned only if they hang.
    qtbot.waitUntil(lambda: set(threading.enumerate()) <= before)
    widget.deleteLater()
    window.deleteLater()
