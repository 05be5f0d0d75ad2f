"""Layer 1 in a disk process: what the kernel says of mounts, devices and folders, and what follows for the volume.

Threads: the loop's.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
from functools import partial

from evertape.disk import inotify as bits
from evertape.disk.device_news import DeviceAction, DeviceNews
from evertape.disk.fault import VolumeFaultError
from evertape.disk.folder_watch import FolderWatch
from evertape.disk.monitor import StorageDeviceMonitor, is_lost
from evertape.disk.mounts import Mount
from evertape.disk.probe import Prober
from evertape.disk.volume import Session, Volume
from evertape.disk.writers import Writers
from evertape.domain.storage_fault import StorageFault
from evertape.domain.volume_state import Observation, VolumeState

log = logging.getLogger(__name__)

LAYER = "kernel"
MOUNT_WAIT_S = 1.0
"""How long after a device has come its mount is looked for, each tenth of a second."""


class KernelLayer:
    """See the module.

    Args:
        volume: what it is about.
        writers: its open files.
        prober: looks when something changed.

    Attributes:
        running: between ``start`` and ``stop``.
    """

    def __init__(self, volume: Volume, writers: Writers, prober: Prober) -> None:
        self._volume = volume
        self._writers = writers
        self._prober = prober
        self._loop = asyncio.get_running_loop()
        self._monitor = StorageDeviceMonitor(self._mounts_changed, self._device_news)
        self._folders: FolderWatch | None = None
        self._can_watch = True
        self._expected_until = 0.0
        self.running = False

    def start(self) -> None:
        """Begin."""
        self.running = True
        self._monitor.start()

    def stop(self) -> None:
        """End; safe to call twice."""
        self.running = False
        self._monitor.stop()
        self._leave_folders()

    def tick(self) -> None:
        """Called by the loop every tenth of a second."""
        if not self.running:
            return
        session = self._volume.session
        if session is None and self._loop.time() < self._expected_until:
            self._prober.nudge()
        if self._folders is not None and self._folders.session is not session:
            self._leave_folders()
        if session is not None and self._folders is None and self._can_watch:
            self._watch_folders(session)
        if self._folders is not None:
            self._folders.follow({os.path.dirname(path) for path in self._writers.open_paths()})

    # -- mounts and devices

    def _mounts_changed(self, mounts: tuple[Mount, ...]) -> None:
        session = self._volume.session
        if session is None:
            self._volume.abandon_opening()
        elif session.handle.mount_id is not None:
            mine = next((mount for mount in mounts if mount.id == session.handle.mount_id), None)
            if mine is None:
                self._lose(f"{session.handle.path} is no longer mounted")
            elif mine.read_only and self._volume.status.state.usable:
                text = f"{session.handle.path} is mounted read-only"
                self._volume.see(Observation(StorageFault.READ_ONLY, text, LAYER, errno=errno.EROFS))
        self._prober.nudge()

    def _device_news(self, news: DeviceNews) -> None:
        session = self._volume.session
        if session is not None and is_lost(news, session.handle.path, session.handle.devices):
            self._lose(f"its device {news.name} was removed", errno.ENODEV)
        elif news.action is not DeviceAction.REMOVED and session is None:
            # The mount follows a moment later.
            self._expected_until = self._loop.time() + MOUNT_WAIT_S
        if session is None or news.number is None or news.number in session.handle.devices:
            self._prober.nudge()

    def _lose(self, text: str, number: int = 0) -> None:
        self._volume.lose(VolumeFaultError(StorageFault.MISSING, text, number=number, step="C1"), LAYER)

    # -- folders

    def _watch_folders(self, session: Session) -> None:
        try:
            self._folders = FolderWatch(session, self._root_event, self._entry_gone)
        except OSError as error:
            self._can_watch = False
            log.info("[DISK] folders are not watched (%s); the other layers notice", error)

    def _leave_folders(self) -> None:
        if self._folders is not None:
            self._folders.close()
            self._folders = None

    def _root_event(self, mask: int) -> None:
        session = self._volume.session
        if session is None:
            return
        if mask & bits.UNMOUNT:
            self._lose(f"{session.handle.path} is no longer mounted")
            return
        check = session.checks.submit("looking at the volume's directory", partial(session.handle.check, 0))
        check.add_done_callback(partial(self._checked, session))

    def _checked(self, session: Session, check: asyncio.Future[object]) -> None:
        error = None if check.cancelled() else check.exception()
        if self._volume.session is not session:
            return
        if isinstance(error, VolumeFaultError) and error.fault is not StorageFault.FULL:
            self._volume.see_check(error, LAYER)
        elif error is None and self._volume.status.state is VolumeState.DENIED:
            self._prober.nudge()

    def _entry_gone(self, folder: str, name: str, what: str) -> None:
        gone = f"{folder}/{name}" if name else folder
        for writer in self._writers:
            path = writer.file.path if writer.file is not None else ""
            if path == gone or path.startswith(gone + "/"):
                text = f"{gone} {what} while it was written"
                # Salvaged, though nobody will find the file: the journal is to say what is gone with it.
                self._writers.fail(writer, VolumeFaultError(StorageFault.OTHER, text, step="W1"), salvage=True)
