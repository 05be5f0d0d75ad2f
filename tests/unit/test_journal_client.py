"""A journal whose process lives and does not answer: nothing waits for it but the events, in memory."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from evertape.clock import SystemClock
from evertape.disk.journal_client import JournalClient
from evertape.ipc.channel import Channel, Listener
from evertape.ipc.events import AnyEvent, EventStamp, Notice
from evertape.ipc.messages import JournalAppend, JournalDurable, Message

STAMP = EventStamp("recorder-0", "service", SystemClock())


class Keeper:
    """The journal's process, as far as a client sees it; ``hangs``: it takes everything and confirms nothing."""

    def __init__(self, path: str) -> None:
        self.hangs = True
        self.connections = 0
        self.kept: dict[str, AnyEvent] = {}
        self._listener = Listener(path, self._connected)
        self._channels: list[Channel] = []

    def _connected(self, sock: socket.socket) -> None:
        self.connections += 1
        self._channels.append(Channel(sock, self._message))

    def _message(self, channel: Channel, message: Message, _payload: bytes) -> None:
        if isinstance(message, JournalAppend) and not self.hangs:
            self.kept |= {event.id: event for event in message.events}
            channel.send(JournalDurable(last=message.last))

    def close(self) -> None:
        self._listener.close()
        for channel in self._channels:
            channel.close()


def notice(text: str) -> Notice:
    return Notice(**STAMP(), text=text)


async def until(condition: Callable[[], bool]) -> None:
    while not condition():
        await asyncio.sleep(0.002)


def run(path: Path, work: Callable[[Keeper, JournalClient], Awaitable[None]], **settings: int) -> None:
    async def body() -> None:
        keeper = Keeper(str(path / "data"))
        client = JournalClient(str(path / "data"), STAMP, deadline_s=0.05, **settings)
        try:
            async with asyncio.timeout(20):
                await work(keeper, client)
        finally:
            await client.close(0.01)
            keeper.close()

    asyncio.run(body())


def test_events_wait_while_the_journal_hangs_and_are_all_kept_once_it_answers(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def work(keeper: Keeper, client: JournalClient) -> None:
        sent = [notice(f"n{n}") for n in range(5)]
        client.put(sent[0])
        await until(lambda: keeper.connections >= 3)
        for event in sent[1:]:
            client.put(event)
        assert client.unconfirmed == 5
        keeper.hangs = False
        await until(lambda: client.unconfirmed == 0)
        texts = [event.text for event in keeper.kept.values() if isinstance(event, Notice)]
        assert texts == [f"n{n}" for n in range(5)] + ["the journal did not answer"]

    with caplog.at_level(logging.INFO):
        run(tmp_path, work)
    assert caplog.text.count("the journal does not answer") == 1, "said once, however often it is tried"
    assert "the journal answers again" in caplog.text


def test_a_successor_at_the_same_address_gets_what_the_hung_process_took(tmp_path: Path) -> None:
    async def work(keeper: Keeper, client: JournalClient) -> None:
        client.put(notice("one"))
        await until(lambda: keeper.connections == 1)
        # The old process is stuck in the kernel: its end of the connection stays open.
        successor = Keeper(str(tmp_path / "data"))
        successor.hangs = False
        try:
            await until(lambda: client.unconfirmed == 0)
            assert "one" in [event.text for event in successor.kept.values() if isinstance(event, Notice)]
            assert keeper.kept == {}
        finally:
            successor.close()

    run(tmp_path, work)


def test_a_process_that_says_little_is_connected_before_it_speaks(tmp_path: Path) -> None:
    async def work(keeper: Keeper, client: JournalClient) -> None:
        keeper.hangs = False
        client.open()
        await until(lambda: keeper.connections == 1)
        assert await client.durable(notice("at last"))
        assert keeper.connections == 1

    run(tmp_path, work)


def test_what_waits_for_a_hung_journal_is_bounded(tmp_path: Path) -> None:
    async def work(keeper: Keeper, client: JournalClient) -> None:
        client.put(notice("first"))
        await until(lambda: keeper.connections >= 1)
        for n in range(500):
            client.put(notice(f"n{n}"))
        assert client.unconfirmed <= 50
        assert client.dropped > 0
        keeper.hangs = False
        await until(lambda: client.unconfirmed == 0)
        said = [event for event in keeper.kept.values() if isinstance(event, Notice) and "dropped" in event.text]
        assert len(said) == 1

    run(tmp_path, work, most_kept=50)
