"""One end of a connection between two processes, on the owner's asyncio loop.

Threads: everything here runs on the loop's thread. ``send`` never blocks; what the socket does not
take is queued by reference. The queue is bounded by the *sender's* policy (``queued_bytes``), not
silently here: a recorder that sees it grow treats the volume as slow, a feed skips to a keyframe.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import sys
from collections import deque
from collections.abc import Callable, Sequence
from itertools import islice

from evertape.errors import ProtocolError
from evertape.ipc.messages import Message
from evertape.ipc.wire import Buffer, FrameReader, encode

log = logging.getLogger(__name__)

_SO_SNDBUFFORCE = 32  # asm-generic/socket.h; Python has no name for it
_IOV = 512  # Linux allows 1024 buffers per sendmsg (IOV_MAX)
_ACCEPT_PAUSE_S = 0.25

Handler = Callable[["Channel", Message, bytes], None]
CloseHandler = Callable[["Channel"], None]


class Channel:
    """A framed, non-blocking connection.

    Args:
        sock: a connected stream socket; owned from now on.
        on_message: called per message, on the loop's thread. If it raises ``ProtocolError`` the
            connection is closed; anything else is a bug: it is logged, and the next message is read.
        on_close: called once, when the peer is gone or ``close`` was called.
        gather: send what one turn of the loop says in one go, at its end: the peer wakes up once.
    """

    def __init__(
        self, sock: socket.socket, on_message: Handler, on_close: CloseHandler | None = None, *, gather: bool = False
    ) -> None:
        sock.setblocking(False)
        self._sock = sock
        self._fd = sock.fileno()
        self._on_message = on_message
        self._on_close = on_close
        self._reader = FrameReader()
        self._out: deque[Buffer] = deque()
        self._writing = False
        self._gather = gather
        self._gathering = False
        self._closed = False
        self._paused = False
        self._loop = asyncio.get_running_loop()
        self.queued_bytes = 0
        self.peer = ""
        self._loop.add_reader(self._fd, self._readable)

    @property
    def closed(self) -> bool:
        """Whether the connection is over."""
        return self._closed

    def send(self, message: Message, payload: Sequence[Buffer] = ()) -> None:
        """Queue one message and send as much as the socket takes, now or soon; a closed channel drops it."""
        if self._closed:
            return
        parts = [part for part in encode(message, payload) if len(part)]
        self._out += parts
        self.queued_bytes += sum(map(len, parts))
        if self._writing or self._gathering:
            return
        if self._gather:
            self._gathering = True
            self._loop.call_soon(self._gathered)
        else:
            self._writable()

    def close(self) -> None:
        """Close now; what the socket does not take at once is lost. ``on_close`` is called from here."""
        if self._closed:
            return
        if self._gathering:
            self._gathered()
        self._closed = True
        self._loop.remove_reader(self._fd)
        if self._writing:
            self._loop.remove_writer(self._fd)
        self._out.clear()
        self.queued_bytes = 0
        self._sock.close()
        if self._on_close is not None:
            self._on_close(self)

    def pause(self) -> None:
        """Stop reading, so that the peer's queue grows instead of ours; its end is not noticed meanwhile."""
        if not self._paused and not self._closed:
            self._paused = True
            self._loop.remove_reader(self._fd)

    def resume(self) -> None:
        """Read again after ``pause``."""
        if self._paused and not self._closed:
            self._paused = False
            self._loop.add_reader(self._fd, self._readable)

    async def drained(self, timeout_s: float) -> bool:
        """Wait until the queue is empty; False if the time is up or the peer gone first."""
        deadline = self._loop.time() + timeout_s
        while self.queued_bytes and not self._closed and self._loop.time() < deadline:
            await asyncio.sleep(0.005)
        return not self.queued_bytes and not self._closed

    def _readable(self) -> None:
        try:
            with self._reader.space() as room:
                count = self._sock.recv_into(room)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            count = 0
        if not count:
            self.close()
            return
        try:
            for message, payload in self._reader.received(count):
                self._handle(message, payload)
                if self._closed:
                    return
        except ProtocolError as error:
            log.warning("[IPC] closing the connection to %s: %s", self.peer or "a peer", error)
            self.close()

    def _handle(self, message: Message, payload: bytes) -> None:
        try:
            self._on_message(self, message, payload)
        except ProtocolError:
            raise
        except Exception:
            # A message's edge: what came behind it must not wait for the next byte.
            log.exception("[IPC] a mistake in handling a %s from %s", type(message).__name__, self.peer or "a peer")

    def _gathered(self) -> None:
        if self._gathering:
            self._gathering = False
            if not self._closed and not self._writing:
                self._writable()

    def _writable(self) -> None:
        try:
            while self._out:
                sent = self._sock.sendmsg(islice(self._out, _IOV))
                self.queued_bytes -= sent
                while sent:
                    head = self._out[0]
                    if sent < len(head):
                        self._out[0] = memoryview(head)[sent:]
                        break
                    sent -= len(head)
                    self._out.popleft()
        except (BlockingIOError, InterruptedError):
            if not self._writing:
                self._writing = True
                self._loop.add_writer(self._fd, self._writable)
            return
        except OSError:
            # The peer is gone. Closing from inside send() would call back into the sender, so the loop does it.
            self._loop.call_soon(self.close)
            return
        if self._writing:
            self._writing = False
            self._loop.remove_writer(self._fd)


