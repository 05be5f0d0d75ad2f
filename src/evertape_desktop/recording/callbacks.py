"""Storage callbacks of a program that embeds the widgets, by camera: a thin face on the engine's own service.

Who is told what is decided by ``evertape.engine.storage_service`` alone. With an engine in this process its own service
decides, and what it tells is handed over to the GUI thread; with a recorder elsewhere a service of the same kind is fed
with what is heard of it. GUI thread only.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable

from PySide6.QtCore import QObject, Qt, Signal

from evertape.engine.storage_notice import StorageCallback, StorageNotice
from evertape.engine.storage_service import StorageConsumers, StorageService
from evertape_desktop.backend.backend import Backend
from evertape_desktop.backend.link import StorageTeller
from evertape_desktop.backend.model import ServiceLook
from evertape_desktop.recording.storage_book import Volume
from evertape_desktop.recording.storage_watch import StorageWatch


class StorageCallbacks(QObject):
    """See the module.

    Args:
        backend: the recorder.
        watch: what is heard of its volumes.
        recorded: the cameras that record now, or want to.
        parent: ends with it.
    """

    _told = Signal(str, object)

    def __init__(
        self,
        backend: Backend,
        watch: StorageWatch,
        recorded: Callable[[], Iterable[str]],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._backend = backend
        self._consumers = StorageConsumers()
        self._service = StorageService(recorded, self._consumers)
        self._relays = _Relays()
        self.destroyed.connect(self._relays.let_go)
        self._told.connect(self._on_told, Qt.ConnectionType.QueuedConnection)
        watch.news.connect(self._on_news)
        backend.state_changed.connect(self._on_state)
        if backend.look is not None:
            self._on_state(backend.look)
        for volume in watch.volumes:
            self._on_news(volume)

    def register(self, camera_id: str, callback: StorageCallback) -> None:
        """From now on tell ``callback`` each change of each volume, while this camera records."""
        self._consumers.register_storage_error_callback(camera_id, callback)
        self._relay([camera_id])

    def unregister(self, camera_id: str, callback: StorageCallback | None = None) -> None:
        """No longer; without ``callback``: all of them. Unknown ones are ignored."""
        self._consumers.unregister_storage_error_callback(camera_id, callback)

    # -- an engine in this process --------------------------------------------------------------------------

    def _relay(self, cameras: Iterable[str]) -> None:
        """Have the engine in this process tell us of these, if there is one; it may be another one than before."""
        self._relays.move_to(self._backend.storage_teller)
        if self._relays.teller is not None:
            for camera_id in cameras:
                self._relays.add(camera_id, self._told.emit)

    def _on_told(self, camera_id: str, notice: StorageNotice) -> None:
        self._service.tell(camera_id, (notice,))

    # -- a recorder elsewhere -------------------------------------------------------------------------------

    def camera_records(self, camera_id: str) -> None:
        """The camera begins to record: it is told at once of every volume that is bad."""
        if self._relays.teller is None:
            self._service.camera_records(camera_id)

    def _on_news(self, volume: Volume) -> None:
        if self._relays.teller is None:
            self._service.volume_changed(volume.info)

    def _on_state(self, look: ServiceLook) -> None:
        self._relay([camera.id for camera in look.cameras])
        for name in self._service.volumes.keys() - {volume.name for volume in look.volumes}:
            self._service.forget(name)


class _Relays:
    """What is registered with an engine in this process. It outlives the ``QObject``, to take it back."""

    def __init__(self) -> None:
        self.teller: StorageTeller | None = None
        self._by_camera: dict[str, StorageCallback] = {}

    def move_to(self, teller: StorageTeller | None) -> None:
        if teller is not self.teller:
            self.let_go()
            self.teller = teller

    def add(self, camera_id: str, tell: Callable[[str, StorageNotice], object]) -> None:
        if self.teller is None or camera_id in self._by_camera:
            return

        def relay(notice: StorageNotice) -> None:
            # On the engine's thread, which may tell in the same moment in which the widget goes.
            with contextlib.suppress(RuntimeError):
                tell(camera_id, notice)

        self._by_camera[camera_id] = relay
        self.teller.register_storage_error_callback(camera_id, relay)

    def let_go(self, *_: object) -> None:
        teller, self.teller = self.teller, None
        for camera_id, relay in self._by_camera.items():
            if teller is not None:
                teller.unregister_storage_error_callback(camera_id, relay)
        self._by_camera.clear()


def _wanted(look: ServiceLook) -> set[str]:
    return {camera.id for camera in look.cameras if camera.recording is not None and camera.recording.wanted}
