"""The supervisor's way to its small state files: what is put is written, even if that takes a second disk process.

Threads: the owner's loop only.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import os

from evertape.ipc.channel import Channel, connect
from evertape.ipc.messages import Hello, JobDone, Message, PutState

log = logging.getLogger(__name__)

_RECONNECT_S = 0.2
_AGAIN_S = 1.0


class StateLine:
    """Sends the newest content of each file until it is confirmed.

    Args:
        socket_path: of the data folder's disk process.
    """

    def __init__(self, socket_path: str) -> None:
        self._path = socket_path
        self._loop = asyncio.get_running_loop()
        self._texts: dict[str, bytes] = {}
        """What is not known to be on disk."""
        self._sent: dict[int, tuple[str, bytes]] = {}
        self._numbers = itertools.count(1)
        self._channel: Channel | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False

    @property
    def unconfirmed(self) -> frozenset[str]:
        """The files whose newest content is not known to be on disk."""
        return frozenset(self._texts)

    def put(self, name: str, text: bytes) -> None:
        """Replace the file ``name`` by ``text``, some time soon. Never blocks, never raises."""
        self._texts[name] = text
        if self._connected():
            self._send(name)

    async def close(self, timeout_s: float) -> bool:
        """Wait until everything is confirmed, then disconnect; False if the time was up first."""
        deadline = self._loop.time() + timeout_s
        while self._texts and self._loop.time() < deadline:
            await asyncio.sleep(0.01)
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        if self._channel is not None:
            self._channel.close()
        return not self._texts

    # -- inside ---------------------------------------------------------------------------------------------

    def _connected(self) -> bool:
        if self._channel is not None:
            return True
        if self._closed or self._timer is not None:
            return False
        try:
            self._channel = Channel(connect(self._path), self._message, self._gone)
        except OSError:
            self._later(_RECONNECT_S)
            return False
        self._channel.peer = "the data folder's disk process"
        self._channel.send(Hello(role="supervisor", name="supervisor", pid=os.getpid()))
        return True

    def _send(self, name: str) -> None:
        assert self._channel is not None
        number = next(self._numbers)
        self._sent[number] = name, self._texts[name]
        self._channel.send(PutState(request=number, name=name), (self._texts[name],))

    def _message(self, _channel: Channel, message: Message, _payload: bytes) -> None:
        if not isinstance(message, JobDone) or message.request not in self._sent:
            return
        name, text = self._sent.pop(message.request)
        if self._texts.get(name) != text:
            return  # a newer one is under way
        if message.ok:
            del self._texts[name]
        else:
            log.warning("[STORAGE] %s could not be written: %s", name, message.text)
            self._later(_AGAIN_S)

    def _gone(self, _channel: Channel) -> None:
        self._channel = None
        self._sent.clear()
        if self._texts:
            self._later(_RECONNECT_S)

    def _later(self, delay_s: float) -> None:
        if self._timer is None and not self._closed:
            self._timer = self._loop.call_later(delay_s, self._again)

    def _again(self) -> None:
        self._timer = None
        if self._texts and self._connected():
            for name in self._texts:
                self._send(name)
