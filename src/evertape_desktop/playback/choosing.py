"""What is looked at: days, cameras, and from when to when. GUI thread only."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, tzinfo

from PySide6.QtCore import QDateTime, Qt, Signal
from PySide6.QtWidgets import (
    QDateTimeEdit,
    QFormLayout,
    QHBoxLayout,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from evertape_desktop import words
from evertape_desktop.backend.backend import Backend
from evertape_desktop.playback.calendar import FootageCalendar
from evertape_desktop.playback.now import RecorderClock
from evertape_desktop.playback.scale import in_place

MOST_AT_FIRST = 4
"""So many cameras are chosen until somebody chooses others: a small machine decodes them."""


class Choosing(QWidget):
    """See the module.

    Args:
        backend: the recorder.
        clock: what time it is for it.
    """

    cameras_changed = Signal()
    range_wanted = Signal(object, object)
    """From when to when, UTC ns: a day, or what was entered."""

    def __init__(self, backend: Backend, clock: RecorderClock, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._zone: tzinfo | None = None
        self.calendar = FootageCalendar(backend, clock, self)
        self.cameras = QListWidget(self)
        self.cameras.setAccessibleName(self.tr("Cameras to play"))
        self.cameras.setMinimumHeight(48)
        self.begin = QDateTimeEdit(self)
        self.end = QDateTimeEdit(self)
        for edit, name in ((self.begin, self.tr("From")), (self.end, self.tr("To"))):
            edit.setDisplayFormat("yyyy-MM-dd HH:mm:ss")
            edit.setAccessibleName(name)
        self.show_range = QPushButton(self.tr("Show"), self)
        for widget, name in (
            (self.cameras, "playback_cameras"),
            (self.begin, "playback_from"),
            (self.end, "playback_to"),
            (self.show_range, "playback_show_range"),
        ):
            widget.setObjectName(name)
        self.show_range.clicked.connect(self._range)
        self.calendar.day_chosen.connect(self._day)
        self.cameras.itemChanged.connect(lambda _item: self.cameras_changed.emit())
        self._lay_out()

    def _lay_out(self) -> None:
        form = QFormLayout()
        form.setContentsMargins(0, 0, 0, 0)
        form.setVerticalSpacing(2)
        form.addRow(self.tr("From"), self.begin)
        row = QHBoxLayout()
        row.addWidget(self.end, 1)
        row.addWidget(self.show_range)
        form.addRow(self.tr("To"), row)
        column = QVBoxLayout(self)
        column.setContentsMargins(4, 4, 4, 4)
        column.setSpacing(4)
        column.addWidget(self.calendar)
        column.addWidget(self.cameras, 1)
        column.addLayout(form)

    # -- cameras --------------------------------------------------------------------------------------------

    def set_cameras(self, cameras: Sequence[tuple[str, str]]) -> None:
        """All there are, ids and names; those that are chosen stay so."""
        there = [(self._id(item), item.text()) for item in self._items()]
        if there == list(cameras):
            return
        chosen = {camera for camera, _ in self.chosen()} if there else {camera for camera, _ in cameras[:MOST_AT_FIRST]}
        self.cameras.blockSignals(True)
        self.cameras.clear()
        for camera, name in cameras:
            item = QListWidgetItem(name, self.cameras)
            item.setData(Qt.ItemDataRole.UserRole, camera)
            item.setFlags(Qt.ItemFlag.ItemIsUserCheckable | Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable)
            item.setCheckState(Qt.CheckState.Checked if camera in chosen else Qt.CheckState.Unchecked)
        self.cameras.blockSignals(False)
        self.cameras_changed.emit()

    def choose(self, cameras: Sequence[str]) -> None:
        """Exactly these."""
        self.cameras.blockSignals(True)
        for item in self._items():
            item.setCheckState(Qt.CheckState.Checked if self._id(item) in cameras else Qt.CheckState.Unchecked)
        self.cameras.blockSignals(False)
        self.cameras_changed.emit()

    def chosen(self) -> list[tuple[str, str]]:
        """Ids and names."""
        return [(self._id(item), item.text()) for item in self._items() if item.checkState() is Qt.CheckState.Checked]

    def _items(self) -> list[QListWidgetItem]:
        return [self.cameras.item(row) for row in range(self.cameras.count())]

    def _id(self, item: QListWidgetItem) -> str:
        return str(item.data(Qt.ItemDataRole.UserRole))

    # -- time -----------------------------------------------------------------------------------------------

    def set_zone(self, zone: tzinfo | None) -> None:
        """Of the place."""
        self._zone = zone
        self.calendar.set_zone(zone)

    def set_range(self, start: int, end: int) -> None:
        """What stands in the fields."""
        for edit, at in ((self.begin, start), (self.end, end)):
            moment = words.local(at, self._zone).replace(tzinfo=UTC)
            edit.setDateTime(QDateTime.fromSecsSinceEpoch(int(moment.timestamp())).toUTC())

    def _day(self, start: int, end: int) -> None:
        self.set_range(start, end)
        self.range_wanted.emit(start, end)

    def _range(self) -> None:
        start, end = self._entered(self.begin), self._entered(self.end)
        if start < end:
            self.range_wanted.emit(start, end)

    def _entered(self, edit: QDateTimeEdit) -> int:
        return in_place(datetime.fromisoformat(edit.dateTime().toString("yyyy-MM-ddTHH:mm:ss")), self._zone)
