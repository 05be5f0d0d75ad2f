"""The way into the journal for every process: put an event, and it is written down even if it takes a while.

Threads: the owner's loop. Nothing here blocks. What has not been confirmed is kept and sent again after a
reconnect, so an event may be written twice; its ``id`` is what counts.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
from collections import deque
from typing import Protocol, cast

from evertape.ipc.channel import Channel, connect
from evertape.ipc.events import AnyEvent, CameraStateChanged, Event, EventStamp, Notice
from evertape.ipc.messages import Hello, JournalAppend, JournalDurable, JournalFailed, Message, Refused

log = logging.getLogger(__name__)

MOST_KEPT = 100_000
"""Events kept while the journal does not answer: hours of them, about 50 MB."""
BATCH = 1000
RETRY_FIRST_S, RETRY_LAST_S = 0.05, 1.0
RETRY_FAILED_S = 1.0
DEADLINE_S, LONGEST_DEADLINE_S = 5.0, 15.0
"""For the confirmation of a batch. It doubles, because each new try hands the same events over once more."""


class Journal(Protocol):
    """Where events go."""

    def put(self, event: Event) -> None:
        """Write the event down, some time soon."""

    async def durable(self, event: Event, timeout_s: float = 5.0) -> bool:
        """Write the event down; whether that was confirmed within ``timeout_s``. If not, it may still be later."""

    @property
    def full(self) -> bool:
        """The journal's own disk had no room for the last batch."""


