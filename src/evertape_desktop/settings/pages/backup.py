"""Copies of everything but the footage: of the recorder, of its configuration, of this window's settings.

GUI thread only; files are written elsewhere.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QFileDialog,
    QGroupBox,
    QHBoxLayout,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from evertape.config.desktop import DesktopSettings, load_desktop, save_desktop
from evertape_desktop.backend.problem import Problem
from evertape_desktop.context import Context
from evertape_desktop.settings.draft import Draft
from evertape_desktop.settings.note import Note, Tone
from evertape_desktop.settings.page import Page
from evertape_desktop.settings.place import root_of
from evertape_desktop.settings.working import do_here

_MODE = 0o600


class BackupPage(Page):
    """See the module."""

    _progressed = Signal(int, int)

    def __init__(self, context: Context, draft: Draft, parent: QWidget | None = None) -> None:
        super().__init__(
            context, draft, "backup", self.tr("Backup"),
            self.tr("Footage is not in these files; the panel “Playback” exports and copies footage."), parent=parent,
        )  # fmt: skip
        self.said = Note("", Tone.GOOD, self, small=False)
        self.said.setObjectName("backup_said")
        self.bar = QProgressBar(self)
        self.bar.setAccessibleName(self.tr("Progress of the backup"))
        self.bar.hide()
        self._progressed.connect(self._on_progress)
        self.scrolled(self.said, self.bar, self._recorder(), self._configuration(), self._window())
        draft.loaded.connect(self._enable)
        self._enable()

    # -- making it ------------------------------------------------------------------------------------------

    def _box(self, title: str, about: str, *controls: QWidget) -> QGroupBox:
        box = QGroupBox(title, self)
        column = QVBoxLayout(box)
        column.addWidget(Note(about, parent=box))
        line = QHBoxLayout()
        for control in controls:
            line.addWidget(control)
        line.addStretch(1)
        column.addLayout(line)
        return box

    def _button(self, name: str, text: str, do: Callable[[], object]) -> QPushButton:
        made = QPushButton(text, self)
        made.setObjectName(name)
        made.setAutoDefault(False)
        made.clicked.connect(lambda: do())
        return made

    def _recorder(self) -> QWidget:
        self._save = self._button("backup_whole", self.tr("Save backup…"), self._choose_whole)
        self._index = QCheckBox(self.tr("With the index, which can be made again"), self)
        self._index.setChecked(True)
        if root_of(self.context) is None:
            about = self.tr(
                "The recorder is not on this machine. There, “evertape backup FILE” writes everything to one file."
            )
        else:
            about = self.tr(
                "Configuration, journal, ledger, keys and accounts in one file, which “evertape restore” puts back. It "
                "holds the passwords of the cameras: keep it where nobody else reads it."
            )
        return self._box(self.tr("The recorder"), about, self._save, self._index)

    def _configuration(self) -> QWidget:
        self._config = self._button("backup_config", self.tr("Save configuration…"), self._choose_config)
        about = self.tr("All keys with their values, as JSON, to be read or compared. Passwords are masked.")
        return self._box(self.tr("The recorder's configuration"), about, self._config)

    def _window(self) -> QWidget:
        save = self._button("backup_window", self.tr("Save settings…"), self._choose_window)
        load = self._button("restore_window", self.tr("Load settings…"), self._choose_loaded)
        about = self.tr("Layout, hot keys and looks of this window, as on the pages here.")
        return self._box(self.tr("This window"), about, save, load)

    def _enable(self) -> None:
        self._save.setEnabled(root_of(self.context) is not None and bool(self.draft.file))
        self._config.setEnabled(self.draft.is_loaded)

    # -- choosing a file ------------------------------------------------------------------------------------

    def _save_as(self, name: str, filters: str, do: Callable[[Path], object]) -> None:
        chooser = QFileDialog(self, self.tr("Save as"), str(Path.home() / name), filters)
        chooser.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        chooser.selectFile(name)
        chooser.fileSelected.connect(lambda path: do(Path(path)))
        chooser.open()

    def _choose_whole(self) -> None:
        name = f"evertape-{datetime.now().astimezone():%Y-%m-%d}.tar.gz"
        self._save_as(name, self.tr("Backups (*.tar.gz)"), self.save_whole)

    def _choose_config(self) -> None:
        self._save_as("evertape-config.json", "JSON (*.json)", self.save_config)

    def _choose_window(self) -> None:
        self._save_as("desktop.toml", "TOML (*.toml)", self.save_window)

    def _choose_loaded(self) -> None:
        chooser = QFileDialog(self, self.tr("Load settings"), str(Path.home()), "TOML (*.toml)")
        chooser.setFileMode(QFileDialog.FileMode.ExistingFile)
        chooser.fileSelected.connect(lambda path: self.load_window(Path(path)))
        chooser.open()

    # -- doing it -------------------------------------------------------------------------------------------

    def save_whole(self, file: Path) -> None:
        """Write a backup of the recorder, as ``evertape backup`` does."""
        root, config, with_index = root_of(self.context), Path(self.draft.file), self._index.isChecked()
        if root is None:
            return
        told = self._progressed.emit

        def work() -> str:
            from evertape.config.paths import DataDir
            from evertape.engine.backup import write_backup
            from evertape.version import VERSION

            write_backup(DataDir(root), config, file, VERSION, with_index=with_index, progress=told)
            return str(file)

        self._save.setEnabled(False)
        self.bar.setRange(0, 0)
        self.bar.show()
        self._do(work, self.tr("✓ {0} holds everything but the footage, and passwords; only you can read it."))

    def save_config(self, file: Path) -> None:
        """Write the configuration as the recorder shows it."""

        def got(answer: Mapping[str, Any]) -> None:
            text = json.dumps(answer["config"], indent=2, ensure_ascii=False) + "\n"
            self._do(lambda: _written(file, text), self.tr("✓ {0} is written."))

        self.context.backend.get("/config").then(got, self._on_failed, owner=self)

    def save_window(self, file: Path) -> None:
        """Write the window's settings, as they are applied."""
        settings = self.context.settings.now

        def work() -> str:
            save_desktop(file, settings)
            return str(file)

        self._do(work, self.tr("✓ {0} is written."))

    def load_window(self, file: Path) -> None:
        """Take over the window's settings of a file; they count once they are applied."""
        do_here(self.context.backend, lambda: load_desktop(file)).then(self._on_window, self._on_failed, owner=self)

    def _on_window(self, settings: DesktopSettings) -> None:
        count = self.draft.take_over(settings)
        text = self.tr("{0} settings differ from what is set; Apply takes them over.").format(count)
        self.said.say(text if count else self.tr("Everything is set like that already."), Tone.WARN)

    def _do(self, work: Callable[[], str], done: str) -> None:
        self.said.say("")
        do_here(self.context.backend, work).then(
            lambda file: self._on_done(done.format(file)), self._on_failed, owner=self
        )

    def _on_progress(self, done: int, total: int) -> None:
        # Kilobytes, because Qt's numbers end at 2 GB.
        self.bar.setRange(0, total // 1000)
        self.bar.setValue(done // 1000)

    def _over(self) -> None:
        self.bar.hide()
        self._enable()

    def _on_done(self, text: str) -> None:
        self._over()
        self.said.say(text, Tone.GOOD)

    def _on_failed(self, problem: Problem) -> None:
        self._over()
        self.said.say(str(problem), Tone.BAD)


def _written(file: Path, text: str) -> str:
    file.write_text(text, encoding="utf-8")
    file.chmod(_MODE)
    return str(file)
