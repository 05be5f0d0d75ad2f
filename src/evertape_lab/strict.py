"""A camera that insists: on keep-alives, on one session at a time, on the right answer to its challenge, on TLS.

The simulated cameras of ``fleet`` forgive what real ones do not. This one keeps book of every session: who was refused
because another one was there, who left with ``TEARDOWN``, whose time ran out. Threads: one per connection, and one that
accepts; the books are read from outside.
"""

from __future__ import annotations

import contextlib
import secrets
import socket
import ssl
import subprocess
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from evertape.errors import SetupError
from evertape.media.rtsp.messages import Request, RtspSyntaxError, parse_message
from evertape.redact import join_credentials
from evertape_lab.fleet import free_port
from evertape_lab.strict_login import Login
from evertape_lab.strict_stream import Film, Habits, Packets

_POLL_S = 0.005
_PUBLIC = "OPTIONS, DESCRIBE, SETUP, PLAY, GET_PARAMETER, TEARDOWN"


def make_certificate(folder: Path) -> Path:
    """A certificate for ``localhost`` that it signed itself, and its key, in one file."""
    path = folder / "camera.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    key, cert = folder / "key.pem", folder / "cert.pem"
    try:
        done = subprocess.run(
            [*command, "-keyout", str(key), "-out", str(cert)], capture_output=True, check=False, timeout=30
        )
    except FileNotFoundError as missing:
        raise SetupError("openssl is not installed") from missing
    if done.returncode:
        raise SetupError(f"openssl made no certificate: {done.stderr.decode(errors='replace')[-300:]}")
    path.write_bytes(key.read_bytes() + cert.read_bytes())
    return path


@dataclass(slots=True)
class Books:
    """What a camera saw.

    Args:
        asked: methods with the boot-time clock.
        opened: sessions that began to play.
        refused: SETUP of a client while another one had the only session.
        torn_down: sessions that ended with ``TEARDOWN``.
        broken: those whose connection ended without.
        timed_out: those that were not kept alive.
        most: sessions at the same time.
        bad_logins: answers to a challenge that were wrong.
    """

    asked: list[tuple[str, int]] = field(default_factory=list)
    opened: int = 0
    refused: int = 0
    torn_down: int = 0
    broken: int = 0
    timed_out: int = 0
    most: int = 0
    bad_logins: int = 0

    def count(self, method: str) -> int:
        """How often it was asked for."""
        return sum(name == method for name, _ in list(self.asked))


