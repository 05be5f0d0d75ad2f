"""What hardly anybody has to change. GUI thread only."""

from __future__ import annotations

from PySide6.QtWidgets import QWidget

from evertape_desktop.context import Context
from evertape_desktop.settings.draft import Draft
from evertape_desktop.settings.fields import Field, Group
from evertape_desktop.settings.page import Page


class AdvancedPage(Page):
    """See the module."""

    def __init__(self, context: Context, draft: Draft, parent: QWidget | None = None) -> None:
        super().__init__(
            context, draft, "advanced", self.tr("Advanced"), self.tr("What hardly anybody has to change."),
            parent=parent,
        )  # fmt: skip
        strategies = (
            ("input-selector", self.tr("Switch within one pipeline (input-selector)")),
            ("fallbacksrc", self.tr("GStreamer's fallbacksrc")),
            ("restart", self.tr("Make another pipeline (restart)")),
        )
        self.fill(
            Group(self.tr("Processes of the recorder"), [
                Field("hub.enabled", self.tr("Page and API (this window needs them)")),
                Field("processes.memory_limit", self.tr("Most memory of one")),
            ]),
            Group(self.tr("Frames on their way"), [
                Field("streaming.drain", self.tr("Collected every")),
                Field("streaming.drain_viewed", self.tr("While somebody watches, every")),
            ]),
            Group(self.tr("Views of the recorder"), [
                Field("view.fallback", self.tr("While a camera is away"), choices=strategies),
                Field("view.decoder", self.tr("Decoder")),
                Field("view.restart", self.tr("Opened anew after")),
                Field("view.retry", self.tr("Wait after a failure")),
            ]),
            Group(self.tr("Ways of noticing that a volume is gone"), [
                Field("storage.layers.kernel", self.tr("News of the kernel")),
                Field("storage.layers.probe", self.tr("Writing to it now and then")),
                Field("storage.layers.precheck", self.tr("A look before each new file")),
                Field("storage.layers.errno", self.tr("Errors of writes")),
                Field("storage.layers.low_space", self.tr("The free space")),
            ], self.tr("Switch one off only to test the others.")),
            Group(self.tr("Checking that pictures come out"), [
                Field("integrity.decode", self.tr("Decode a sample of what is checked")),
                Field("integrity.decode_interval", self.tr("At most every")),
            ]),
        )  # fmt: skip
