"""Asking a camera ourselves why ``rtspsrc`` could not.

A refused port, an unknown host, a swallowed packet and a server that talks nonsense are one and the same code to
GStreamer. One ``OPTIONS`` of our own tells them apart by ``errno`` and by what comes back.
"""

from __future__ import annotations

from evertape.domain.failure import ErrorDetail, FailureKind
from evertape.media.gst.failures import kind_of_status
from evertape.media.rtsp.connection import Connection, ConnectionFailedError, endpoint_of
from evertape.media.rtsp.messages import Response, RtspSyntaxError, build_request, parse_message
from evertape.types import NS_PER_S

MAX_WAIT_NS = NS_PER_S
"""A camera that says nothing for so long after it had said nothing for ``connect_timeout_ns`` is called mute."""

_MAX_REPLY = 64 * 1024


class SecondOpinion:
    """One short connection. Owner's thread, never blocks; ``ask`` until it answers.

    Args:
        url: without credentials.
        verify: check the certificate of an ``rtsps`` camera.
        now_ns: boot-time clock.
    """

    def __init__(self, url: str, *, verify: bool, now_ns: int) -> None:
        self._url = url
        self._verify = verify
        self._due_ns = now_ns + MAX_WAIT_NS
        self._connection: Connection | None = None
        self._asked = False
        self._reply = bytearray()

    def ask(self, now_ns: int) -> tuple[FailureKind, ErrorDetail | None] | None:
        """Go on as far as possible.

        Returns:
            ``None`` while it is not known; then the kind, and what was learned, if more than the time passing.
        """
        try:
            kind = self._advance(now_ns)
        except ConnectionFailedError as error:
            return error.kind, error.detail
        except RtspSyntaxError as error:
            return FailureKind.PROTOCOL, ErrorDetail("OPTIONS", "rtsp", debug=error.what)
        if kind is not None:
            return kind, None
        return (FailureKind.TIMEOUT, None) if now_ns >= self._due_ns else None

    def close(self) -> None:
        """Let go of the connection. Idempotent."""
        if self._connection is not None:
            self._connection.close()

    def _advance(self, now_ns: int) -> FailureKind | None:
        connection = self._connection
        if connection is None:
            connection = Connection(endpoint_of(self._url), MAX_WAIT_NS, verify=self._verify)
            self._connection = connection
        if not connection.open:
            connection.advance(now_ns)
        if not connection.open:
            return None
        if not self._asked:
            self._asked = True
            connection.send(build_request("OPTIONS", self._url, 1))
        connection.flush(now_ns)
        return self._read(connection)

    def _read(self, connection: Connection) -> FailureKind | None:
        chunk = bytearray(4096)
        while (count := connection.recv_into(memoryview(chunk))) > 0:
            self._reply += chunk[:count]
            if len(self._reply) > _MAX_REPLY:
                raise RtspSyntaxError("a reply to OPTIONS of more than 64 KiB")
        parsed = parse_message(self._reply, 0, len(self._reply)) if self._reply else None
        if parsed is None:
            return None
        message = parsed[0]
        if isinstance(message, Response) and message.status >= 400 and message.status not in (401, 405, 501):
            return kind_of_status(message.status)
        return FailureKind.RESET  # it answers us, so what failed was that one connection
