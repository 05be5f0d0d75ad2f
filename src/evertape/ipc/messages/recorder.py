"""Recorder and supervisor: commands, and how its cameras are."""

from __future__ import annotations

import msgspec

from evertape.ipc.messages.base import Message


class SetWish(Message, frozen=True, kw_only=True, omit_defaults=True):
    """Supervisor to recorder: record these cameras, or stop."""

    cameras: tuple[str, ...]
    wanted: bool
    by: str


class CameraCommand(Message, frozen=True, kw_only=True, omit_defaults=True):
    """Supervisor to recorder: ``restart``, ``restart-writer``, ``split`` or ``move``; answered by ``CommandDone``."""

    request: int
    camera: str
    command: str
    volume: str = ""
    """Of ``move``: where to; empty: where it would go by itself."""


class CommandDone(Message, frozen=True, kw_only=True, omit_defaults=True):
    """Recorder to supervisor."""

    request: int
    ok: bool
    text: str = ""


class StreamInfo(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One stream of a camera as it is right now."""

    stream: str
    state: str
    reason: str = ""
    since_utc: int = 0
    attempt: int = 0
    retry_in_s: float | None = None
    codec: str = ""
    width: int = 0
    height: int = 0
    audio: str = ""
    fps: float = 0.0
    bitrate: float = 0.0
    """Bits per second over the last few seconds."""
    gop_s: float = 0.0
    units: int = 0
    """Video units received since the recorder started."""
    ring_bytes: int = 0
    ring_s: float = 0.0
    """How far back the ring reaches."""
    viewers: int = 0
    utc_source: str = ""
    receiver: str = ""


class RecordingInfo(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One camera's recording as it is right now."""

    wanted: bool
    state: str
    reason: str = ""
    volume: str = ""
    file: str = ""
    segment: str = ""
    segments: int = 0
    """Files begun since the recorder started."""
    recorded_s: float = 0.0
    """Media seconds made durable since the recorder started."""
    bytes: int = 0
    durable_age_s: float | None = None
    """Seconds since the newest durable unit was taken; None before the first."""
    durable_utc: int = 0
    """UTC of the end of the newest durable unit."""
    frames: int = 0
    """Video units made durable since the recorder started."""
    frames_lost: int = 0
    pending_bytes: int = 0
    """Bytes in the ring that are not durable yet."""
    attempt: int = 0
    """Of the recording retry; 0 while a volume takes footage."""
    retry_max: int = 0
    """After so many a person is told; it goes on."""
    retry_in_s: float | None = None


class CameraInfo(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One camera."""

    id: str
    name: str
    streams: tuple[StreamInfo, ...]
    recording: RecordingInfo
    mistakes: int = 0
    """Exceptions of Evertape's own that were kept in since the recorder started; the log has them."""


class RecorderStatus(Message, frozen=True, kw_only=True, omit_defaults=True):
    """Recorder to supervisor, once a second and after each change of state."""

    cameras: tuple[CameraInfo, ...]
    ring_bytes: int = 0
    ring_budget: int = 0
    pipelines: int = 0
    """GStreamer's, in use or on their way to being put away."""
