"""The grid and the list of cameras over a canned recorder, with views that are told what to show."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QMimeData, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QDropEvent, QImage, QLinearGradient, QPainter, QPolygonF
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QMenu, QWidget
from pytestqt.qtbot import QtBot

from desktop.canned_link import CannedLink, camera
from evertape.config.desktop import Grid, Theme
from evertape.media.view.terms import Frame, ViewOptions
from evertape_desktop.backend.model import instant
from evertape_desktop.context import Context
from evertape_desktop.grid.camera_list import CameraList
from evertape_desktop.grid.cell import MIME
from evertape_desktop.grid.grid import VideoGrid
from evertape_desktop.grid.properties import CameraProperties
from evertape_desktop.theme import apply_theme
from evertape_desktop.video.pool import Key, ViewPool

PICTURES = bool(os.environ.get("EVERTAPE_GUIDE_PICTURES"))
GUIDE = Path(__file__).parents[2] / "docs" / "guide"


class TestView:
    """A view that decodes nothing."""

    __test__ = False

    def __init__(self, key: Key, options: ViewOptions) -> None:
        self.key, self.options = key, options
        self.error: Exception | None = None
        self.is_alive = False
        self.size = options.frame_size

    def start(self) -> None:
        self.is_alive = True

    def ask_to_stop(self) -> None:
        self.is_alive = False

    def stop(self) -> None:
        self.is_alive = False

    def fit(self, size: tuple[int, int] | None) -> None:
        self.size = size

    def give(self, shade: int = 200, *, fallback: bool = False, size: tuple[int, int] = (64, 36)) -> None:
        """As GStreamer's thread does."""
        assert self.options.on_frame is not None
        self.options.on_frame(Frame(bytes([shade]) * (size[0] * size[1] * 4), *size, "BGRx", 0, fallback))


@pytest.fixture
def views(monkeypatch: pytest.MonkeyPatch) -> list[TestView]:
    """Those that were made, in their order."""
    made: list[TestView] = []

    def make(_pool: ViewPool, key: Key, options: ViewOptions, _on_event: object) -> TestView:
        made.append(TestView(key, options))
        return made[-1]

    monkeypatch.setattr(ViewPool, "_make", make)
    return made


@pytest.fixture
def grid(qtbot: QtBot, context: Context, link: CannedLink, views: list[TestView]) -> Iterator[VideoGrid]:
    link.state["cameras"] = [camera(f"cam{n}", f"Camera {n}") for n in range(1, 6)]
    made = VideoGrid(context)
    made.resize(640, 360)
    made.show()
    context.backend.start()
    qtbot.waitUntil(lambda: len(made.shown) == 4)
    yield made
    made.close_views()
    made.deleteLater()


def running(views: list[TestView]) -> list[Key]:
    return [view.key for view in views if view.is_alive]


def test_the_grid_shows_a_page_of_cameras_and_turns_to_the_next(grid: VideoGrid, views: list[TestView]) -> None:
    assert grid.shown == ["cam1", "cam2", "cam3", "cam4"]
    assert running(views) == [(f"cam{n}", "sub") for n in range(1, 5)]
    grid.turn(1)
    assert grid.shown == ["cam5"] and not grid.cell("cam1").isVisible()
    grid.turn(1)
    assert grid.shown[0] == "cam1"
    assert len(views) == 5, "what was shown a moment ago goes on"


def test_changes_of_layout_make_no_view_anew(grid: VideoGrid, views: list[TestView], context: Context) -> None:
    made = list(views)
    for layout in (Grid.FOUR, Grid.THREE, Grid.TWO, Grid.FOUR):
        grid.set_grid(layout)
    assert [view for view in views if view.key[0] != "cam5"] == made and all(view.is_alive for view in made)
    assert context.settings.now.layout.grid is Grid.FOUR


