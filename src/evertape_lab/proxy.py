"""A TCP proxy before a camera that does to the connection what networks do.

It runs an event loop in a thread of its own; its methods may be called from any other thread and return when what
they ask for is in force. It also counts what the client asks, which a server that refuses a login does not tell.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import struct
import threading
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from evertape.clock import SystemClock
from evertape.redact import join_credentials, split_credentials
from evertape_lab.fleet import free_port
from evertape_lab.interleaved import Cutter, Damage, Where

_CHUNK = 64 * 1024
_QUEUE = 64
_BACKLOG = 256
_REQUEST = re.compile(rb"^(OPTIONS|DESCRIBE|SETUP|PLAY|GET_PARAMETER|TEARDOWN) (\S+) RTSP/1\.0\r\n", re.MULTILINE)
_LINGER_RESET = struct.pack("ii", 1, 0)


@dataclass(frozen=True, slots=True)
class PassedRequest:
    """A request as it passed: boot-time clock in ns, its method, its URL, and whether it carried a login."""

    boot_ns: int
    method: str
    url: str
    login: bool


class TcpProxy:
    """See the module. A context manager.

    Args:
        host: the camera's.
        port: the camera's.
    """

    def __init__(self, host: str, port: int) -> None:
        self.port = free_port()
        self.requests: list[PassedRequest] = []
        self.connections = 0
        """Accepted so far."""
        self.damage = Damage()
        self._target = (host, port)
        self._clock = SystemClock()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="lab proxy", daemon=True)
        self._listener: asyncio.Task[None] | None = None
        self._pairs: set[_Pair] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._mute = False
        self.flowing = asyncio.Event()
        self.delay_s = 0.0
        self.bytes_per_s: float | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        self._call(self._open())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._call(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def url(self, url: str) -> str:
        """``url`` of the camera as it is reached through the proxy; credentials are kept."""
        bare, user, password = split_credentials(url)
        through = urlsplit(bare)._replace(netloc=f"127.0.0.1:{self.port}").geturl()
        return through if user is None else join_credentials(through, user, password)

    # -- what networks do -----------------------------------------------------------------------------------

    def stall(self) -> None:
        """Pass nothing on, in neither direction; connections live and are accepted. ``resume`` ends it."""
        self._do(self.flowing.clear)

    def resume(self) -> None:
        """End ``stall`` and ``half_open``: what waited is passed on."""
        self._do(self._resume)

    def reset(self) -> None:
        """Reset every connection (RST), on both sides; new ones are welcome."""
        self._do(self._reset)

    def refuse(self) -> None:
        """Reset every connection, and refuse new ones until ``accept``: the camera's port is closed."""
        self._call(self._refuse())

    def accept(self) -> None:
        """Listen again."""
        self._call(self._open())

    def half_open(self) -> None:
        """The camera forgets its connections, and the client is never told. New ones are accepted and left alone."""
        self._do(self._half_open)

    def throttle(self, bytes_per_s: float | None) -> None:
        """Let the camera send no more than that per connection; ``None``: as it likes."""
        self._do(lambda: setattr(self, "bytes_per_s", bytes_per_s))

    def delay(self, seconds: float) -> None:
        """Hold everything the camera sends for so long."""
        self._do(lambda: setattr(self, "delay_s", seconds))

    def corrupt(self, share: float, where: Where = Where.PAYLOAD, seed: int = 1) -> None:
        """Damage a share of the camera's packets, chosen at random; 0 ends it. ``damage`` knows which were hit."""
        self._do(lambda: self.damage.begin(share, where, seed))

    def say(self, data: bytes) -> None:
        """Put ``data`` between two packets of the camera, on every connection, as if the camera had said it."""

        def tell() -> None:
            for pair in self._pairs:
                pair.words.append(data)

        self._do(tell)

    # -- counting -------------------------------------------------------------------------------------------

    def asked(self, method: str, since_boot_ns: int = 0) -> list[PassedRequest]:
        """The requests of one method since then."""
        return [r for r in list(self.requests) if r.method == method and r.boot_ns >= since_boot_ns]

    def note(self, data: bytes) -> None:
        """Remember the requests in what a client sent; on the proxy's thread."""
        for found in _REQUEST.finditer(data):
            head = data[found.start() :].partition(b"\r\n\r\n")[0].lower()
            url = found[2].decode("ascii", "replace")
            self.requests.append(
                PassedRequest(self._clock.boot_ns(), found[1].decode(), url, b"\r\nauthorization:" in head)
            )

    # -- inside: on the loop --------------------------------------------------------------------------------

    def _call(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    def _do(self, deed: Callable[[], object]) -> None:
        async def work() -> None:
            deed()

        self._call(work())

    async def _open(self) -> None:
        if self._listener is not None:
            return
        if not self._mute:
            self.flowing.set()
        listener = socket.create_server(("127.0.0.1", self.port), backlog=_BACKLOG)
        listener.setblocking(False)
        self._listener = self._loop.create_task(self._accept(listener))

    async def _refuse(self) -> None:
        if self._listener is not None:
            self._listener.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._listener
            self._listener = None
        self._reset()

    async def _close(self) -> None:
        await self._refuse()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, listener: socket.socket) -> None:
        with listener:
            while True:
                client, _ = await self._loop.sock_accept(listener)
                client.setblocking(False)
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self.connections += 1
                pair = _Pair(client, self)
                self._pairs.add(pair)
                task = self._loop.create_task(self._serve(pair))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    async def _serve(self, pair: _Pair) -> None:
        try:
            if not self._mute:
                await pair.run(self._target)
            while self._mute and pair in self._pairs:
                await asyncio.sleep(0.05)  # the client is left alone with an open connection
        finally:
            self._pairs.discard(pair)
            pair.close()

    def _resume(self) -> None:
        self._mute = False
        self.flowing.set()

    def _reset(self) -> None:
        for pair in list(self._pairs):
            self._pairs.discard(pair)
            pair.reset()

    def _half_open(self) -> None:
        self._mute = True
        self.flowing.clear()
        for pair in self._pairs:
            pair.forget_camera()