class JournalClient:
    """A ``Journal`` over a socket.

    Args:
        socket_path: of the data folder's disk process.
        stamp: names this process, and stamps the note about what had to be dropped.
        most_kept: how many unconfirmed events to keep.
        deadline_s: for the confirmation of a batch; then the connection is made anew, because a process that is stuck
            in the kernel has perhaps been replaced by another one at the same address.
    """

    def __init__(
        self, socket_path: str, stamp: EventStamp, *, most_kept: int = MOST_KEPT, deadline_s: float = DEADLINE_S
    ) -> None:
        self._path = socket_path
        self._stamp = stamp
        self._most = most_kept
        self._events: deque[Event] = deque()
        self._in_flight = 0
        self._channel: Channel | None = None
        self._waiting: dict[str, asyncio.Future[None]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._retry_s = RETRY_FIRST_S
        self._loop = asyncio.get_running_loop()
        self._pumping = False
        self._closed = False
        self._first_deadline_s = self._deadline_s = deadline_s
        self._deadline: asyncio.TimerHandle | None = None
        self._silent_since: float | None = None
        """When the batch was sent that the journal did not confirm in time."""
        self._failure = 0
        self.dropped = 0
        """Events given up since the last note about it, because too many were waiting."""

    @property
    def unconfirmed(self) -> int:
        """Events that are not known to be durable."""
        return len(self._events)

    @property
    def full(self) -> bool:
        """The journal's own disk had no room for the last batch."""
        return self._failure in (errno.ENOSPC, errno.EDQUOT)

    def open(self) -> None:
        """Connect now instead of with the first event; what does not answer yet is tried again with that one.

        For a process that says little: what it holds does not grow when it begins to speak.
        """
        if self._channel is None and self._timer is None:
            self._connect()

    def put(self, event: Event) -> None:
        """Write the event down, some time soon. Never blocks, never raises."""
        self._events.append(event)
        if len(self._events) > self._most:
            self._make_room()
        self._pump_soon()

    async def durable(self, event: Event, timeout_s: float = 5.0) -> bool:
        """Write the event down; whether that was confirmed within ``timeout_s``. If not, it may still be later."""
        done = self._waiting[event.id] = self._loop.create_future()
        self.put(event)
        try:
            await asyncio.wait_for(asyncio.shield(done), timeout_s)
        except TimeoutError:
            return False
        finally:
            self._waiting.pop(event.id, None)
        return True

    async def close(self, timeout_s: float = 1.0) -> bool:
        """Wait until everything is confirmed, then disconnect; False if the time was up first."""
        deadline = self._loop.time() + timeout_s
        while self._events and self._loop.time() < deadline:
            await asyncio.sleep(0.01)
        self._closed = True
        self._answered()
        if self._timer is not None:
            self._timer.cancel()
        if self._channel is not None:
            self._channel.close()
        return not self._events

    # -- sending

    def _pump_soon(self) -> None:
        if not self._pumping and not self._in_flight:
            self._pumping = True
            self._loop.call_soon(self._pump)

    def _pump(self) -> None:
        """Connect if need be and send the next batch; one is under way at a time."""
        self._pumping = False
        if self._closed or self._in_flight or not self._events or self._timer is not None:
            return
        if self._channel is None and not self._connect():
            return
        assert self._channel is not None
        batch = tuple(self._events[i] for i in range(min(BATCH, len(self._events))))
        self._in_flight = len(batch)
        self._deadline = self._loop.call_later(self._deadline_s, self._overdue)
        self._channel.send(JournalAppend(events=cast(tuple[AnyEvent, ...], batch), last=batch[-1].id))

    def _connect(self) -> bool:
        try:
            self._channel = Channel(connect(self._path), self._on_message, self._on_close)
        except OSError as error:
            log.debug("[IPC] the journal does not answer: %s", error)
            self._try_again(self._retry_s)
            self._retry_s = min(self._retry_s * 2, RETRY_LAST_S)
            return False
        self._channel.peer = "the journal"
        source = self._stamp.source
        self._channel.send(Hello(role=source.partition("-")[0], name=source, pid=os.getpid()))
        return True

    def _overdue(self) -> None:
        """The journal's process took the batch and does not confirm it: its disk hangs."""
        self._deadline = None
        if self._silent_since is None:
            self._silent_since = self._loop.time() - self._deadline_s
            log.error("[STORAGE] the journal does not answer; events wait in memory, %d so far", len(self._events))
        self._deadline_s = min(self._deadline_s * 2, LONGEST_DEADLINE_S)
        if self._channel is not None:
            self._channel.close()

    def _answered(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _speaks_again(self) -> None:
        if self._silent_since is None:
            return
        seconds, self._silent_since = self._loop.time() - self._silent_since, None
        self._deadline_s = self._first_deadline_s
        log.info("[STORAGE] the journal answers again, after %.1f s", seconds)
        self.put(Notice(**self._stamp(), text="the journal did not answer", detail={"seconds": round(seconds, 3)}))

    def _try_again(self, delay_s: float) -> None:
        if self._timer is None and not self._closed:
            self._timer = self._loop.call_later(delay_s, self._timer_fired)

    def _timer_fired(self) -> None:
        self._timer = None
        self._pump()

    # -- answers

    def _on_message(self, channel: Channel, message: Message, _payload: bytes) -> None:
        if isinstance(message, JournalDurable):
            self._confirmed(message.last)
        elif isinstance(message, JournalFailed):
            log.warning("[STORAGE] the journal cannot be written: %s", message.text)
            self._answered()
            self._in_flight = 0
            self._failure = message.errno
            self._try_again(RETRY_FAILED_S)
        elif isinstance(message, Refused):
            log.error("[IPC] the journal refuses us: %s", message.reason)
            channel.close()

    def _confirmed(self, last: str) -> None:
        if not self._in_flight or self._events[self._in_flight - 1].id != last:
            return  # of a batch that was sent again since
        self._answered()
        for _ in range(self._in_flight):
            done = self._waiting.get(self._events.popleft().id)
            if done is not None and not done.done():
                done.set_result(None)
        self._in_flight = 0
        self._failure = 0
        self._retry_s = RETRY_FIRST_S
        self._speaks_again()
        if self.dropped:
            count, self.dropped = self.dropped, 0
            text = "events were dropped while the journal was away"
            self.put(Notice(**self._stamp(), text=text, detail={"count": count}))
        self._pump_soon()

    def _on_close(self, _channel: Channel) -> None:
        self._answered()
        self._channel = None
        self._in_flight = 0
        if self._events:
            self._try_again(self._retry_s)
            self._retry_s = min(self._retry_s * 2, RETRY_LAST_S)

    def _make_room(self) -> None:
        """Give up what matters least; what is under way is left alone."""
        sent = [self._events.popleft() for _ in range(self._in_flight)]
        before = len(self._events)
        kept = deque(e for e in self._events if not isinstance(e, Notice | CameraStateChanged))
        if len(kept) + len(sent) > self._most:
            for _ in range(max(1, len(kept) // 100)):
                kept.popleft()
        self.dropped += before - len(kept)
        self._events = deque(sent)
        self._events.extend(kept)
