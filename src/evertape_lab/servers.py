"""Servers that are no good: they say nothing, or nonsense, or no. Each in its own threads, on loopback."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import threading
import time
from dataclasses import dataclass, field
from enum import StrEnum
from types import TracebackType
from typing import Self

from evertape.clock import SystemClock
from evertape_lab.canned import Asked, h264_sdp, reply
from evertape_lab.fleet import free_port

_REASONS = {401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 454: "Session Not Found",
            500: "Internal Server Error", 503: "Service Unavailable"}  # fmt: skip
_HEAD = re.compile(rb"^([A-Z_]+) (\S+) RTSP/1\.0\r\n(.*?\r\n)?\r\n", re.DOTALL)


class Kind(StrEnum):
    """What a server does with whoever comes."""

    MUTE = "mute"
    """Accepts and says nothing, ever."""
    SWALLOW = "swallow"
    """Does not even accept: its queue is full, so the kernel drops every SYN."""
    GARBAGE = "garbage"
    """Says random bytes as soon as somebody comes, and goes on."""
    HTTP = "http"
    """Is a web server."""
    HANG_UP = "hang_up"
    """Accepts and closes."""
    RTSP = "rtsp"
    """Speaks RTSP and answers ``DESCRIBE`` as its script says."""
    NO_MEDIA = "no_media"
    """Agrees to everything and then sends nothing."""


@dataclass(frozen=True, slots=True)
class Visit:
    """A request that came in: boot-time clock in ns, method, whether it carried a login."""

    boot_ns: int
    method: str
    login: bool


@dataclass
class BadServer:
    """See the module. A context manager.

    Args:
        kind: what it does.
        script: for ``rtsp``: the statuses of the answers to ``DESCRIBE``, in turn; the last one goes on for ever.
        port: 0 takes a free one.
    """

    kind: Kind
    script: tuple[int, ...] = (404,)
    port: int = 0
    visits: list[Visit] = field(default_factory=list)
    connections: int = 0

    def __post_init__(self) -> None:
        self._clock = SystemClock()
        self._closing = threading.Event()
        self._held: list[socket.socket] = []
        self._listener: socket.socket | None = None
        self._threads: list[threading.Thread] = []
        self._described = 0

    @property
    def url(self) -> str:
        """Of the stream it does not have."""
        return f"rtsp://127.0.0.1:{self.port}/live"

    def __enter__(self) -> Self:
        self.port = self.port or free_port()
        full = self.kind is Kind.SWALLOW
        self._listener = socket.create_server(("127.0.0.1", self.port), backlog=0 if full else 256)
        if full:
            self._fill()
        else:
            self._listener.settimeout(0.1)
            self._start(self._accept)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.set()
        for thread in self._threads:
            thread.join(5)
        for held in self._held:
            held.close()
        if self._listener is not None:
            self._listener.close()

    def logins(self) -> int:
        """How many requests carried a user and a password."""
        return sum(visit.login for visit in list(self.visits))

    # -- inside ---------------------------------------------------------------------------------------------

    def _fill(self) -> None:
        """Fill the queue of connections nobody accepts."""
        for _ in range(4):
            client = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            client.setblocking(False)
            client.connect_ex(("127.0.0.1", self.port))
            self._held.append(client)
        time.sleep(0.05)

    def _start(self, work: object, *args: object) -> None:
        thread = threading.Thread(target=work, args=args, name="lab bad server", daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        assert self._listener is not None
        while not self._closing.is_set():
            with contextlib.suppress(TimeoutError):
                client, _ = self._listener.accept()
                self.connections += 1
                client.settimeout(0.1)
                self._start(self._serve, client)

    def _serve(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            match self.kind:
                case Kind.HANG_UP:
                    return
                case Kind.GARBAGE:
                    self._talk_nonsense(client)
                case _:
                    self._converse(client)

    def _talk_nonsense(self, client: socket.socket) -> None:
        while not self._closing.wait(0.02):
            client.sendall(os.urandom(1024))

    def _converse(self, client: socket.socket) -> None:
        waiting = b""
        while not self._closing.is_set():
            try:
                data = client.recv(65536)
            except TimeoutError:
                continue
            if not data:
                return
            waiting += data
            while (found := _HEAD.match(waiting)) is not None:
                waiting = waiting[found.end() :]
                if answer := self._answer(_asked(found)):
                    client.sendall(answer)
            if self.kind is Kind.HTTP and waiting:
                client.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/html\r\nContent-Length: 2\r\n\r\nno")
                return

    def _answer(self, asked: Asked) -> bytes:
        self.visits.append(Visit(self._clock.boot_ns(), asked.method, "authorization" in asked.headers))
        match self.kind, asked.method:
            case Kind.MUTE, _:
                return b""
            case Kind.HTTP, _:
                return b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/html\r\nContent-Length: 2\r\n\r\nno"
            case Kind.RTSP, "DESCRIBE":
                status = self.script[min(self._described, len(self.script) - 1)]
                self._described += 1
                return _refusal(asked, status)
            case _, "DESCRIBE":
                return reply(asked, headers=[f"Content-Base: {asked.uri}/"], body=h264_sdp())
            case _, "SETUP":
                transport = asked.headers.get("transport", "")
                return reply(asked, headers=[f"Transport: {transport}", "Session: 1;timeout=60"])
            case _, "OPTIONS":
                return reply(asked, headers=["Public: OPTIONS, DESCRIBE, SETUP, PLAY, GET_PARAMETER, TEARDOWN"])
            case _:
                return reply(asked)


def _asked(found: re.Match[bytes]) -> Asked:
    lines = (found[3] or b"").decode("utf-8", "replace").split("\r\n")
    fields = (line.partition(":") for line in lines if line)
    return Asked(found[1].decode(), found[2].decode(), {name.lower(): value.strip() for name, _, value in fields})


def _refusal(asked: Asked, status: int) -> bytes:
    headers = ['WWW-Authenticate: Digest realm="lab", nonce="0123456789abcdef"'] if status == 401 else []
    return reply(asked, f"{status} {_REASONS.get(status, 'Because')}", headers)