def test_a_view_that_no_cell_shows_ends_after_a_while(
    qtbot: QtBot, grid: VideoGrid, views: list[TestView], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("evertape_desktop.video.pool.GRACE_S", 0.0)
    grid.set_grid(Grid.ONE)
    views[-1].give()
    qtbot.waitUntil(lambda: running(views) == [("cam1", "main")])


def test_the_sub_picture_stays_until_the_main_one_is_there(
    qtbot: QtBot, grid: VideoGrid, views: list[TestView]
) -> None:
    views[0].give(100)
    cell = grid.cell("cam1")
    qtbot.waitUntil(lambda: cell.image is not None)
    small = cell.image
    grid.zoom_to("cam1")
    assert grid.shown == ["cam1"] and cell.size() == grid.size()
    main = views[-1]
    assert main.key == ("cam1", "main") and cell.image is small
    main.give(0, fallback=True)
    qtbot.wait(50)
    assert cell.image is small, "a card is no reason to give up a picture"
    main.give(200)
    qtbot.waitUntil(lambda: cell.image is not small and cell.image is not None)
    assert main.size == (640, 360)
    grid.zoom_to("")
    assert len(grid.shown) == 4


def test_keys_zoom_turn_and_go_from_cell_to_cell(qtbot: QtBot, grid: VideoGrid, context: Context) -> None:
    actions = context.actions
    actions["grid_camera_2"].trigger()
    assert grid.zoomed == "cam2" == grid.selected
    actions["grid_next_page"].trigger()
    assert grid.zoomed == "cam3"
    actions["grid_back"].trigger()
    assert grid.zoomed == ""
    actions["grid_zoom"].trigger()
    assert grid.zoomed == "cam3"
    actions["grid_zoom"].trigger()
    grid.activateWindow()
    grid.cell("cam1").setFocus()
    for key, expected in (
        (Qt.Key.Key_Right, "cam2"), (Qt.Key.Key_Down, "cam4"), (Qt.Key.Key_Left, "cam3"), (Qt.Key.Key_Up, "cam1"),
        (Qt.Key.Key_Up, "cam1"),
    ):  # fmt: skip
        qtbot.keyClick(grid.cell(grid.selected or "cam1"), key)  # type: ignore[no-untyped-call]
        assert grid.selected == expected
    qtbot.mouseDClick(grid.cell("cam4"), Qt.MouseButton.LeftButton)  # type: ignore[no-untyped-call]
    assert grid.zoomed == "cam4"


def test_every_layout_has_its_deed_and_no_hot_keys_clash(grid: VideoGrid, context: Context) -> None:
    for name, layout in (("grid_one_and_five", Grid.ONE_AND_FIVE), ("grid_one_and_seven", Grid.ONE_AND_SEVEN)):
        context.actions[name].trigger()
        assert context.settings.now.layout.grid is layout
    assert grid.cell("cam1").stream == "main" and grid.cell("cam2").stream == "sub"
    assert not context.actions.conflicts()


def test_a_camera_that_is_dropped_on_another_changes_places_with_it(grid: VideoGrid, context: Context) -> None:
    mime = QMimeData()
    mime.setData(MIME, b"cam1")
    drop = QDropEvent(
        QPointF(5, 5), Qt.DropAction.MoveAction, mime, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    )
    grid.cell("cam3").dropEvent(drop)
    assert grid.shown == ["cam3", "cam2", "cam1", "cam4"]
    assert context.settings.now.layout.order == ("cam3", "cam2", "cam1", "cam4", "cam5")


def test_a_camera_that_is_away_shows_since_when_and_why_and_its_picture_returns(
    qtbot: QtBot, grid: VideoGrid, views: list[TestView], link: CannedLink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("evertape_desktop.video.pool.HOLD_S", 0.0)
    views[0].give(200)
    cell = grid.cell("cam1")
    qtbot.waitUntil(lambda: cell.image is not None)
    away = camera("cam1", "Camera 1", state="waiting", recording="waiting")
    away["streams"][0] |= {"reason": "camera_unreachable", "since": "2026-11-24T10:00:00.000000000Z", "retry_in_s": 7.0}
    away["recording"]["reason"] = "camera_unreachable"
    link.state["cameras"] = [away, *link.state["cameras"][1:]]
    grid._context.backend.look_now()
    qtbot.waitUntil(lambda: cell.label.state == "Cannot be reached")
    views[0].give(0, fallback=True)
    qtbot.waitUntil(lambda: cell.image is None)
    qtbot.waitUntil(lambda: cell.card.headline == "No signal")
    lines = cell.card.lines
    assert lines[0] == "The camera does not answer" and lines[1].startswith("since ") and "next try in" in lines[2]
    assert lines[3] == "Recording waits: the camera does not answer"
    assert cell.label.mark == "waiting" and "No signal" in cell.accessibleName()
    views[0].give(210)
    qtbot.waitUntil(lambda: cell.image is not None)
    assert cell.grab().toImage().pixelColor(160, 120).lightness() > 150


def test_a_view_that_cannot_be_is_said_and_tried_again(
    qtbot: QtBot, grid: VideoGrid, views: list[TestView], monkeypatch: pytest.MonkeyPatch
) -> None:
    views[0].error = RuntimeError("GStreamer has no decoder for H264")
    qtbot.waitUntil(lambda: "no decoder" in " ".join(grid.cell("cam1").card.lines), timeout=5000)
    monkeypatch.setattr("evertape_desktop.video.pool.AGAIN_S", 0.0)
    qtbot.waitUntil(lambda: sum(view.key == ("cam1", "sub") for view in views) == 2, timeout=5000)


def test_other_settings_of_decoding_hold_at_once(qtbot: QtBot, grid: VideoGrid, views: list[TestView]) -> None:
    views[0].give(200)
    cell = grid.cell("cam1")
    qtbot.waitUntil(lambda: cell.image is not None)
    before = cell.image
    grid._context.settings.set("streaming", decoder="software")
    assert len(running(views)) == 4 and {view.options.decoder for view in views if view.is_alive} == {"software"}
    views[4].give(0, fallback=True)
    views[0].give(10)
    qtbot.wait(60)
    assert cell.image is before, "neither a card nor the old view's pictures come between"


def test_cameras_that_are_removed_and_added_are_followed(qtbot: QtBot, grid: VideoGrid, link: CannedLink) -> None:
    grid.zoom_to("cam2")
    link.state["cameras"] = [camera("cam1"), camera("new", "New one")]
    grid._context.backend.look_now()
    qtbot.waitUntil(lambda: grid.shown == ["cam1", "new"])
    assert grid.zoomed == "" and grid.selected == ""


def test_the_picture_is_saved_where_the_person_says(
    qtbot: QtBot, grid: VideoGrid, link: CannedLink, tmp_path: Path
) -> None:
    link.answers["GET /cameras/cam2/snapshot.jpg"] = b"\xff\xd8 a picture"
    grid.select("cam2")
    grid._context.actions["camera_snapshot"].trigger()
    qtbot.waitUntil(lambda: grid.findChild(QFileDialog, "snapshot_dialog") is not None)
    dialog = grid.findChild(QFileDialog, "snapshot_dialog")
    with qtbot.waitSignal(grid.deeds.saved, timeout=5000):
        dialog.fileSelected.emit(str(tmp_path / "seen.jpg"))
    dialog.close()
    assert (tmp_path / "seen.jpg").read_bytes() == b"\xff\xd8 a picture"
    with qtbot.waitSignal(grid._context.backend.failed, timeout=5000) as failed:
        grid.deeds.save(tmp_path / "missing" / "seen.jpg", b"")
    assert failed.args is not None and "cannot be written" in str(failed.args[0])


def test_recording_and_connecting_anew_are_asked_of_the_recorder(
    qtbot: QtBot, grid: VideoGrid, link: CannedLink, context: Context
) -> None:
    grid.select("cam3")
    record = context.actions["camera_record"]
    assert record.text() == "Stop recording"
    record.trigger()
    context.actions["camera_restart"].trigger()
    qtbot.waitUntil(lambda: ("POST /cameras/cam3/restart", {}, {}) in link.asked)
    assert ("POST /recording", {}, {"cameras": ["cam3"], "wanted": False}) in link.asked


def test_the_menu_of_a_cell_has_all_that_can_be_done(qtbot: QtBot, grid: VideoGrid) -> None:
    cell = grid.cell("cam2")
    cell.menu_wanted.emit("cam2", cell.mapToGlobal(cell.rect().center()))
    menu = grid.findChild(QMenu, "camera_menu")
    assert grid.selected == "cam2"
    texts = [action.text() for action in menu.actions() if action.text()]
    assert texts == ["Zoom", "Save picture…", "Stop recording", "Connect anew", "Properties…"]
    menu.close()


def test_properties_follow_the_camera(qtbot: QtBot, grid: VideoGrid, link: CannedLink) -> None:
    grid.select("cam1")
    grid.deeds.properties()
    shown = grid.findChild(CameraProperties)
    assert shown is not None and shown.value("main.video") == "H264, 1920 × 1080, 25.0 pictures/s"
    link.state["cameras"][0] = camera("cam1", "Camera 1", state="stalled")
    link.state["cameras"][0]["streams"][0]["reason"] = "stream_stalled"
    grid._context.backend.look_now()
    qtbot.waitUntil(lambda: shown.value("main.state") == "No pictures come: the camera stopped sending")
    shown.close()


def test_the_list_tells_how_each_camera_is(qtbot: QtBot, context: Context, link: CannedLink) -> None:
    gone = camera("gate", "Gate", state="waiting", recording="waiting")
    gone["streams"][0]["reason"] = "camera_unreachable"
    day = {"wanted_s": 86400.0, "recorded": 0.99996}
    link.state["cameras"] = [camera("door", "Front door", day=day), gone, camera("yard", "Yard", recording="off")]
    cameras = CameraList(context)
    qtbot.addWidget(cameras)
    cameras.resize(260, 400)
    cameras.show()
    context.backend.start()
    qtbot.waitUntil(lambda: len(cameras.rows) == 3)
    assert [row.tone for row in cameras.rows] == ["good", "bad", "good"]
    assert cameras.rows[1].state == "Cannot be reached: the camera does not answer"
    index = cameras.view.model().index(0, 0)
    assert "99.99 % of the last 24 hours" in index.data(Qt.ItemDataRole.AccessibleTextRole).replace("100.00", "99.99")
    cameras.select("yard")
    assert cameras.selected == "yard"
    cameras.filter.setText("not answer")
    assert [row.id for row in cameras.rows] == ["gate"]
    with qtbot.waitSignal(cameras.camera_activated) as activated:
        cameras.view.activated.emit(cameras.view.model().index(0, 0))
    assert activated.args == ["gate"]
    assert not cameras.grab().isNull()


def scene(number: int, width: int, height: int) -> Frame:
    """A yard, so that a picture of the window shows something."""
    made = QImage(width, height, QImage.Format.Format_RGB32)
    painter = QPainter(made)
    painter.setPen(Qt.PenStyle.NoPen)
    sky = QLinearGradient(0, 0, 0, height * 0.6)
    sky.setColorAt(0, QColor.fromHsv(205 + number * 9, 120, 190 - number * 12))
    sky.setColorAt(1, QColor.fromHsv(200, 40, 235 - number * 10))
    painter.fillRect(made.rect(), sky)
    painter.fillRect(QRectF(0, height * 0.62, width, height), QColor.fromHsv(90 + number * 11, 70, 120))
    left, wide = width * (0.12 + 0.09 * number), width * 0.34
    painter.fillRect(QRectF(left, height * 0.4, wide, height * 0.34), QColor.fromHsv(25 * number, 90, 170))
    roof = [
        QPointF(left - 8, height * 0.4),
        QPointF(left + wide + 8, height * 0.4),
        QPointF(left + wide / 2, height / 4),
    ]
    painter.setBrush(QColor.fromHsv(12, 110, 110))
    painter.drawPolygon(QPolygonF(roof))
    painter.fillRect(QRectF(left + wide * 0.4, height * 0.54, wide * 0.2, height * 0.2), QColor("#4a3b32"))
    painter.end()
    return Frame(bytes(made.constBits()), width, height, "BGRx", 0, False)


@pytest.mark.parametrize("theme", [Theme.LIGHT, Theme.DARK])
def test_it_can_be_read_in_light_and_dark(
    qtbot: QtBot, grid: VideoGrid, views: list[TestView], theme: Theme, qapp: Any, link: CannedLink, context: Context
) -> None:
    apply_theme(qapp, theme)
    away = camera(
        "cam4", "Loading bay", state="waiting", recording="waiting", day={"wanted_s": 86400, "recorded": 0.982}
    )
    since = instant(time.time_ns() - 95 * 10**9)
    away["streams"][0] |= {"reason": "camera_unreachable", "since": since, "retry_in_s": 4.0}
    away["recording"]["reason"] = "camera_unreachable"
    day = {"wanted_s": 86400, "recorded": 1.0}
    names = {"cam1": "Yard", "cam2": "Gate", "cam3": "Barn", "cam5": "Parking"}
    shown = [
        camera(key, name, day=day, recording="off" if key == "cam3" else "recording") for key, name in names.items()
    ]
    link.state["cameras"] = [*shown[:3], away, *shown[3:]]
    window = QWidget()
    qtbot.addWidget(window)
    row = QHBoxLayout(window)
    cameras = CameraList(context)
    cameras.setFixedWidth(250)
    row.addWidget(cameras)
    row.addWidget(grid, 1)
    window.resize(1180, 560)
    window.show()
    grid.set_grid(Grid.ONE_AND_FIVE)
    context.backend.look_now()
    qtbot.waitUntil(lambda: grid.cell("cam4").label.name == "Loading bay")
    for view in views:
        if view.key[0] != "cam4":
            assert view.options.on_frame is not None
            cell = grid.cell(view.key[0])
            view.options.on_frame(scene(int(view.key[0][-1]), cell.width(), cell.height()))
    qtbot.waitUntil(lambda: all(grid.cell(name).image is not None for name in grid.shown if name != "cam4"))
    grid.select("cam2")
    cameras.select("cam2")
    picture: QImage = grid.cell("cam1").grab().toImage()
    strip = [picture.pixelColor(x, 8).lightness() for x in range(picture.width())]
    assert max(strip) > 200 and min(strip) < 130, "bright letters on a dark strip, whatever the theme"
    assert grid.cell("cam4").card.headline == "No signal"
    if PICTURES:
        name = "desktop-grid-dark.png" if theme is Theme.DARK else "desktop-grid.png"
        assert window.grab().save(str(GUIDE / name))
        assert (GUIDE / name).stat().st_size < 150_000
    grid.setParent(None)
