"""How the window looks. The theme is seen at once, and is as it was if it is not applied. GUI thread only."""

from __future__ import annotations

from PySide6.QtWidgets import QApplication, QWidget

from evertape.config.desktop import Theme
from evertape_desktop.context import Context
from evertape_desktop.settings.draft import Draft
from evertape_desktop.settings.fields import Field, Group
from evertape_desktop.settings.page import Page
from evertape_desktop.theme import apply_theme

THEME = "desktop.appearance.theme"


class AppearancePage(Page):
    """See the module."""

    def __init__(self, context: Context, draft: Draft, parent: QWidget | None = None) -> None:
        super().__init__(
            context, draft, "appearance", self.tr("Appearance"), self.tr("Of this window, on this machine."),
            of_recorder=False, parent=parent,
        )  # fmt: skip
        themes = (
            (Theme.SYSTEM.value, self.tr("As the system")),
            (Theme.LIGHT.value, self.tr("Light")),
            (Theme.DARK.value, self.tr("Dark")),
        )
        languages = (("", self.tr("As the system")), ("en", "English"), ("ko", "한국어"))
        self.fill(
            Group(self.tr("Looks"), [
                Field(THEME, self.tr("Theme"), kind="choice", choices=themes, help=self.tr("Seen at once.")),
                Field(
                    "desktop.appearance.language", self.tr("Language"), kind="choice", choices=languages,
                    help=self.tr("Takes effect when the window is opened the next time."),
                ),
            ]),
            Group(self.tr("Over the pictures"), [
                Field(
                    "desktop.appearance.clock", self.tr("Show the time over each picture"), kind="flag",
                ),
            ]),
            Group(self.tr("Tray"), [
                Field(
                    "desktop.appearance.tray", self.tr("Show a mark in the tray"), kind="flag",
                    help=self.tr("It tells of trouble also while the window is hidden."),
                ),
            ]),
            Group(self.tr("At the start"), [
                Field("desktop.layout.fullscreen", self.tr("Begin in full screen"), kind="flag"),
            ]),
        )  # fmt: skip
        draft.edited.connect(self._on_edited)

    def _on_edited(self, key: str) -> None:
        app = QApplication.instance()
        if key == THEME and isinstance(app, QApplication):
            apply_theme(app, Theme(self.draft.value(THEME)))
