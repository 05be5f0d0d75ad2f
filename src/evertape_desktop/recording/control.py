"""Recording by hand: each camera with what it does, all at once, and the disks under it.

A click only asks; what is shown, and what the signals say, is what the engine says. GUI thread only; nothing here
touches a disk. Usable without a window, and without a hub in a program that embeds the engine.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from PySide6.QtCore import QEvent, Qt, QTimer, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QScrollArea, QVBoxLayout, QWidget

from evertape.engine.storage_notice import StorageCallback
from evertape_desktop.actions import Actions
from evertape_desktop.backend.backend import Backend
from evertape_desktop.backend.model import EventLook, ServiceLook, utc_ns
from evertape_desktop.backend.problem import Problem
from evertape_desktop.recording.callbacks import StorageCallbacks
from evertape_desktop.recording.pieces import Line
from evertape_desktop.recording.recording_book import RECORDING, STOPPED, RecordingBook, Transition
from evertape_desktop.recording.row import RecordingRow
from evertape_desktop.recording.storage_line import StorageLines
from evertape_desktop.recording.storage_watch import StorageWatch

if TYPE_CHECKING:
    from evertape.engine.embedded import RobustNVRPipeline

_TICK_MS = 1000
_PAST = 1000
"""So many events are looked through for when the recordings that go on were begun."""


class RecordingControlWidget(QWidget):
    """See the module.

    Args:
        backend: the recorder; started by whoever made it.
        parent: as for any widget.
        actions: of the window it is part of; it adds its own.
    """

    recording_started = Signal(str)
    """Footage of this camera is being written: the engine said so."""
    recording_stopped = Signal(str)
    """Footage of this camera is no longer written, as nobody wants it or it cannot be: the engine said so."""

    def __init__(self, backend: Backend, parent: QWidget | None = None, *, actions: Actions | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("recording_control")
        self._backend = backend
        self._book = RecordingBook()
        self._rows: dict[str, RecordingRow] = {}
        self._is_part = actions is not None
        self._asked_past = False
        self.storage = StorageWatch(backend, self)
        self._callbacks = StorageCallbacks(backend, self.storage, self._recorded, self)
        self._lay_out()
        if actions is not None:
            self._add_actions(actions)
        backend.happened.connect(self._on_event)
        backend.state_changed.connect(self._on_state)
        self.storage.changed.connect(self._show_storage)
        self._timer = QTimer(self, interval=_TICK_MS)
        self._timer.timeout.connect(self._tick)
        self._timer.start()
        if backend.look is not None:
            self._on_state(backend.look)
        self._show_storage()
        self._show()

    @classmethod
    def for_pipelines(cls, pipelines: str | Path | RobustNVRPipeline, parent: QWidget | None = None) -> Self:
        """For a program that embeds the engine: for the pipelines of this directory, or those that share one's engine.

        Raises:
            NotRunningError: none of them has been started.
        """
        from evertape_desktop.backend.in_process import InProcessLink

        directory = pipelines if isinstance(pipelines, str | Path) else pipelines.directory
        backend = Backend(InProcessLink.of_pipelines(directory))
        widget = cls(backend, parent)
        # Nobody else has it; it is no child, because it has to be closed after the widget's own are gone.
        widget.destroyed.connect(lambda: backend.close())
        backend.start()
        return widget

    # -- what programs use ----------------------------------------------------------------------------------

    def start_recording(self, camera_id: str) -> None:
        """Ask for it; the signal tells when it is so."""
        self._ask([camera_id], True)

    def stop_recording(self, camera_id: str) -> None:
        """Likewise."""
        self._ask([camera_id], False)

    def start_all(self) -> None:
        """Record every camera that is not switched off."""
        self._ask(self._all(), True)

    def stop_all(self) -> None:
        """Record none."""
        self._ask(self._all(), False)

    def register_storage_error_callback(self, camera_id: str, callback: StorageCallback) -> None:
        """Have ``callback`` told each change of a volume, while this camera records.

        It is called on the GUI thread with a ``StorageNotice``, once per change; also at once if the camera begins to
        record while a volume is bad. What it raises is logged, and the others are still told. A camera that records
        without a callback is a warning in the log.
        """
        self._callbacks.register(camera_id, callback)

    def unregister_storage_error_callback(self, camera_id: str, callback: StorageCallback | None = None) -> None:
        """No longer; without ``callback``: none of this camera's. Unknown ones are ignored."""
        self._callbacks.unregister(camera_id, callback)

    @property
    def storage_text(self) -> str:
        """The label of the volume that is worst: ``⚠ Storage: USB Disconnected``; empty before one is known."""
        return next(iter(self._lines.texts), "")

    def row(self, camera_id: str) -> RecordingRow:
        """One camera's. Raises ``KeyError``."""
        return self._rows[camera_id]

    # -- making it ------------------------------------------------------------------------------------------

    def _lay_out(self) -> None:
        self._lines = StorageLines(self)
        self.start_all_button = QPushButton(self.tr("All start"), self)
        self.stop_all_button = QPushButton(self.tr("All stop"), self)
        self.start_all_button.setAccessibleName(self.tr("Start recording all cameras"))
        self.stop_all_button.setAccessibleName(self.tr("Stop recording all cameras"))
        self.start_all_button.clicked.connect(lambda _checked=False: self.start_all())
        self.stop_all_button.clicked.connect(lambda _checked=False: self.stop_all())
        self._summary = Line(self)
        self._summary.setObjectName("recording_summary")
        head = QHBoxLayout()
        head.setContentsMargins(8, 6, 8, 6)
        head.addWidget(self._summary, 1)
        head.addWidget(self.start_all_button)
        head.addWidget(self.stop_all_button)
        inside = QWidget(self)
        self._column = QVBoxLayout(inside)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(0)
        self._column.addStretch(1)
        scroll = QScrollArea(self)
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(inside)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self._lines)
        column.addLayout(head)
        column.addWidget(scroll, 1)
        self.setMinimumWidth(270)

    def _add_actions(self, actions: Actions) -> None:
        add, group = actions.add, self.tr("Recording")
        add("record_all", self.tr("Start recording all cameras"), self.start_all, group=group, key="Ctrl+R")
        add("record_none", self.tr("Stop recording all cameras"), self.stop_all, group=group, key="Ctrl+Shift+R")

    # -- asking ---------------------------------------------------------------------------------------------

    def _all(self) -> list[str]:
        return [name for name, entry in self._book.entries.items() if entry.camera.enabled]

    def _ask(self, cameras: list[str], wanted: bool) -> None:
        if not cameras:
            return
        self._book.asked(cameras, wanted, time.monotonic())
        self._show()

        def refused(problem: Problem) -> None:
            self._book.refused(cameras, str(problem))
            self._show()

        self._backend.record(cameras, wanted).then(lambda _answer: None, refused, owner=self)

    # -- what is heard --------------------------------------------------------------------------------------

    def _on_event(self, event: EventLook) -> None:
        before = set(self._recorded())
        transitions = self._book.heard(event, time.monotonic())
        if event.kind == "recording_state":
            self._news(before, transitions)

    def _on_state(self, look: ServiceLook) -> None:
        before = set(self._recorded())
        transitions = self._book.saw(look, time.monotonic())
        self._arrange()
        self._ask_past()
        self._news(before, transitions)

    def _news(self, before: set[str], transitions: Iterable[Transition]) -> None:
        for camera_id in self._recorded():
            if camera_id not in before:
                self._callbacks.camera_records(camera_id)
        self._show()
        for transition in transitions:
            (self.recording_started if transition.started else self.recording_stopped).emit(transition.camera)

    def _recorded(self) -> list[str]:
        return [name for name, entry in self._book.entries.items() if entry.is_on]

    def _ask_past(self) -> None:
        """When the recordings that go on were begun, once."""
        if self._asked_past:
            return
        self._asked_past = True
        asked = self._backend.get("/events", kind=["recording_state"], limit=_PAST)
        asked.then(self._on_past, lambda _problem: None, owner=self)

    def _on_past(self, answer: Any) -> None:
        told: set[str] = set()
        for event in (answer or {}).get("events", ()):
            camera, fields = event.get("camera", ""), event.get("fields", {})
            # The newest first: what was begun before the last stop is another one.
            if camera not in told and STOPPED in (fields.get("old"), fields.get("state")):
                told.add(camera)
                if fields.get("state") != STOPPED:
                    self._book.began(camera, utc_ns(event["at"]))
        self._show()

    # -- showing --------------------------------------------------------------------------------------------

    def _arrange(self) -> None:
        wanted = list(self._book.entries)
        if wanted == list(self._rows):
            return
        for name in [name for name in self._rows if name not in self._book.entries]:
            row = self._rows.pop(name)
            self._column.removeWidget(row)
            row.deleteLater()
            self._callbacks.unregister(name, row.storage_notice)
        for index, name in enumerate(wanted):
            if name not in self._rows:
                self._rows[name] = self._make_row(name)
            self._column.insertWidget(index, self._rows[name])
        self._rows = {name: self._rows[name] for name in wanted}

    def _make_row(self, name: str) -> RecordingRow:
        row = RecordingRow(name, self)
        row.start_asked.connect(self.start_recording)
        row.stop_asked.connect(self.stop_recording)
        if self._is_part:
            # In the window the row is the one who is told.
            self._callbacks.register(name, row.storage_notice)
        return row

    def _tick(self) -> None:
        for entry in self._book.overdue(time.monotonic()):
            entry.problem = self.tr("the recorder has not done it yet")
        self._show()

    def _show(self) -> None:
        now, entries = time.monotonic(), self._book.entries
        for name, row in self._rows.items():
            volume = self.storage.book.volume(entries[name].volume)
            row.show_entry(entries[name], now, self._book.utc(now), spill=volume is not None and volume.is_spill)
        on = sum(entry.state == RECORDING for entry in entries.values())
        self._summary.say(self.tr("{0} of {1} recording").format(on, len(entries)) if entries else "")
        usable = [entry for entry in entries.values() if entry.camera.enabled]
        self.start_all_button.setEnabled(any(not entry.is_on for entry in usable))
        self.stop_all_button.setEnabled(any(entry.is_on for entry in usable))

    def _show_storage(self) -> None:
        self._lines.show_volumes(self.storage.volumes)

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802 - Qt's
        """Light and dark change while it runs."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange and hasattr(self, "_summary"):
            self._lines.recolour()
            self._summary.recolour()
            for row in self._rows.values():
                row.recolour()
