"""One outgoing TCP connection, plain or TLS, that never blocks.

``Connection.advance`` is called until ``open`` is true; names are resolved in a thread, because
nothing else can keep the system's resolver from blocking. Everything else on the owner's thread.
"""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import select
import socket
import struct
import sys
from collections import deque
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from evertape.domain.failure import ErrorDetail, FailureKind
from evertape.errors import EvertapeError
from evertape.media.rtsp.resolve import Address, Lookup, look_up
from evertape.types import NS_PER_MS

if TYPE_CHECKING:
    import ssl

RECEIVE_BUFFER = 2 * 1024 * 1024
"""Holds 1 s of 16 Mbit/s; memory is taken only for what is in it."""

_POLL_FIRST_NS = NS_PER_MS
_POLL_MAX_NS = 20 * NS_PER_MS
_PORTS = {"rtsp": 554, "rtsps": 322}
# On Windows the two numbers are 16 bits each.
_LINGER_RESET = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)
# Linux, socket(7): as SO_RCVBUF, beyond rmem_max, for those who may.
_SO_RCVBUFFORCE = 33

_AGAIN: tuple[type[OSError], ...] = (BlockingIOError, InterruptedError)

_KINDS = {
    errno.ECONNREFUSED: FailureKind.REFUSED,
    errno.ETIMEDOUT: FailureKind.TIMEOUT,
    errno.ECONNRESET: FailureKind.RESET,
    errno.EPIPE: FailureKind.RESET,
    errno.ECONNABORTED: FailureKind.RESET,
    errno.EMFILE: FailureKind.INTERNAL,
    errno.ENFILE: FailureKind.INTERNAL,
    errno.ENOMEM: FailureKind.INTERNAL,
}


class ConnectionFailedError(EvertapeError):
    """The connection is over or never was; make a new one.

    Args:
        kind: for the retry logic.
        detail: for the log.
    """

    def __init__(self, kind: FailureKind, detail: ErrorDetail) -> None:
        self.kind = kind
        self.detail = detail
        super().__init__(detail.debug or kind.value)


def _failed(
    kind: FailureKind, element: str, debug: str, number: int | None = None, domain: str = "socket"
) -> Exception:
    return ConnectionFailedError(kind, ErrorDetail(element, domain, number, number, debug=debug))


