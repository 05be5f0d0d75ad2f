"""What can be done with the camera that is chosen in the grid. GUI thread only."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from PySide6.QtCore import QObject, QStandardPaths, Qt, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QFileDialog, QWidget

from evertape_desktop.backend.model import CameraLook
from evertape_desktop.backend.problem import Problem
from evertape_desktop.context import Context
from evertape_desktop.grid.properties import CameraProperties


class CameraDeeds(QObject):
    """See the module.

    Args:
        context: the recorder and the window's actions.
        chosen: the id of the camera that is meant; empty: none.
        parent: dialogs appear over it.
    """

    saved = Signal(str)
    """A picture was written to this file."""

    def __init__(self, context: Context, chosen: Callable[[], str], parent: QWidget) -> None:
        super().__init__(parent)
        self._context = context
        self._chosen = chosen
        self._window = parent
        add, group = context.actions.add, self.tr("Grid")
        self.actions: list[QAction] = [
            add("camera_snapshot", self.tr("Save picture…"), self.snapshot, group=group, key="S"),
            add("camera_record", self.tr("Record"), self.record, group=group, key="R"),
            add("camera_restart", self.tr("Connect anew"), self.restart, group=group),
            add("camera_properties", self.tr("Properties…"), self.properties, group=group, key="Alt+Return"),
        ]
        self._record = self.actions[1]
        context.backend.state_changed.connect(self._on_state)

    @property
    def camera(self) -> CameraLook | None:
        """The camera that is meant."""
        look = self._context.backend.look
        return look.camera(self._chosen()) if look is not None else None

    def refresh(self) -> None:
        """Another one was chosen."""
        camera = self.camera
        for action in self.actions:
            action.setEnabled(camera is not None)
        wanted = camera is not None and camera.recording is not None and camera.recording.wanted
        self._record.setText(self.tr("Stop recording") if wanted else self.tr("Record"))

    def _on_state(self, _look: object) -> None:
        self.refresh()

    # -- doing it -------------------------------------------------------------------------------------------

    def snapshot(self) -> None:
        """Save the newest picture of the main stream, where the person says."""
        camera = self.camera
        if camera is None:
            return
        name = camera.id
        self._context.backend.read(f"/cameras/{name}/snapshot.jpg").then(
            lambda picture: self._ask_where(name, picture), owner=self
        )

    def record(self) -> None:
        """Record it, or no longer."""
        camera = self.camera
        if camera is not None:
            wanted = camera.recording is not None and camera.recording.wanted
            self._context.backend.record([camera.id], not wanted)

    def restart(self) -> None:
        """Have the recorder connect to it anew."""
        camera = self.camera
        if camera is not None:
            self._context.backend.post(f"/cameras/{camera.id}/restart")

    def properties(self) -> None:
        """Show all about it, as it changes."""
        camera = self.camera
        if camera is not None:
            CameraProperties(self._context, camera.id, self._window).show()

    def _ask_where(self, camera_id: str, picture: bytes) -> None:
        folder = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.PicturesLocation)
        name = f"{camera_id}-{datetime.now().astimezone():%Y%m%d-%H%M%S}.jpg"
        dialog = QFileDialog(self._window, self.tr("Save picture"), folder, self.tr("Pictures (*.jpg)"))
        dialog.setObjectName("snapshot_dialog")
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix("jpg")
        dialog.selectFile(name)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(lambda path: self.save(Path(path), picture))
        dialog.open()

    def save(self, path: Path, picture: bytes) -> None:
        """Write it, on another thread."""

        async def write() -> None:
            try:
                await asyncio.to_thread(path.write_bytes, picture)
            except OSError as error:
                raise Problem("not_written", f"{path} cannot be written: {error.strerror}") from None

        self._context.backend.do(write()).then(lambda _: self.saved.emit(str(path)), owner=self)
