"""Thousands of bad requests over raw sockets, and sockets on which nothing is said: row D6.

Every answer is counted and looked through for what may not be in one. Threads: the sender's own.
"""

from __future__ import annotations

import contextlib
import random
import socket
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from evertape_lab.hub_bad_requests import MOST, BadRequests, Target

ANSWER_S = 5.0
"""How long one answer is waited for."""


@dataclass
class Tally:
    """What came of it.

    Attributes:
        answers: how often each status came; 0: the connection ended without one.
        failures: what no answer may be, the first few.
    """

    answers: Counter[int] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)

    def blame(self, what: str, request: bytes) -> None:
        """Note it."""
        if len(self.failures) < 20:
            self.failures.append(f"{what}: {request[:300]!r}")


class Attack:
    """See the module.

    Args:
        target: who.
        secrets: what no answer may hold.
        seed: of what is sent.
    """

    def __init__(self, target: Target, secrets: Sequence[str], seed: int) -> None:
        self._target = target
        self._requests = BadRequests(target, seed)
        self._secrets = [secret.encode() for secret in secrets]
        self._random = random.Random(seed)
        self.tally = Tally()

    def run(self, count: int) -> Tally:
        """Send ``count`` requests, every kind in turn."""
        for n in range(count):
            self.send(*self._requests.make(n))
        return self.tally

    def send(self, request: bytes, unfinished: bool = False) -> None:
        """Send one, and look at what comes back; of one that is unfinished the end is sent as well."""
        answer = b""
        # That the server hangs up in the middle is an answer too.
        with contextlib.suppress(ConnectionError), self._connected() as line:
            with contextlib.suppress(OSError):  # also ENOTCONN, of a shutdown that comes too late
                line.sendall(request)
                if unfinished or self._random.random() < 0.3:
                    line.shutdown(socket.SHUT_WR)
            try:
                answer = _read(line)
            except TimeoutError:
                self.tally.blame(f"no answer and no end within {ANSWER_S} s", request)
        status = int(answer[9:12]) if answer[:5] == b"HTTP/" and answer[9:12].isdigit() else 0
        self.tally.answers[status] += 1
        if status >= 500:
            self.tally.blame(f"status {status}", request)
        if b"Traceback" in answer or b'File "/' in answer:
            self.tally.blame("a traceback in the answer", request)
        for secret in self._secrets:
            # What was sent may be quoted: it is no secret to whoever sent it.
            if secret in answer and secret not in request:
                self.tally.blame(f"the secret {secret[:8]!r}… in the answer", request)

    def _connected(self) -> socket.socket:
        line = socket.create_connection((self._target.host, self._target.port), ANSWER_S)
        line.settimeout(ANSWER_S)
        return line


class IdleSockets:
    """So many connections on which nothing is said; those that the server ends are opened again by ``keep``."""

    def __init__(self, target: Target, count: int) -> None:
        self._target = target
        self._count = count
        self._lines: list[socket.socket] = []
        self.opened = 0

    def keep(self) -> None:
        """Have that many again. Raises ``OSError`` if the server does not even take them."""
        self._lines = [line for line in self._lines if not _is_over(line)]
        while len(self._lines) < self._count:
            line = socket.create_connection((self._target.host, self._target.port), ANSWER_S)
            line.setblocking(False)
            self._lines.append(line)
            self.opened += 1

    def close(self) -> None:
        """Let go of them."""
        for line in self._lines:
            line.close()


def _is_over(line: socket.socket) -> bool:
    try:
        over = line.recv(1) == b""
    except BlockingIOError:
        return False
    except ConnectionError:
        over = True
    if over:
        line.close()
    return over


def _read(line: socket.socket) -> bytes:
    return b"".join(_pieces(line))[:MOST]


def _pieces(line: socket.socket) -> Iterator[bytes]:
    """Up to the end of the connection, or of an answer that says how long it is on a connection that stays."""
    seen = b""
    while piece := line.recv(65536):
        yield piece
        seen += piece
        head, _, body = seen.partition(b"\r\n\r\n")
        if b"\r\nconnection: close" in head.lower() or b"101 Switching" in head:
            continue
        length = next((h for h in head.lower().split(b"\r\n") if h.startswith(b"content-length:")), b"")
        if length and len(body) >= int(length.partition(b":")[2]):
            return
