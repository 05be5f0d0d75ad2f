"""Who is told when something is wrong: channels, quiet hours, the heartbeat, MQTT. GUI thread only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QSplitter, QVBoxLayout, QWidget

from evertape_desktop.backend.problem import Problem
from evertape_desktop.backend.reply import Reply
from evertape_desktop.context import Context
from evertape_desktop.settings.asking import Ask, confirm
from evertape_desktop.settings.collection import Collection, Entry
from evertape_desktop.settings.draft import Draft
from evertape_desktop.settings.fields import Field, Group
from evertape_desktop.settings.form import Form
from evertape_desktop.settings.note import Note, Tone
from evertape_desktop.settings.page import Page, scroll

_TABLE = "alerts.channels"


class AlertsPage(Page):
    """See the module."""

    def __init__(self, context: Context, draft: Draft, parent: QWidget | None = None) -> None:
        super().__init__(context, draft, "alerts", self.tr("Alerts"), parent=parent)
        self._channels: dict[str, Mapping[str, Any]] = {}
        columns = [self.tr("Channel"), self.tr("To"), self.tr("Is told"), self.tr("Last message")]
        self.list = Collection(columns, self.tr("Channels: ways to tell people"), self)
        self._add = self.list.button("add_channel", self.tr("Add…"))
        self._remove = self.list.button("remove_channel", self.tr("Remove…"))
        self._test = self.list.button("test_channel", self.tr("Test"), tip=self.tr("Send a message by this channel"))
        self._test_all = self.list.button("test_alerts", self.tr("Test all"))
        self.tested = Note("", Tone.HELP, self, small=False)
        self.tested.setObjectName("test_said")
        self.form = Form(draft, self._channel_groups(), f"{_TABLE}.NAME", self)
        general = Form(draft, self._groups(), parent=self)
        self.forms += [self.form, general]
        inner = QWidget(self)
        column = QVBoxLayout(inner)
        column.setContentsMargins(0, 0, 10, 12)
        for widget in (self.tested, self.form, general):
            column.addWidget(widget)
        column.addStretch(1)
        middle = QSplitter(Qt.Orientation.Vertical, self)
        middle.setChildrenCollapsible(False)
        middle.addWidget(self.list)
        middle.addWidget(scroll(inner))
        middle.setSizes([170, 440])
        self.placed([(middle, 1)])
        self.list.chosen.connect(self._on_chosen)
        self._add.clicked.connect(self.add)
        self._remove.clicked.connect(self.remove)
        self._test.clicked.connect(lambda: self.test(self.list.name))
        self._test_all.clicked.connect(lambda: self.test(""))
        draft.loaded.connect(self._show)
        context.backend.alerts_changed.connect(self._on_alerts)
        self._on_alerts(context.backend.alerts)

    def _told(self) -> tuple[tuple[str, str], ...]:
        return (("all", self.tr("Everything")), ("critical", self.tr("Only what is critical")))

    def _channel_groups(self) -> list[Group]:
        return [
            Group(self.tr("The channel"), [
                Field(
                    "url", self.tr("URL"),
                    help=self.tr("As Apprise writes it: mailto://…, tgram://…, json://… for a webhook. Never shown."),
                ),
                Field("alerts", self.tr("Is told"), choices=self._told()),
                Field("ended", self.tr("Also when it is over")),
            ]),
        ]  # fmt: skip

    def _groups(self) -> list[Group]:
        return [
            Group(self.tr("When people sleep"), [
                Field("alerts.quiet", self.tr("Quiet hours"), placeholder=self.tr("none, or like 22:00-06:30")),
                Field("alerts.quiet_all", self.tr("Then not even what is critical")),
            ]),
            Group(self.tr("What is told"), [
                Field("alerts.group", self.tr("In one message what begins within")),
                Field("alerts.min_days", self.tr("Warn when a volume holds less than"), unit=self.tr("days")),
            ]),
            Group(self.tr("Heartbeat"), [
                Field("alerts.heartbeat_url", self.tr("URL"), placeholder=self.tr("none")),
                Field("alerts.heartbeat_interval", self.tr("Fetched every")),
            ]),
            Group(self.tr("MQTT and home automation"), [
                Field("mqtt.broker", self.tr("Broker"), placeholder=self.tr("none, or HOST:PORT")),
                Field("mqtt.user", self.tr("User"), placeholder=self.tr("none")),
                Field("mqtt.password", self.tr("Password"), placeholder=self.tr("none")),
                Field("mqtt.tls", self.tr("Speak TLS with it")),
                Field("mqtt.prefix", self.tr("First level of all topics")),
                Field("mqtt.discovery", self.tr("Let Home Assistant find everything")),
                Field("mqtt.discovery_prefix", self.tr("Where Home Assistant listens")),
            ]),
        ]  # fmt: skip

    # -- the list -------------------------------------------------------------------------------------------

    def _on_alerts(self, answer: Any) -> None:
        found = (answer or {}).get("channels") or ()
        self._channels = {str(one["name"]): one for one in found}
        self._show()

    def _show(self) -> None:
        names = self.draft.names(_TABLE) or list(self._channels)
        self.list.show_entries([self._entry(name) for name in names])
        self._on_chosen(self.list.name)

    def _entry(self, name: str) -> Entry:
        known = self._channels.get(name, {})
        told = dict(self._told())
        state, tone = self.tr("arrived, or there was none"), Tone.GOOD
        if known.get("problem"):
            state, tone = str(known["problem"]), Tone.BAD
        elif known.get("waiting"):
            state, tone = self.tr("{0} wait").format(known["waiting"]), Tone.WARN
        wanted = str(self.draft.value(f"{_TABLE}.{name}.alerts") or known.get("alerts", ""))
        return Entry(name, (name, str(known.get("to", "")), told.get(wanted, wanted), state), tone, 3)

    def _on_chosen(self, name: str) -> None:
        declared = name in self.draft.names(_TABLE)
        self.form.bind(f"{_TABLE}.{name}" if declared else "")
        may = self.draft.may_edit
        self._add.setEnabled(may)
        self._remove.setEnabled(may and declared)
        self._test.setEnabled(may and name in self._channels)
        self._test_all.setEnabled(may and bool(self._channels))

    # -- what a person does ---------------------------------------------------------------------------------

    def add(self) -> AddChannel:
        """Ask for a new one."""
        dialog = AddChannel(self.context, self._told(), self)
        dialog.answered.connect(lambda _: self._changed())
        dialog.open()
        return dialog

    def remove(self) -> None:
        """Take the chosen one away, if it is really meant."""
        name = self.list.name
        confirm(
            self, self.tr("Remove the channel “{0}”?").format(name), self.tr("Nothing is told there any more."),
            self.tr("Remove"), lambda: self._do_remove(name),
        )  # fmt: skip

    def _do_remove(self, name: str) -> None:
        def done(_answer: Any) -> None:
            self.draft.forget(f"{_TABLE}.{name}.")
            self._changed()

        self.context.backend.delete(f"/alerts/channels/{name}").then(done, self._on_failed, owner=self)

    def _changed(self) -> None:
        self.draft.load()
        self.context.backend.look_now()

    def test(self, name: str) -> None:
        """Send a message by one channel, or by all; what is not applied yet is not tried."""
        self.tested.say(self.tr("Sending; this takes up to 30 seconds …"), Tone.HELP)
        for button in (self._test, self._test_all):
            button.setEnabled(False)
        path = f"/alerts/channels/{name}/test" if name else "/alerts/test"
        self.context.backend.post(path).then(self._on_tested, self._on_failed, owner=self)

    def _on_tested(self, answer: Mapping[str, Any]) -> None:
        lines = [
            self.tr("✓ {0}: sent").format(one["name"]) if one["ok"] else f"✗ {one['name']}: {one['problem']}"
            for one in answer["channels"]
        ]
        all_well = all(one["ok"] for one in answer["channels"])
        self.tested.say("\n".join(lines), Tone.GOOD if all_well else Tone.BAD)
        self._on_chosen(self.list.name)
        self.context.backend.look_now()

    def _on_failed(self, problem: Problem) -> None:
        self.tested.say(str(problem), Tone.BAD)
        self._on_chosen(self.list.name)

    # -- for the dialog -------------------------------------------------------------------------------------

    def owns(self, key: str) -> bool:
        """See ``Page``: also keys of channels that are not chosen."""
        return key.startswith(f"{_TABLE}.") or super().owns(key)

    def show_key(self, key: str) -> bool:
        """See ``Page``."""
        if key.startswith(f"{_TABLE}."):
            self.list.choose(key.split(".")[2])
        return super().show_key(key)


class AddChannel(Ask):
    """Asks for another channel.

    Args:
        context: what every part of the window shares.
        told: what it may be told, with words.
    """

    def __init__(self, context: Context, told: tuple[tuple[str, str], ...], parent: QWidget | None = None) -> None:
        self._context = context
        super().__init__("", (), "", parent=parent)
        self.setObjectName("add_channel_dialog")
        self.setWindowTitle(self.tr("Add a channel"))
        self.ok.setText(self.tr("Add"))
        self._add(Field("name", self.tr("Name"), placeholder="mail"), "desktop.name")
        for asked in (
            Field("url", self.tr("URL"), kind="text", placeholder="mailto://USER:PASSWORD@HOST?to=ANN",
                  help=self.tr("As Apprise writes it: mailto://…, tgram://…, json://… for a webhook. Never shown.")),
            Field("alerts", self.tr("Is told"), choices=told),
            Field("ended", self.tr("Also when it is over")),
        ):  # fmt: skip
            self._add(asked, f"{_TABLE}.NAME.{asked.key}")
        self.changed()

    def is_complete(self) -> bool:
        """See ``Ask``."""
        return bool(self.values.get("name") and self.values.get("url"))

    def submit(self) -> Reply:
        """See ``Ask``."""
        return self._context.backend.post("/alerts/channels", self.values)
