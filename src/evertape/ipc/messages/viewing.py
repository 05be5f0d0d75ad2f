"""Viewers and recorder."""

from __future__ import annotations

import msgspec

from evertape.ipc.messages.base import Message
from evertape.ipc.messages.recorder import StreamInfo


class Subscribe(Message, frozen=True, kw_only=True, omit_defaults=True):
    """Viewer to recorder: send this stream from its last keyframe on."""

    camera: str
    stream: str = "main"


class FeedCaps(Message, frozen=True, kw_only=True, omit_defaults=True):
    """Recorder to viewer: what a decoder must know; again after each change."""

    caps: int
    epoch: str
    codec: str
    config: bytes
    width: int
    height: int
    audio: str = ""
    audio_config: bytes = b""
    audio_rate: int = 0
    audio_channels: int = 0


class FeedUnit(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, array_like=True):
    """One access unit of a batch; its bytes are the next ``size`` bytes of the payload."""

    track: int
    seq: int
    dts: int
    pts: int
    utc: int
    key: bool
    size: int


class FeedUnits(Message, frozen=True, kw_only=True, omit_defaults=True):
    """Recorder to viewer: a batch. ``skipped`` counts the video units left out before it for a slow viewer."""

    caps: int
    epoch: str
    units: tuple[FeedUnit, ...]
    skipped: int = 0


class FeedState(Message, frozen=True, kw_only=True, omit_defaults=True):
    """Recorder to viewer: the stream's state changed; the picture stands still unless it is ``connected``."""

    info: StreamInfo
