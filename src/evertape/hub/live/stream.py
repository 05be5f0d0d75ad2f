"""One stream of one camera on its way to any number of viewers: received once, muxed once.

Threads: the owner's loop only.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from evertape.errors import EvertapeError
from evertape.hub.api.times import instant, optional_instant
from evertape.hub.live.viewer import Chunk, Item, Queue, text
from evertape.ipc.channel import Channel
from evertape.ipc.messages import FeedCaps, FeedState, FeedUnits, Hello, Message, Refused, StreamInfo, Subscribe
from evertape.mp4.live import LiveMuxer
from evertape.types import NS_PER_MS, NS_PER_S, AudioCaps, Codec, StreamCaps, Track, VideoCaps

log = logging.getLogger(__name__)

_AGAIN_S = 0.5
_CONNECT_S = 3.0
_LONGEST_GOP = 8 << 20
"""Bytes since the last keyframe that are kept for whoever comes; of a longer group he waits for the next one."""
_CLOCK_NS = NS_PER_S

Locate = Callable[[], Awaitable[str]]
"""The path of the recorder's feed socket; raises ``EvertapeError``."""


class LiveStream:
    """See the module.

    Args:
        camera: the camera's id.
        stream: ``main`` or ``sub``.
        locate: finds the recorder's socket, anew after each loss.
    """

    def __init__(self, camera: str, stream: str, locate: Locate) -> None:
        self._camera = camera
        self._stream = stream
        self._locate = locate
        self._viewers: set[Queue] = set()
        self._task: asyncio.Task[None] | None = None
        self._muxer: LiveMuxer | None = None
        self._head: list[Item] = []
        """What a viewer is told before the first picture: the format."""
        self._gop: list[Item] | None = None
        """What has come since the last keyframe, itself included; ``None``: that was too long ago."""
        self._gop_bytes = 0
        self._state = text(type="state", state="connecting", reason="", since=None, retry_in_s=None)
        self._epoch = ""
        self._offset = 0
        self._end = 0
        self._said_at = -_CLOCK_NS

    @property
    def viewers(self) -> int:
        """How many watch."""
        return len(self._viewers)

    @contextmanager
    def watch(self) -> Iterator[Queue]:
        """Watch it; the first one to come has it received, the last one to leave ends that."""
        loop = asyncio.get_running_loop()
        queue = Queue(loop.time)
        queue.put(self._state)
        queue.put_all([*self._head, *(self._gop or [])])
        self._viewers.add(queue)
        if self._task is None:
            self._task = loop.create_task(self._run(), name=f"live {self._camera} {self._stream}")
        try:
            yield queue
        finally:
            self._viewers.discard(queue)
            if not self._viewers and self._task is not None:
                self._task.cancel()
                self._task = None
                self._forget()

    def _forget(self) -> None:
        """What is known grows old while nobody receives it."""
        self._muxer, self._head, self._gop, self._epoch = None, [], None, ""
        self._gop_bytes, self._offset, self._end, self._said_at = 0, 0, 0, -_CLOCK_NS

    # -- receiving ------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        while True:
            reason = "the recorder does not answer"
            try:
                await self._receive()
            except (OSError, TimeoutError) as error:
                log.debug("[STREAMING] %s %s: %s", self._camera, self._stream, error)
            except EvertapeError as error:
                reason = error.what
            self._tell_state(text(type="state", state="away", reason=reason, since=None, retry_in_s=_AGAIN_S))
            await asyncio.sleep(_AGAIN_S)

    async def _receive(self) -> None:
        loop = asyncio.get_running_loop()
        path = await self._locate()
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.setblocking(False)
        try:
            async with asyncio.timeout(_CONNECT_S):
                await loop.sock_connect(sock, path)
        except BaseException:
            sock.close()
            raise
        gone: asyncio.Future[None] = loop.create_future()

        def over(reason: str = "") -> None:
            if gone.done():
                return
            if reason:
                gone.set_exception(EvertapeError(reason))
            else:
                gone.set_result(None)

        channel = Channel(sock, lambda _, message, payload: self._heard(message, payload, over), lambda _: over())
        channel.peer = f"the recorder of {self._camera}"
        self._epoch = ""  # what comes now begins with a keyframe that may have been sent before
        try:
            channel.send(Hello(role="viewer", name="hub", pid=os.getpid()))
            channel.send(Subscribe(camera=self._camera, stream=self._stream))
            await gone
        finally:
            channel.close()
            with suppress(EvertapeError, asyncio.CancelledError):
                gone.cancel()

    def _heard(self, message: Message, payload: bytes, over: Callable[[str], None]) -> None:
        match message:
            case FeedCaps():
                self._format(message)
            case FeedUnits():
                self._units(message, payload)
            case FeedState(info=info):
                self._tell_state(_state_text(info))
            case Refused(reason=reason):
                over(reason)
            case _:
                pass

    def _tell_state(self, state: str) -> None:
        if state != self._state:
            self._state = state
            self._tell(state)

    def _tell(self, item: Item) -> None:
        for queue in self._viewers:
            queue.put(item)

    # -- footage --------------------------------------------------------------------------------------------

    def _format(self, said: FeedCaps) -> None:
        video = VideoCaps(Codec(said.codec), said.config, said.width, said.height)
        audio = (
            AudioCaps(Codec(said.audio), said.audio_config, said.audio_rate, said.audio_channels)
            if said.audio
            else None
        )
        if self._muxer is not None and (self._muxer.caps.video, self._muxer.caps.audio) == (video, audio):
            return
        muxer = self._muxer = LiveMuxer(StreamCaps(0, video, audio))
        form = text(
            type="format", mime=muxer.mime, codec=str(video.codec), width=video.width, height=video.height,
            audio=audio is not None, stream=self._stream,
        )  # fmt: skip
        self._head = [form, muxer.init()]
        self._gop, self._gop_bytes, self._epoch, self._end, self._said_at = None, 0, "", 0, -_CLOCK_NS
        for item in self._head:
            self._tell(item)

    def _units(self, message: FeedUnits, payload: bytes) -> None:
        muxer = self._muxer
        if muxer is None:
            return
        if message.skipped:
            self._gop = None
            self._tell(text(type="skipped", pictures=message.skipped))
        view, at = memoryview(payload), 0
        for unit in message.units:
            data = view[at : at + unit.size]
            at += unit.size
            track = Track(unit.track)
            if track is Track.AUDIO and muxer.caps.audio is None:
                continue
            if message.epoch != self._epoch:
                # One session follows on the other without a hole, which a browser would stop at.
                self._epoch, self._offset = message.epoch, self._end - unit.dts
            dts, pts = unit.dts + self._offset, unit.pts + self._offset
            if dts < 0:
                continue  # sound from before the first picture
            if track is Track.VIDEO:
                self._end = max(self._end, dts + 40 * NS_PER_MS)
                self._clock(unit.utc, pts)
            self._send(Chunk(muxer.fragment(track, dts, pts, unit.key, data), unit.key, track is Track.VIDEO))

    def _send(self, chunk: Chunk) -> None:
        if chunk.picture and chunk.key:
            self._gop, self._gop_bytes = [], 0
        if self._gop is not None:
            self._gop.append(chunk)
            self._gop_bytes += len(chunk.data)
            if self._gop_bytes > _LONGEST_GOP:
                self._gop = None
        self._tell(chunk)

    def _clock(self, utc: int, pts: int) -> None:
        """Now and then, which instant a media time is."""
        if pts - self._said_at >= _CLOCK_NS:
            self._said_at = pts
            clock = text(type="clock", utc=instant(utc), media_s=pts / NS_PER_S)
            if len(self._head) > 2:
                self._head.pop()
            self._head.append(clock)
            self._tell(clock)


def _state_text(info: StreamInfo) -> str:
    retry: Any = None if info.retry_in_s is None else round(info.retry_in_s, 1)
    return text(
        type="state", state=info.state, reason=info.reason, since=optional_instant(info.since_utc), retry_in_s=retry,
        attempt=info.attempt,
    )  # fmt: skip
