"""When and how everything is recorded. GUI thread only."""

from __future__ import annotations

from PySide6.QtWidgets import QWidget

from evertape_desktop.context import Context
from evertape_desktop.settings.draft import Draft
from evertape_desktop.settings.fields import Field, Group
from evertape_desktop.settings.page import Page


class RecordingPage(Page):
    """See the module."""

    def __init__(self, context: Context, draft: Draft, parent: QWidget | None = None) -> None:
        super().__init__(
            context, draft, "recording", self.tr("Recording"),
            self.tr("For all cameras; a camera may have its own rotation and schedule."), parent=parent,
        )  # fmt: skip
        times = (("utc", self.tr("UTC")), ("local", self.tr("Local time of the place")))
        self.fill(
            Group(self.tr("When"), [
                Field("recording.schedule", self.tr("Schedule")),
            ]),
            Group(self.tr("Files"), [
                Field("recording.rotation", self.tr("Length of a file")),
                Field("recording.rotation_size", self.tr("Largest size of a file")),
                Field("recording.align", self.tr("Begin files at whole multiples on the clock")),
                Field("recording.stagger", self.tr("Shift the cameras' file changes against each other")),
                Field("recording.file_time", self.tr("Time in file names"), choices=times),
            ]),
            Group(self.tr("Memory for the newest footage"), [
                Field("ring.time", self.tr("Kept in memory")),
                Field("ring.budget", self.tr("The most memory for it")),
            ], self.tr("What was seen just before recording begins, or while a disk is away, is taken from here.")),
            Group(self.tr("Writing"), [
                Field("recording.fragment", self.tr("Unit of writing")),
                Field("recording.sync", self.tr("Forced onto the disk every")),
            ]),
            Group(self.tr("A volume that failed"), [
                Field("storage.retry_interval", self.tr("Wait between attempts")),
                Field("storage.retry_max", self.tr("Attempts in a row")),
            ]),
            Group(self.tr("This recorder"), [
                Field("installation.name", self.tr("Name")),
                Field(
                    "installation.timezone", self.tr("Time zone"), placeholder=self.tr("the machine's own"),
                ),
            ]),
        )  # fmt: skip