class StrictCamera:
    """See the module. A context manager.

    Args:
        habits: of its stream.
        timeout_s: a session without a request for so long is ended, and announced so.
        one_session: whoever comes while there is one is refused with 453.
        login: what clients have to prove.
        certificate: of ``make_certificate``; then it speaks TLS only.
        port: 0 takes a free one.
    """

    def __init__(
        self,
        habits: Habits | None = None,
        *,
        timeout_s: int = 60,
        one_session: bool = True,
        login: Login | None = None,
        certificate: Path | None = None,
        port: int = 0,
    ) -> None:
        self.film = Film(habits or Habits())
        self.books = Books()
        self.timeout_s = timeout_s
        self.login = login
        self.port = port or free_port()
        self._one_session = one_session
        self._tls: ssl.SSLContext | None = None
        if certificate is not None:
            self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._tls.load_cert_chain(certificate)
        self._lock = threading.Lock()
        self._sessions: set[str] = set()
        self._closing = threading.Event()
        self._threads: list[threading.Thread] = []
        self._listener: socket.socket | None = None

    @property
    def url(self) -> str:
        """Of its one stream, with user and password if it wants them."""
        scheme = "rtsp" if self._tls is None else "rtsps"
        bare = f"{scheme}://127.0.0.1:{self.port}/live"
        return bare if self.login is None else join_credentials(bare, self.login.user, self.login.password)

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", self.port), backlog=64)
        self._listener.settimeout(0.1)
        self._start(self._accept)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.set()
        for thread in list(self._threads):
            thread.join(5)
        if self._listener is not None:
            self._listener.close()

    @property
    def closing(self) -> bool:
        """It is being taken down."""
        return self._closing.is_set()

    # -- the sessions -------------------------------------------------------------------------------------------

    def admit(self) -> str | None:
        """A new session's name, or ``None`` if there is one already."""
        with self._lock:
            if self._one_session and self._sessions:
                self.books.refused += 1
                return None
            name = secrets.token_hex(4)
            self._sessions.add(name)
            self.books.most = max(self.books.most, len(self._sessions))
            return name

    def forget(self, name: str, how: str) -> None:
        """A session is over: ``torn_down``, ``broken`` or ``timed_out``. Only the first word counts."""
        with self._lock:
            if name in self._sessions:
                self._sessions.discard(name)
                setattr(self.books, how, getattr(self.books, how) + 1)

    # -- threads ------------------------------------------------------------------------------------------------

    def _start(self, work: object, *args: object) -> None:
        thread = threading.Thread(target=work, args=args, name="lab strict camera", daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        assert self._listener is not None
        while not self.closing:
            with contextlib.suppress(TimeoutError):
                client, _ = self._listener.accept()
                self._start(self._serve, client)

    def _serve(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError), client:
            client.settimeout(5)
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._tls is None:
                Visit(self, client).run()
            else:
                with self._tls.wrap_socket(client, server_side=True) as secure:
                    Visit(self, secure).run()


class Visit:
    """One connection. Its thread only."""

    def __init__(self, camera: StrictCamera, client: socket.socket) -> None:
        self._camera = camera
        self._client = client
        self._buffer = bytearray()
        self._session: str | None = None
        self._heard = time.monotonic()
        self._packets: Packets | None = None
        self._next = 0
        self._challenge = None if camera.login is None else camera.login.challenge()

    def run(self) -> None:
        """Until the client, the camera or the session's time is over."""
        try:
            while not self._camera.closing and self._read() and self._in_time():
                self._send_due()
        finally:
            if self._session is not None:
                self._camera.forget(self._session, "broken")

    def _in_time(self) -> bool:
        late = self._session is not None and time.monotonic() - self._heard > self._camera.timeout_s
        if late and self._session is not None:
            self._camera.forget(self._session, "timed_out")
        return not late

    def _read(self) -> bool:
        self._client.settimeout(_POLL_S)
        try:
            data = self._client.recv(65536)
        except (TimeoutError, ssl.SSLWantReadError):
            return True
        finally:
            self._client.settimeout(5)
        if not data:
            return False
        self._buffer += data
        return self._take()

    def _take(self) -> bool:
        """Answer every whole request; receiver reports in between are no sign of life for this camera."""
        while self._buffer:
            if self._buffer[0] == 0x24:
                size = 4 + int.from_bytes(self._buffer[2:4], "big") if len(self._buffer) >= 4 else 1 << 16
                if len(self._buffer) < size:
                    return True
                del self._buffer[:size]
                continue
            try:
                parsed = parse_message(self._buffer, 0, len(self._buffer))
            except RtspSyntaxError:
                return False
            if parsed is None:
                return True
            message, used = parsed
            del self._buffer[:used]
            if not isinstance(message, Request) or not self._answer(message):
                return False
        return True

    # -- requests -----------------------------------------------------------------------------------------------

    def _answer(self, asked: Request) -> bool:
        """Reply; false ends the connection."""
        camera = self._camera
        camera.books.asked.append((asked.method, time.clock_gettime_ns(time.CLOCK_BOOTTIME)))
        self._heard = time.monotonic()
        if asked.method == "OPTIONS":
            return self._reply(asked, 200, "OK", f"Public: {_PUBLIC}")
        if camera.login is not None and self._challenge is not None:
            answer = asked.headers.get("authorization")
            if not camera.login.accepts(answer, asked.method, asked.uri, self._challenge):
                camera.books.bad_logins += bool(answer)
                return self._reply(asked, 401, "Unauthorized", f"WWW-Authenticate: {self._challenge.field}")
        match asked.method:
            case "DESCRIBE":
                return self._reply(asked, 200, "OK", f"Content-Base: {asked.uri}/", body=camera.film.sdp())
            case "SETUP":
                return self._set_up(asked)
            case "PLAY" | "GET_PARAMETER" | "TEARDOWN":
                return self._in_session(asked)
            case _:
                return self._reply(asked, 501, "Not Implemented")

    def _set_up(self, asked: Request) -> bool:
        transport = asked.headers.get("transport")
        if "TCP" not in transport:
            return self._reply(asked, 461, "Unsupported Transport")
        self._session = self._session or self._camera.admit()
        if self._session is None:
            return self._reply(asked, 453, "Not Enough Bandwidth")
        session = f"Session: {self._session};timeout={self._camera.timeout_s}"
        return self._reply(asked, 200, "OK", f"Transport: {transport}", session)

    def _in_session(self, asked: Request) -> bool:
        if self._session is None or asked.headers.get("session") != self._session:
            return self._reply(asked, 454, "Session Not Found")
        if asked.method == "TEARDOWN":
            self._camera.forget(self._session, "torn_down")
            self._session = self._packets = None
        elif asked.method == "PLAY":
            self._camera.books.opened += 1
            self._packets, self._next = Packets(self._camera.film, 0), self._camera.film.next_n()
        return self._reply(asked, 200, "OK")

    def _reply(self, asked: Request, status: int, reason: str, *fields: str, body: bytes = b"") -> bool:
        lines = [f"RTSP/1.0 {status} {reason}", f"CSeq: {asked.headers.get('cseq')}", *fields]
        lines += [f"Content-Length: {len(body)}"] if body else []
        self._client.sendall("\r\n".join([*lines, "", ""]).encode() + body)
        return True

    # -- pictures -----------------------------------------------------------------------------------------------

    def _send_due(self) -> None:
        film = self._camera.film
        while self._packets is not None and time.time_ns() >= film.due_ns(self._next):
            if data := self._packets.of(self._next):
                self._client.sendall(data)
            self._next += 1
