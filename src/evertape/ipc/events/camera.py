"""What happens to a camera and its recording."""

from __future__ import annotations

from typing import Any

import msgspec

from evertape.ipc.events.base import Event


class CameraStateChanged(Event, frozen=True, kw_only=True, tag="camera_state", omit_defaults=True):
    """A camera's stream went from one state to another, with the reason."""

    camera: str
    stream: str = "main"
    old: str
    state: str
    reason: str = ""
    attempt: int = 0
    retry_in_s: float | None = None
    detail: dict[str, Any] = msgspec.field(default_factory=dict)
    """``element, domain, code, errno, rtsp_status, debug`` of the error, ``priority``, ``action``, as far as known."""


class RecordingStateChanged(Event, frozen=True, kw_only=True, tag="recording_state", omit_defaults=True):
    """``recording``, ``waiting`` (wished for, not possible now, the reason says why) or ``stopped``."""

    camera: str
    old: str
    state: str
    reason: str = ""
    volume: str = ""


class RecordWish(Event, frozen=True, kw_only=True, tag="record_wish", omit_defaults=True):
    """A person or a schedule wants a camera recorded, or no longer."""

    camera: str
    wanted: bool
    by: str


class WriterReplaced(Event, frozen=True, kw_only=True, tag="writer_replaced", omit_defaults=True):
    """A camera's writer was replaced while its capture and its viewers went on, and the new one was accepted."""

    camera: str
    why: str
    """``restart-writer, split, move``: asked for; ``home``: a better volume is back; else the fault."""
    old_volume: str = ""
    volume: str
    segment: str
    """The one that was begun."""
    took: int
    """Nanoseconds from the request, or from the news of the fault, until the new file existed on the disk."""
