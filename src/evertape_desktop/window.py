"""The main window: the grid in the middle, docks around it, and what tells of trouble above all.

GUI thread only. Its parts are widgets of their own that know nothing of each other; what one asks of another is
connected here.
"""

from __future__ import annotations

import binascii
from collections.abc import Sequence

from PySide6.QtCore import QByteArray, Qt, Signal
from PySide6.QtGui import QCloseEvent
from PySide6.QtWidgets import QDockWidget, QMainWindow, QMenu, QVBoxLayout, QWidget

from evertape_desktop.actions import Actions
from evertape_desktop.backend.backend import Backend
from evertape_desktop.backend.problem import Connection, Contact, Problem
from evertape_desktop.context import Context
from evertape_desktop.fullscreen import FullScreen
from evertape_desktop.parts import Parts, make_parts
from evertape_desktop.store import SettingsStore

_AREA = Qt.DockWidgetArea
_LIST_WIDTH, _CONTROL_WIDTH = 210, 320
"""Pixels; until somebody moves them."""


class MainWindow(QMainWindow):
    """See the module.

    Args:
        backend: the recorder; started by whoever made it.
        settings: the desktop's own.
    """

    closing = Signal()
    """Nothing has been let go of yet."""

    def __init__(self, backend: Backend, settings: SettingsStore, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("main_window")
        self.setDockNestingEnabled(True)
        self.actions_ = Actions(self, settings.now.keys)
        self.context = Context(backend, settings, self.actions_)
        self.parts: Parts = make_parts(self.context, self)
        self._docks: dict[str, QDockWidget] = {}
        self._lay_out()
        self.full_screen = FullScreen(
            self,
            lambda: [*self._docks.values(), self.menuBar(), self.statusBar()],
            lambda: bool(self.parts.grid.zoomed),
        )
        self._add_actions()
        self._add_menus()
        self._restore()
        self.actions_.keys_changed.connect(self._keep_keys)
        backend.connection_changed.connect(self._on_connection)
        backend.state_changed.connect(lambda look: self._title(look.name))
        backend.failed.connect(self._on_failed)
        self._on_connection(backend.connection)
        self._title("")

    def dock(self, name: str) -> QDockWidget:
        """One of the docks: ``cameras, recording, playback, log, system``."""
        return self._docks[name]

    # -- making it ------------------------------------------------------------------------------------------

    def _lay_out(self) -> None:
        middle = QWidget(self)
        column = QVBoxLayout(middle)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.parts.banner)
        column.addWidget(self.parts.grid, 1)
        self.setCentralWidget(middle)
        places: Sequence[tuple[str, str, QWidget, Qt.DockWidgetArea]] = (
            ("cameras", self.tr("Cameras"), self.parts.cameras, _AREA.LeftDockWidgetArea),
            ("recording", self.tr("Recording"), self.parts.recording, _AREA.RightDockWidgetArea),
            ("playback", self.tr("Playback"), self.parts.playback, _AREA.BottomDockWidgetArea),
            ("log", self.tr("Log"), self.parts.log, _AREA.BottomDockWidgetArea),
            ("system", self.tr("System"), self.parts.system, _AREA.RightDockWidgetArea),
        )
        for name, title, widget, area in places:
            dock = QDockWidget(title, self)
            dock.setObjectName(f"dock_{name}")
            dock.setWidget(widget)
            self.addDockWidget(area, dock)
            self._docks[name] = dock
        self.tabifyDockWidget(self._docks["playback"], self._docks["log"])
        self._docks["playback"].raise_()
        for name in ("playback", "log", "system"):
            self._docks[name].hide()
        sides = [self._docks["cameras"], self._docks["recording"]]
        self.resizeDocks(sides, [_LIST_WIDTH, _CONTROL_WIDTH], Qt.Orientation.Horizontal)

    def _add_actions(self) -> None:
        add, group = self.actions_.add, self.tr("Window")
        add("full_screen", self.tr("Full screen"), self.full_screen.toggle, group=group, key="F11")
        add("settings", self.tr("Settings…"), self.open_settings, group=group, key="Ctrl+,")
        add("quit", self.tr("Quit"), self.close, group=group, key="Ctrl+Q")

    def _add_menus(self) -> None:
        file = self.menuBar().addMenu(self.tr("&File"))
        for name in ("settings", "quit"):
            file.addAction(self.actions_[name])
        self._menu_of(self.tr("&View"), self.tr("Grid"))
        docks = self.menuBar().addMenu(self.tr("&Panels"))
        for dock in self._docks.values():
            docks.addAction(dock.toggleViewAction())
        docks.addSeparator()
        docks.addAction(self.actions_["full_screen"])
        self._menu_of(self.tr("&Recording"), self.tr("Recording"))
        self._menu_of(self.tr("&Playback"), self.tr("Playback"))

    def _menu_of(self, title: str, group: str) -> QMenu | None:
        """A menu of what the parts can do, by the group they gave it."""
        found = [deed.action for deed in self.actions_ if deed.group == group]
        if not found:
            return None
        menu = self.menuBar().addMenu(title)
        menu.addActions(found)
        return menu

    def open_settings(self) -> None:
        """Show the settings, in a dialog that does not keep anybody from watching."""
        from evertape_desktop.settings.dialog import SettingsDialog

        dialog = SettingsDialog(self.context, self)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.open()

    # -- what happens ---------------------------------------------------------------------------------------

    def _on_connection(self, connection: Connection) -> None:
        if connection.contact is Contact.CONNECTED:
            self.statusBar().showMessage(self.tr("Connected to {0}").format(self.context.backend.link.name), 5000)
        elif connection.contact is Contact.CONNECTING:
            self.statusBar().showMessage(self.tr("Connecting to {0} …").format(self.context.backend.link.name))
        else:
            self.statusBar().showMessage(connection.text)
        if connection.contact is Contact.LOGIN_NEEDED:
            self._ask_for_login()

    def _ask_for_login(self) -> None:
        from evertape_desktop.login import LoginDialog

        if self.findChild(LoginDialog) is None:
            dialog = LoginDialog(self.context.backend, self)
            dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
            dialog.open()

    def _on_failed(self, problem: Problem) -> None:
        self.statusBar().showMessage(str(problem), 15000)

    def _title(self, name: str) -> None:
        self.setWindowTitle(f"{name} – Evertape" if name else "Evertape")

    def _keep_keys(self, keys: dict[str, str]) -> None:
        self.context.settings.replace(self.context.settings.now.model_copy(update={"keys": keys}))

    # -- where it was ---------------------------------------------------------------------------------------

    def _restore(self) -> None:
        kept = self.context.settings.now
        self.resize(1280, 800)
        if kept.window.geometry:
            self.restoreGeometry(_bytes(kept.window.geometry))
        if kept.window.state:
            self.restoreState(_bytes(kept.window.state))
        if kept.layout.fullscreen:
            self.full_screen.toggle()

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802 - Qt's
        """Keep where everything was, and let go of the pictures."""
        self.closing.emit()
        fullscreen = self.full_screen.is_on
        self.full_screen.leave()
        self.context.settings.set("layout", fullscreen=fullscreen)
        self.context.settings.set("window", geometry=_text(self.saveGeometry()), state=_text(self.saveState()))
        self.context.settings.flush()
        self.parts.close()
        super().closeEvent(event)


def _text(data: QByteArray) -> str:
    return bytes(data.toBase64().data()).decode("ascii")


def _bytes(text: str) -> QByteArray:
    try:
        return QByteArray.fromBase64(text.encode("ascii"))
    except (UnicodeEncodeError, binascii.Error):
        return QByteArray()
