"""How the recorder's machine is: processors, memory, temperature, the volumes that record, the processes.

GUI thread only. Asks while somebody looks; the volumes are those that record, not the system's own disk.
"""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import (
    QFrame,
    QHeaderView,
    QLabel,
    QScrollArea,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from evertape_desktop import words
from evertape_desktop.backend.model import ProcessLook, ServiceLook, VolumeLook
from evertape_desktop.backend.problem import Problem
from evertape_desktop.context import Context
from evertape_desktop.monitor.meter import Meter

_POLL_MS = 2000
_HOT = 90.0
"""Degrees Celsius at which a full bar is drawn: most processors slow down from there on."""


class SystemMonitor(QWidget):
    """See the module."""

    def __init__(self, context: Context, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._backend = context.backend
        self._asking = False
        self._cpu_last: dict[str, tuple[float, float]] = {}
        self.cpu = Meter(self.tr("Processors"), self)
        self.memory = Meter(self.tr("Memory"), self)
        self.temperature = Meter(self.tr("Temperature"), self, warn=0.83, bad=0.94)
        self.ring = Meter(self.tr("Footage in memory"), self, warn=0.9, bad=0.98)
        self.volumes: dict[str, Meter] = {}
        self.processes = self._table()
        self.said = QLabel(self)
        self.said.setWordWrap(True)
        inside = QWidget(self)
        self._column = QVBoxLayout(inside)
        self._column.setSpacing(10)
        for meter in (self.cpu, self.memory, self.temperature, self.ring):
            self._column.addWidget(meter)
        self._rule()
        self._volumes_at = self._column.count()
        self._rule()
        self._column.addWidget(self.processes)
        self._column.addWidget(self.said)
        self._column.addStretch(1)
        area = QScrollArea(self)
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setWidget(inside)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(area)
        self._timer = QTimer(self, interval=_POLL_MS)
        self._timer.timeout.connect(self._ask)
        self._backend.state_changed.connect(self._saw)
        if self._backend.look is not None:
            self._saw(self._backend.look)

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 - Qt's
        """Begin to ask."""
        super().showEvent(event)
        self._timer.start()
        self._ask()

    def hideEvent(self, event: QHideEvent) -> None:  # noqa: N802 - Qt's
        """Ask no more."""
        super().hideEvent(event)
        self._timer.stop()

    # -- the machine ----------------------------------------------------------------------------------------

    def _ask(self) -> None:
        if not self._asking:
            self._asking = True
            self._backend.get("/machine").then(self._machine, self._refused, owner=self)

    def _refused(self, problem: Problem) -> None:
        self._asking = False
        self.said.setText(str(problem))

    def _machine(self, answer: dict[str, Any]) -> None:
        self._asking = False
        self.said.clear()
        cpu, count = answer.get("cpu"), int(answer.get("processors") or 1)
        if cpu is not None:
            self.cpu.set(cpu, self.tr("{0} % of {1}").format(round(cpu * 100), count))
        memory, available = answer.get("memory"), answer.get("available")
        if memory and available is not None:
            used = memory - available
            self.memory.set(used / memory, self.tr("{0} of {1}").format(words.size(used), words.size(memory)))
        hottest = max(answer.get("temperatures") or [], key=lambda one: float(one["celsius"]), default=None)
        self.temperature.setVisible(hottest is not None)
        if hottest is not None:
            text = f"{hottest['celsius']:.0f} °C ({hottest['name']})"
            self.temperature.set(float(hottest["celsius"]) / _HOT, text)

    # -- the service ----------------------------------------------------------------------------------------

    def _saw(self, look: ServiceLook) -> None:
        budget = look.ring.budget
        self.ring.set(
            look.ring.bytes / budget if budget else None,
            self.tr("{0} of {1}").format(words.size(look.ring.bytes), words.size(budget)),
        )
        self._show_volumes(look.volumes)
        if self.isVisible():
            self._show_processes(look.processes, look.now)

    def _show_volumes(self, volumes: tuple[VolumeLook, ...]) -> None:
        names = [volume.name for volume in volumes]
        for name in [name for name in self.volumes if name not in names]:
            self.volumes.pop(name).deleteLater()
        for number, volume in enumerate(volumes):
            meter = self.volumes.get(volume.name)
            if meter is None:
                meter = self.volumes[volume.name] = Meter(volume.name, self, warn=0.97, bad=0.995)
                self._column.insertWidget(self._volumes_at + number, meter)
            meter.set(*self._fill(volume))

    def _fill(self, volume: VolumeLook) -> tuple[float | None, str]:
        if not volume.usable or not volume.total:
            return None, volume.label or volume.state
        parts = [self.tr("{0} free of {1}").format(words.size(volume.free), words.size(volume.total))]
        if volume.bytes_per_hour:
            parts.append(self.tr("{0} an hour").format(words.size(volume.bytes_per_hour)))
        if volume.days_kept is not None:
            parts.append(self.tr("holds {0} days").format(round(volume.days_kept, 1)))
        return 1 - volume.free / volume.total, ", ".join(parts)

    def _show_processes(self, processes: tuple[ProcessLook, ...], now: str) -> None:
        from evertape_desktop.backend.model import utc_ns

        at = utc_ns(now) / 1e9 if now else 0.0
        self.processes.setRowCount(len(processes))
        for row, process in enumerate(processes):
            last = self._cpu_last.get(process.name)
            share = ""
            if last is not None and at > last[0] and process.cpu_s >= last[1]:
                share = f"{(process.cpu_s - last[1]) / (at - last[0]) * 100:.1f} %"
            if last is None or at > last[0]:
                self._cpu_last[process.name] = (at, process.cpu_s)
            for column, text in enumerate((process.name, share, words.size(process.rss), str(process.generation))):
                item = self.processes.item(row, column)
                if item is None:
                    item = QTableWidgetItem()
                    if column:
                        item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
                    self.processes.setItem(row, column, item)
                if text or column != 1:
                    item.setText(text)

    # -- making it ------------------------------------------------------------------------------------------

    def _table(self) -> QTableWidget:
        table = QTableWidget(0, 4, self)
        table.setHorizontalHeaderLabels([self.tr("Process"), self.tr("CPU"), self.tr("Memory"), self.tr("Replaced")])
        table.setEditTriggers(QTableWidget.EditTrigger.NoEditTriggers)
        table.setSelectionMode(QTableWidget.SelectionMode.NoSelection)
        table.setShowGrid(False)
        table.setAccessibleName(self.tr("Processes"))
        table.verticalHeader().hide()
        header = table.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        table.setMinimumHeight(self.fontMetrics().height() * 9)
        return table

    def _rule(self) -> None:
        line = QFrame(self)
        line.setFrameShape(QFrame.Shape.HLine)
        line.setFrameShadow(QFrame.Shadow.Sunken)
        self._column.addWidget(line)
