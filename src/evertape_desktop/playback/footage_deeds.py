"""What is done with what is shown or selected: save a picture, export, back up, protect, delete. GUI thread only."""

from __future__ import annotations

from collections.abc import Callable
from datetime import tzinfo
from pathlib import Path
from typing import Protocol

from PySide6.QtCore import QObject, Qt
from PySide6.QtWidgets import QFileDialog, QWidget

from evertape.types import NS_PER_MS
from evertape_desktop import words
from evertape_desktop.backend.backend import Backend
from evertape_desktop.backend.problem import Problem
from evertape_desktop.playback.dialogs import RunDialog
from evertape_desktop.playback.exporting import ExportWish, file_name
from evertape_desktop.playback.player import Player
from evertape_desktop.playback.reel import Look
from evertape_desktop.playback.selection import BackupDialog, DeleteDialog, ExportDialog, ProtectDialog
from evertape_desktop.playback.snapshot import pictures, save_shown

Make = Callable[[tuple[str, ...], tuple[int, int], str], RunDialog]


class Place(Protocol):
    """What is needed of the playback widget."""

    player: Player
    zone: tzinfo | None

    def say(self, text: str) -> None:
        """Tell the person something."""

    def selected(self) -> tuple[tuple[int, int] | None, list[tuple[str, str]]]:
        """The time, and ids and names of the cameras."""

    def footage_changed(self) -> None:
        """What is known of the footage is wrong by now."""


class FootageDeeds(QObject):
    """See the module.

    Args:
        backend: the recorder.
        place: the playback widget.
        window: on which dialogs are shown.
    """

    def __init__(self, backend: Backend, place: Place, window: QWidget) -> None:
        super().__init__(window)
        self._backend = backend
        self._place = place
        self._window = window

    # -- a picture ------------------------------------------------------------------------------------------

    def ask_snapshot(self) -> None:
        """Ask where to save the picture that is shown, and do it."""
        track = self._place.player.first
        if track is None or track.shown is None or track.look is not Look.PICTURE:
            self._place.say(self.tr("There is no picture to save"))
            return
        self._place.player.pause()
        utc = track.shown.utc
        moment = f"{words.date_clock(utc, self._place.zone)}.{utc // NS_PER_MS % 1000:03d}"
        proposed = pictures() / file_name([track.camera], moment, "")
        dialog = QFileDialog(self._window, self.tr("Save the picture"), str(proposed))
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setNameFilters([self.tr("PNG (*.png)"), self.tr("JPEG (*.jpg)")])
        dialog.setDefaultSuffix("png")
        dialog.filterSelected.connect(lambda chosen: dialog.setDefaultSuffix("jpg" if "jpg" in chosen else "png"))
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(lambda name: self.save_picture(track.camera, Path(name)))
        dialog.open()

    def save_picture(self, camera: str, path: Path) -> None:
        """Save what is shown of a camera, in full size; JPEG or PNG by the file's name."""
        track = self._place.player.tracks.get(camera)
        if track is None or (shown := track.shown) is None:
            self._place.say(self.tr("There is no picture to save"))
            return
        track.find(lambda footage: save_shown(footage, shown, path)).then(
            lambda size: self._place.say(self.tr("Saved: {0} ({1}×{2})").format(path, *size)), self._told, owner=self
        )

    def _told(self, problem: Problem) -> None:
        self._place.say(str(problem))

    # -- a selection ----------------------------------------------------------------------------------------

    def ask_export(self) -> None:
        """Ask what to export to where, and do it."""
        self._ask(self._export)

    def ask_backup(self) -> None:
        """Ask where to copy the files to, and do it."""
        self._ask(lambda cameras, span, text: BackupDialog(self._backend, cameras, span, text, self._window))

    def ask_protect(self) -> None:
        """Ask why it is to be kept, and do it."""
        self._ask(lambda cameras, span, text: ProtectDialog(self._backend, cameras, span, text, self._window))

    def ask_delete(self) -> None:
        """Say what would go, and delete it if that is wanted."""
        self._ask(self._delete)

    def _export(self, cameras: tuple[str, ...], span: tuple[int, int], text: str) -> RunDialog:
        moment = words.date_clock(span[0], self._place.zone)
        return ExportDialog(self._backend, ExportWish(cameras, *span), text, moment, self._window)

    def _delete(self, cameras: tuple[str, ...], span: tuple[int, int], text: str) -> RunDialog:
        dialog = DeleteDialog(self._backend, cameras, span, text, self._window)
        dialog.finished_well.connect(lambda _: self._place.footage_changed())
        return dialog

    def _ask(self, make: Make) -> None:
        selection, chosen = self._place.selected()
        if selection is None or not chosen:
            self._place.say(self.tr("Select a time first: drag over the time line with Shift, or press I and O"))
            return
        names = ", ".join(name for _, name in chosen)
        begin, end = (words.date_clock(one, self._place.zone) for one in selection)
        dialog = make(tuple(camera for camera, _ in chosen), selection, f"{names}\n{begin} – {end}")
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.open()
