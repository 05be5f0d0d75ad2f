"""Where the recorder's page, its API and its live pictures for other programs are reached. GUI thread only."""

from __future__ import annotations

from PySide6.QtWidgets import QWidget

from evertape_desktop.context import Context
from evertape_desktop.settings.draft import Draft
from evertape_desktop.settings.fields import Field, Group
from evertape_desktop.settings.page import Page


class NetworkPage(Page):
    """See the module."""

    def __init__(self, context: Context, draft: Draft, parent: QWidget | None = None) -> None:
        super().__init__(context, draft, "network", self.tr("Network"), parent=parent)
        tls = (
            ("off", self.tr("Off: plain HTTP")),
            ("auto", self.tr("Automatic: its own certificate")),
            ("files", self.tr("Files: a certificate of yours")),
        )
        none = self.tr("none")
        self.fill(
            Group(self.tr("Page and API"), [
                Field("hub.listen", self.tr("Listens at")),
                Field("hub.tls", self.tr("Encryption"), choices=tls),
                Field("hub.certificate", self.tr("Certificate"), placeholder=none),
                Field("hub.key", self.tr("Private key"), placeholder=none),
                Field("hub.hosts", self.tr("Further names"), placeholder=none),
                Field("hub.proxies", self.tr("Reverse proxies"), placeholder=none),
            ], self.tr("This window is connected by it, too: it may have to be opened anew with another address.")),
            Group(self.tr("Live pictures for other programs (RTSP)"), [
                Field("restream.enabled", self.tr("Offer them")),
                Field("restream.listen", self.tr("Listens at")),
            ]),
        )  # fmt: skip
