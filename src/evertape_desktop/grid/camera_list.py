"""The list of cameras beside the grid: how each is, and how the last day went. GUI thread only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import (
    QAbstractListModel,
    QEvent,
    QModelIndex,
    QPersistentModelIndex,
    QRect,
    QRectF,
    QSize,
    QSortFilterProxyModel,
    Qt,
    Signal,
)
from PySide6.QtGui import QColor, QFont, QFontMetrics, QPainter, QPalette
from PySide6.QtWidgets import (
    QLineEdit,
    QListView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from evertape_desktop.backend.model import CameraLook, ServiceLook
from evertape_desktop.context import Context
from evertape_desktop.grid.describe import mark_of
from evertape_desktop.theme import colours
from evertape_desktop.video.overlay import draw_mark
from evertape_desktop.video.wording import flows, reason_words, recording_words, state_words

_Index = QModelIndex | QPersistentModelIndex
_ID = Qt.ItemDataRole.UserRole
_ROW = Qt.ItemDataRole.UserRole + 1
_PAD = 7
_GOOD_COVERAGE = 0.999
"""Below it, somebody should look: a minute and a half of a day."""


@dataclass(frozen=True, slots=True)
class Row:
    """One camera as the list draws it.

    Args:
        id: for programs.
        name: for people.
        state: how it is, and why.
        tone: ``good``, ``warn``, ``bad`` or ``idle``.
        mark: of ``describe.mark_of``.
        recording: the same in words.
        coverage: of the last 24 hours, 0 to 1; ``None``: not known, or nothing was wanted.
    """

    id: str
    name: str
    state: str
    tone: str
    mark: str
    recording: str
    coverage: float | None


def row_of(camera: CameraLook) -> Row:
    """A camera's row."""
    main, mark = camera.main, mark_of(camera)
    state = state_words(main, camera.enabled)
    why = reason_words(main.reason) if main is not None and not flows(main) else ""
    recording = recording_words(camera)
    if flows(main) and mark == "waiting":
        state, why = recording, ""
    tone = "idle" if not camera.enabled else "bad" if mark == "waiting" else "good" if flows(main) else "warn"
    day = camera.day
    coverage = day.recorded if day is not None and day.wanted_s > 0 else None
    text = f"{state}: {why}" if why else state
    return Row(camera.id, camera.name or camera.id, text, tone, mark, recording, coverage)


class CameraModel(QAbstractListModel):
    """The cameras in the order of the configuration."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._rows: list[Row] = []

    def show(self, rows: list[Row]) -> None:
        """These, from now on; what is selected stays selected."""
        if [row.id for row in rows] != [row.id for row in self._rows]:
            self.beginResetModel()
            self._rows = rows
            self.endResetModel()
            return
        for at, (old, new) in enumerate(zip(self._rows, rows, strict=True)):
            if old != new:
                self._rows[at] = new
                self.dataChanged.emit(self.index(at), self.index(at))

    def rowCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: N802, B008 - Qt's
        """See Qt."""
        return 0 if parent.isValid() else len(self._rows)

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """See Qt."""
        if not index.isValid():
            return None
        row = self._rows[index.row()]
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return row.name
            case Qt.ItemDataRole.ToolTipRole | Qt.ItemDataRole.AccessibleTextRole:
                return "\n".join(filter(None, (row.name, row.state, row.recording, self._day(row))))
            case _ if role == _ID:
                return row.id
            case _ if role == _ROW:
                return row
        return None

    def _day(self, row: Row) -> str:
        if row.coverage is None:
            return ""
        return self.tr("{0:.2f} % of the last 24 hours recorded").format(row.coverage * 100)


class CameraDelegate(QStyledItemDelegate):
    """Draws a row: state's colour, name, words, recording mark, the last day."""

    def sizeHint(self, option: QStyleOptionViewItem, _index: _Index) -> QSize:  # noqa: N802 - Qt's
        """Two lines."""
        return QSize(160, option.fontMetrics.height() * 2 + _PAD * 2 + 2)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: _Index) -> None:
        """See the class."""
        row: Row = index.data(_ROW)
        box: QRect = option.rect
        palette: QPalette = option.palette
        state = option.state
        selected = bool(state & QStyle.StateFlag.State_Selected)
        painter.save()
        if selected:
            painter.fillRect(box, palette.color(QPalette.ColorRole.Highlight))
        ink = palette.color(QPalette.ColorRole.HighlightedText if selected else QPalette.ColorRole.Text)
        soft = QColor(ink)
        soft.setAlpha(190)
        painter.fillRect(box.left(), box.top() + 3, 4, box.height() - 6, QColor(getattr(colours(), row.tone)))
        inner = box.adjusted(_PAD + 6, _PAD, -_PAD, -_PAD)
        right = self._right(painter, row, inner, option, soft)
        font: QFont = option.font
        line = QFontMetrics(font).height()
        bold = QFont(font)
        bold.setBold(True)
        for text, face, colour, top in ((row.name, bold, ink, 0), (row.state, font, soft, line + 2)):
            painter.setFont(face)
            painter.setPen(colour)
            room = QRect(inner.left(), inner.top() + top, max(0, right - inner.left()), line)
            shown = QFontMetrics(face).elidedText(text, Qt.TextElideMode.ElideRight, room.width())
            painter.drawText(room, Qt.AlignmentFlag.AlignVCenter, shown)
        painter.restore()

    def _right(self, painter: QPainter, row: Row, inner: QRect, option: QStyleOptionViewItem, ink: QColor) -> int:
        """The recording mark above, the last day below; where the room for words ends."""
        metrics: QFontMetrics = option.fontMetrics
        dot = metrics.ascent() * 0.8
        top = inner.top() + (metrics.height() - dot) / 2
        draw_mark(painter, row.mark, QRectF(inner.right() - dot, top, dot, dot))
        if row.coverage is None:
            return int(inner.right() - dot) - _PAD
        text = percent(row.coverage)
        wide = metrics.horizontalAdvance(text)
        painter.setFont(option.font)
        painter.setPen(ink if row.coverage >= _GOOD_COVERAGE else QColor(colours().warn))
        room = QRect(inner.right() - wide, inner.top() + metrics.height() + 2, wide + 1, metrics.height())
        painter.drawText(room, Qt.AlignmentFlag.AlignVCenter, text)
        return inner.right() - wide - _PAD