class _Pair:
    """A client's connection and the one to the camera that belongs to it; the proxy's thread only."""

    def __init__(self, client: socket.socket, proxy: TcpProxy) -> None:
        self.words: list[bytes] = []
        self._client = client
        self._camera: socket.socket | None = None
        self._proxy = proxy
        self._loop = asyncio.get_running_loop()
        self._queue: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(_QUEUE)
        self._pumps: list[asyncio.Task[None]] = []

    async def run(self, target: tuple[str, int]) -> None:
        """Connect to the camera and pass everything on until either side ends."""
        self._camera = camera = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        camera.setblocking(False)
        camera.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            await self._loop.sock_connect(camera, target)
        except OSError:
            self.reset()  # what the camera's own host would have said
            return
        create = self._loop.create_task
        self._pumps = [create(self._asks(camera)), create(self._takes(camera)), create(self._gives())]
        try:
            await asyncio.wait(self._pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in self._pumps:
                pump.cancel()
            await asyncio.gather(*self._pumps, return_exceptions=True)

    def reset(self) -> None:
        """Close both ends by RST."""
        for end in (self._client, self._camera):
            if end is not None and end.fileno() >= 0:
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_RESET)
        for pump in self._pumps:
            pump.cancel()
        if not self._pumps:
            self.close()

    def forget_camera(self) -> None:
        """End the connection to the camera; the client's stays."""
        for pump in self._pumps:
            pump.cancel()
        if self._camera is not None:
            self._camera.close()

    def close(self) -> None:
        """Close both ends."""
        self._client.close()
        if self._camera is not None:
            self._camera.close()

    async def _asks(self, camera: socket.socket) -> None:
        """From the client to the camera."""
        with contextlib.suppress(OSError):
            while data := await self._loop.sock_recv(self._client, _CHUNK):
                self._proxy.note(data)
                await self._proxy.flowing.wait()
                await self._loop.sock_sendall(camera, data)

    async def _takes(self, camera: socket.socket) -> None:
        """From the camera into the queue."""
        with contextlib.suppress(OSError):
            while data := await self._loop.sock_recv(camera, _CHUNK):
                await self._queue.put((self._loop.time(), data))
        await self._queue.put((self._loop.time(), b""))

    async def _gives(self) -> None:
        """From the queue to the client."""
        proxy, cutter = self._proxy, Cutter()
        with contextlib.suppress(OSError):
            while True:
                came, data = await self._queue.get()
                if not data:
                    return
                await proxy.flowing.wait()
                if (early := came + proxy.delay_s - self._loop.time()) > 0:
                    await asyncio.sleep(early)
                items = [proxy.damage.pass_on(item) for item in cutter.feed(data)]
                if self.words:
                    items.append(b"".join(self.words))
                    self.words.clear()
                out = b"".join(items)
                await self._loop.sock_sendall(self._client, out)
                if proxy.bytes_per_s:
                    await asyncio.sleep(len(out) / proxy.bytes_per_s)