def widen(sock: socket.socket, size: int) -> None:
    """Let a local socket hold ``size`` bytes that its peer has not read; less where the system does not allow that.

    By default it holds 208 KiB (net.core.wmem_default), less than one fragment: then both ends would wake up several
    times for each.
    """
    if sys.platform == "linux":
        try:
            sock.setsockopt(socket.SOL_SOCKET, _SO_SNDBUFFORCE, size)
        except PermissionError:
            pass  # not root: cut to net.core.wmem_max
        else:
            return
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, size)


def connect(path: str) -> socket.socket:
    """Connect to a local socket; raises ``OSError`` if nobody listens there."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.connect(path)
    except OSError:
        sock.close()
        raise
    return sock


class Listener:
    """Accepts connections on a local socket that only this user may open."""

    def __init__(self, path: str, on_connect: Callable[[socket.socket], None]) -> None:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        self.path = path
        self._on_connect = on_connect
        self._sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        old = os.umask(0o177)
        try:
            self._sock.bind(path)
        finally:
            os.umask(old)
        # A successor may have taken the name by the time we close; then it is not ours to remove.
        self._made = _identity(path)
        self._sock.listen(64)
        self._sock.setblocking(False)
        self._loop = asyncio.get_running_loop()
        self._pause: asyncio.TimerHandle | None = None
        self._listen()

    def _accept(self) -> None:
        try:
            sock, _ = self._sock.accept()
        except (BlockingIOError, InterruptedError, ConnectionError):
            return
        except OSError as error:
            # Out of descriptors or memory: whoever waits goes on waiting in the queue, and the socket stays readable,
            # so looking again at once would take a whole processor.
            log.warning("[IPC] nobody can connect to %s for the moment: %s", os.path.basename(self.path), error)
            self._loop.remove_reader(self._sock.fileno())
            self._pause = self._loop.call_later(_ACCEPT_PAUSE_S, self._listen)
            return
        self._on_connect(sock)

    def _listen(self) -> None:
        self._pause = None
        self._loop.add_reader(self._sock.fileno(), self._accept)

    def close(self) -> None:
        """Stop listening and remove the socket's name."""
        if self._pause is not None:
            self._pause.cancel()
        self._loop.remove_reader(self._sock.fileno())
        self._sock.close()
        with contextlib.suppress(OSError):
            if _identity(self.path) == self._made:
                os.unlink(self.path)


def _identity(path: str) -> tuple[int, int]:
    info = os.stat(path)
    return info.st_dev, info.st_ino
