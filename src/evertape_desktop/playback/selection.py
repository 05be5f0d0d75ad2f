"""What can be done with a selection of the time line: take it away, keep it, back it up, delete it. GUI thread only."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from PySide6.QtCore import QStandardPaths
from PySide6.QtWidgets import QLineEdit, QWidget

from evertape_desktop import words
from evertape_desktop.backend.backend import Backend
from evertape_desktop.backend.model import instant
from evertape_desktop.playback.backup import BackupReport, back_up
from evertape_desktop.playback.deleting import Deletable, Deleted, deletable, delete
from evertape_desktop.playback.dialogs import RunDialog, TargetField
from evertape_desktop.playback.exporting import Exported, ExportWish, export, file_name

Telling = Callable[[float, str], None]


def movies() -> Path:
    """Where people of this machine keep films."""
    return Path(QStandardPaths.writableLocation(QStandardPaths.StandardLocation.MoviesLocation) or Path.home())


class ExportDialog(RunDialog):
    """A file of the selection.

    Args:
        backend: the recorder.
        wish: cameras and time.
        described: the same, for a person.
        moment: where it begins, as ``words.date_clock`` writes it.
    """

    def __init__(
        self, backend: Backend, wish: ExportWish, described: str, moment: str, parent: QWidget | None = None
    ) -> None:
        super().__init__(backend, "", described, "", parent)
        self.setWindowTitle(self.tr("Export"))
        self.begin.setText(self.tr("Export"))
        self._wish = wish
        self.bundle = self.option(self.tr("With what proves that it was not changed since (a .zip)"), "export_bundle")
        self.close_gaps = self.option(self.tr("Go on at once where footage is missing"), "export_close_gaps")
        self.partial = self.option(self.tr("Leave out what lies on volumes that are away"), "export_partial")
        ending = ".mp4" if len(wish.cameras) == 1 else ".zip"
        target = movies() / file_name(wish.cameras, moment, ending)
        self.target = TargetField(target, filters=self.tr("Films (*.mp4 *.zip)"), parent=self)
        self.column.addWidget(self.target)
        self.finish_layout()

    def work(self, progress: Telling) -> Coroutine[Any, Any, Any] | None:
        """See ``RunDialog``."""
        wish = ExportWish(
            self._wish.cameras, self._wish.start, self._wish.end,
            self.bundle.isChecked(), self.close_gaps.isChecked(), self.partial.isChecked(),
        )  # fmt: skip
        return export(self.backend.request, wish, self.target.path, progress)

    def words_of(self, answer: Exported) -> str:
        """See ``RunDialog``."""
        text = self.tr("{0} ({1}), read back and compared; its hash lies beside it.")
        return "\n".join([text.format(answer.file, words.size(answer.bytes)), *answer.notes])


class BackupDialog(RunDialog):
    """The files of the selection, copied to another disk of this machine; arguments as for ``ExportDialog``."""

    def __init__(
        self, backend: Backend, cameras: tuple[str, ...], span: tuple[int, int], described: str,
        parent: QWidget | None = None,
    ) -> None:  # fmt: skip
        super().__init__(backend, "", described, "", parent)
        self.setWindowTitle(self.tr("Back up"))
        self.begin.setText(self.tr("Copy and compare"))
        self._cameras, self._span = cameras, span
        self.target = TargetField(movies() / "evertape-backup", is_folder=True, parent=self)
        self.column.addWidget(self.target)
        self.finish_layout()

    def work(self, progress: Telling) -> Coroutine[Any, Any, Any] | None:
        """See ``RunDialog``."""
        return back_up(self.backend.request, self._cameras, *self._span, self.target.path, progress)

    def words_of(self, answer: BackupReport) -> str:
        """See ``RunDialog``."""
        lines = [
            self.tr("{0} files ({1}) lie in {2}.").format(
                answer.verified + answer.unhashed, words.size(answer.bytes), answer.folder
            ),
            self.tr("{0} of them are what the recorder wrote, by its hash.").format(answer.verified),
        ]
        if answer.unhashed:
            lines.append(self.tr("{0} read back as they came; the recorder has no hash yet.").format(answer.unhashed))
        if answer.open:
            lines.append(self.tr("{0} are being written and were left out.").format(answer.open))
        if answer.failed:
            lines.append("⚠ " + self.tr("{0} could not be copied:").format(len(answer.failed)))
            lines += [f"{name}: {why}" for name, why in answer.failed[:5]]
        return "\n".join(lines)


class DeleteDialog(RunDialog):
    """The files of the selection, deleted for good; arguments as for ``BackupDialog``."""

    def __init__(
        self, backend: Backend, cameras: tuple[str, ...], span: tuple[int, int], described: str,
        parent: QWidget | None = None,
    ) -> None:  # fmt: skip
        super().__init__(backend, "", described, "", parent)
        self.setWindowTitle(self.tr("Delete footage"))
        self.begin.setText(self.tr("Delete for good"))
        self.begin.setEnabled(False)
        self.begin.setAutoDefault(False)
        self._found: Deletable | None = None
        self._described = described
        self.beyond = self.option("", "delete_beyond")
        self.beyond.hide()
        self.beyond.toggled.connect(self._count)
        self.finish_layout()
        self.status.setText(self.tr("Looking what there is …"))
        backend.do(deletable(backend.request, cameras, *span)).then(self._came, self._failed, owner=self)

    @property
    def chosen(self) -> tuple[str, ...]:
        """Ids of the files that would go."""
        if self._found is None:
            return ()
        return (*self._found.inside, *(self._found.beyond if self.beyond.isChecked() else ()))

    def _came(self, found: Deletable) -> None:
        self._found = found
        text = self.tr("Also the {0} files that reach beyond the selection").format(len(found.beyond))
        self.beyond.setText(text)
        self.beyond.setVisible(bool(found.beyond))
        self._count()

    def _count(self) -> None:
        assert self._found is not None
        size = sum(self._found.bytes.get(one, 0) for one in self.chosen)
        lines = [self.tr("{0} files ({1}) would be deleted.").format(len(self.chosen), words.size(size))]
        if self._found.protected:
            lines.append(self.tr("{0} stay, because they are protected.").format(self._found.protected))
        if self._found.open:
            lines.append(self.tr("{0} stay, because they are being written.").format(self._found.open))
        self.status.setText("\n".join(lines))
        self.begin.setEnabled(bool(self.chosen))

    def work(self, progress: Telling) -> Coroutine[Any, Any, Any] | None:
        """See ``RunDialog``."""
        return delete(self.backend.request, self.chosen, progress)

    def words_of(self, answer: Deleted) -> str:
        """See ``RunDialog``."""
        lines = [self.tr("{0} files ({1}) are deleted.").format(answer.files, words.size(answer.bytes))]
        if answer.stayed:
            lines.append(self.tr("{0} stayed; the recorder's log says why.").format(answer.stayed))
        return "\n".join(lines)


class ProtectDialog(RunDialog):
    """The selection is kept, whatever the rules say; arguments as for ``BackupDialog``."""

    def __init__(
        self, backend: Backend, cameras: tuple[str, ...], span: tuple[int, int], described: str,
        parent: QWidget | None = None,
    ) -> None:  # fmt: skip
        super().__init__(backend, "", described, "", parent)
        self.setWindowTitle(self.tr("Protect footage"))
        self.begin.setText(self.tr("Protect"))
        self._cameras, self._span = cameras, span
        self.why = QLineEdit(self)
        self.why.setObjectName("protect_why")
        self.why.setAccessibleName(self.tr("Why"))
        self.why.setPlaceholderText(self.tr("Why, for whoever looks later"))
        self.why.setMaxLength(500)
        self.column.addWidget(self.why)
        self.finish_layout()

    def work(self, progress: Telling) -> Coroutine[Any, Any, Any] | None:
        """See ``RunDialog``."""
        return self._protect(self.why.text(), progress)

    async def _protect(self, why: str, progress: Telling) -> int:
        start, end = map(instant, self._span)
        for number, camera in enumerate(self._cameras):
            body = {"camera": camera, "start": start, "end": end, "why": why}
            await self.backend.request("POST", "/protections", body=body)
            progress((number + 1) / len(self._cameras), "")
        return len(self._cameras)

    def words_of(self, answer: int) -> str:
        """See ``RunDialog``."""
        return self.tr("The footage of {0} cameras stays until somebody lets it go.").format(answer)
