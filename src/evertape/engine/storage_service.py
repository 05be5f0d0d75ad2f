"""Telling cameras about their storage: one service for all cameras of a recorder, with no screen anywhere near.

What is noticed, and by which layer, is the disk process's business (``disk/monitor.py``); a recorder hears of it within
a millisecond and hands it to this service, which decides who has to be told what. Consumers register per camera.
They are told once per change of a volume's state, and only while their camera records.

Threads: the owner's loop only, except ``StorageConsumers``, which may be used from any.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable

from evertape.domain.storage_label import HEADLINES, StorageTrouble, VolumeFacts, label_of, trouble_of
from evertape.domain.volume_state import VolumeState
from evertape.domain.volumes import RETIRED
from evertape.engine.storage_notice import StorageCallback, StorageNotice
from evertape.ipc.messages import VolumeInfo

log = logging.getLogger(__name__)


class StorageConsumers:
    """Who wants to be told, by camera. May be shared by several services of one process. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._callbacks: dict[str, tuple[StorageCallback, ...]] = {}

    def register_storage_error_callback(self, camera_id: str, callback: StorageCallback) -> None:
        """From now on tell ``callback`` each change of each volume, while this camera records."""
        with self._lock:
            known = self._callbacks.get(camera_id, ())
            if callback not in known:
                self._callbacks[camera_id] = (*known, callback)

    def unregister_storage_error_callback(self, camera_id: str, callback: StorageCallback | None = None) -> None:
        """No longer; without ``callback``: everybody who registered for this camera. Unknown ones are ignored."""
        with self._lock:
            left = tuple(c for c in self._callbacks.get(camera_id, ()) if callback is not None and c != callback)
            if left:
                self._callbacks[camera_id] = left
            else:
                self._callbacks.pop(camera_id, None)

    def of(self, camera_id: str) -> tuple[StorageCallback, ...]:
        """Who is told about this camera's storage, in the order in which they came."""
        with self._lock:
            return self._callbacks.get(camera_id, ())


