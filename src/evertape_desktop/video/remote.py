"""Live pictures of a recorder elsewhere: over its hub's WebSocket (docs/design/hub.md, "Live").

Threads: the view's calls ``poll``; what arrives does so on the link's loop, which no socket of a slow view holds up:
while too much waits, it reads no further, and the hub skips to a newer keyframe.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import socket
import threading
import uuid
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus, WebSocketException

from evertape.domain.camera_events import StreamStatus
from evertape.errors import EvertapeError
from evertape.media.view.terms import Picture, Pictures, SourceCaps, SourceEvent, SourceState
from evertape.mp4.live_reader import live_format, live_pictures
from evertape.types import NS_PER_S, Epoch
from evertape_desktop.backend.problem import Problem

if TYPE_CHECKING:
    from evertape_desktop.backend.http_link import HttpLink

log = logging.getLogger(__name__)

RETRY_S = 1.0
"""Between attempts to reach the hub."""

MOST_WAITING = 4 << 20
"""Bytes that may wait for the view: a second of 32 Mbit/s, as the hub itself allows."""
_LOOK_AGAIN_S = 0.02
_CLOSE_S = 0.5


class RemoteSource:
    """See the module; a ``ViewSource``.

    Args:
        link: the line to the hub.
        camera: the camera's id.
        stream: ``main`` or ``sub``.
    """

    def __init__(self, link: HttpLink, camera: str, stream: str) -> None:
        self._link = link
        self._path = f"/cameras/{camera}/live?stream={stream}"
        self._task: Future[Any] | None = None
        self._arrived: deque[str | bytes | SourceState] = deque()
        self._waiting = 0
        self._lock = threading.Lock()
        self._ours, self._theirs = socket.socketpair()
        self._ours.setblocking(False)
        self._theirs.setblocking(False)
        self._epoch = Epoch(uuid.uuid4().hex)
        self._init_is_next = False
        self._skipped = 0
        self._closed = False
        self._now_ns = 0

    # -- the view's thread ----------------------------------------------------------------------------------

    def poll(self, now_ns: int) -> Sequence[SourceEvent]:
        """See ``ViewSource``."""
        self._now_ns = now_ns
        if self._task is None:
            self._task = self._link.spawn(self._follow())
        with contextlib.suppress(BlockingIOError, OSError):
            self._ours.recv(4096)
        with self._lock:
            arrived, self._arrived, self._waiting = self._arrived, deque(), 0
        out: list[SourceEvent] = []
        for said in arrived:
            try:
                self._take(said, out)
            except (EvertapeError, ValueError, KeyError) as error:
                log.warning("[STREAMING] %s: what the hub sends is not understood: %s", self._path, error)
        return out

    def fileno(self) -> int | None:
        """See ``ViewSource``."""
        return None if self._closed else self._ours.fileno()

    def close(self) -> None:
        """See ``ViewSource``."""
        if self._closed:
            return
        with self._lock:
            self._closed = True
            self._arrived.clear()
            self._ours.close()
            self._theirs.close()
        if self._task is not None:
            self._task.cancel()

    def _take(self, said: str | bytes | SourceState, out: list[SourceEvent]) -> None:
        if isinstance(said, SourceState):
            out.append(said)
        elif isinstance(said, bytes) and self._init_is_next:
            self._init_is_next = False
            self._epoch = Epoch(uuid.uuid4().hex)
            out.append(SourceCaps(live_format(said)))
        elif isinstance(said, bytes):
            pictures = [Picture(self._epoch, one.pts_ns, one.key, one.data) for one in live_pictures(said)]
            skipped, self._skipped = self._skipped, 0
            if pictures or skipped:
                out.append(Pictures(pictures, skipped))
        else:
            self._told(json.loads(said), out)

    def _told(self, said: dict[str, Any], out: list[SourceEvent]) -> None:
        match said["type"]:
            case "format":
                self._init_is_next = True
            case "skipped":
                self._skipped += int(said["pictures"])
            case "state":
                out.append(self._state(said))
            case "error":
                out.append(SourceState(False, str(said["what"])))
            case _:
                pass

    def _state(self, said: dict[str, Any]) -> SourceState:
        try:
            flowing = StreamStatus(said["state"]).flowing
        except ValueError:
            flowing = False  # of a newer hub, or "away": the recorder does not answer
        reason = "" if flowing else (said.get("reason") or said["state"]).replace("_", " ")
        retry_s = said.get("retry_in_s")
        return SourceState(flowing, reason, None if retry_s is None else self._now_ns + int(retry_s * NS_PER_S))

    # -- the link's loop ------------------------------------------------------------------------------------

    async def _follow(self) -> None:
        while not self._closed:
            reason = "the recorder has hung up"
            try:
                await self._receive()
            except Problem as problem:
                reason = problem.what
            except InvalidStatus as error:
                reason = f"the recorder answered {error.response.status_code}"
            except (OSError, WebSocketException, TimeoutError, ValueError) as error:
                log.debug("[STREAMING] %s: %s", self._path, error)
                reason = "the recorder cannot be reached"
            self._put(SourceState(False, reason, self._now_ns + int(RETRY_S * NS_PER_S)))
            await asyncio.sleep(RETRY_S)

    async def _receive(self) -> None:
        terms = await self._link.socket_terms(self._path)
        # Pictures are compressed already.
        async with connect(**terms, close_timeout=_CLOSE_S, compression=None) as socket_:
            try:
                async for said in socket_:
                    self._put(said)
                    while self._waiting > MOST_WAITING and not self._closed:
                        await asyncio.sleep(_LOOK_AGAIN_S)
            except asyncio.CancelledError:
                # Whoever closes the window does not wait for polite goodbyes.
                socket_.transport.abort()
                raise

    def _put(self, said: str | bytes | SourceState) -> None:
        with self._lock:
            if self._closed:
                return
            self._arrived.append(said)
            self._waiting += len(said) if isinstance(said, bytes) else 0
            with contextlib.suppress(BlockingIOError):  # full: it will wake in any case
                self._theirs.send(b"\0")
