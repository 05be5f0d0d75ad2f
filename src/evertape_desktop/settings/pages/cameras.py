"""Cameras: which there are, in which order they are shown, and how each is reached and recorded. GUI thread only."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QSplitter, QWidget

from evertape.redact import MASK
from evertape_desktop.backend.problem import Problem
from evertape_desktop.context import Context
from evertape_desktop.settings.asking import confirm
from evertape_desktop.settings.camera_add import AddCamera
from evertape_desktop.settings.collection import Collection, Entry
from evertape_desktop.settings.draft import Draft
from evertape_desktop.settings.fields import Field, Group
from evertape_desktop.settings.form import Form
from evertape_desktop.settings.note import Tone
from evertape_desktop.settings.page import Page, scroll
from evertape_desktop.video.wording import flows, recording_words, state_words

ORDER = "desktop.layout.order"


class CamerasPage(Page):
    """See the module."""

    def __init__(self, context: Context, draft: Draft, parent: QWidget | None = None) -> None:
        super().__init__(context, draft, "cameras", self.tr("Cameras"), parent=parent)
        columns = [self.tr("Name"), self.tr("Id"), self.tr("Connection"), self.tr("Recording")]
        self.list = Collection(columns, self.tr("Cameras, in the order in which they are shown"), self)
        self._add = self.list.button("add_camera", self.tr("Add…"))
        self._remove = self.list.button("remove_camera", self.tr("Remove…"))
        self._up = self.list.button("camera_up", self.tr("Up"), tip=self.tr("Show it earlier in this window"))
        self._down = self.list.button("camera_down", self.tr("Down"), tip=self.tr("Show it later in this window"))
        self.form = Form(draft, self._groups(), "cameras.ID", self)
        self.forms.append(self.form)
        middle = QSplitter(Qt.Orientation.Vertical, self)
        middle.setChildrenCollapsible(False)
        middle.addWidget(self.list)
        middle.addWidget(scroll(self.form))
        middle.setSizes([190, 420])
        self.placed([(middle, 1)])
        self.list.chosen.connect(self._on_chosen)
        self._add.clicked.connect(self.add)
        self._remove.clicked.connect(self.remove)
        self._up.clicked.connect(lambda: self.move_by(-1))
        self._down.clicked.connect(lambda: self.move_by(1))
        draft.loaded.connect(self._show)
        draft.edited.connect(self._on_edited)
        context.backend.state_changed.connect(self._on_state)
        self._show()

    def _groups(self) -> list[Group]:
        own = self.tr("as for all")
        transports = (("tcp", self.tr("TCP, inside the connection")), ("udp", "UDP"))
        receivers = (
            ("auto", self.tr("Automatic")),
            ("direct", self.tr("Evertape's own (direct)")),
            ("rtspsrc", self.tr("GStreamer's (rtspsrc)")),
        )
        return [
            Group(self.tr("The camera"), [
                Field("name", self.tr("Name")),
                Field("enabled", self.tr("In use")),
                Field("record", self.tr("Record without being told to")),
                Field("schedule", self.tr("Schedule"), placeholder=own),
                Field("timezone", self.tr("Time zone of the schedule"), placeholder=own),
                Field("audio", self.tr("Record its sound too")),
            ]),
            Group(self.tr("Where it is"), [
                Field("url", self.tr("URL")),
                Field("sub_url", self.tr("Smaller stream"), placeholder=self.tr("none")),
                Field("user", self.tr("User"), placeholder=self.tr("none, or in the URL")),
                Field(
                    "password", self.tr("Password"), placeholder=self.tr("none, or elsewhere"),
                    help=self.tr("Never shown. What is typed here replaces the one it has."),
                ),
                Field("password_file", self.tr("Or the file it is in"), placeholder=self.tr("none")),
                Field("password_env", self.tr("Or the variable it is in"), placeholder=self.tr("none")),
                Field("transport", self.tr("Transport"), choices=transports),
                Field("tls_verify", self.tr("Check its certificate (rtsps)")),
            ]),
            Group(self.tr("Receiving"), [
                Field("receiver", self.tr("Receiver"), choices=receivers),
                Field("latency", self.tr("Latency")),
                Field("keepalive", self.tr("Keep the session alive every")),
                Field("connect_timeout", self.tr("Longest wait for an answer"), placeholder=own),
                Field("stall_timeout", self.tr("Silence that counts as stalled"), placeholder=own),
                Field("backoff.base", self.tr("Wait after the first failure"), placeholder=own),
                Field("backoff.cap", self.tr("Longest wait"), placeholder=own),
                Field("backoff.factor", self.tr("Longer each time by"), placeholder=own),
                Field("backoff.jitter", self.tr("Choose each wait at random"), placeholder=own),
                Field("backoff.max_retries", self.tr("Attempts until shown as disconnected"), placeholder=own),
                Field("backoff.give_up", self.tr("Stop trying then"), placeholder=own),
            ]),
            Group(self.tr("Files and footage"), [
                Field("rotation", self.tr("Length of a file"), placeholder=own),
                Field("rotation_size", self.tr("Largest size of a file"), placeholder=own),
                Field("retention.max_age", self.tr("Oldest footage"), placeholder=own),
                Field("retention.min_age", self.tr("Not deleted while younger than"), placeholder=own),
                Field("retention.quota", self.tr("Most footage"), placeholder=own),
            ]),
        ]  # fmt: skip

    def opened(self) -> None:
        """See ``Page``."""
        self._show()

    # -- the list -------------------------------------------------------------------------------------------

    def ids(self) -> list[str]:
        """All cameras, in the order in which they are shown."""
        look = self.context.backend.look
        known = self.draft.names("cameras") or [camera.id for camera in (look.cameras if look else ())]
        wanted = [one for one in self.draft.value(ORDER) or () if one in known]
        return [*wanted, *(one for one in known if one not in wanted)]

    def _show(self) -> None:
        self.list.show_entries([self._entry(one) for one in self.ids()])
        self._enable()

    def _entry(self, camera_id: str) -> Entry:
        look = self.context.backend.look
        camera = look.camera(camera_id) if look else None
        named = self.draft.value(f"cameras.{camera_id}.name") or (camera.name if camera else "") or camera_id
        if camera is None:
            return Entry(camera_id, (named, camera_id, "", ""))
        flowing = flows(camera.main)
        tone = Tone.GOOD if flowing else Tone.WARN if camera.enabled else Tone.PLAIN
        state = state_words(camera.main, camera.enabled)
        return Entry(camera_id, (named, camera_id, state, recording_words(camera)), tone, 2)

    def _on_state(self, _look: object) -> None:
        if self.isVisible():
            self._show()

    def _on_chosen(self, name: str) -> None:
        self.form.bind(f"cameras.{name}" if name in self.draft.names("cameras") else "")
        self._enable()

    def _enable(self) -> None:
        may, ids = self.draft.may_edit, self.ids()
        if self.list.name:
            table = f"cameras.{self.list.name}" if self.list.name in self.draft.names("cameras") else ""
            self.form.bind(table)
        at = ids.index(self.list.name) if self.list.name in ids else -1
        self._add.setEnabled(may)
        self._remove.setEnabled(may and at >= 0)
        self._up.setEnabled(at > 0)
        self._down.setEnabled(0 <= at < len(ids) - 1)

    # -- what a person does ---------------------------------------------------------------------------------

    def add(self) -> AddCamera:
        """Ask for a new one."""
        dialog = AddCamera(self.context, self.ids(), self)
        dialog.answered.connect(lambda _: self.draft.load())
        dialog.open()
        return dialog

    def remove(self) -> None:
        """Take the chosen one out of the configuration, if it is really meant."""
        name = self.list.name
        text = self.tr(
            "It is no longer received or recorded. Its footage stays, and can still be watched and exported, until the "
            "rules of retention delete it."
        )
        title = self.tr("Remove the camera “{0}”?").format(self._entry(name).texts[0])
        confirm(self, title, text, self.tr("Remove"), lambda: self._do_remove(name))

    def _do_remove(self, name: str) -> None:
        self.context.backend.delete(f"/cameras/{name}").then(
            lambda _: self._on_removed(name), self._on_failed, owner=self
        )

    def _on_removed(self, name: str) -> None:
        self.draft.forget(f"cameras.{name}.")
        self.draft.load()

    def _on_failed(self, problem: Problem) -> None:
        self.draft.say(str(problem))

    def move_by(self, steps: int) -> None:
        """Show the chosen camera earlier or later; in this window only."""
        ids = self.ids()
        at = ids.index(self.list.name)
        ids.insert(at + steps, ids.pop(at))
        self.draft.set(ORDER, ids)
        self._show()

    def _on_edited(self, key: str) -> None:
        if key.startswith("cameras.") and key.rpartition(".")[2] in ("url", "sub_url"):
            self.draft.refuse(key, self._masked(self.draft.changes.get(key)))
        if key.endswith(".name") or key == ORDER:
            self._show()

    def _masked(self, url: Any) -> str:
        if isinstance(url, str) and f"{MASK}@" in url:
            return self.tr("The password in it is masked: write it out, or take it out and use the fields below.")
        return ""

    # -- for the dialog -------------------------------------------------------------------------------------

    def owns(self, key: str) -> bool:
        """See ``Page``: also keys of cameras that are not chosen."""
        return key.startswith("cameras.")

    def show_key(self, key: str) -> bool:
        """See ``Page``."""
        self.list.choose(key.split(".")[1])
        return super().show_key(key)
