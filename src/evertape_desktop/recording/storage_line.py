"""The volumes in the recording panel, the worst first. GUI thread only."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QLabel, QWidget

from evertape_desktop.recording.labels import label_text, remedy
from evertape_desktop.recording.pieces import Dot, Pick, bad, good, warn
from evertape_desktop.recording.storage_book import Volume
from evertape_desktop.theme import colours


class StorageLines(QWidget):
    """See the module; one line for each volume, with its label."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("storage_lines")
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(8, 6, 8, 6)
        self._grid.setHorizontalSpacing(8)
        self._grid.setVerticalSpacing(2)
        self._grid.setColumnStretch(2, 1)
        self._lines: list[tuple[Dot, QLabel, QLabel]] = []
        self._picks: list[Pick] = []

    @property
    def texts(self) -> list[str]:
        """The labels, the worst first."""
        return [label.text() for _, _, label in self._lines]

    @property
    def label(self) -> QLabel | None:
        """The one of the worst."""
        return self._lines[0][2] if self._lines else None

    def show_volumes(self, volumes: Sequence[Volume]) -> None:
        """How they are now."""
        while len(self._lines) > len(volumes):
            for widget in self._lines.pop():
                self._grid.removeWidget(widget)
                widget.deleteLater()
        while len(self._lines) < len(volumes):
            self._add()
        self._picks = [_pick(volume) for volume in volumes]
        for (dot, name, label), volume, pick in zip(self._lines, volumes, self._picks, strict=True):
            dot.show_as(pick)
            name.setText(volume.name)
            label.setText(label_text(volume))
            label.setToolTip(_more(volume))
        self.recolour()

    def recolour(self) -> None:
        """The theme may be another one."""
        for (_, _, label), pick in zip(self._lines, self._picks, strict=True):
            sheet = "" if pick is good else f"color: {pick(colours())}"
            if sheet != label.styleSheet():
                label.setStyleSheet(sheet)

    def _add(self) -> None:
        row = len(self._lines)
        dot, name, label = Dot(self), QLabel(self), QLabel(self)
        label.setObjectName("storage_label" if row == 0 else f"storage_label_{row}")
        font = name.font()
        font.setBold(True)
        name.setFont(font)
        for text in (name, label):
            text.setTextFormat(Qt.TextFormat.PlainText)
        # The free space, and the warning behind it, may not be cut off.
        label.setWordWrap(True)
        self._grid.addWidget(dot, row, 0, Qt.AlignmentFlag.AlignTop)
        self._grid.addWidget(name, row, 1, Qt.AlignmentFlag.AlignTop)
        self._grid.addWidget(label, row, 2)
        self._lines.append((dot, name, label))


def _pick(volume: Volume) -> Pick:
    if volume.is_bad:
        return warn if volume.is_spill else bad
    return good if volume.trouble is None and volume.info.state != "slow" else warn


def _more(volume: Volume) -> str:
    parts = [label_text(volume), volume.info.path, volume.info.reason]
    if volume.trouble is not None:
        parts.append(remedy(volume.trouble))
    return "\n".join(part for part in parts if part)
