"""The grid of cameras in the middle of the window. GUI thread only."""

from __future__ import annotations

import time

from PySide6.QtCore import QEvent, QPoint, QRect, Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent, QPainter, QPaintEvent, QPalette, QResizeEvent
from PySide6.QtWidgets import QMenu, QWidget

from evertape.config.desktop import DesktopSettings, Grid
from evertape_desktop.backend.model import CameraLook, ServiceLook
from evertape_desktop.backend.problem import Contact
from evertape_desktop.context import Context
from evertape_desktop.grid import layout
from evertape_desktop.grid.cell import Cell
from evertape_desktop.grid.deeds import CameraDeeds
from evertape_desktop.grid.describe import card_of, label_of
from evertape_desktop.video.pool import WINDOW_S, ViewPool

_ARROWS = {Qt.Key.Key_Left: (-1, 0), Qt.Key.Key_Right: (1, 0), Qt.Key.Key_Up: (0, -1), Qt.Key.Key_Down: (0, 1)}


class VideoGrid(QWidget):
    """See the module.

    Args:
        context: what the window's parts share.
    """

    camera_selected = Signal(str)
    """The id of the camera that keys and menus are about now."""

    def __init__(self, context: Context, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("grid")
        self.setAccessibleName(self.tr("Cameras"))
        self.setMinimumSize(320, 180)
        self._context = context
        self._cells: dict[str, Cell] = {}
        self._order: list[str] = []
        self._streams: dict[str, bool] = {}
        self._page = 0
        self._zoomed = ""
        self._selected = ""
        self._look_at = time.monotonic()
        self._grid = context.settings.now.layout.grid
        self.pool = ViewPool(context, self)
        self.deeds = CameraDeeds(context, lambda: self._selected, self)
        self._add_actions()
        self._clock = QTimer(self, singleShot=True)
        self._clock.timeout.connect(self._on_second)
        self._on_second()
        context.backend.state_changed.connect(self._on_state)
        context.backend.connection_changed.connect(self._on_connection)
        context.settings.changed.connect(self._on_settings)
        self.deeds.refresh()
        if context.backend.look is not None:
            self._on_state(context.backend.look)

    # -- what is shown --------------------------------------------------------------------------------------

    @property
    def zoomed(self) -> str:
        """The camera that fills the grid; empty: none."""
        return self._zoomed

    @property
    def selected(self) -> str:
        """The camera that keys and menus are about; empty: none."""
        return self._selected

    @property
    def shown(self) -> list[str]:
        """The cameras that can be seen now, in the order of the cells."""
        return [self._zoomed] if self._zoomed else layout.on_page(self._grid, self._page, self._order)

    def cell(self, camera_id: str) -> Cell:
        """A camera's cell, whether it can be seen or not."""
        return self._cells[camera_id]

    def set_grid(self, grid: Grid) -> None:
        """Let the cells lie so, with the selected camera among them."""
        self._grid, self._zoomed = grid, ""
        self._show_page_of(self._selected)
        self._arrange()
        self._context.settings.set("layout", grid=grid)

    def zoom_to(self, camera_id: str) -> None:
        """Let one camera fill the grid; the same one again, or none: all of them."""
        if camera_id and camera_id not in self._cells:
            return
        self._zoomed = "" if camera_id == self._zoomed else camera_id
        if camera_id:
            self.select(camera_id)
        self._arrange()

    def select(self, camera_id: str) -> None:
        """Let keys and menus be about this camera, and show its page."""
        if camera_id not in self._cells:
            return
        if camera_id != self._selected:
            self._selected = camera_id
            for each, cell in self._cells.items():
                cell.set_chosen(each == camera_id)
            self.deeds.refresh()
            self.camera_selected.emit(camera_id)
        if camera_id not in self.shown:
            if self._zoomed:
                self._zoomed = camera_id
            self._show_page_of(camera_id)
            self._arrange()

    def turn(self, by: int) -> None:
        """To the next page (1) or the one before (-1); where one camera fills the grid, to the next camera."""
        if self._zoomed:
            at = self._order.index(self._zoomed)
            self.select(self._order[(at + by) % len(self._order)])
            return
        self._page = (self._page + by) % layout.pages(self._grid, len(self._order))
        self._arrange()

    def close_views(self) -> None:
        """Let go of every picture; waits until nothing decodes any more."""
        self._clock.stop()
        for cell in self._cells.values():
            cell.want("")
        self.pool.close()

    # -- arranging ------------------------------------------------------------------------------------------

    def _arrange(self) -> None:
        self._page = min(self._page, layout.pages(self._grid, len(self._order)) - 1)
        rects = layout.cells(Grid.ONE if self._zoomed else self._grid, self.width(), self.height())
        shown = self.shown
        for camera_id, rect in zip(shown, rects, strict=False):
            cell = self._cells[camera_id]
            cell.setGeometry(QRect(rect.x, rect.y, rect.width, rect.height))
            cell.show()
        look = self._context.backend.look
        for index, camera_id in enumerate(shown):
            camera = look.camera(camera_id) if look is not None else None
            has_sub = camera is not None and camera.sub
            self._cells[camera_id].want(
                layout.stream_for(self._grid, index, zoomed=bool(self._zoomed), has_sub=has_sub)
            )
        for camera_id in set(self._cells).difference(shown):
            self._cells[camera_id].hide()
            self._cells[camera_id].want("")
        self._describe()
        self.update()

    def _show_page_of(self, camera_id: str) -> None:
        if camera_id in self._order:
            self._page = self._order.index(camera_id) // layout.capacity(self._grid)

    def _on_state(self, look: ServiceLook) -> None:
        self._look_at = time.monotonic()
        there = [camera.id for camera in look.cameras]
        order = layout.ordered(self._context.settings.now.layout.order, there)
        for camera_id in set(self._cells).difference(there):
            self._remove(camera_id)
        for camera_id in there:
            if camera_id not in self._cells:
                self._cells[camera_id] = self._make(camera_id)
        streams = {camera.id: camera.sub for camera in look.cameras}
        if order != self._order or streams != self._streams:
            self._order, self._streams = order, streams
            self._arrange()
        else:
            self._describe()

    def _make(self, camera_id: str) -> Cell:
        cell = Cell(camera_id, self.pool, self)
        cell.hide()
        cell.chosen.connect(self.select)
        cell.opened.connect(self.zoom_to)
        cell.menu_wanted.connect(self._menu)
        cell.dropped.connect(self._drop)
        cell.turned.connect(self._describe)
        return cell

    def _remove(self, camera_id: str) -> None:
        cell = self._cells.pop(camera_id)
        cell.want("")
        cell.hide()
        self.pool.drop(camera_id)
        # What GStreamer draws into stays until it surely draws no more.
        QTimer.singleShot(int(WINDOW_S * 1000), cell, cell.deleteLater)
        self._zoomed = "" if self._zoomed == camera_id else self._zoomed
        self._selected = "" if self._selected == camera_id else self._selected

    def _drop(self, camera_id: str, target: str) -> None:
        self._order = layout.moved(self._order, camera_id, target)
        self._context.settings.set("layout", order=tuple(self._order))
        self._arrange()
        self.select(camera_id)

    def _on_settings(self, settings: DesktopSettings) -> None:
        order = layout.ordered(settings.layout.order, self._order)
        if settings.layout.grid is not self._grid or order != self._order:
            self._grid, self._order = settings.layout.grid, order
            self._arrange()
        self._describe()

    # -- words over pictures --------------------------------------------------------------------------------

    def _on_connection(self, _connection: object) -> None:
        self._describe()
        self.update()

    def _on_second(self) -> None:
        self._describe()
        self._clock.start(1000 - int(time.time() * 1000) % 1000)

    def _describe(self) -> None:
        look, backend = self._context.backend.look, self._context.backend
        if look is None:
            return
        with_clock = self._context.settings.now.appearance.clock
        age_s = time.monotonic() - self._look_at
        for camera_id in self.shown:
            cell, camera = self._cells.get(camera_id), look.camera(camera_id)
            if cell is None or camera is None:
                continue
            has_picture = cell.has_picture
            label = label_of(look, camera, cell.stream, with_clock=with_clock, has_picture=has_picture)
            problem = cell.view.problem if cell.view is not None else ""
            cell.say(label, card_of(look, camera, cell.stream, backend.connection, age_s, problem))
            self._name(cell, camera, index=self._order.index(camera_id))

    def _name(self, cell: Cell, camera: CameraLook, index: int) -> None:
        name = camera.name or camera.id
        words = ", ".join(filter(None, (cell.label.mark_text, "" if cell.has_picture else cell.card.headline)))
        text = self.tr("Camera {0}: {1}").format(index + 1, name) + (f", {words}" if words else "")
        if text != cell.accessibleName():
            cell.setAccessibleName(text)

    # -- deeds ----------------------------------------------------------------------------------------------

    def _add_actions(self) -> None:
        add, group = self._context.actions.add, self.tr("Grid")
        for grid, key in zip(Grid, ("Ctrl+1", "Ctrl+2", "Ctrl+3", "Ctrl+4", "Ctrl+5", "Ctrl+7"), strict=True):
            words = self.tr("Grid {0}").format(grid.value.replace("x", " × ").replace("+", " + "))
            name = f"grid_{grid.name.lower()}"
            add(name, words, lambda grid=grid: self.set_grid(grid), group=group, key=key)  # type: ignore[misc]
        self._zoom = add("grid_zoom", self.tr("Zoom"), self._toggle_zoom, group=group, key="F")
        add("grid_back", self.tr("All cameras"), lambda: self.zoom_to(""), group=group, key="Esc")
        add("grid_next_page", self.tr("Next page"), lambda: self.turn(1), group=group, key="PgDown")
        add("grid_previous_page", self.tr("Previous page"), lambda: self.turn(-1), group=group, key="PgUp")
        for number in range(1, 10):
            words = self.tr("Zoom to camera {0}").format(number)
            add(f"grid_camera_{number}", words, lambda n=number: self._nth(n), group=group, key=str(number))  # type: ignore[misc]

    def _toggle_zoom(self) -> None:
        shown = self.shown
        if self._selected or shown:
            self.zoom_to(self._zoomed or self._selected or shown[0])

    def _nth(self, number: int) -> None:
        page = layout.on_page(self._grid, self._page, self._order)
        if number <= len(page):
            self.zoom_to(page[number - 1])

    def _menu(self, camera_id: str, at: QPoint) -> None:
        self.select(camera_id)
        menu = QMenu(self)
        menu.setObjectName("camera_menu")
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._zoom.setText(self.tr("All cameras") if self._zoomed else self.tr("Zoom"))
        menu.addAction(self._zoom)
        menu.addSeparator()
        menu.addActions(self.deeds.actions)
        menu.popup(at)

    # -- Qt -------------------------------------------------------------------------------------------------

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's
        """The cells fill the grid."""
        super().resizeEvent(event)
        self._arrange()

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802 - Qt's
        """Light and dark."""
        super().changeEvent(event)
        if event.type() is QEvent.Type.PaletteChange:
            self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802 - Qt's
        """Cells that nobody fills, and words where there is no camera at all."""
        painter = QPainter(self)
        palette = self.palette()
        painter.fillRect(self.rect(), palette.color(QPalette.ColorRole.Window))
        rects = layout.cells(Grid.ONE if self._zoomed else self._grid, self.width(), self.height())
        for rect in rects[len(self.shown) :]:
            painter.fillRect(rect.x, rect.y, rect.width, rect.height, palette.color(QPalette.ColorRole.AlternateBase))
        if not self._order:
            painter.setPen(palette.color(QPalette.ColorRole.PlaceholderText))
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, self._nothing())
        painter.end()

    def _nothing(self) -> str:
        if self._context.backend.connection.contact is not Contact.CONNECTED:
            return self._context.backend.connection.text or self.tr("Connecting …")
        return self.tr("There is no camera yet. Settings, Cameras adds one.")

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's
        """Arrows go from cell to cell, Return opens one."""
        step = _ARROWS.get(Qt.Key(event.key()))
        if step is not None and not self._zoomed:
            self._go(*step)
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._toggle_zoom()
        else:
            super().keyPressEvent(event)

    def _go(self, x: int, y: int) -> None:
        shown = self.shown
        if not shown:
            return
        here = self._cells.get(self._selected) if self._selected in shown else None
        if here is None:
            self._cells[shown[0]].setFocus(Qt.FocusReason.OtherFocusReason)
            return
        at = here.geometry().center()

        def far(cell: Cell) -> tuple[int, int]:
            to = cell.geometry().center() - at
            along, across = to.x() * x + to.y() * y, abs(to.x() * y) + abs(to.y() * x)
            return along + 2 * across, across

        ahead = [
            cell for cell in (self._cells[each] for each in shown) if _is_ahead(here.geometry(), cell.geometry(), x, y)
        ]
        if ahead:
            min(ahead, key=far).setFocus(Qt.FocusReason.OtherFocusReason)


def _is_ahead(here: QRect, there: QRect, x: int, y: int) -> bool:
    if x:
        return there.left() > here.right() if x > 0 else there.right() < here.left()
    return there.top() > here.bottom() if y > 0 else there.bottom() < here.top()
