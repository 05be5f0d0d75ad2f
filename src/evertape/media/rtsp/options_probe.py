"""Does the camera answer? One RTSP ``OPTIONS`` on a connection of its own.

A frozen server still accepts connections, so only an answer counts; any RTSP answer does, a 401 as
well. No credentials are sent. No thread (but for a name that has to be resolved); owner's thread.
"""

from __future__ import annotations

from enum import StrEnum

from evertape.clock import Clock
from evertape.domain.failure import ErrorDetail, FailureKind
from evertape.media.rtsp.connection import Connection, ConnectionFailedError, endpoint_of
from evertape.media.rtsp.messages import Response, RtspSyntaxError, build_request, parse_message
from evertape.redact import split_credentials
from evertape.types import NS_PER_S

PROBE_TIMEOUT_NS = NS_PER_S
_MAX_ANSWER = 64 * 1024


class ProbeState(StrEnum):
    """How far a probe is."""

    PENDING = "pending"
    ANSWERED = "answered"
    FAILED = "failed"


class OptionsProbe:
    """One probe; lives once.

    Args:
        url: of the camera; credentials in it are left out.
        clock: for the deadline.
        timeout_ns: for everything from the name to the answer.
    """

    def __init__(self, url: str, clock: Clock, timeout_ns: int = PROBE_TIMEOUT_NS) -> None:
        self.state = ProbeState.PENDING
        self.failure: tuple[FailureKind, ErrorDetail] | None = None
        """Why it failed."""
        self.public: str | None = None
        """The methods that the camera says it knows, if it answered with them."""
        self._url = split_credentials(url)[0]
        self._clock = clock
        self._timeout_ns = timeout_ns
        self._deadline_ns = 0
        self._connection: Connection | None = None
        self._asked = False
        self._answer = bytearray()

    def start(self) -> None:
        """Begin; never blocks."""
        now = self._clock.boot_ns()
        self._deadline_ns = now + self._timeout_ns
        try:
            self._connection = Connection(endpoint_of(self._url), self._timeout_ns)
        except ConnectionFailedError as error:
            self._fail(error.kind, error.detail)
            return
        self._advance(self._connection, now)

    def poll(self) -> ProbeState:
        """Go on as far as possible; never blocks."""
        connection = self._connection
        if self.state is not ProbeState.PENDING or connection is None:
            return self.state
        now = self._clock.boot_ns()
        self._advance(connection, now)
        if self._connection is not None and now >= self._deadline_ns:
            self._fail(FailureKind.TIMEOUT, ErrorDetail("OPTIONS", "rtsp", debug="no answer within the time given"))
        return self.state

    def fileno(self) -> int | None:
        """A descriptor to watch for readability, or ``None``; ask again after each ``poll``."""
        return self._connection.fileno() if self._connection is not None else None

    def next_deadline_ns(self) -> int | None:
        """When ``poll`` wants to be called at the latest (boot-time clock)."""
        if self.state is not ProbeState.PENDING or self._connection is None:
            return None
        sooner = self._connection.next_deadline_ns()
        return self._deadline_ns if sooner is None else min(sooner, self._deadline_ns)

    def close(self) -> None:
        """Let go of the connection. Idempotent; a pending probe stays pending."""
        if self._connection is not None:
            # A frozen camera would otherwise find every question that its kernel took meanwhile, all at once.
            self._connection.abort()
            self._connection = None

    @property
    def asked(self) -> bool:
        """The camera's side has taken the connection and the question."""
        return self._asked

    def _advance(self, connection: Connection, now: int) -> None:
        try:
            self._step(connection, now)
        except ConnectionFailedError as error:
            self._fail(error.kind, error.detail)
        except RtspSyntaxError as error:
            self._fail(FailureKind.PROTOCOL, ErrorDetail("OPTIONS", "rtsp", debug=error.what))

    def _step(self, connection: Connection, now: int) -> None:
        if not connection.open:
            connection.advance(now)
            if not connection.open:
                return
        if not self._asked:
            self._asked = True
            connection.send(build_request("OPTIONS", self._url, 1))
        connection.flush(now)
        chunk = bytearray(4096)
        count = connection.recv_into(memoryview(chunk))
        if count < 0:
            return
        self._answer += chunk[:count]
        parsed = parse_message(self._answer, 0, len(self._answer))
        if parsed is None and len(self._answer) <= _MAX_ANSWER:
            return
        if parsed is None or not isinstance(parsed[0], Response):
            raise RtspSyntaxError("something else than an answer to OPTIONS")
        if 200 <= parsed[0].status < 300:
            self.public = parsed[0].headers.get("public") or None
        self.state = ProbeState.ANSWERED
        self.close()

    def _fail(self, kind: FailureKind, detail: ErrorDetail) -> None:
        self.state = ProbeState.FAILED
        self.failure = (kind, detail)
        self.close()