class StorageService:
    """See the module.

    Args:
        recording: the ids of the cameras that record now, or want to.
        consumers: who is told; a registry of its own by default.
    """

    def __init__(self, recording: Callable[[], Iterable[str]], consumers: StorageConsumers | None = None) -> None:
        self._recording = recording
        self._consumers = consumers or StorageConsumers()
        self._notices: dict[str, StorageNotice] = {}
        self._was_usable: set[str] = set()

    # -- consumers ------------------------------------------------------------------------------------------

    def register_storage_error_callback(self, camera_id: str, callback: StorageCallback) -> None:
        """See ``StorageConsumers``."""
        self._consumers.register_storage_error_callback(camera_id, callback)

    def unregister_storage_error_callback(self, camera_id: str, callback: StorageCallback | None = None) -> None:
        """See ``StorageConsumers``."""
        self._consumers.unregister_storage_error_callback(camera_id, callback)

    register = register_storage_error_callback
    unregister = unregister_storage_error_callback

    def camera_records(self, camera_id: str) -> None:
        """The camera begins to record: it is told at once of every volume that is bad."""
        bad = [notice for notice in self._notices.values() if notice.is_error and notice.role != RETIRED]
        if bad or not self._consumers.of(camera_id):
            self.tell(camera_id, bad)

    # -- news -----------------------------------------------------------------------------------------------

    @property
    def volumes(self) -> dict[str, StorageNotice]:
        """The latest news of each volume."""
        return dict(self._notices)

    def volume_changed(self, info: VolumeInfo, *, state: str = "", role: str = "") -> None:
        """Something was heard of a volume; tells the cameras that record if its state is another one than before.

        Args:
            info: what its disk process says.
            state: what the owner holds true instead, such as ``hung`` while the process cannot be reached.
            role: as configured now.
        """
        state = state or info.state
        known = self._notices.get(info.name)
        if state == VolumeState.UNKNOWN or (known is not None and known.state == state):
            return
        notice = self._notice(info, state, role or info.role, known)
        self._notices[info.name] = notice
        if notice.role == RETIRED:
            return
        if notice.is_error or (known is not None and known.is_error):
            self._announce(info, notice)
        elif known is None:
            return  # all is well, as it should be
        self._tell(notice)

    def tell(self, camera_id: str, notices: Iterable[StorageNotice]) -> None:
        """Tell those who registered for this camera, whatever it does; one that raises is kept from the others."""
        callbacks = self._consumers.of(camera_id)
        if not callbacks:
            log.warning("[STORAGE] %s records, and nobody asked to be told about its storage", camera_id)
        for notice in notices:
            for callback in callbacks:
                what = "storage error callback" if notice.is_error else "storage callback"
                log.info("[STORAGE] Calling %s for %s", what, camera_id)
                _call_guarded(camera_id, callback, notice)

    def forget(self, volume: str) -> None:
        """The volume is no longer declared."""
        self._notices.pop(volume, None)
        self._was_usable.discard(volume)

    # -- inside ---------------------------------------------------------------------------------------------

    def _notice(self, info: VolumeInfo, state: str, role: str, known: StorageNotice | None) -> StorageNotice:
        usable = is_usable(state)
        if usable or info.was_usable:
            self._was_usable.add(info.name)
        label = label_of(facts_of(info, state, was_usable=info.name in self._was_usable))
        return StorageNotice(
            volume=info.name,
            state=state,
            reason=label.reason,
            label=label.text,
            usable=usable,
            path=info.path,
            role=role,
            old=known.state if known is not None else "",
            layer=info.layer,
            free=info.free,
            since_utc=info.since_utc,
        )

    def _announce(self, info: VolumeInfo, notice: StorageNotice) -> None:
        if notice.usable:
            log.info("[STORAGE] Storage recovered! (volume %s: %s)", notice.volume, notice.label)
            log.info("[STORAGE] Storage path available! (%s)", notice.path)
            return
        trouble = trouble_of(facts_of(info, notice.state, was_usable=notice.volume in self._was_usable))
        headline = HEADLINES[trouble or StorageTrouble.ERROR]
        by = f", noticed by {notice.layer}" if notice.layer else ""
        log.error("[STORAGE] %s: %s (volume %s%s: %s)", headline, notice.path, notice.volume, by, notice.reason)

    def _tell(self, notice: StorageNotice) -> None:
        cameras = tuple(self._recording())
        if cameras and notice.is_error:
            log.warning("[STORAGE] Notifying %d camera(s) about storage error: %s", len(cameras), notice.label)
        elif cameras:
            log.info("[STORAGE] Notifying %d camera(s): %s", len(cameras), notice.label)
        for camera_id in cameras:
            self.tell(camera_id, (notice,))


def facts_of(info: VolumeInfo, state: str = "", *, was_usable: bool | None = None) -> VolumeFacts:
    """What a label is made from, without the numbers of the index.

    Args:
        info: what the disk process says.
        state: another state than the one in ``info``.
        was_usable: what is known beyond the life of the disk process.
    """
    other = bool(state) and state != info.state
    return VolumeFacts(
        state=state or info.state,
        is_mount=info.is_mount,
        was_usable=info.was_usable if was_usable is None else was_usable,
        # What belongs to another state explains nothing.
        errno=0 if other else info.errno,
        reason="" if other else info.reason,
        free=info.free,
    )


def is_usable(state: str) -> bool:
    """Whether new footage may be written to a volume in this state; a word of a newer version: no."""
    try:
        return VolumeState(state).usable
    except ValueError:
        return False


def _call_guarded(camera_id: str, callback: StorageCallback, notice: StorageNotice) -> None:
    try:
        callback(notice)
    except Exception:
        # The edge to somebody else's code: what it does wrong is its own trouble, not the other cameras'.
        log.exception("[STORAGE] the storage callback of %s failed; the others are still told", camera_id)
