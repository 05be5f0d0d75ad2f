"""One camera in the recording panel. GUI thread only."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent, QPalette
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QPushButton, QWidget

from evertape.engine.storage_notice import StorageNotice
from evertape_desktop import words
from evertape_desktop.recording.labels import attempt_text
from evertape_desktop.recording.pieces import Dot, Line, Pick, bad, good, idle, warn
from evertape_desktop.recording.recording_book import RECORDING, STOPPED, WAITING, Entry
from evertape_desktop.video.wording import reason_words


class RecordingRow(QFrame):
    """See the module.

    Args:
        camera_id: whose.
        parent: as for any widget.
    """

    start_asked = Signal(str)
    stop_asked = Signal(str)

    def __init__(self, camera_id: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.camera_id = camera_id
        self.setObjectName(f"recording_{camera_id}")
        self.dot = Dot(self)
        self.name = Line(self)
        self.state = Line(self)
        self.state.setObjectName("state")
        self.retry = Line(self)
        self.retry.setObjectName("retry")
        self.numbers = Line(self)
        self.numbers.setObjectName("numbers")
        self.file = Line(self, elide=Qt.TextElideMode.ElideMiddle)
        self.file.setObjectName("file")
        self.start_button = QPushButton(self.tr("Start"), self)
        self.stop_button = QPushButton(self.tr("Stop"), self)
        self._told: StorageNotice | None = None
        self._lay_out()
        self.start_button.clicked.connect(lambda _checked=False: self.start_asked.emit(camera_id))
        self.stop_button.clicked.connect(lambda _checked=False: self.stop_asked.emit(camera_id))

    @property
    def state_text(self) -> str:
        """How it is, in words."""
        return self.state.full

    def storage_notice(self, notice: StorageNotice) -> None:
        """A ``StorageCallback``: the row says it until it hears what comes of it."""
        self._told = notice if notice.is_error else None

    def show_entry(self, entry: Entry, now_s: float, now_utc: int, *, spill: bool) -> None:
        """How it is now; ``spill``: it is written to a spill volume."""
        name = entry.camera.name or entry.camera.id
        self.name.say(name)
        self.start_button.setAccessibleName(self.tr("Start recording {0}").format(name))
        self.stop_button.setAccessibleName(self.tr("Stop recording {0}").format(name))
        if entry.state != RECORDING or self._told is None or entry.volume != self._told.volume:
            self._told = None
        text, pick = self._words(entry, spill)
        self.state.say(text, pick)
        self.retry.say(self._attempt(entry, now_s), pick)
        self.dot.show_as(pick, filled=entry.state == RECORDING)
        self.numbers.say(self._numbers(entry, now_utc))
        self.file.say(entry.recording.file if entry.state == RECORDING else "")
        for line in (self.retry, self.numbers, self.file):
            line.setVisible(bool(line.full))
        usable = entry.camera.enabled
        self.start_button.setEnabled(usable and entry.asked is not True and not entry.is_on)
        self.stop_button.setEnabled(usable and entry.asked is not False and (entry.is_on or entry.asked is True))

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's
        """A hair line below."""
        super().paintEvent(event)
        painter = QPainter(self)
        colour = self.palette().color(QPalette.ColorRole.WindowText)
        colour.setAlphaF(0.12)
        painter.fillRect(8, self.height() - 1, self.width() - 16, 1, colour)

    def recolour(self) -> None:
        """The theme may be another one."""
        for line in (self.name, self.state, self.retry, self.numbers, self.file):
            line.recolour()

    # -- inside ---------------------------------------------------------------------------------------------

    def _lay_out(self) -> None:
        font = self.name.font()
        font.setBold(True)
        self.name.setFont(font)
        buttons = QHBoxLayout()
        buttons.setSpacing(4)
        for button in (self.start_button, self.stop_button):
            button.setAutoDefault(False)
            buttons.addWidget(button)
        grid = QGridLayout(self)
        grid.setContentsMargins(8, 6, 8, 6)
        grid.setHorizontalSpacing(8)
        grid.setVerticalSpacing(1)
        grid.addWidget(self.dot, 0, 0)
        grid.addWidget(self.name, 0, 1)
        grid.addLayout(buttons, 0, 2)
        for row, line in enumerate((self.state, self.retry, self.numbers, self.file), start=1):
            grid.addWidget(line, row, 1, 1, 2)
        grid.setColumnStretch(1, 1)

    def _words(self, entry: Entry, spill: bool) -> tuple[str, Pick]:
        if entry.asked is not None:
            return (self.tr("starting…") if entry.asked else self.tr("stopping…")), warn
        if entry.problem:
            return entry.problem, bad
        if not entry.camera.enabled:
            return self.tr("Switched off"), idle
        if self._told is not None:
            return self._told.label, bad
        if entry.state == RECORDING:
            return self._recording(entry, spill)
        if entry.state == WAITING:
            return self._waiting(entry)
        return self._stopped(entry), idle

    def _recording(self, entry: Entry, spill: bool) -> tuple[str, Pick]:
        if spill:
            return self.tr("Recording to {0}, the spare volume").format(entry.volume), warn
        return self.tr("Recording to {0}").format(entry.volume), good

    def _waiting(self, entry: Entry) -> tuple[str, Pick]:
        why = reason_words(entry.reason)
        return (self.tr("Waiting: {0}").format(why), bad) if why else (self.tr("Waiting for the first picture"), warn)

    def _attempt(self, entry: Entry, now_s: float) -> str:
        """``attempt 3/20 in 4 s``: to find a volume, or else to reach the camera."""
        if entry.state != WAITING or entry.asked is not None:
            return ""
        recording, main = entry.recording, entry.camera.main
        found = attempt_text(recording.attempt, recording.retry_max, entry.retry_in_s(now_s))
        if found or main is None or main.retry_in_s is None:
            return found
        return attempt_text(main.attempt, 0, max(0.0, main.retry_in_s - (now_s - entry.seen_at)))

    def _stopped(self, entry: Entry) -> str:
        wish = entry.camera.wish
        if wish is None or wish.wanted or entry.state != STOPPED:
            return self.tr("Not recording")
        if wish.by == "schedule":
            return self.tr("Not recording: outside its schedule")
        return self.tr("Not recording: stopped by hand") if wish.by == "hand" else self.tr("Not recording")

    def _numbers(self, entry: Entry, now_utc: int) -> str:
        if not entry.is_on:
            return ""
        parts = [words.duration(entry.elapsed_s(now_utc)), words.size(entry.bytes)]
        if entry.rate:
            parts.append(words.rate(entry.rate))
        return " · ".join(parts)
