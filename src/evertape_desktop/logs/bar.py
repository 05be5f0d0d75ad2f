"""The log viewer's controls: which lines, of when. GUI thread only."""

from __future__ import annotations

from PySide6.QtCore import QDateTime, QTimer, Signal
from PySide6.QtWidgets import QCheckBox, QComboBox, QDateTimeEdit, QHBoxLayout, QLineEdit, QPushButton, QWidget

from evertape_desktop.backend.model import ServiceLook, instant
from evertape_desktop.logs.wording import LEVELS

_TYPING_MS = 250


class LogBar(QWidget):
    """See the module."""

    chosen = Signal()
    """Level, camera or text is another one."""
    past_wanted = Signal()
    """Somebody wants to see the past that is chosen."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._cameras: tuple[str, ...] = ()
        self._make()
        self._typing = QTimer(self, singleShot=True, interval=_TYPING_MS)
        self._typing.timeout.connect(self.chosen)
        self.level.currentIndexChanged.connect(lambda _: self.chosen.emit())
        self.camera.currentIndexChanged.connect(lambda _: self.chosen.emit())
        self.text.textChanged.connect(lambda _: self._typing.start())
        self.live.toggled.connect(self._live_toggled)
        self.show_past.clicked.connect(self.past_wanted)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        for widget in (
            self.level,
            self.camera,
            self.text,
            self.live,
            self.start,
            self.end,
            self.show_past,
            self.export,
        ):
            row.addWidget(widget, 1 if widget is self.text else 0)

    @property
    def camera_id(self) -> str:
        """The camera that is chosen; empty: all."""
        return str(self.camera.currentData() or "")

    @property
    def span(self) -> tuple[str, str]:
        """The past that is chosen, as the API writes instants."""
        start, end = (instant(edit.dateTime().toMSecsSinceEpoch() * 1_000_000) for edit in (self.start, self.end))
        return start, end

    @property
    def cameras(self) -> tuple[str, ...]:
        """The ids of all cameras."""
        return self._cameras

    def show_cameras(self, look: ServiceLook) -> None:
        """Offer the cameras that there are; the one that was chosen stays so."""
        cameras = tuple(camera.id for camera in look.cameras)
        if cameras == self._cameras:
            return
        self._cameras = cameras
        chosen = self.camera.currentData()
        self.camera.blockSignals(True)
        self.camera.clear()
        self.camera.addItem(self.tr("All cameras"), "")
        for camera in look.cameras:
            self.camera.addItem(camera.name, camera.id)
        self.camera.setCurrentIndex(max(0, self.camera.findData(chosen)))
        self.camera.blockSignals(False)

    def _live_toggled(self, live: bool) -> None:
        for widget in (self.start, self.end, self.show_past):
            widget.setEnabled(not live)

    def _make(self) -> None:
        self.level = QComboBox(self)
        self.level.setAccessibleName(self.tr("At least as grave as"))
        titles = (self.tr("Everything"), self.tr("Information"), self.tr("Warnings"), self.tr("Errors"))
        for name, title in zip(LEVELS, titles, strict=True):
            self.level.addItem(title, name)
        self.level.setCurrentIndex(1)
        self.camera = QComboBox(self)
        self.camera.setAccessibleName(self.tr("Camera"))
        self.camera.addItem(self.tr("All cameras"), "")
        self.text = QLineEdit(self)
        self.text.setPlaceholderText(self.tr("Search"))
        self.text.setClearButtonEnabled(True)
        self.live = QCheckBox(self.tr("Live"), self)
        self.live.setChecked(True)
        self.live.setToolTip(self.tr("Follow what happens now; without it, the past of the chosen time is shown"))
        now = QDateTime.currentDateTime()
        self.start = QDateTimeEdit(now.addDays(-1), self)
        self.end = QDateTimeEdit(now, self)
        for edit, name in ((self.start, self.tr("From")), (self.end, self.tr("Until"))):
            edit.setCalendarPopup(True)
            edit.setDisplayFormat("yyyy-MM-dd HH:mm")
            edit.setAccessibleName(name)
            edit.setEnabled(False)
        self.show_past = QPushButton(self.tr("Show"), self)
        self.show_past.setEnabled(False)
        self.export = QPushButton(self.tr("Export…"), self)
