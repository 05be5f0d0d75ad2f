"""The figures of cameras, from the answer to ``status``, their accounts of the last day and what was counted. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from evertape.domain.account import Account
from evertape.domain.camera_events import StreamStatus
from evertape.hub.api.state import parse_cameras
from evertape.hub.metrics import catalogue as m
from evertape.hub.metrics.counted import Counted
from evertape.hub.metrics.page import Page
from evertape.ipc.messages import CameraInfo, RecordingInfo, StreamInfo

Sees = Callable[[str], bool]
"""Whether a camera exists for whoever asks."""
_BITS = 8


def put_cameras(page: Page, raw: Mapping[str, Any], counted: Counted, sees: Sees) -> None:
    """As the recorders report them; of one that has not reported yet, that it is not recorded."""
    for info in parse_cameras(raw):
        if sees(info.id):
            page.put(m.CAMERA_INFO, 1, camera=info.id, name=info.name)
            page.put(m.MISTAKES, info.mistakes, camera=info.id)
            _recording(page, info.id, info.recording)
            for stream in info.streams:
                _stream(page, info, stream, counted)
    for camera in raw.get("waiting", ()):
        if sees(camera):
            wish = raw.get("wishes", {}).get(camera, {})
            page.put(m.WANTED, bool(wish.get("wanted")), camera=camera)
            page.put(m.RECORDING, 0, camera=camera)


def put_counted(page: Page, counted: Counted, sees: Sees) -> None:
    """Gaps that ended, as the news told."""
    for (camera, cause), gaps in counted.gaps.items():
        if sees(camera):
            page.put(m.GAPS, gaps, camera=camera, cause=cause)
            page.put(m.GAP_SECONDS, counted.gap_seconds[camera, cause], camera=camera, cause=cause)


def put_days(page: Page, days: Mapping[str, Account], sees: Sees) -> None:
    """The last 24 hours by camera."""
    for camera, day in days.items():
        if not sees(camera):
            continue
        page.put(m.DAY_WANTED, day.wanted_s, camera=camera)
        page.put(m.DAY_RECORDED, day.recorded, camera=camera)
        page.put(m.DAY_ACCOUNTED, day.accounted, camera=camera)
        for cause, (gaps, seconds) in day.causes.items():
            page.put(m.DAY_GAPS, gaps, camera=camera, cause=cause)
            page.put(m.DAY_GAP_SECONDS, seconds, camera=camera, cause=cause)


def _recording(page: Page, camera: str, info: RecordingInfo) -> None:
    page.put(m.WANTED, info.wanted, camera=camera)
    page.put(m.RECORDING, info.state == "recording", camera=camera)
    page.put(m.DURABLE_AGE, info.durable_age_s, camera=camera)
    page.put(m.FRAMES, info.frames, camera=camera)
    page.put(m.FRAMES_LOST, info.frames_lost, camera=camera)
    page.put(m.BYTES, info.bytes, camera=camera)
    page.put(m.RECORDED, info.recorded_s, camera=camera)
    page.put(m.SEGMENTS, info.segments, camera=camera)
    page.put(m.PENDING, info.pending_bytes, camera=camera)


def _stream(page: Page, camera: CameraInfo, info: StreamInfo, counted: Counted) -> None:
    labels = {"camera": camera.id, "stream": info.stream}
    page.put(m.CONNECTED, info.state == StreamStatus.CONNECTED, **labels)
    page.put(m.RECONNECTS, counted.reconnects[camera.id, info.stream], **labels)
    page.put(m.RECEIVED, info.units, **labels)
    page.put(m.FPS, info.fps, **labels)
    page.put(m.RATE, info.bitrate / _BITS, **labels)
    page.put(m.KEYFRAMES, info.gop_s or None, **labels)
    page.put(m.CAMERA_RING_BYTES, info.ring_bytes, **labels)
    page.put(m.CAMERA_RING_SECONDS, info.ring_s, **labels)
    page.put(m.VIEWERS, info.viewers, **labels)
