"""Somebody who watches a camera through its recorder's socket, as every viewer does, and counts its pictures."""

from __future__ import annotations

from pathlib import Path

from evertape.ipc.channel import Channel, connect
from evertape.ipc.messages import FeedUnits, Hello, Message, Subscribe
from evertape.ipc.places import socket_path
from evertape.types import Track
from evertape_lab.sei import find_frames


class FeedWatcher:
    """Lives on the loop it was made on.

    Args:
        data: the service's data folder.
        camera: whom to watch.
        recorder: the process that has it.

    Attributes:
        frames: the numbers that the camera gave the pictures, as they came.
        skipped: pictures that the recorder left out because this viewer was slow.
    """

    def __init__(self, data: Path, camera: str = "cam_01", recorder: str = "recorder-0") -> None:
        self.frames: list[int] = []
        self.skipped = 0
        self._channel = Channel(connect(socket_path(data, recorder)), self._message)
        self._channel.send(Hello(role="viewer", name="a watcher", pid=0))
        self._channel.send(Subscribe(camera=camera))

    @property
    def missing(self) -> int:
        """Pictures between the first and the last one that did not come."""
        return self.frames[-1] - self.frames[0] + 1 - len(set(self.frames)) if self.frames else 0

    def close(self) -> None:
        """No longer watch."""
        self._channel.close()

    def _message(self, _channel: Channel, message: Message, payload: bytes) -> None:
        if not isinstance(message, FeedUnits):
            return
        self.skipped += message.skipped
        at = 0
        for unit in message.units:
            if unit.track == Track.VIDEO:
                self.frames += [frame.n for frame in find_frames(payload, at, at + unit.size)]
            at += unit.size
