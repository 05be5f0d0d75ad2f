"""Serves viewers: subscribe, and a stream comes from its last keyframe on.

Threads: the owner's loop only. A viewer that is slow is skipped forward to the newest keyframe; nobody else
notices, because every viewer has its own place in the ring.
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Callable

from evertape.engine.camera import CameraWorker
from evertape.ipc.channel import Channel
from evertape.ipc.messages import (
    PROTOCOL_VERSION,
    FeedCaps,
    FeedState,
    FeedUnit,
    FeedUnits,
    Hello,
    Message,
    Refused,
    Subscribe,
    Welcome,
)
from evertape.media.ring import Gop
from evertape.types import AccessUnit, Epoch, Stream, StreamCaps, Track

log = logging.getLogger(__name__)

_SLOW_BYTES = 4 << 20
"""What may wait for a viewer before it is skipped forward: a second of 32 Mbit/s."""


class Viewer:
    """One connection, watching at most one stream."""

    def __init__(self, sock: socket.socket, feed: Feed, name: str) -> None:
        self._feed = feed
        self._name = name
        self._camera: CameraWorker | None = None
        self._stream = Stream.MAIN
        self._next: int | None = None
        self._said: tuple[Epoch, int] | None = None
        self._state = ""
        self._skipped = 0
        self._shown = 0
        """The ring's count of pictures up to where this viewer is."""
        self._channel = Channel(sock, self._message, self._gone)
        self._channel.peer = "a viewer"

    @property
    def watching(self) -> tuple[str, Stream] | None:
        """Camera and stream."""
        return None if self._camera is None else (self._camera.settings.id, self._stream)

    def serve(self, now_ns: int) -> None:
        """Send what has come since the last time."""
        camera = self._camera
        worker = camera.streams.get(self._stream) if camera is not None else None
        if camera is None or worker is None:
            return
        status = f"{worker.state.status}{worker.state.reason}"
        if status != self._state:
            self._state = status
            self._channel.send(FeedState(info=worker.info(now_ns)))
        ring = worker.ring
        newest = ring.newest
        if newest is None:
            return
        if self._next is None:
            self._next = newest.view.start
            self._shown = ring.units - sum(unit.track is Track.VIDEO for unit in newest.units)
        elif self._next < ring.start:
            self._skip_to(newest)
        if self._channel.queued_bytes > _SLOW_BYTES:
            if newest.view.start > self._next:
                self._skip_to(newest)
            return
        for gop in ring.gops_from(self._next):
            units = gop.units[max(0, self._next - gop.view.start) :]
            if units:
                self._send(gop, units)
                self._next = gop.end
                self._shown += sum(unit.track is Track.VIDEO for unit in units)

    def end(self, reason: str) -> None:
        """What it watches is no more; the connection stays, for another subscription."""
        self._leave()
        self._channel.send(Refused(reason=reason))

    def close(self) -> None:
        """Hang up."""
        self._channel.close()

    def _skip_to(self, newest: Gop) -> None:
        """Go on with the newest keyframe, counting the pictures in between (units ever taken in, less those left)."""
        assert self._camera is not None
        ring = self._camera.streams[self._stream].ring
        ahead = sum(unit.track is Track.VIDEO for unit in newest.units)
        self._skipped += max(0, ring.units - ahead - self._shown)
        self._shown = ring.units - ahead
        self._next = newest.view.start

    def _send(self, gop: Gop, units: list[AccessUnit]) -> None:
        key = (gop.view.epoch, gop.view.caps_id)
        if key != self._said:
            self._said = key
            self._channel.send(_caps(gop.view.epoch, gop.caps))
        message = FeedUnits(
            caps=gop.view.caps_id,
            epoch=gop.view.epoch,
            units=tuple(
                FeedUnit(track=u.track, seq=u.seq, dts=u.dts_ns, pts=u.pts_ns, utc=u.utc_ns, key=u.key, size=u.size)
                for u in units
            ),
            skipped=self._skipped,
        )
        self._skipped = 0
        self._channel.send(message, [unit.data for unit in units])

    def _message(self, channel: Channel, message: Message, _payload: bytes) -> None:
        match message:
            case Hello(version=version) if version != PROTOCOL_VERSION:
                channel.send(Refused(reason=f"this is version {PROTOCOL_VERSION} of the protocol, not {version}"))
                channel.close()
            case Hello():
                channel.send(Welcome(role="recorder", name=self._name, pid=os.getpid()))
            case Subscribe(camera=name, stream=stream):
                self._leave()
                camera = self._feed.find(name)
                if camera is None or stream not in {str(s) for s in Stream} or not camera.viewer_came(Stream(stream)):
                    channel.send(Refused(reason=f"there is no stream {stream} of a camera {name} here"))
                    return
                self._camera, self._stream = camera, Stream(stream)
                self._next, self._said, self._state = None, None, ""
                self.serve(self._feed.now_ns())
            case _:
                log.debug("[STREAMING] a viewer said %s", type(message).__name__)

    def _leave(self) -> None:
        if self._camera is not None:
            self._camera.viewer_left(self._stream)
            self._camera = None

    def _gone(self, _channel: Channel) -> None:
        self._leave()
        self._feed.gone(self)


class Feed:
    """All viewers of one recorder.

    Args:
        name: this process.
        find: the camera of an id, or ``None``.
        now_ns: the boot-time clock.
    """

    def __init__(self, name: str, find: Callable[[str], CameraWorker | None], now_ns: Callable[[], int]) -> None:
        self._name = name
        self.find = find
        self.now_ns = now_ns
        self._viewers: list[Viewer] = []

    def connected(self, sock: socket.socket) -> None:
        """Somebody opened the socket."""
        self._viewers.append(Viewer(sock, self, self._name))

    def gone(self, viewer: Viewer) -> None:
        """Somebody hung up."""
        if viewer in self._viewers:
            self._viewers.remove(viewer)

    def serve(self, camera: str, stream: Stream) -> None:
        """This stream has news."""
        if not self._viewers:
            return
        now = self.now_ns()
        for viewer in list(self._viewers):
            if viewer.watching == (camera, stream):
                viewer.serve(now)

    def ends(self, camera: str, stream: Stream, reason: str) -> None:
        """This stream is no more."""
        for viewer in list(self._viewers):
            if viewer.watching == (camera, stream):
                viewer.end(reason)

    @property
    def watched(self) -> bool:
        """Somebody watches something."""
        return any(viewer.watching is not None for viewer in self._viewers)

    def close(self) -> None:
        """Hang up on everybody."""
        for viewer in list(self._viewers):
            viewer.close()


def _caps(epoch: Epoch, caps: StreamCaps) -> FeedCaps:
    audio = caps.audio
    return FeedCaps(
        caps=caps.id,
        epoch=epoch,
        codec=str(caps.video.codec),
        config=caps.video.config,
        width=caps.video.width,
        height=caps.video.height,
        audio=str(audio.codec) if audio else "",
        audio_config=audio.config if audio else b"",
        audio_rate=audio.rate if audio else 0,
        audio_channels=audio.channels if audio else 0,
    )
