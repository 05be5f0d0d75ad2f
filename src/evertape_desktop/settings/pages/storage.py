"""Volumes: where footage is recorded to, how each is, and when one counts as full or gone. GUI thread only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog, QPushButton, QSplitter, QVBoxLayout, QWidget

from evertape_desktop import words
from evertape_desktop.backend.model import VolumeLook
from evertape_desktop.backend.problem import Problem
from evertape_desktop.backend.reply import Reply
from evertape_desktop.context import Context
from evertape_desktop.settings.asking import Ask, confirm
from evertape_desktop.settings.collection import Collection, Entry
from evertape_desktop.settings.draft import Draft
from evertape_desktop.settings.fields import Field, Group
from evertape_desktop.settings.form import Form
from evertape_desktop.settings.note import Tone
from evertape_desktop.settings.page import Page, scroll
from evertape_desktop.settings.place import is_local


class StoragePage(Page):
    """See the module."""

    def __init__(self, context: Context, draft: Draft, parent: QWidget | None = None) -> None:
        super().__init__(context, draft, "storage", self.tr("Storage"), parent=parent)
        columns = [self.tr("Name"), self.tr("Used as"), self.tr("State"), self.tr("Free"), self.tr("Folder")]
        self.list = Collection(columns, self.tr("Volumes"), self)
        self._add = self.list.button("add_volume", self.tr("Add…"))
        self._retire = self.list.button("retire_volume", self.tr("Retire…"), tip=self.tr("Write nothing new to it"))
        self._remove = self.list.button("remove_volume", self.tr("Remove…"))
        self._check = self.list.button("check_volumes", self.tr("Check now"), tip=self.tr("Look at all volumes now"))
        self.form = Form(draft, self._volume_groups(), "volumes.NAME", self)
        self._general = Form(draft, self._groups(), parent=self)
        self.forms += [self.form, self._general]
        inner = QWidget(self)
        column = QVBoxLayout(inner)
        column.setContentsMargins(0, 0, 10, 12)
        column.addWidget(self.form)
        column.addWidget(self._general)
        column.addStretch(1)
        middle = QSplitter(Qt.Orientation.Vertical, self)
        middle.setChildrenCollapsible(False)
        middle.addWidget(self.list)
        middle.addWidget(scroll(inner))
        middle.setSizes([190, 420])
        self.placed([(middle, 1)])
        self.list.chosen.connect(self._on_chosen)
        self._add.clicked.connect(self.add)
        self._retire.clicked.connect(self.retire)
        self._remove.clicked.connect(self.remove)
        self._check.clicked.connect(self.check)
        draft.loaded.connect(self._show)
        context.backend.state_changed.connect(self._on_state)
        self._show()

    def _roles(self) -> tuple[tuple[str, str], ...]:
        return (
            ("primary", self.tr("Primary: recorded to whenever it can be")),
            ("spill", self.tr("Spill: while no primary can be")),
            ("retired", self.tr("Retired: only read")),
        )

    def _volume_groups(self) -> list[Group]:
        return [
            Group(self.tr("The volume"), [
                Field("path", self.tr("Folder")),
                Field("role", self.tr("Used as"), choices=self._roles()),
                Field("mount", self.tr("Only while mounted"), placeholder=self.tr("as found")),
            ]),
        ]  # fmt: skip

    def _groups(self) -> list[Group]:
        return [
            Group(self.tr("When a volume is full"), [
                Field("storage.min_record_free", self.tr("Stop recording below")),
                Field("storage.resume_free", self.tr("Record again from")),
            ], self.tr("Of free space. When footage is deleted to make room is set on the page “Retention”.")),
            Group(self.tr("Noticing that a volume is gone"), [
                Field("storage.probe_interval", self.tr("Look at it every")),
                Field("storage.probe_deadline", self.tr("It has to answer within")),
                Field("storage.hung_after", self.tr("A write may take")),
            ]),
            Group(self.tr("Footage that comes home from another volume"), [
                Field("storage.homecoming_rate", self.tr("At most, per second")),
            ]),
        ]  # fmt: skip

    def opened(self) -> None:
        """See ``Page``."""
        self._show()

    # -- the list -------------------------------------------------------------------------------------------

    def _show(self) -> None:
        look = self.context.backend.look
        roles = {value: text.partition(":")[0] for value, text in self._roles()}
        self.list.show_entries([_entry(volume, roles) for volume in (look.volumes if look else ())])
        self._on_chosen(self.list.name)

    def _on_state(self, _look: object) -> None:
        if self.isVisible():
            self._show()

    def _on_chosen(self, name: str) -> None:
        declared = self.draft.names("volumes")
        is_declared = name in declared
        self.form.bind(f"volumes.{name}" if is_declared else "")
        may = self.draft.may_edit
        retired = self.draft.value(f"volumes.{name}.role") == "retired"
        self._add.setEnabled(may)
        self._retire.setEnabled(may and is_declared and not retired)
        self._remove.setEnabled(may and is_declared)

    # -- what a person does ---------------------------------------------------------------------------------

    def add(self) -> AddVolume:
        """Ask for a new one."""
        dialog = AddVolume(self.context, self._roles()[:2], self)
        dialog.answered.connect(lambda _: self.draft.load())
        dialog.open()
        return dialog

    def retire(self) -> None:
        """Write nothing new to the chosen one, if it is really meant."""
        name = self.list.name
        text = self.tr(
            "Nothing new is recorded to it. Its footage stays readable, and the rules of retention go on for it."
        )
        confirm(
            self, self.tr("Retire the volume “{0}”?").format(name), text, self.tr("Retire"),
            lambda: self._at_once(self.context.backend.post(f"/volumes/{name}/retire")),
        )  # fmt: skip

    def remove(self) -> None:
        """Take the chosen one out of the configuration, if it is really meant."""
        name = self.list.name
        text = self.tr(
            "It is taken out of the configuration. Its footage stays on the disk, but cannot be watched from here "
            "until it is added again."
        )
        confirm(
            self, self.tr("Remove the volume “{0}”?").format(name), text, self.tr("Remove"),
            lambda: self._at_once(
                self.context.backend.delete(f"/volumes/{name}"), lambda: self.draft.forget(f"volumes.{name}.")
            ),
        )  # fmt: skip

    def check(self) -> None:
        """Have the recorder look at all of them now."""
        self._check.setEnabled(False)
        self.context.backend.post("/volumes/check").then(self._on_checked, self._on_failed, owner=self)

    def _at_once(self, reply: Reply, after: Callable[[], object] = lambda: None) -> None:
        def done(_answer: Any) -> None:
            after()
            self.draft.load()

        reply.then(done, self._on_failed, owner=self)

    def _on_checked(self, _answer: Any) -> None:
        self._check.setEnabled(True)
        self.draft.say(self.tr("✓ All volumes were looked at."), is_good=True)

    def _on_failed(self, problem: Problem) -> None:
        self._check.setEnabled(True)
        self.draft.say(str(problem))

    # -- for the dialog -------------------------------------------------------------------------------------

    def owns(self, key: str) -> bool:
        """See ``Page``: also keys of volumes that are not chosen."""
        return key.startswith("volumes.") or super().owns(key)

    def show_key(self, key: str) -> bool:
        """See ``Page``."""
        if key.startswith("volumes."):
            self.list.choose(key.split(".")[1])
        return super().show_key(key)


def _entry(volume: VolumeLook, roles: dict[str, str]) -> Entry:
    tone = Tone.GOOD if volume.usable else Tone.BAD if volume.role != "retired" else Tone.WARN
    texts = (volume.name, roles.get(volume.role, volume.role), volume.label or volume.state, words.size(volume.free),
             volume.path)  # fmt: skip
    return Entry(volume.name, texts, tone, 2)


class AddVolume(Ask):
    """Asks for another volume.

    Args:
        context: what every part of the window shares.
        roles: what it can be used as, with words.
    """

    def __init__(self, context: Context, roles: tuple[tuple[str, str], ...], parent: QWidget | None = None) -> None:
        self._context = context
        super().__init__("", (), "", parent=parent)
        self.setObjectName("add_volume_dialog")
        self.setWindowTitle(self.tr("Add a volume"))
        self.ok.setText(self.tr("Add"))
        for asked in (
            Field("name", self.tr("Name"), placeholder="usb1", help=self.tr("Lower-case letters, digits, _ and -.")),
            Field("path", self.tr("Folder"), placeholder="/mnt/usb1",
                  help=self.tr("A mounted disk, or a folder on one, on the machine of the recorder.")),
        ):  # fmt: skip
            self._add(asked, f"desktop.{asked.key}")
        if is_local(context):
            browse = QPushButton(self.tr("Choose…"), self)
            browse.setAutoDefault(False)
            browse.clicked.connect(self._browse)
            self.add_row("", browse)
        self._add(Field("role", self.tr("Used as"), choices=roles), "volumes.NAME.role")
        self._add(
            Field("on_system_disk", self.tr("Use it although it is on the system's own disk"), kind="flag"),
            "desktop.on_system_disk",
        )
        self.changed()

    def _browse(self) -> None:
        chooser = QFileDialog(self, self.tr("Folder"))
        chooser.setFileMode(QFileDialog.FileMode.Directory)
        chooser.setOption(QFileDialog.Option.ShowDirsOnly)
        chooser.fileSelected.connect(self._on_folder)
        chooser.open()

    def _on_folder(self, path: str) -> None:
        self.preset("path", path)
        self.changed()

    def is_complete(self) -> bool:
        """See ``Ask``."""
        return bool(self.values.get("name") and self.values.get("path"))

    def submit(self) -> Reply:
        """See ``Ask``."""
        return self._context.backend.post("/volumes", self.values)
