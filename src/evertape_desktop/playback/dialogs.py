"""The windows in which something is done with a selection: where to, how far, and what came of it. GUI thread only."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QCloseEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from evertape_desktop.backend.backend import Backend
from evertape_desktop.backend.problem import Problem
from evertape_desktop.backend.reply import Reply

_WIDTH = 520


class RunDialog(QDialog):
    """See the module; each deed has one of its own kind.

    Args:
        backend: the recorder.
        title: of the window.
        what: what is going to be done, for a person.
        verb: what the button says that begins it.
    """

    finished_well = Signal(object)
    """What came of it."""
    _told = Signal(float, str)

    def __init__(self, backend: Backend, title: str, what: str, verb: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(title)
        self.setMinimumWidth(_WIDTH)
        self.backend = backend
        self.column = QVBoxLayout(self)
        self.what = QLabel(what, self)
        self.what.setWordWrap(True)
        self.bar = QProgressBar(self)
        self.bar.setRange(0, 1000)
        self.bar.setObjectName("run_bar")
        self.status = QLabel("", self)
        self.status.setObjectName("run_status")
        self.status.setWordWrap(True)
        self.status.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel, self)
        self.begin = QPushButton(verb, self)
        self.begin.setObjectName("run_begin")
        self.buttons.addButton(self.begin, QDialogButtonBox.ButtonRole.ActionRole)
        self.begin.clicked.connect(self._begin)
        self.buttons.rejected.connect(self.reject)
        self.column.addWidget(self.what)
        self._reply: Reply | None = None
        self._told.connect(self._show, Qt.ConnectionType.QueuedConnection)

    def finish_layout(self) -> None:
        """What all of them end with."""
        self.column.addWidget(self.bar)
        self.column.addWidget(self.status)
        self.column.addWidget(self.buttons)
        self.bar.hide()

    def option(self, text: str, name: str) -> QCheckBox:
        """Something that may be chosen."""
        box = QCheckBox(text, self)
        box.setObjectName(name)
        self.column.addWidget(box)
        return box

    # -- each its own ---------------------------------------------------------------------------------------

    def work(self, progress: Callable[[float, str], None]) -> Coroutine[Any, Any, Any] | None:
        """What is to be done, on the link's thread; ``None``: something is still missing, which was said."""
        raise NotImplementedError

    def words_of_stage(self, stage: str) -> str:
        """What is being done, for a person."""
        return {
            "making": self.tr("The recorder makes the file …"),
            "fetching": self.tr("Fetching …"),
            "copying": self.tr("Copying and comparing …"),
            "deleting": self.tr("Deleting …"),
        }.get(stage, stage)

    def words_of(self, answer: Any) -> str:
        """What came of it, for a person."""
        raise NotImplementedError

    # -- running --------------------------------------------------------------------------------------------

    @property
    def is_running(self) -> bool:
        """It is under way."""
        return self._reply is not None

    def _begin(self) -> None:
        work = self.work(self._told.emit)
        if work is None:
            return
        self.begin.setEnabled(False)
        self.bar.setValue(0)
        self.bar.show()
        self._reply = self.backend.do(work).then(self._done, self._failed, owner=self)

    def _show(self, share: float, stage: str) -> None:
        if self.is_running:
            self.bar.setValue(round(share * 1000))
            self.status.setText(self.words_of_stage(stage))

    def _done(self, answer: Any) -> None:
        self._reply = None
        self.bar.setValue(1000)
        self.status.setText(self.words_of(answer))
        self.buttons.button(QDialogButtonBox.StandardButton.Cancel).setText(self.tr("Close"))
        self.begin.hide()
        self.finished_well.emit(answer)

    def _failed(self, problem: Problem) -> None:
        self._reply = None
        self.bar.hide()
        self.status.setText(str(problem))
        self.begin.setEnabled(True)

    def reject(self) -> None:
        """Nobody wants it any more."""
        if self._reply is not None:
            self._reply.cancel()
            self._reply = None
        super().reject()

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802 - Qt's
        """The same."""
        self.reject()
        event.accept()


class TargetField(QWidget):
    """A path that can be entered or looked for.

    Args:
        path: to begin with.
        is_folder: a folder is wanted, not a file.
        filters: of the file dialog.
    """

    def __init__(
        self, path: Path, *, is_folder: bool = False, filters: str = "", parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._is_folder, self._filters = is_folder, filters
        self.edit = QLineEdit(str(path), self)
        self.edit.setObjectName("run_target")
        self.edit.setAccessibleName(self.tr("Where to"))
        browse = QPushButton(self.tr("Choose …"), self)
        browse.clicked.connect(self._browse)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.edit, 1)
        row.addWidget(browse)

    @property
    def path(self) -> Path:
        """What is entered."""
        return Path(self.edit.text().strip()).expanduser()

    def _browse(self) -> None:
        dialog = QFileDialog(self, self.tr("Where to"), str(self.path))
        if self._is_folder:
            dialog.setFileMode(QFileDialog.FileMode.Directory)
        else:
            dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
            dialog.setNameFilter(self._filters)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(self.edit.setText)
        dialog.open()
