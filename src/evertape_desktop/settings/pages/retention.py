"""How long footage is kept, what would be deleted now, and deleting it. GUI thread only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import (
    QComboBox,
    QGroupBox,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QLineEdit,
    QPushButton,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from evertape_desktop import words
from evertape_desktop.backend.problem import Problem
from evertape_desktop.context import Context
from evertape_desktop.settings.asking import confirm
from evertape_desktop.settings.draft import Draft
from evertape_desktop.settings.fields import Field, Group
from evertape_desktop.settings.form import Form
from evertape_desktop.settings.note import Note, Tone
from evertape_desktop.settings.page import Page

_AGAIN_MS = 500


class RetentionPage(Page):
    """See the module."""

    def __init__(self, context: Context, draft: Draft, parent: QWidget | None = None) -> None:
        super().__init__(
            context, draft, "retention", self.tr("Retention"),
            self.tr("The oldest goes first; what is protected, or being written, never."), parent=parent,
        )  # fmt: skip
        form = Form(draft, self._groups(), parent=self)
        self.forms.append(form)
        self.preview = Preview(context, draft, self)
        self.scrolled(self.preview, form)

    def _groups(self) -> list[Group]:
        return [
            Group(self.tr("How long"), [
                Field("retention.max_age", self.tr("Oldest footage")),
                Field("retention.min_age", self.tr("Not deleted while younger than")),
                Field("retention.quota", self.tr("Most footage per camera")),
            ], self.tr("A camera may have its own rules; see the page “Cameras”.")),
            Group(self.tr("When a volume fills up"), [
                Field("retention.start_free", self.tr("Make room below")),
                Field("retention.start_percent", self.tr("… or below"), unit="%"),
                Field("retention.more_free", self.tr("And free so much more")),
                Field("retention.emergency_age", self.tr("In need, older than")),
                Field("retention.interval", self.tr("Look through everything every")),
            ]),
            Group(self.tr("Checking that footage is as it was written"), [
                Field("integrity.scrub", self.tr("Read everything again now and then")),
                Field("integrity.rate", self.tr("At most, per second")),
                Field("integrity.interval", self.tr("Each file again after")),
            ]),
        ]  # fmt: skip


class Preview(QGroupBox):
    """What would be deleted now, by the rules in force or another age, and doing it."""

    def __init__(self, context: Context, draft: Draft, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setTitle(self.tr("What would be deleted now"))
        self._context, self._draft = context, draft
        self._asked: dict[str, Any] = {}
        self._run = 0
        self.camera = QComboBox(self)
        self.camera.setAccessibleName(self.tr("Camera"))
        self.camera.setMinimumWidth(170)
        self.age = QLineEdit(self)
        self.age.setPlaceholderText(self.tr("as the rules say, or like 30d"))
        self.age.setAccessibleName(self.tr("If everything older than this went"))
        self.look = QPushButton(self.tr("Preview"), self)
        self.look.setObjectName("preview")
        self.delete = QPushButton(self.tr("Delete now…"), self)
        self.delete.setObjectName("delete_now")
        for button in (self.look, self.delete):
            button.setAutoDefault(False)
        self.said = Note("", Tone.HELP, self, small=False)
        self.said.setObjectName("preview_said")
        self.table = self._make_table()
        self._lay_out()
        self._timer = QTimer(self, singleShot=True, interval=_AGAIN_MS)
        self._timer.timeout.connect(self._ask_progress)
        self.look.clicked.connect(self.ask)
        self.age.returnPressed.connect(self.ask)
        self.delete.clicked.connect(self._confirm)
        draft.loaded.connect(self._on_loaded)
        self._on_loaded()

    def _make_table(self) -> QTreeWidget:
        table = QTreeWidget(self)
        table.setObjectName("preview_rows")
        table.setAccessibleName(self.tr("What would be deleted"))
        table.setRootIsDecorated(False)
        table.setAlternatingRowColors(True)
        table.setHeaderLabels([
            self.tr("Camera"), self.tr("Volume"), self.tr("Why"), self.tr("Files"), self.tr("Size"), self.tr("From"),
            self.tr("Until"),
        ])  # fmt: skip
        table.header().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        table.setMinimumHeight(130)
        table.hide()
        return table

    def _lay_out(self) -> None:
        line = QHBoxLayout()
        line.addWidget(QLabel(self.tr("Camera"), self))
        line.addWidget(self.camera)
        line.addWidget(QLabel(self.tr("Older than"), self))
        line.addWidget(self.age, 1)
        line.addWidget(self.look)
        line.addWidget(self.delete)
        column = QVBoxLayout(self)
        column.addLayout(line)
        column.addWidget(self.said)
        column.addWidget(self.table)

    def _on_loaded(self) -> None:
        look = self._context.backend.look
        names = {camera.id: camera.name for camera in (look.cameras if look else ())}
        ids = list(names) or self._draft.names("cameras")
        if [self.camera.itemData(at) for at in range(1, self.camera.count())] != ids:
            self.camera.clear()
            self.camera.addItem(self.tr("All cameras"), "")
            for one in ids:
                self.camera.addItem(names.get(one) or one, one)
        self.delete.setEnabled(self._draft.may_edit and bool(self._asked) and not self._run)

    # -- looking --------------------------------------------------------------------------------------------

    def ask(self) -> None:
        """Have the recorder say what would go."""
        self._asked = {"camera": self.camera.currentData() or None, "max_age": self.age.text().strip() or None}
        self.look.setEnabled(False)
        self.said.say(self.tr("Looking …"), Tone.HELP)
        self._context.backend.get("/retention/plan", **self._asked).then(self._on_plan, self._on_failed, owner=self)

    def _on_plan(self, plan: Mapping[str, Any]) -> None:
        self.look.setEnabled(True)
        self.table.clear()
        for row in plan["rows"]:
            self.table.addTopLevelItem(QTreeWidgetItem(self._texts(row)))
        self.table.setVisible(bool(plan["rows"]))
        self.said.say(self._summary(plan), Tone.PLAIN)
        self.delete.setEnabled(self._draft.may_edit and bool(plan["files"]) and not self._run)

    def _texts(self, row: Mapping[str, Any]) -> list[str]:
        why = {
            "retention_age": self.tr("too old"),
            "retention_quota": self.tr("over the camera's share"),
            "retention_space": self.tr("room is needed"),
            "retention_emergency": self.tr("the volume is full"),
            "person": self.tr("older than asked for"),
        }
        look = self._context.backend.look
        zone = words.zone_of(look.timezone if look else None)
        camera = look.camera(row["camera"]) if look else None
        return [
            camera.name if camera else row["camera"], row["volume"], why.get(row["why"], row["why"]),
            str(row["files"]), words.size(row["bytes"]), words.date_clock(row["oldest"], zone),
            words.date_clock(row["newest"], zone),
        ]  # fmt: skip

    def _summary(self, plan: Mapping[str, Any]) -> str:
        said = self.tr("Nothing would be deleted now.")
        if plan["files"]:
            said = self.tr("{0} files, {1}.").format(plan["files"], words.size(plan["bytes"]))
        if plan["protected"]:
            kept = self.tr("{0} protected files stay ({1}).")
            said += " " + kept.format(plan["protected"], words.size(plan["protected_bytes"]))
        if plan["young"]:
            said += " " + self.tr("{0} files are too young.").format(plan["young"])
        if any(key.startswith("retention.") for key in self._draft.changes):
            said += " " + self.tr("Changes that are not applied yet do not count.")
        return said

    def _on_failed(self, problem: Problem) -> None:
        self._run = 0
        self.look.setEnabled(True)
        self.said.say(str(problem), Tone.BAD)

    # -- deleting -------------------------------------------------------------------------------------------

    def _confirm(self) -> None:
        title = self.tr("Delete this footage now?")
        text = self.said.text() + "\n\n" + self.tr("This cannot be undone.")
        confirm(self, title, text, self.tr("Delete"), self._start)

    def _start(self) -> None:
        body = {name: value for name, value in self._asked.items() if value is not None}
        self.delete.setEnabled(False)
        self._context.backend.post("/retention/run", body).then(self._on_progress, self._on_failed, owner=self)

    def _ask_progress(self) -> None:
        self._context.backend.get(f"/retention/run/{self._run}").then(self._on_progress, self._on_failed, owner=self)

    def _on_progress(self, progress: Mapping[str, Any]) -> None:
        self._run = progress["run"]
        size = words.size(progress["bytes"])
        if not progress["done"]:
            self.said.say(self.tr("{0} files deleted, {1} …").format(progress["files"], size), Tone.PLAIN)
            self._timer.start()
            return
        self._run = 0
        self.table.clear()
        self.table.hide()
        self._asked = {}
        said = self.tr("✓ {0} files deleted, {1} freed.").format(progress["files"], size)
        problem = progress["error"] or (progress["failed"] and self.tr("{0} failed").format(progress["failed"]))
        self.said.say(f"{said} {problem}" if problem else said, Tone.WARN if problem else Tone.GOOD)
