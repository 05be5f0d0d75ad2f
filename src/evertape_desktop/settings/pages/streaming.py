"""Live pictures: how this window shows them, how the recorder's views behave, and how cameras are reached."""

from __future__ import annotations

from PySide6.QtWidgets import QWidget

from evertape_desktop.context import Context
from evertape_desktop.settings.draft import Draft
from evertape_desktop.settings.fields import Field, Group
from evertape_desktop.settings.page import Page


class StreamingPage(Page):
    """See the module. GUI thread only."""

    def __init__(self, context: Context, draft: Draft, parent: QWidget | None = None) -> None:
        super().__init__(context, draft, "streaming", self.tr("Streaming"), parent=parent)
        strategies = (
            ("input-selector", self.tr("Switch within one pipeline (input-selector)")),
            ("fallbacksrc", self.tr("GStreamer's fallbacksrc")),
            ("restart", self.tr("Make another pipeline (restart)")),
        )
        outputs = (
            ("auto", self.tr("Automatic")),
            ("frames", self.tr("Frames, drawn by the window")),
            ("overlay", self.tr("Overlay, drawn by the graphics card")),
        )
        self.fill(
            Group(self.tr("Pictures in this window"), [
                Field(
                    "desktop.streaming.fallback", self.tr("While a camera is away"), kind="choice", choices=strategies,
                    help=self.tr("How the picture is replaced, and comes back. All show the same card."),
                ),
                Field(
                    "desktop.streaming.decoder", self.tr("Decoder"), placeholder="auto",
                    help=self.tr("auto: the hardware's where there is one; software; or the name of an element."),
                ),
                Field(
                    "desktop.streaming.output", self.tr("Output"), kind="choice", choices=outputs,
                    help=self.tr("Automatic takes the quickest way that works here."),
                ),
            ], self.tr("Takes effect at once, for each picture as it is opened anew.")),
            Group(self.tr("Reaching cameras"), [
                Field("streaming.connect_timeout", self.tr("Longest wait for an answer")),
                Field("streaming.stall_timeout", self.tr("Silence that counts as stalled")),
                Field("streaming.stable_after", self.tr("Well again after")),
            ]),
            Group(self.tr("Waits between attempts"), [
                Field("streaming.backoff.base", self.tr("After the first failure")),
                Field("streaming.backoff.cap", self.tr("Longest wait")),
                Field("streaming.backoff.factor", self.tr("Longer each time by")),
                Field("streaming.backoff.jitter", self.tr("Choose each wait at random")),
                Field("streaming.backoff.max_retries", self.tr("Attempts until shown as disconnected")),
                Field("streaming.backoff.give_up", self.tr("Stop trying then")),
            ]),
            Group(self.tr("Views of the recorder"), [
                Field("view.fallback_source", self.tr("Shown while a camera is away")),
                Field("view.timeout", self.tr("Shown after a standstill of")),
                Field("view.sub_linger", self.tr("Smaller stream stays open for")),
                Field("view.max_behind", self.tr("Slow viewers skip after")),
            ]),
        )  # fmt: skip
