"""The pages of the settings, in the order in which they are listed."""

from __future__ import annotations

from PySide6.QtWidgets import QWidget

from evertape_desktop.context import Context
from evertape_desktop.settings.draft import Draft
from evertape_desktop.settings.page import Page
from evertape_desktop.settings.pages.advanced import AdvancedPage
from evertape_desktop.settings.pages.alerts import AlertsPage
from evertape_desktop.settings.pages.appearance import AppearancePage
from evertape_desktop.settings.pages.backup import BackupPage
from evertape_desktop.settings.pages.cameras import CamerasPage
from evertape_desktop.settings.pages.hotkeys import HotKeysPage
from evertape_desktop.settings.pages.importing import ImportPage
from evertape_desktop.settings.pages.logging import LoggingPage
from evertape_desktop.settings.pages.network import NetworkPage
from evertape_desktop.settings.pages.recording import RecordingPage
from evertape_desktop.settings.pages.retention import RetentionPage
from evertape_desktop.settings.pages.storage import StoragePage
from evertape_desktop.settings.pages.streaming import StreamingPage
from evertape_desktop.settings.pages.users import UsersPage

_PAGES = (
    CamerasPage, StreamingPage, RecordingPage, StoragePage, RetentionPage, AlertsPage, UsersPage, NetworkPage,
    BackupPage, ImportPage, HotKeysPage, AppearancePage, LoggingPage, AdvancedPage,
)  # fmt: skip


def make_pages(context: Context, draft: Draft, parent: QWidget) -> list[Page]:
    """All of them."""
    return [page(context, draft, parent) for page in _PAGES]
