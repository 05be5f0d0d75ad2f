"""A calendar whose days show whether there is footage: all of it, with gaps, or none. GUI thread only."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, timedelta, tzinfo
from enum import StrEnum
from typing import Any

from PySide6.QtCore import QDate, QEvent, QRect, QRectF, Qt, QTimer, Signal
from PySide6.QtGui import QColor, QPainter, QPalette
from PySide6.QtWidgets import QCalendarWidget, QWidget

from evertape_desktop.backend.backend import Backend
from evertape_desktop.backend.model import instant
from evertape_desktop.playback.now import RecorderClock
from evertape_desktop.playback.paints import brush_of
from evertape_desktop.playback.scale import day_start
from evertape_desktop.playback.spans import Kind, Span, spans_by_camera
from evertape_desktop.theme import colours

_RESOLUTION_S = 600
_AGAIN_MS = 60_000
_SOON_MS = 50


class Day(StrEnum):
    """What there is of a day."""

    NONE = "none"
    GAPS = "gaps"
    COMPLETE = "complete"


def day_of(spans: Iterable[Span], start: int, end: int) -> Day:
    """What there is of the time from ``start`` to ``end``. Pure."""
    here = [one for one in spans if one.start < end and one.end > start]
    if not any(one.recorded_s > 0 for one in here):
        return Day.NONE
    return Day.GAPS if any(one.kind > Kind.WANTED for one in here) else Day.COMPLETE


class FootageCalendar(QCalendarWidget):
    """See the module.

    Args:
        backend: the recorder.
        clock: what time it is for it.
    """

    day_chosen = Signal(object, object)
    """From when to when the day is, UTC ns."""

    def __init__(self, backend: Backend, clock: RecorderClock, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("playback_calendar")
        self.setAccessibleName(self.tr("Days with footage"))
        self.setVerticalHeaderFormat(QCalendarWidget.VerticalHeaderFormat.NoVerticalHeader)
        self.setGridVisible(False)
        self.setMinimumSize(230, 170)
        self._backend = backend
        self._clock = clock
        self._cameras: list[str] = []
        self._zone: tzinfo | None = None
        self.days: dict[date, Day] = {}
        """What is known of each day."""
        self._asking = QTimer(self, singleShot=True, interval=_SOON_MS)
        self._asking.timeout.connect(self._ask)
        self._again = QTimer(self, interval=_AGAIN_MS)
        self._again.timeout.connect(self._ask)
        self.currentPageChanged.connect(lambda _year, _month: self._asking.start())
        self.clicked.connect(self._chosen)
        self.activated.connect(self._chosen)

    def set_cameras(self, cameras: Sequence[str]) -> None:
        """Whose footage is looked at."""
        if list(cameras) != self._cameras:
            self._cameras = list(cameras)
            self._asking.start()

    def set_zone(self, zone: tzinfo | None) -> None:
        """Of the place."""
        self._zone = zone
        self._asking.start()

    def bounds(self, day: date) -> tuple[int, int]:
        """From when to when a day is, UTC ns."""
        return day_start(day, self._zone), day_start(day + timedelta(days=1), self._zone)

    def refresh(self) -> None:
        """Everything may have changed."""
        self._asking.start()

    def _chosen(self, day: QDate) -> None:
        self.day_chosen.emit(*self.bounds(date(day.year(), day.month(), day.day())))

    def _ask(self) -> None:
        if not self._cameras:
            self.days = {}
            self.updateCells()
            return
        first = date(self.yearShown(), self.monthShown(), 1) - timedelta(days=7)
        days = [first + timedelta(days=n) for n in range(7 + 31 + 14)]
        start, end = self.bounds(days[0])[0], min(self.bounds(days[-1])[1], self._clock.now())
        if start >= end:
            return
        self._backend.get(
            "/timeline", camera=self._cameras, start=instant(start), end=instant(end), resolution=_RESOLUTION_S
        ).then(lambda answer: self._came(answer, days), lambda _: None, owner=self)

    def _came(self, answer: Any, days: list[date]) -> None:
        spans = [one for found in spans_by_camera(answer).values() for one in found]
        for day in days:
            self.days[day] = day_of(spans, *self.bounds(day))
        self.updateCells()

    def paintCell(self, painter: QPainter, rect: QRect, day: QDate | date) -> None:  # noqa: N802 - Qt's
        """The day with a bar beneath it: whole, dotted, or none."""
        one = day if isinstance(day, date) else date(day.year(), day.month(), day.day())
        palette = self.palette()
        is_chosen = self.selectedDate() == QDate(one.year, one.month, one.day)
        in_month = one.month == self.monthShown()
        if is_chosen:
            painter.fillRect(rect, palette.color(QPalette.ColorRole.Highlight))
        ink = palette.color(QPalette.ColorRole.HighlightedText if is_chosen else QPalette.ColorRole.Text)
        if not in_month:
            ink = palette.color(QPalette.ColorRole.PlaceholderText)
        painter.setPen(ink)
        painter.drawText(rect.adjusted(0, 0, 0, -5), Qt.AlignmentFlag.AlignCenter, str(one.day))
        what = self.days.get(one, Day.NONE)
        if what is not Day.NONE:
            bar = QRectF(rect.x() + 4, rect.bottom() - 6, rect.width() - 8, 4)
            painter.fillRect(bar, QColor(colours().good) if what is Day.COMPLETE else brush_of(Kind.CAMERA))

    def showEvent(self, event: QEvent) -> None:  # noqa: N802 - Qt's
        """Look again."""
        self._asking.start()
        self._again.start()

    def hideEvent(self, event: QEvent) -> None:  # noqa: N802 - Qt's
        """Nobody looks."""
        self._again.stop()
