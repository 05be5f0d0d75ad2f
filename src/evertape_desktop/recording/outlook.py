"""How it stands with recording, in one glance, for the banner and the tray. Pure; times are monotonic seconds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from evertape_desktop.backend.model import CameraLook, ServiceLook
from evertape_desktop.backend.problem import Connection, Contact
from evertape_desktop.recording.storage_book import Volume

LOST_S = 3.0
"""A hub that is replaced is away for less; nobody has to hear of it."""


class Standing(StrEnum):
    """What a mark of one colour can say."""

    ALL = "all"
    """Everything that is to be recorded is."""
    TROUBLE = "trouble"
    NONE = "none"
    """Nothing is recorded, and nothing is to be."""
    UNKNOWN = "unknown"
    """Nobody has answered yet."""


@dataclass(frozen=True, slots=True)
class Loss:
    """A volume that footage should go to takes none.

    Args:
        volume: which one; the worst, if there are several.
        instead: the volume that takes the footage meanwhile; empty: none does.
        waiting: the cameras whose footage waits in memory.
        memory_s: seconds that it has waited so far, the longest.
        attempt: of those to find a volume, the one that was last.
        attempts: after so many a person is told.
        retry_in_s: seconds until the next, when this was seen.
    """

    volume: Volume
    instead: str = ""
    waiting: tuple[str, ...] = ()
    memory_s: float = 0.0
    attempt: int = 0
    attempts: int = 0
    retry_in_s: float | None = None

    @property
    def is_spare(self) -> bool:
        """What is away is only needed when another volume goes."""
        return self.volume.is_spill and not self.waiting

    @property
    def is_bad(self) -> bool:
        """Footage is on no disk, or will be on none; else another volume has it."""
        return not self.instead and not self.volume.is_spill


def loss_of(volumes: Sequence[Volume], look: ServiceLook | None) -> Loss | None:
    """What is wrong with the storage, if something is."""
    worst = next((volume for volume in volumes if volume.is_bad), None)
    if worst is None:
        return None
    cameras = [] if look is None else [camera for camera in look.cameras if _wanted(camera)]
    if look is not None and not cameras:
        return None  # nobody wants anything recorded, so nobody is disturbed
    away = {volume.name for volume in volumes if volume.is_bad}
    recorded = [camera for camera in cameras if camera.is_recording and _volume(camera) not in away]
    waiting = [camera for camera in cameras if camera not in recorded]
    slowest = max(waiting, key=_attempt, default=None)
    retry = slowest.recording if slowest is not None else None
    return Loss(
        worst,
        instead=_volume(recorded[0]) if recorded and len(recorded) >= len(waiting) else "",
        waiting=tuple(camera.id for camera in waiting),
        memory_s=max((_age(camera) for camera in waiting), default=0.0),
        attempt=retry.attempt if retry is not None else 0,
        attempts=retry.retry_max if retry is not None else 0,
        retry_in_s=retry.retry_in_s if retry is not None else None,
    )


def standing_of(loss: Loss | None, look: ServiceLook | None, connection: Connection) -> Standing:
    """One word for all."""
    if look is None or connection.contact is not Contact.CONNECTED:
        return Standing.UNKNOWN if look is None else Standing.TROUBLE
    wanted = [camera for camera in look.cameras if _wanted(camera)]
    if loss is not None or any(not camera.is_recording for camera in wanted):
        return Standing.TROUBLE
    return Standing.ALL if wanted else Standing.NONE


@dataclass(slots=True)
class Absence:
    """For how long nobody has answered."""

    since: float | None = None

    def hear(self, connection: Connection, now_s: float) -> None:
        """How it stands."""
        if connection.contact is Contact.LOST:
            self.since = now_s if self.since is None else self.since
        else:
            self.since = None

    def lost_for(self, now_s: float) -> float | None:
        """Seconds, once it is worth telling; a recorder that was never there is told of as well."""
        if self.since is None:
            return None
        gone = now_s - self.since
        return gone if gone >= LOST_S else None


def _wanted(camera: CameraLook) -> bool:
    return camera.recording is not None and camera.recording.wanted


def _volume(camera: CameraLook) -> str:
    return camera.recording.volume if camera.recording is not None else ""


def _attempt(camera: CameraLook) -> int:
    return camera.recording.attempt if camera.recording is not None else 0


def _age(camera: CameraLook) -> float:
    recording = camera.recording
    return recording.durable_age_s or 0.0 if recording is not None else 0.0