def percent(share: float) -> str:
    """``99.98 %``; only what is whole is called 100 %."""
    return "100 %" if share >= 1 else f"{min(share * 100, 99.99):.2f} %" if share > 0.99 else f"{share * 100:.1f} %"


class CameraList(QWidget):
    """See the module.

    Args:
        context: what the window's parts share.
    """

    camera_activated = Signal(str)
    """A camera was double-clicked, or Return pressed: its id."""

    def __init__(self, context: Context, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("camera_list")
        self.filter = QLineEdit(self)
        self.filter.setObjectName("camera_filter")
        self.filter.setPlaceholderText(self.tr("Filter"))
        self.filter.setAccessibleName(self.tr("Filter cameras by name or state"))
        self.filter.setClearButtonEnabled(True)
        self.view = QListView(self)
        self.view.setObjectName("cameras")
        self.view.setAccessibleName(self.tr("Cameras"))
        self.view.setUniformItemSizes(True)
        self.view.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.view.setItemDelegate(CameraDelegate(self.view))
        self.model = CameraModel(self)
        self._proxy = QSortFilterProxyModel(self)
        self._proxy.setSourceModel(self.model)
        self._proxy.setFilterRole(Qt.ItemDataRole.AccessibleTextRole)
        self._proxy.setFilterCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        self.view.setModel(self._proxy)
        column = QVBoxLayout(self)
        column.setContentsMargins(4, 4, 4, 4)
        column.addWidget(self.filter)
        column.addWidget(self.view)
        self.filter.textChanged.connect(self._proxy.setFilterFixedString)
        self.view.activated.connect(self._on_activated)
        context.backend.state_changed.connect(self._on_state)
        if context.backend.look is not None:
            self._on_state(context.backend.look)

    def select(self, camera_id: str) -> None:
        """Mark a camera, if it is not filtered away."""
        for at in range(self._proxy.rowCount()):
            index = self._proxy.index(at, 0)
            if index.data(_ID) == camera_id:
                self.view.setCurrentIndex(index)
                return

    @property
    def selected(self) -> str:
        """The camera that is marked; empty: none."""
        return str(self.view.currentIndex().data(_ID) or "")

    @property
    def rows(self) -> list[Row]:
        """What can be seen."""
        return [self._proxy.index(at, 0).data(_ROW) for at in range(self._proxy.rowCount())]

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802 - Qt's
        """Light and dark."""
        super().changeEvent(event)
        if event.type() is QEvent.Type.PaletteChange:
            self.view.viewport().update()

    def _on_state(self, look: ServiceLook) -> None:
        kept = self.selected
        self.model.show([row_of(camera) for camera in look.cameras])
        if kept and self.selected != kept:
            self.select(kept)

    def _on_activated(self, index: QModelIndex) -> None:
        self.camera_activated.emit(str(index.data(_ID)))
