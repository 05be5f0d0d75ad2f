"""``/cameras/{id}/live``: the WebSocket."""

from __future__ import annotations

import asyncio
import contextlib
from functools import partial
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, WebSocket
from starlette.websockets import WebSocketDisconnect

from evertape.hub.api.asking import Viewer
from evertape.hub.api.common import configured
from evertape.hub.errors import HubError
from evertape.hub.live.stream import LiveStream
from evertape.hub.live.viewer import Queue, text
from evertape.hub.services import Services, Shared

router = APIRouter(tags=["live"])

UNKNOWN = 4404
"""The close code for a camera that does not exist for whoever asks."""
PART = "live"


class LiveStreams:
    """Those that somebody watches, by camera and stream.

    Args:
        services: for the recorders' sockets.
    """

    def __init__(self, services: Services) -> None:
        self._services = services
        self._streams: dict[tuple[str, str], LiveStream] = {}

    def get(self, camera: str, stream: str) -> LiveStream:
        """One of them; made if it is new."""
        for key in [key for key, old in self._streams.items() if not old.viewers]:
            del self._streams[key]
        found = self._streams.get((camera, stream))
        if found is None:
            found = self._streams[camera, stream] = LiveStream(camera, stream, partial(self._locate, camera))
        return found

    @property
    def viewers(self) -> dict[tuple[str, str], int]:
        """How many watch each."""
        return {key: stream.viewers for key, stream in self._streams.items() if stream.viewers}

    async def _locate(self, camera: str) -> str:
        return str((await self._services.engine.ask("feed", camera=camera))["socket"])


def streams_of(services: Services) -> LiveStreams:
    """The hub's."""
    found: LiveStreams = services.parts.setdefault(PART, LiveStreams(services))
    return found


@router.websocket("/cameras/{camera}/live")
async def live(
    socket: WebSocket,
    services: Shared,
    who: Viewer,
    camera: Annotated[str, Path(max_length=64)],
    stream: Annotated[Literal["main", "sub"], Query()] = "main",
) -> None:
    """Live pictures as docs/design/hub.md says: JSON in text messages, fragmented MP4 in binary ones."""
    await socket.accept()
    try:
        configured(services, who, camera)
    except HubError as error:
        await socket.send_text(text(type="error", code=error.code, what=error.what))
        await socket.close(UNKNOWN)
        return
    with streams_of(services).get(camera, stream).watch() as queue:
        sending = asyncio.ensure_future(_send(socket, queue))
        leaving = asyncio.ensure_future(_until_gone(socket))
        try:
            await asyncio.wait((sending, leaving), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (sending, leaving):
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError, WebSocketDisconnect, RuntimeError, OSError):
                    await task


async def _send(socket: WebSocket, queue: Queue) -> None:
    while True:
        for item in await queue.next():
            if isinstance(item, str):
                await socket.send_text(item)
            else:
                await socket.send_bytes(item)


async def _until_gone(socket: WebSocket) -> None:
    with contextlib.suppress(WebSocketDisconnect, RuntimeError):
        while True:
            await socket.receive_text()