def _os_failed(error: OSError, element: str, otherwise: FailureKind) -> Exception:
    kind = _KINDS.get(error.errno or 0, otherwise)
    return _failed(kind, element, error.strerror or str(error), error.errno)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where an RTSP URL leads."""

    host: str
    port: int
    tls: bool


def endpoint_of(url: str) -> Endpoint:
    """Take an RTSP URL apart; raises ``ConnectionFailedError`` where it leads nowhere."""
    try:
        parts = urlsplit(url)
        host, port, scheme = parts.hostname or "", parts.port, parts.scheme.lower()
    except ValueError as error:
        raise _failed(FailureKind.UNREACHABLE, "url", f"the URL cannot be read: {error}") from error
    if scheme not in _PORTS or not host:
        raise _failed(FailureKind.UNREACHABLE, "url", "the URL is not rtsp://host/… or rtsps://host/…")
    return Endpoint(host, port or _PORTS[scheme], scheme == "rtsps")


class _Stage(StrEnum):
    IDLE = "idle"
    RESOLVING = "resolve"
    CONNECTING = "connect"
    HANDSHAKE = "tls"
    OPEN = "open"
    CLOSED = "closed"


class Connection:
    """See the module.

    Args:
        endpoint: where to.
        timeout_ns: for resolving plus connecting, and again for the TLS handshake.
        verify: check the certificate.
        receive_buffer: bytes to ask the kernel for; 0 leaves it as it is.
    """

    def __init__(self, endpoint: Endpoint, timeout_ns: int, *, verify: bool = False, receive_buffer: int = 0) -> None:
        self._endpoint = endpoint
        self._timeout_ns = timeout_ns
        self._verify = verify
        self._receive_buffer = receive_buffer
        self._stage = _Stage.IDLE
        self._lookup: Lookup | None = None
        self._addresses: deque[Address] = deque()
        self._socket: socket.socket | None = None
        self._tls: ssl.SSLSocket | None = None
        self._again = _AGAIN
        """What means: not now, ask later."""
        self._tls_errors: tuple[type[OSError], ...] = ()
        self._deadline_ns = 0
        self._address_deadline_ns = 0
        self._poll_ns = _POLL_FIRST_NS
        self._next_ns = 0
        self._outbox = bytearray()

    @property
    def open(self) -> bool:
        """Bytes can be sent and received."""
        return self._stage is _Stage.OPEN

    def fileno(self) -> int | None:
        """The descriptor, as soon as waiting for it to become readable makes sense."""
        if self._socket is None or self._stage not in (_Stage.HANDSHAKE, _Stage.OPEN):
            return None
        return (self._tls or self._socket).fileno()

    def next_deadline_ns(self) -> int | None:
        """When ``advance`` or ``flush`` has something to do."""
        if self._stage is _Stage.OPEN:
            return self._next_ns if self._outbox else None
        return None if self._stage in (_Stage.IDLE, _Stage.CLOSED) else min(self._next_ns, self._deadline_ns)

    def advance(self, now_ns: int) -> None:
        """Go on connecting as far as possible; raises ``ConnectionFailedError``."""
        if self._stage is _Stage.IDLE:
            self._deadline_ns = now_ns + self._timeout_ns
            self._begin()
        if self._stage is _Stage.RESOLVING:
            self._resolve()
        if self._stage is _Stage.CONNECTING:
            self._connect(now_ns)
        if self._stage is _Stage.HANDSHAKE:
            self._shake(now_ns)
        if self._stage not in (_Stage.OPEN, _Stage.CLOSED):
            if now_ns >= self._deadline_ns:
                raise _failed(FailureKind.TIMEOUT, self._stage.value, "no answer within the time given")
            self._next_ns = now_ns + self._poll_ns
            self._poll_ns = min(2 * self._poll_ns, _POLL_MAX_NS)

    def _begin(self) -> None:
        host, port = self._endpoint.host, self._endpoint.port
        try:
            version = ipaddress.ip_address(host).version
        except ValueError:
            self._lookup = look_up(host, port)
            self._stage = _Stage.RESOLVING
            return
        family = socket.AF_INET if version == 4 else socket.AF_INET6
        self._addresses = deque([(family, (host, port))])
        self._stage = _Stage.CONNECTING

    def _resolve(self) -> None:
        lookup = self._lookup
        if lookup is None or not lookup.done.is_set():
            return
        if lookup.error is not None or not lookup.result:
            number = lookup.error.errno if isinstance(lookup.error, OSError) else None
            # Not an errno: getaddrinfo has numbers of its own (EAI_NONAME …).
            detail = ErrorDetail("resolve", "getaddrinfo", number, debug=f"the name is not known: {lookup.error}")
            raise ConnectionFailedError(FailureKind.UNREACHABLE, detail) from lookup.error
        self._addresses = deque(lookup.result)
        self._stage = _Stage.CONNECTING

    def _connect(self, now_ns: int) -> None:
        while True:
            sock = self._socket
            if sock is None:
                sock = self._next_address(now_ns)
            _, writable, broken = select_now(sock)
            if not (writable or broken):
                if self._addresses and now_ns >= self._address_deadline_ns:
                    self._drop_socket()
                    continue
                return
            number = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if not number:
                try:
                    self._connected(sock, now_ns)
                except OSError as error:
                    # Reset between one look at it and the next.
                    raise _os_failed(error, "connect", FailureKind.RESET) from error
                return
            self._drop_socket()
            if not self._addresses:
                raise _os_failed(OSError(number, errno_text(number)), "connect", FailureKind.UNREACHABLE)

    def _next_address(self, now_ns: int) -> socket.socket:
        """Begin with the next address; each gets its share of the time that is left."""
        family, address = self._addresses.popleft()
        share = max(self._deadline_ns - now_ns, 0) // (len(self._addresses) + 1)
        self._address_deadline_ns = now_ns + share
        try:
            sock = socket.socket(family, socket.SOCK_STREAM)
        except OSError as error:
            raise _os_failed(error, "connect", FailureKind.UNREACHABLE) from error
        self._socket = sock
        sock.setblocking(False)
        if self._receive_buffer:
            _enlarge(sock, self._receive_buffer)
        number = sock.connect_ex(address)
        if number not in (0, errno.EINPROGRESS, errno.EWOULDBLOCK, errno.EINTR) and not self._addresses:
            raise _os_failed(OSError(number, errno_text(number)), "connect", FailureKind.UNREACHABLE)
        return sock

    def _connected(self, sock: socket.socket, now_ns: int) -> None:
        # Requests are single small writes; Nagle would only hold back a keep-alive behind another.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if sock.getsockname() == sock.getpeername():
            # On loopback with the port closed, TCP may pick that very port for our end and connect to itself.
            raise _failed(FailureKind.REFUSED, "connect", "connected to itself", errno.ECONNREFUSED)
        self._poll_ns = _POLL_FIRST_NS
        if not self._endpoint.tls:
            self._stage = _Stage.OPEN
            return
        self._deadline_ns = now_ns + self._timeout_ns
        # Imported here: a recorder without rtsps cameras does without the library (2 to 4 MB).
        import ssl

        self._again = (*_AGAIN, ssl.SSLWantReadError, ssl.SSLWantWriteError)
        self._tls_errors = (ssl.SSLError,)
        context = ssl.create_default_context()
        if not self._verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            # Cameras' own certificates often have keys and hashes that today's default refuses.
            context.set_ciphers("DEFAULT:@SECLEVEL=0")
        self._tls = context.wrap_socket(
            sock, server_hostname=self._endpoint.host, do_handshake_on_connect=False, suppress_ragged_eofs=True
        )
        self._socket = self._tls
        self._stage = _Stage.HANDSHAKE

    def _shake(self, now_ns: int) -> None:
        if self._tls is None:
            return
        try:
            self._tls.do_handshake()
        except self._again:
            return
        except self._tls_errors as error:
            raise _failed(FailureKind.TLS, "tls", _reason(error), domain="tls") from error
        except OSError as error:
            raise _os_failed(error, "tls", FailureKind.RESET) from error
        self._stage = _Stage.OPEN
        self._poll_ns = _POLL_FIRST_NS

    def recv_into(self, view: memoryview) -> int:
        """Read what is there, at most ``len(view)``.

        Returns:
            The number of bytes, or -1 if nothing is there yet.

        Raises:
            ConnectionFailedError: the peer closed or broke the connection.
        """
        if self._socket is None:
            return -1
        try:
            count = self._socket.recv_into(view)
        except self._again:
            return -1
        except self._tls_errors as error:
            raise _failed(FailureKind.TLS, "receive", _reason(error), domain="tls") from error
        except OSError as error:
            raise _os_failed(error, "receive", FailureKind.RESET) from error
        if count == 0:
            raise _failed(FailureKind.RESET, "receive", "the peer closed the connection")
        return count

    def send(self, data: bytes) -> None:
        """Queue bytes; ``flush`` sends them."""
        self._outbox += data

    def flush(self, now_ns: int) -> None:
        """Send what the kernel takes; raises ``ConnectionFailedError``."""
        if not self._outbox or self._socket is None:
            return
        try:
            sent = self._socket.send(self._outbox)
        except self._again:
            sent = 0
        except OSError as error:
            raise _os_failed(error, "send", FailureKind.RESET) from error
        del self._outbox[:sent]
        self._next_ns = now_ns + _POLL_MAX_NS

    @property
    def window(self) -> int:
        """Bytes the peer may have sent without our reading them, roughly: half the buffer (tcp(7))."""
        if self._socket is None:
            return 0
        return self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) // 2

    def abort(self) -> None:
        """Let go of the socket by a reset: a peer that has not taken the connection yet may drop it. Idempotent."""
        if self._socket is not None:
            with contextlib.suppress(OSError):  # the peer was quicker
                self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_RESET)
        self.close()

    def close(self) -> None:
        """Let go of the socket. Idempotent."""
        self._stage = _Stage.CLOSED
        self._outbox.clear()
        self._drop_socket()

    def _drop_socket(self) -> None:
        if self._socket is not None:
            self._socket.close()
        self._socket = self._tls = None


def select_now(sock: socket.socket) -> tuple[bool, bool, bool]:
    """Whether ``sock`` is readable, writable, broken, at this moment."""
    if not hasattr(select, "poll"):  # Windows
        readable, writable, broken = select.select([sock], [sock], [sock], 0)
        return bool(readable), bool(writable), bool(broken)
    poller = select.poll()
    poller.register(sock, select.POLLIN | select.POLLOUT)
    flags = dict(poller.poll(0)).get(sock.fileno(), 0)
    return (
        bool(flags & select.POLLIN),
        bool(flags & select.POLLOUT),
        bool(flags & (select.POLLERR | select.POLLHUP)),
    )


def _reason(error: OSError) -> str:
    """OpenSSL's name for what went wrong, such as ``WRONG_VERSION_NUMBER``."""
    return getattr(error, "reason", None) or str(error)


def errno_text(number: int) -> str:
    """What the system calls an errno."""
    return OSError(number, "").strerror or errno.errorcode.get(number, str(number))


def _enlarge(sock: socket.socket, size: int) -> None:
    """Ask for a receive buffer that holds a batch. Before connecting, because it sets the window's scale."""
    if sys.platform == "linux":
        try:
            sock.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, size)
        except PermissionError:
            pass
        else:
            return
    # Cut to rmem_max (208 KiB by default); whoever reads asks ``window`` how long a batch may be.
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, size)
