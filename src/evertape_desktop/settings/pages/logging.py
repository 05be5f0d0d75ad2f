"""What is written to the logs. GUI thread only."""

from __future__ import annotations

from PySide6.QtWidgets import QWidget

from evertape_desktop.context import Context
from evertape_desktop.settings.draft import Draft
from evertape_desktop.settings.fields import Field, Group
from evertape_desktop.settings.page import Page


class LoggingPage(Page):
    """See the module."""

    def __init__(self, context: Context, draft: Draft, parent: QWidget | None = None) -> None:
        super().__init__(context, draft, "logging", self.tr("Logging"), parent=parent)
        levels = (
            ("debug", self.tr("Everything (debug)")),
            ("info", self.tr("What happens (info)")),
            ("warning", self.tr("Warnings")),
            ("error", self.tr("Errors only")),
        )
        formats = (("auto", self.tr("Automatic")), ("human", self.tr("For people")), ("json", "JSON"))
        self.fill(
            Group(self.tr("Log of the recorder"), [
                Field("logging.level", self.tr("Level"), choices=levels),
                Field("logging.format", self.tr("Format"), choices=formats),
            ]),
            Group(self.tr("Log of this window"), [
                Field(
                    "desktop.logging.level", self.tr("Level"), kind="choice", choices=levels,
                    help=self.tr("The least important line that this window still writes."),
                ),
            ]),
        )  # fmt: skip
