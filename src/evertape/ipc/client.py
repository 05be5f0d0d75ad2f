"""A client's end of the connection to a running service: any program's. Blocking; one thread."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from evertape.errors import NotRunningError, ProtocolError, UsageError
from evertape.ipc.events import AnyEvent
from evertape.ipc.messages import PROTOCOL_VERSION, EventNews, Hello, Message, Refused, Reply, Request, Welcome
from evertape.ipc.places import socket_path
from evertape.ipc.wire import FrameReader, encode

CONNECT_TIMEOUT_S = 3.0
"""A supervisor's loop is never busy for long; one that does not greet in this time hangs."""
REPLY_TIMEOUT_S = 10.0
_READ = 1 << 16


class ServiceClient:
    """A connection to the service of one data directory; a context manager.

    Args:
        data: the data directory.

    Raises:
        NotRunningError: nobody answers there.
        ProtocolError: whoever answers speaks another version.
    """

    def __init__(self, data: Path) -> None:
        self._data = data
        self._requests = 0
        self._reader = FrameReader()
        self._waiting: list[Message] = []
        self._events: list[AnyEvent] = []
        self._sock = self._connect(socket_path(data, "control"))
        self._send(Hello(role="client", name="evertape", pid=os.getpid()))
        match self._receive(time.monotonic() + CONNECT_TIMEOUT_S):
            case Welcome(version=version) if version == PROTOCOL_VERSION:
                pass
            case Welcome(version=version):
                self.close()
                raise ProtocolError(f"the service speaks version {version}, this program {PROTOCOL_VERSION}")
            case Refused(reason=reason):
                self.close()
                raise ProtocolError(f"the service refused the connection: {reason}")
            case _:
                self.close()
                raise self._not_running("does not answer")

    def request(self, verb: str, timeout_s: float = REPLY_TIMEOUT_S, **args: Any) -> Any:
        """Ask for something and wait for the answer.

        Args:
            verb: as in ``docs/design/ipc.md``.
            timeout_s: how long to wait, in seconds.
            **args: the verb's arguments.

        Raises:
            UsageError: the service refused; the text is its own.
            NotRunningError: it did not answer in time, or ended.
        """
        self._requests += 1
        self._send(Request(request=self._requests, verb=verb, args=args))
        deadline = time.monotonic() + timeout_s
        while True:
            match self._receive(deadline):
                case Reply(request=number, ok=True, data=data) if number == self._requests:
                    return data
                case Reply(request=number, error=error, hint=hint) if number == self._requests:
                    raise UsageError(error, hint=hint)
                case EventNews(events=events):
                    self._events += events
                case None:
                    raise self._not_running("did not answer in time")
                case _:
                    pass

    def events(self) -> Iterator[AnyEvent]:
        """Every event from now on, as it happens; ends with the service."""
        self.request("events")
        while True:
            yield from self._events
            self._events.clear()
            try:
                message = self._receive(None)
            except NotRunningError:
                return
            if isinstance(message, EventNews):
                self._events += message.events

    def close(self) -> None:
        """Hang up."""
        self._sock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # -- inside ---------------------------------------------------------------------------------------------

    def _connect(self, path: str) -> socket.socket:
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.settimeout(CONNECT_TIMEOUT_S)
        try:
            sock.connect(path)
        except PermissionError:
            sock.close()
            raise NotRunningError(
                f"the service for {self._data} belongs to another user", hint="run this as that user, or with sudo"
            ) from None
        except OSError:
            sock.close()
            raise self._not_running("is not running") from None
        return sock

    def _not_running(self, how: str) -> NotRunningError:
        return NotRunningError(
            f"the service for {self._data} {how}", hint="evertape serve starts one; --data names another directory"
        )

    def _send(self, message: Message) -> None:
        try:
            self._sock.sendall(b"".join(encode(message)))
        except OSError:
            raise self._not_running("has ended") from None

    def _receive(self, deadline: float | None) -> Message | None:
        """The next message; ``None`` if there is none by ``deadline`` (of ``time.monotonic``)."""
        while not self._waiting:
            left = None if deadline is None else deadline - time.monotonic()
            if left is not None and left <= 0:
                return None
            self._sock.settimeout(left)
            try:
                data = self._sock.recv(_READ)
            except TimeoutError:
                return None
            except OSError:
                data = b""
            if not data:
                raise self._not_running("has ended")
            self._waiting += [message for message, _ in self._reader.feed(data)]
        return self._waiting.pop(0)
