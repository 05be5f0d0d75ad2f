"""The volumes in the recording panel, the worst first. GUI thread only."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QLabel, QWidget

from evertape_desktop.recording.labels import label_text, remedy
from evertape_desktop.recording.pieces import Dot, Line, Pick, bad, good, warn
from evertape_desktop.recording.storage_book import Volume


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
        self._lines: list[tuple[Dot, QLabel, Line]] = []

    @property
    def texts(self) -> list[str]:
        """The labels, the worst first."""
        return [label.full for _, _, label in self._lines]

    @property
    def label(self) -> Line | None:
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
        for (dot, name, label), volume in zip(self._lines, volumes, strict=True):
            pick = _pick(volume)
            dot.show_as(pick)
            name.setText(volume.name)
            label.say(label_text(volume), None if pick is good else pick)
            label.setToolTip(_more(volume))

    def recolour(self) -> None:
        """The theme may be another one."""
        for _, _, label in self._lines:
            label.recolour()

    def _add(self) -> None:
        row = len(self._lines)
        dot, name, label = Dot(self), QLabel(self), Line(self)
        label.setObjectName("storage_label" if row == 0 else f"storage_label_{row}")
        font = name.font()
        font.setBold(True)
        name.setFont(font)
        name.setTextFormat(Qt.TextFormat.PlainText)
        self._grid.addWidget(dot, row, 0)
        self._grid.addWidget(name, row, 1)
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
