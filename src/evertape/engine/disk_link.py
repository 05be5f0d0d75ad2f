"""A recorder's connection to one volume's disk process.

Threads: the owner's loop only. A link reconnects for ever by itself; whoever writes through it learns of
every end of a writer exactly once, through ``WriterOwner.writer_failed`` or ``writer_closed``.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Hashable, Sequence
from typing import Protocol

from evertape.clock import Clock
from evertape.domain.handover import Congestion, Window
from evertape.ipc.channel import Channel, connect, widen
from evertape.ipc.messages import (
    Append,
    CloseSegment,
    DiskBusy,
    Durable,
    Hello,
    Message,
    OpenSegment,
    ProbeVolume,
    SegmentIsClosed,
    SegmentIsOpen,
    VolumeEndpoint,
    VolumeInfo,
    VolumeReport,
    Welcome,
    WriterFailed,
)
from evertape.ipc.wire import Buffer
from evertape.types import NS_PER_S

log = logging.getLogger(__name__)

_FIRST_RETRY_S = 0.02
_LAST_RETRY_S = 1.0
_SOCKET_BYTES = 2 << 20
"""What a round of sixteen cameras of 8 Mbit/s hands over at once."""

_QUEUED_SHARE = 6
"""See ``disk.lanes``: what waits in a queue that moves is no sign of a volume that hangs."""
_ASK_AGAIN_NS = NS_PER_S // 4

USABLE_STATES = frozenset({"online", "low", "slow"})
"""States of a volume in which a new file may be begun there."""


class WriterOwner(Protocol):
    """Whoever writes a segment through a link."""

    def writer_opened(self, handle: int, path: str) -> None:
        """The file exists."""

    def writer_durable(self, handle: int, fragments: int) -> None:
        """The first ``fragments`` fragments survive a power cut."""

    def writer_closed(self, handle: int, path: str, size: int) -> None:
        """The file is finished."""

    def writer_failed(self, handle: int, fault: str, errno: int, text: str) -> None:
        """The writer is over; nothing beyond the last ``writer_durable`` is promised."""


class DiskLink:
    """See the module.

    Args:
        endpoint: the volume.
        name: what this process calls itself.
        clock: for the age of what is not acknowledged.
        on_change: called when the volume's state, or the connection, changed.
    """

    def __init__(
        self, endpoint: VolumeEndpoint, name: str, clock: Clock, on_change: Callable[[DiskLink], None]
    ) -> None:
        self.endpoint = endpoint
        self.info = VolumeInfo(name=endpoint.name, role=endpoint.role, path=endpoint.path)
        self._name = name
        self._clock = clock
        self._on_change = on_change
        self._channel: Channel | None = None
        self._owners: dict[int, WriterOwner] = {}
        self._handles = 0
        self._waiting_since: dict[int, int] = {}
        self._answered_ns = 0
        """When the volume last made something durable, or began or finished a file."""
        self._sent: dict[int, int] = {}
        """Fragments handed over, by writer."""
        self._closing: set[int] = set()
        self._window = Window()
        self._congestion = Congestion()
        self._held_back_ns: int | None = None
        """How old the oldest footage was that was not taken since the last look."""
        self.congested = False
        """It does not take footage as fast as it comes."""
        self._report = -1
        self._asked_ns = -_ASK_AGAIN_NS
        self._closed = False
        self._retry_s = _FIRST_RETRY_S
        self._loop = asyncio.get_running_loop()
        self._retry: asyncio.TimerHandle | None = None
        self._connect()

    # -- questions ------------------------------------------------------------------------------------------

    @property
    def connected(self) -> bool:
        """The disk process answers on its socket."""
        return self._channel is not None

    @property
    def state(self) -> str:
        """The volume's state, or ``hung`` while its process cannot be reached."""
        if self._channel is None:
            return "hung" if self._report >= 0 else "unknown"
        # What a process that is gone has said is no news of its successor's volume.
        return self.info.state if self._report >= 0 else "unknown"

    @property
    def slow(self) -> bool:
        """It did not keep up, and has not shown yet that it does."""
        return self._congestion.known or self.congested or self.state == "slow"

    @property
    def usable(self) -> bool:
        """A new segment may be begun here."""
        return self.connected and self.state in USABLE_STATES

    def waited_ns(self, now_ns: int) -> int:
        """For how long the volume owes an answer; 0 if it owes none.

        While it answers about other files it is slow, not hung, and only a share of a file's time counts.
        """
        oldest = now_ns - min(self._waiting_since.values(), default=now_ns)
        return max(min(oldest, now_ns - self._answered_ns), oldest // _QUEUED_SHARE)

    def admits(self, who: Hashable, arrival_ns: int) -> bool:
        """Whether ``who`` may hand over more now, beginning with what arrived at ``arrival_ns`` (boot-time clock).

        Until it has nothing left, which it says with ``content``, it counts as waiting.
        """
        now = self._clock.boot_ns()
        turn = self._window.is_turn(who, arrival_ns, now)
        if turn and self._window.has_room(now):
            return True
        self._held_back_ns = max(self._held_back_ns or 0, now - arrival_ns)
        return False

    def content(self, who: Hashable) -> None:
        """All that ``who`` has is handed over."""
        self._window.content(who)

    # -- writing --------------------------------------------------------------------------------------------

    def open(self, owner: WriterOwner, message: Callable[[int], OpenSegment], init: bytes) -> int:
        """Begin a segment; returns the writer's handle, which goes into ``message``."""
        self._handles += 1
        handle = self._handles
        self._owners[handle] = owner
        self._sent[handle] = 0
        self._waiting_since[handle] = self._clock.boot_ns()
        self._send(message(handle), (init,))
        return handle

    def append(self, message: Append, payload: Sequence[Buffer]) -> None:
        """Hand one fragment over."""
        self._waiting_since.setdefault(message.writer, self._clock.boot_ns())
        self._sent[message.writer] = message.index + 1
        if message.writer in self._owners:
            self._window.given(message.writer, sum(map(len, payload)), self._clock.boot_ns())
        self._send(message, payload)

    def close(self, message: CloseSegment) -> None:
        """Finish a segment; ``writer_closed`` follows."""
        self._waiting_since.setdefault(message.writer, self._clock.boot_ns())
        self._closing.add(message.writer)
        self._send(message)

    def forget(self, handle: int) -> None:
        """No longer tell the owner of this writer anything."""
        self._owners.pop(handle, None)
        self._settled(handle)

    def look(self, now_ns: int) -> None:
        """Judge whether the volume keeps up. Once a round."""
        held_back, self._held_back_ns = self._held_back_ns, None
        if self._congestion.look(held_back, now_ns, used=self._window.is_used(now_ns)):
            self._window.relax()
        if self._congestion.on is self.congested:
            return
        self.congested = self._congestion.on
        if self.congested:
            log.warning("[STORAGE] volume %s does not take footage as fast as it comes", self.endpoint.name)
        else:
            log.info("[STORAGE] volume %s takes footage as fast as it comes again", self.endpoint.name)

    def probe(self) -> None:
        """Ask for a look at the volume now; sixteen cameras that ask at once have asked once."""
        now = self._clock.boot_ns()
        if now - self._asked_ns >= _ASK_AGAIN_NS:
            self._asked_ns = now
            self._send(ProbeVolume())

    def shutdown(self) -> None:
        """Let go; open writers are finished by the disk process."""
        self._closed = True
        if self._retry is not None:
            self._retry.cancel()
        if self._channel is not None:
            self._channel.close()

    def give_up(self, fault: str, text: str) -> None:
        """The volume does not answer: end every writer on it and start over with a new connection."""
        log.warning("[STORAGE] volume %s: %s; its writers are given up", self.endpoint.name, text)
        if self._channel is not None:
            self._end(fault, text)

    @property
    def queued_bytes(self) -> int:
        """Bytes the disk process has not taken from the socket yet."""
        return self._channel.queued_bytes if self._channel is not None else 0

    async def drained(self, timeout_s: float) -> bool:
        """Wait until everything is handed over and every writer has ended."""
        deadline = self._loop.time() + timeout_s
        while self._owners and self._channel is not None and self._loop.time() < deadline:
            await asyncio.sleep(0.01)
        return not self._owners

    # -- inside ---------------------------------------------------------------------------------------------

    def _send(self, message: Message, payload: Sequence[Buffer] = ()) -> None:
        if self._channel is not None:
            self._channel.send(message, payload)

    def _connect(self) -> None:
        if self._closed:
            return
        try:
            sock = connect(self.endpoint.socket)
        except OSError:
            self._retry = self._loop.call_later(self._retry_s, self._connect)
            self._retry_s = min(self._retry_s * 1.5, _LAST_RETRY_S)
            return
        self._retry_s = _FIRST_RETRY_S
        self._report = -1
        widen(sock, _SOCKET_BYTES)
        self._channel = Channel(sock, self._message, self._lost, gather=True)
        self._channel.peer = f"disk-{self.endpoint.name}"
        self._channel.send(Hello(role="recorder", name=self._name, pid=os.getpid()))

    def _lost(self, channel: Channel) -> None:
        if channel is self._channel:
            self._end("hung", "its disk process went away")

    def _end(self, fault: str, text: str) -> None:
        channel, self._channel = self._channel, None
        if channel is not None:
            channel.close()
        owners, self._owners = self._owners, {}
        self._waiting_since.clear()
        self._sent.clear()
        self._closing.clear()
        self._window, self._congestion, self.congested = Window(), Congestion(), False
        for handle, owner in owners.items():
            owner.writer_failed(handle, fault, 0, text)
        if not self._closed:
            self._on_change(self)
            self._retry = self._loop.call_later(self._retry_s, self._connect)

    def _message(self, channel: Channel, message: Message, _payload: bytes) -> None:
        if channel is not self._channel:
            return
        match message:
            case Durable(writer=handle, fragments=fragments):
                self._answered(handle, fragments)
                if owner := self._owners.get(handle):
                    owner.writer_durable(handle, fragments)
            case SegmentIsOpen(writer=handle, path=path):
                self._answered(handle, 0)
                if owner := self._owners.get(handle):
                    owner.writer_opened(handle, path)
            case SegmentIsClosed(writer=handle, path=path, fragments=fragments, bytes=size):
                self._answered(handle, fragments)
                self._settled(handle)
                if owner := self._owners.pop(handle, None):
                    owner.writer_durable(handle, fragments)
                    owner.writer_closed(handle, path, size)
            case WriterFailed(writer=handle, fault=fault, errno=errno, text=text):
                self._settled(handle)
                if owner := self._owners.pop(handle, None):
                    owner.writer_failed(handle, fault, errno, text)
            case VolumeReport(volume=info, report=report) if report > self._report:
                first, self._report = self._report < 0, report
                changed = first or info.state != self.info.state or info.reason != self.info.reason
                self.info = info
                if changed:
                    self._on_change(self)
            case DiskBusy():
                self._answered_ns = self._clock.boot_ns()
            case Welcome():
                pass
            case _:
                log.debug("[IPC] disk %s said %s", self.endpoint.name, type(message).__name__)

    def _answered(self, handle: int, fragments: int) -> None:
        # An answer shows that the disk lives. What it still owes is younger than this moment at most.
        self._answered_ns = self._clock.boot_ns()
        if handle not in self._owners:
            return
        self._window.durable(handle, fragments, self._answered_ns)
        if handle in self._closing or self._sent.get(handle, 0) > fragments:
            self._waiting_since[handle] = self._clock.boot_ns()
        else:
            self._waiting_since.pop(handle, None)

    def _settled(self, handle: int) -> None:
        self._waiting_since.pop(handle, None)
        self._sent.pop(handle, None)
        self._closing.discard(handle)
        self._window.ended(handle)


def lost_volumes(links: Sequence[DiskLink], now_ns: int, hung_after_ns: int) -> list[DiskLink]:
    """The links that have owed an answer for longer than ``hung_after_ns``."""
    return [link for link in links if link.connected and link.waited_ns(now_ns) > hung_after_ns]
