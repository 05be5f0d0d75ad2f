"""Taking over from the desktop recorder that Evertape grew out of: looking at its database, then doing it.

GUI thread only; the database is read, and the configuration changed, elsewhere. Only for a recorder on this machine.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtGui import QBrush, QColor
from PySide6.QtWidgets import (
    QCheckBox,
    QFileDialog,
    QHBoxLayout,
    QHeaderView,
    QLineEdit,
    QPushButton,
    QTreeWidget,
    QTreeWidgetItem,
    QWidget,
)

from evertape_desktop.backend.problem import Problem
from evertape_desktop.context import Context
from evertape_desktop.settings.draft import Draft
from evertape_desktop.settings.note import Note, Tone
from evertape_desktop.settings.page import Page
from evertape_desktop.settings.place import is_local
from evertape_desktop.settings.working import do_here
from evertape_desktop.theme import colours

if TYPE_CHECKING:
    from evertape.engine.predecessor import Applied, Fate, ImportPlan


class ImportPage(Page):
    """See the module."""

    def __init__(self, context: Context, draft: Draft, parent: QWidget | None = None) -> None:
        super().__init__(
            context, draft, "import", self.tr("Import"),
            self.tr(
                "Cameras, logins, rotation, retention, layout and keys of the recorder with IT_RNVR.db. Its database "
                "is only read, and nothing that is set here is overwritten."
            ),
            parent=parent,
        )  # fmt: skip
        self._plan: ImportPlan | None = None
        self.file = QLineEdit(self)
        self.file.setObjectName("import_file")
        self.file.setPlaceholderText("IT_RNVR.db")
        self.file.setAccessibleName(self.tr("The database"))
        self._browse = self._button("import_browse", self.tr("Choose…"))
        self.look = self._button("import_look", self.tr("Preview"))
        self.consent = QCheckBox(self.tr("Record to its disk also if that is the system's own"), self)
        self.consent.hide()
        self.said = Note("", Tone.PLAIN, self, small=False)
        self.said.setObjectName("import_said")
        self.table = self._make_table()
        self.take = self._button("import_take", self.tr("Take over"))
        self._lay_out()
        self._browse.clicked.connect(self._choose)
        self.look.clicked.connect(self.preview)
        self.file.returnPressed.connect(self.preview)
        self.take.clicked.connect(self.apply)
        draft.loaded.connect(self._enable)
        self._enable()

    def _button(self, name: str, text: str) -> QPushButton:
        made = QPushButton(text, self)
        made.setObjectName(name)
        made.setAutoDefault(False)
        return made

    def _make_table(self) -> QTreeWidget:
        table = QTreeWidget(self)
        table.setObjectName("import_rows")
        table.setAccessibleName(self.tr("What becomes of each thing"))
        table.setRootIsDecorated(False)
        table.setAlternatingRowColors(True)
        table.setHeaderLabels([
            self.tr("There"), self.tr("Value"), self.tr("What becomes of it"), self.tr("Here"), self.tr("Remark"),
        ])  # fmt: skip
        table.header().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        return table

    def _lay_out(self) -> None:
        above = QWidget(self)
        line = QHBoxLayout(above)
        line.setContentsMargins(0, 0, 10, 0)
        line.addWidget(self.file, 1)
        line.addWidget(self._browse)
        line.addWidget(self.look)
        below = QWidget(self)
        line = QHBoxLayout(below)
        line.setContentsMargins(0, 0, 10, 0)
        line.addWidget(self.consent)
        line.addStretch(1)
        line.addWidget(self.take)
        self.placed([(above, 0), (self.said, 0), (self.table, 1), (below, 0)])

    def _enable(self) -> None:
        here = is_local(self.context)
        if not here:
            self.said.say(self.tr("Only for a recorder on this machine; there, “evertape import FILE” does it."))
        may = here and self.draft.may_edit
        for widget in (self.file, self._browse, self.look):
            widget.setEnabled(may)
        self.take.setEnabled(may and self._plan is not None)

    def _choose(self) -> None:
        chooser = QFileDialog(self, self.tr("The database"), self.file.text() or str(Path.home()), "*.db (*.db);;* (*)")
        chooser.setFileMode(QFileDialog.FileMode.ExistingFile)
        chooser.fileSelected.connect(self._on_chosen)
        chooser.open()

    def _on_chosen(self, path: str) -> None:
        self.file.setText(path)
        self.preview()

    # -- looking --------------------------------------------------------------------------------------------

    def preview(self) -> None:
        """Say what would become of each thing; nothing is changed."""
        if not self.file.text().strip():
            return
        database, config = Path(self.file.text().strip()).expanduser(), Path(self.draft.file)
        settings = self.context.settings.now

        def work() -> ImportPlan:
            from evertape.config.load import load
            from evertape.engine.predecessor import look_at, plan, read_predecessor

            old = read_predecessor(database)
            return plan(old, load(config).config, look_at(old), settings)

        self._plan = None
        self.table.clear()
        self.said.say(self.tr("Looking …"), Tone.HELP)
        self._enable()
        do_here(self.context.backend, work).then(self._on_plan, self._on_failed, owner=self)

    def _on_plan(self, plan: ImportPlan) -> None:
        self._plan = plan
        for item in plan.items:
            line = QTreeWidgetItem(
                [item.source, item.value, self._fate(item.fate), self._here(item.target, item.becomes), item.reason]
            )
            colour = self._colour(item.fate)
            if colour:
                line.setForeground(2, QBrush(QColor(colour)))
            line.setToolTip(4, item.reason)
            self.table.addTopLevelItem(line)
        self.consent.setVisible(plan.volume is not None and plan.volume.needs_consent)
        taken = sum(item.fate.value == "taken" for item in plan.items)
        said = self.tr("{0}: {1} things can be taken over, {2} cameras among them.")
        name = plan.version or str(plan.source)
        self.said.say(said.format(name, taken, len(plan.cameras)), Tone.PLAIN)
        self._enable()

    def _fate(self, fate: Fate) -> str:
        return {
            "taken": self.tr("✓ is taken over"),
            "same": self.tr("is so already"),
            "kept": self.tr("stays as it is here"),
            "left": self.tr("✗ is not taken over"),
            "needless": self.tr("needs no setting"),
            "unknown": self.tr("? nobody knows what it means"),
        }.get(fate.value, fate.value)

    def _colour(self, fate: Fate) -> str:
        return {"taken": colours().good, "left": colours().bad, "unknown": colours().warn}.get(fate.value, "")

    def _here(self, target: str, becomes: str) -> str:
        return f"{target} = {becomes}" if becomes else target

    def _on_failed(self, problem: Problem) -> None:
        self.said.say(str(problem), Tone.BAD)
        self._enable()

    # -- doing it -------------------------------------------------------------------------------------------

    def apply(self) -> None:
        """Take over what can be."""
        if self._plan is None:
            return
        # The window's own is changed through its store, which would else write over it.
        plan, config = replace(self._plan, desktop={}), Path(self.draft.file)
        consent = self.consent.isChecked()

        def work() -> Applied:
            from evertape.engine.predecessor import apply

            return apply(plan, config, Path("desktop.toml"), system_disk=consent)

        self.take.setEnabled(False)
        do_here(self.context.backend, work).then(self._on_applied, self._on_failed, owner=self)

    def _on_applied(self, done: Applied) -> None:
        assert self._plan is not None
        from evertape.engine.predecessor.applying import merged

        if self._plan.desktop:
            self.draft.take_over(merged(self.context.settings.now, self._plan.desktop))
            self.draft.save_own()
        lines = [self.tr("✓ {0} cameras and {1} settings are taken over.").format(len(done.cameras), len(done.values))]
        lines += [f"evertape adopt {one.folder} --camera {one.camera}" for one in self._plan.adoptions if one.files]
        if len(lines) > 1:
            lines.insert(1, self.tr("Its recordings can be taken in too, with the service stopped:"))
        self._plan = None
        self.said.say("\n".join(lines), Tone.GOOD)
        self.context.backend.post("/config/reload").then(lambda _: self.draft.load(), self._on_failed, owner=self)
        self._enable()
