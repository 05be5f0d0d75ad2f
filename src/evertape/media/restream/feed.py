"""A blocking reader of a recorder's feed, for a thread that does nothing else."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from types import TracebackType

from evertape.errors import EvertapeError, ProtocolError
from evertape.ipc.channel import connect
from evertape.ipc.messages import FeedCaps, FeedUnit, FeedUnits, Hello, Message, Refused, Subscribe
from evertape.ipc.wire import FrameReader, encode
from evertape.media.restream.terms import Served
from evertape.types import Epoch

_LOOK_S = 0.5
"""How often a reader looks whether it is still wanted."""


class FeedEndedError(EvertapeError):
    """The recorder is gone, or has no such stream any more."""


class Feed:
    """A subscription, from the newest keyframe on. One thread.

    Args:
        served: the stream.

    Raises:
        FeedEndedError: its recorder does not answer.
    """

    def __init__(self, served: Served) -> None:
        self._reader = FrameReader()
        try:
            self._sock = connect(served.socket)
            self._sock.settimeout(_LOOK_S)
            hello = Hello(role="viewer", name="restream", pid=os.getpid())
            asked = Subscribe(camera=served.camera, stream=str(served.stream))
            self._sock.sendall(b"".join(encode(hello) + encode(asked)))
        except (OSError, EvertapeError) as error:
            raise FeedEndedError(f"the recorder of {served.camera} does not answer") from error

    def __enter__(self) -> Feed:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._sock.close()

    def format(self, within_s: float) -> FeedCaps:
        """What the stream is. Raises ``FeedEndedError`` if nothing came within so many seconds."""
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            for message, _ in self._messages():
                if isinstance(message, FeedCaps):
                    return message
        raise FeedEndedError("the camera gives no picture")

    def read(self) -> Iterator[FeedCaps | tuple[Epoch, FeedUnit, memoryview]]:
        """What has come within half a second: formats, and units of an epoch with their bytes."""
        for message, payload in self._messages():
            match message:
                case FeedCaps():
                    yield message
                case FeedUnits():
                    at, view = 0, memoryview(payload)
                    for unit in message.units:
                        yield Epoch(message.epoch), unit, view[at : at + unit.size]
                        at += unit.size
                case _:
                    pass

    def _messages(self) -> Iterator[tuple[Message, bytes]]:
        try:
            with self._reader.space() as room:
                count = self._sock.recv_into(room)
        except TimeoutError:
            return
        except OSError as error:
            raise FeedEndedError("the recorder is gone") from error
        if not count:
            raise FeedEndedError("the recorder is gone")
        try:
            for message, payload in self._reader.received(count):
                if isinstance(message, Refused):
                    raise FeedEndedError(message.reason)
                yield message, payload
        except ProtocolError as error:
            raise FeedEndedError(error.what) from error
