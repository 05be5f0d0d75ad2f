"""A view's source that is a recorder's feed: encoded pictures over a local socket, no session of its own.

Threads: the view's; finding the socket asks another process, so that happens on a short-lived thread of its own.
"""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import threading
from collections.abc import Callable, Sequence

from evertape.domain.camera_events import StreamStatus
from evertape.errors import EvertapeError, ProtocolError
from evertape.ipc.channel import connect
from evertape.ipc.messages import (
    PROTOCOL_VERSION,
    FeedCaps,
    FeedState,
    FeedUnits,
    Hello,
    Message,
    Refused,
    StreamInfo,
    Subscribe,
    Welcome,
)
from evertape.ipc.wire import FrameReader, encode
from evertape.media.view.terms import Picture, Pictures, SourceCaps, SourceEvent, SourceState
from evertape.types import NS_PER_S, Codec, Epoch, Stream, Track, VideoCaps

log = logging.getLogger(__name__)

_READ_AT_ONCE = 8 << 20
"""Bytes per poll, so that a flood does not keep the view from everything else."""

Locate = Callable[[], str]
"""The path of the recorder's socket. May block, may raise ``EvertapeError``; called on a thread of its own."""


class FeedSource:
    """See the module; a ``ViewSource``.

    Args:
        locate: finds the recorder's socket, anew after each loss, because a camera may have moved to another one.
        camera: the camera's id.
        stream: which of its streams.
        retry_ns: between attempts to reach the recorder.
    """

    def __init__(self, locate: Locate, camera: str, stream: Stream, retry_ns: int) -> None:
        self._locate = locate
        self._camera = camera
        self._stream = stream
        self._retry_ns = retry_ns
        self._retry_at = 0
        self._sock: socket.socket | None = None
        self._reader = FrameReader()
        self._seeker: threading.Thread | None = None
        self._found: socket.socket | str | None = None
        self._closed = False
        self._out: list[SourceEvent] = []

    def poll(self, now_ns: int) -> Sequence[SourceEvent]:
        """See ``ViewSource``."""
        if self._sock is None:
            self._seek(now_ns)
        if self._sock is not None:
            self._read(self._sock, now_ns)
        out, self._out = self._out, []
        return out

    def fileno(self) -> int | None:
        """See ``ViewSource``."""
        return self._sock.fileno() if self._sock is not None else None

    def close(self) -> None:
        """See ``ViewSource``."""
        self._closed = True
        sock, self._sock = self._sock, None
        if sock is not None:
            sock.close()

    # -- reaching the recorder --------------------------------------------------------------------

    def _seek(self, now_ns: int) -> None:
        if self._seeker is None:
            if now_ns >= self._retry_at:
                self._found = None
                self._seeker = threading.Thread(target=self._find, name="evertape feed", daemon=True)
                self._seeker.start()
            return
        if self._seeker.is_alive():
            return
        self._seeker = None
        if isinstance(self._found, socket.socket):
            self._greet(self._found)
        else:
            self._lost(self._found or "the recorder cannot be reached", now_ns)

    def _find(self) -> None:
        try:
            sock = connect(self._locate())
        except (EvertapeError, OSError) as error:
            self._found = error.what if isinstance(error, EvertapeError) else "the recorder does not answer"
            return
        if self._closed:
            sock.close()
            return
        self._found = sock

    def _greet(self, sock: socket.socket) -> None:
        self._sock, self._reader = sock, FrameReader()
        hello = Hello(role="viewer", name="view", pid=os.getpid())
        # A new socket takes these few bytes at once.
        with contextlib.suppress(OSError):
            sock.sendall(b"".join(encode(hello) + encode(Subscribe(camera=self._camera, stream=str(self._stream)))))
        sock.setblocking(False)

    def _lost(self, reason: str, now_ns: int) -> None:
        sock, self._sock = self._sock, None
        if sock is not None:
            sock.close()
        self._retry_at = now_ns + self._retry_ns
        self._out.append(SourceState(False, reason, self._retry_at))

    # -- what it says -----------------------------------------------------------------------------

    def _read(self, sock: socket.socket, now_ns: int) -> None:
        taken = 0
        try:
            while taken < _READ_AT_ONCE:
                with self._reader.space() as room:
                    count = sock.recv_into(room)
                if not count:
                    self._lost("the recorder is gone", now_ns)
                    return
                taken += count
                for message, payload in self._reader.received(count):
                    self._said(message, payload, now_ns)
                    if self._sock is None:
                        return
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            self._lost("the recorder is gone", now_ns)
        except ProtocolError as error:
            self._lost(error.what, now_ns)

    def _said(self, message: Message, payload: bytes, now_ns: int) -> None:
        match message:
            case Welcome(version=version) if version != PROTOCOL_VERSION:
                self._lost(f"the service speaks version {version}, this program {PROTOCOL_VERSION}", now_ns)
            case Refused(reason=reason):
                self._lost(reason, now_ns)
            case FeedCaps():
                video = VideoCaps(Codec(message.codec), message.config, message.width, message.height)
                self._out.append(SourceCaps(video))
            case FeedUnits():
                self._units(message, payload)
            case FeedState(info=info):
                self._out.append(_state(info, now_ns))
            case _:
                pass

    def _units(self, message: FeedUnits, payload: bytes) -> None:
        pictures, at = [], 0
        for unit in message.units:
            if unit.track == Track.VIDEO:
                pictures.append(Picture(Epoch(message.epoch), unit.pts, unit.key, payload[at : at + unit.size]))
            at += unit.size
        if pictures or message.skipped:
            self._out.append(Pictures(pictures, message.skipped))


def _state(info: StreamInfo, now_ns: int) -> SourceState:
    flowing = StreamStatus(info.state).flowing
    retry = None if info.retry_in_s is None else now_ns + int(info.retry_in_s * NS_PER_S)
    reason = "" if flowing else (info.reason or info.state).replace("_", " ")
    return SourceState(flowing, reason, retry)
