"""The state of a recorder as the window draws it. Pure; made from the API's answers, of which more may come.

Instants are text as the API writes them, durations seconds, sizes bytes.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec

from evertape.types import NS_PER_S


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """Base: unknown fields of a newer hub are ignored."""


class StreamLook(Look, frozen=True, kw_only=True):
    """One stream of a camera; docs/reference/http.md, ``StreamState``."""

    stream: str
    state: str
    reason: str = ""
    since: str | None = None
    attempt: int = 0
    retry_in_s: float | None = None
    codec: str = ""
    width: int = 0
    height: int = 0
    audio: str = ""
    fps: float = 0.0
    bitrate: float = 0.0
    gop_s: float = 0.0
    frames: int = 0
    viewers: int = 0


class RecordingLook(Look, frozen=True, kw_only=True):
    """A camera's recording; ``RecordingState``."""

    wanted: bool
    state: str
    reason: str = ""
    volume: str = ""
    segment: str = ""
    file: str = ""
    segments: int = 0
    recorded_s: float = 0.0
    bytes: int = 0
    frames: int = 0
    frames_lost: int = 0
    pending_bytes: int = 0
    durable_until: str | None = None
    durable_age_s: float | None = None
    attempt: int = 0
    retry_max: int = 0
    retry_in_s: float | None = None

    @property
    def is_recording(self) -> bool:
        """Footage is being written right now."""
        return self.state == "recording"


class WishLook(Look, frozen=True, kw_only=True):
    """Who says whether a camera is to be recorded; ``Wish``."""

    wanted: bool
    by: str = ""
    until: str | None = None
    schedule: str = "always"


class DayLook(Look, frozen=True, kw_only=True):
    """The account of the last 24 hours; ``DayAccount``."""

    wanted_s: float = 0.0
    recorded: float = 1.0
    accounted: float = 1.0
    gaps: int = 0
    missing_s: float = 0.0
    worst: str | None = None


class CameraLook(Look, frozen=True, kw_only=True):
    """One camera; ``CameraState``."""

    id: str
    name: str
    sub: bool = False
    enabled: bool = True
    streams: tuple[StreamLook, ...] = ()
    recording: RecordingLook | None = None
    wish: WishLook | None = None
    mistakes: int = 0
    day: DayLook | None = None

    @property
    def main(self) -> StreamLook | None:
        """The main stream, once its recorder has reported."""
        return next((stream for stream in self.streams if stream.stream == "main"), None)

    @property
    def is_recording(self) -> bool:
        """Footage is being written right now."""
        return self.recording is not None and self.recording.is_recording


class VolumeLook(Look, frozen=True, kw_only=True):
    """One volume; ``VolumeStatus``."""

    name: str
    id: str = ""
    role: str = "primary"
    path: str = ""
    declared: str = ""
    state: str = "unknown"
    usable: bool = False
    reason: str = ""
    since: str | None = None
    label: str = ""
    label_reason: str = ""
    trouble: str | None = None
    free: int = 0
    total: int = 0
    used: int | None = None
    files: int | None = None
    bytes_per_hour: float = 0.0
    days_left: float | None = None
    days_kept: float | None = None
    write_ms: float = 0.0
    sync_ms: float = 0.0
    noticed_by: str = ""
    reconciled: bool | None = None


class ProcessLook(Look, frozen=True, kw_only=True):
    """One process of the service; ``ProcessState``."""

    name: str
    pid: int | None = None
    generation: int = 0
    rss: int = 0
    cpu_s: float = 0.0


class RingLook(Look, frozen=True, kw_only=True):
    """The memory in which the newest footage is kept; ``RingState``."""

    bytes: int = 0
    budget: int = 0


class ServiceLook(Look, frozen=True, kw_only=True):
    """The whole state; ``ServiceState``."""

    name: str = ""
    version: str = ""
    now: str = ""
    started: str = ""
    timezone: str | None = None
    data: str = ""
    cameras: tuple[CameraLook, ...] = ()
    volumes: tuple[VolumeLook, ...] = ()
    ring: RingLook = RingLook()
    processes: tuple[ProcessLook, ...] = ()

    def camera(self, camera_id: str) -> CameraLook | None:
        """One of the cameras."""
        return next((camera for camera in self.cameras if camera.id == camera_id), None)

    def volume(self, name: str) -> VolumeLook | None:
        """One of the volumes, by its name."""
        return next((volume for volume in self.volumes if volume.name == name), None)


class EventLook(Look, frozen=True, kw_only=True):
    """One thing that happened; ``EventAnswer``, kinds as in docs/reference/events.md."""

    id: str = ""
    at: str = ""
    kind: str = ""
    source: str = ""
    camera: str = ""
    fields: dict[str, Any] = {}


def utc_ns(text: str) -> int:
    """UTC nanoseconds of an instant as the API writes it. Raises ``ValueError``."""
    whole, _, rest = text.removesuffix("Z").partition(".")
    seconds = int(datetime.fromisoformat(whole).replace(tzinfo=UTC).timestamp())
    return seconds * NS_PER_S + int(rest.ljust(9, "0")[:9] or 0)


def instant(ns: int) -> str:
    """The API's text of UTC nanoseconds."""
    seconds, rest = divmod(ns, NS_PER_S)
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S") + f".{rest:09d}Z"
