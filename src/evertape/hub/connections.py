"""Who holds connections, and for how long: nobody can keep others out by opening many, or by saying nothing.

At its limit an address loses its oldest connection on which nothing is asked; a new one is refused only when all are in
use. Whoever does not complete a request's head in time is cut off, also behind the first request of a connection.

Threads: the hub's loop.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from asyncio import constants
from collections import OrderedDict
from typing import Any, ClassVar

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from evertape.hub.auth.limits import address_key

TOTAL = 1000
PER_ADDRESS = 100
"""A browser holds six, and one for each live picture."""
HEAD_S = 10.0
"""How long the head of a request, or a TLS handshake, may take."""
READ_S = 120.0
"""How long somebody may take nothing of what is sent to him."""
FILES = 8192
"""Descriptors that the process may have, if it is allowed to: far above TOTAL, for handshakes are not counted."""


class Connections:
    """The connections there are, by address.

    Args:
        total: of all.
        per_address: of each.
        exempt: addresses of proxies, behind which there are many people.
    """

    def __init__(
        self, total: int = TOTAL, per_address: int = PER_ADDRESS, exempt: frozenset[str] = frozenset()
    ) -> None:
        self._total = total
        self._per_address = per_address
        self.exempt = exempt
        self._all: OrderedDict[asyncio.BaseTransport, tuple[str, H11Protocol | None]] = OrderedDict()
        self._by_address: dict[str, OrderedDict[asyncio.BaseTransport, None]] = {}
        self.refused = 0
        """How many were not let in, or had to go for others."""

    def __len__(self) -> int:
        """How many there are."""
        return len(self._all)

    def enter(self, transport: asyncio.BaseTransport, protocol: H11Protocol, address: str) -> bool:
        """A new one; False: it has to go, for all that its address may have, or all there may be, are in use."""
        key = address_key(address)
        mine = self._by_address.get(key, OrderedDict())
        if key not in self.exempt and len(mine) >= self._per_address and not self._make_room(mine):
            return False
        if len(self._all) >= self._total and not self._make_room(self._all):
            return False
        self._all[transport] = (key, protocol)
        self._by_address.setdefault(key, OrderedDict())[transport] = None
        return True

    def in_use_for_good(self, transport: asyncio.BaseTransport) -> None:
        """It became a WebSocket."""
        if transport in self._all:
            self._all[transport] = (self._all[transport][0], None)

    def leave(self, transport: asyncio.BaseTransport) -> None:
        """It is gone."""
        key, _ = self._all.pop(transport, ("", None))
        if (mine := self._by_address.get(key)) is not None:
            mine.pop(transport, None)
            if not mine:
                del self._by_address[key]

    def _make_room(self, among: OrderedDict[asyncio.BaseTransport, Any]) -> bool:
        self.refused += 1
        for transport in among:
            _, protocol = self._all[transport]
            if protocol is not None and not in_flight(protocol):
                self.leave(transport)
                transport.close()
                return True
        return False


def in_flight(protocol: H11Protocol) -> bool:
    """Whether a request is being read or answered, its head having been read."""
    cycle = getattr(protocol, "cycle", None)
    return cycle is not None and not cycle.response_complete


def protocols(connections: Connections, head_s: float = HEAD_S) -> tuple[type[H11Protocol], type[asyncio.Protocol]]:
    """For uvicorn's ``http`` and ``ws``: its own, that keep these rules."""

    class Http(_Http):
        registry = connections
        patience_s = head_s

    class WebSocket(_WebSocket):
        registry = connections

    return Http, WebSocket


class _Http(H11Protocol):
    registry: ClassVar[Connections]
    patience_s: ClassVar[float]
    _timer: asyncio.TimerHandle | None = None
    _reader: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if self.registry.enter(transport, self, self.client[0] if self.client else ""):
            self._timer = self.loop.call_later(self.patience_s, self._too_slow)
        else:
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        if self._reader is not None:
            self._reader.cancel()
        self.registry.leave(self.transport)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if not self.transport.is_closing():
            super().data_received(data)
            self._watch()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._watch()

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        self._stop_timer()
        self.registry.in_use_for_good(self.transport)
        super().handle_websocket_upgrade(event)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._reader = self.loop.call_later(READ_S, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._reader is not None:
            self._reader.cancel()
            self._reader = None

    def send_400_response(self, msg: str) -> None:
        """As uvicorn's; but what is no HTTP may also come while an answer is under way, or after one."""
        if in_flight(self):
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            super().send_400_response(msg)
        else:
            self.transport.close()

    def _watch(self) -> None:
        """Somebody who has begun a request is to get on with it."""
        if in_flight(self) or self.transport.is_closing():
            self._stop_timer()
        elif self._timer is None and self.conn.trailing_data[0]:
            self._timer = self.loop.call_later(self.patience_s, self._too_slow)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _too_slow(self) -> None:
        self._timer = None
        if not in_flight(self):
            self.transport.abort()


class _WebSocket(WebSocketsSansIOProtocol):
    registry: ClassVar[Connections]

    def connection_lost(self, exc: Exception | None) -> None:
        self.registry.leave(self.transport)
        super().connection_lost(exc)


def prepare_process() -> None:
    """Once, in the hub's own process: room for connections, and no patience with handshakes.

    A connection is counted only once its handshake is done; uvicorn has no setting for how long that may take.
    """
    constants.SSL_HANDSHAKE_TIMEOUT = HEAD_S
    if sys.platform != "win32":
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = FILES if hard == resource.RLIM_INFINITY else min(FILES, hard)
        if soft != resource.RLIM_INFINITY and soft < wanted:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def quiet() -> None:
    """Have uvicorn not write a line for each request that is none: ten thousand of them would be the log."""
    log = logging.getLogger("uvicorn.error")
    log.setLevel(logging.ERROR)
    # It says so also of a client that hung up, or sent rubbish, before it was let in.
    log.addFilter(lambda record: "without completing handshake" not in record.getMessage())
    logging.getLogger("uvicorn.access").disabled = True
