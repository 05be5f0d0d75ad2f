"""The volumes as a widget follows them. GUI thread only."""

from __future__ import annotations

import time
from collections.abc import Sequence

from PySide6.QtCore import QObject, Signal

from evertape_desktop.backend.backend import Backend
from evertape_desktop.backend.model import EventLook, ServiceLook
from evertape_desktop.recording.storage_book import StorageBook, Volume


class StorageWatch(QObject):
    """See the module. Acts on an event itself, so that nobody waits for the next look at the state.

    Args:
        backend: the recorder.
        parent: ends with it.
    """

    news = Signal(object)
    """A ``Volume``, each time something was heard of it."""
    changed = Signal()
    """All has been taken in that there was."""

    def __init__(self, backend: Backend, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.book = StorageBook()
        if backend.look is not None:
            self.book.saw(backend.look, time.monotonic())
        backend.happened.connect(self._heard)
        backend.state_changed.connect(self._saw)

    @property
    def volumes(self) -> Sequence[Volume]:
        """The worst first."""
        return self.book.volumes

    def _heard(self, event: EventLook) -> None:
        volume = self.book.heard(event, time.monotonic())
        if volume is not None:
            self.news.emit(volume)
            self.changed.emit()

    def _saw(self, look: ServiceLook) -> None:
        for volume in self.book.saw(look, time.monotonic()):
            self.news.emit(volume)
        self.changed.emit()
