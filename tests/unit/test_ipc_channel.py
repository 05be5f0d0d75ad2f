"""A connection between two loops: what is gathered, what is kept, what is lost when it closes."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from evertape.ipc import channel as channel_module
from evertape.ipc.channel import Channel, Listener, connect, widen
from evertape.ipc.messages import Durable, Message
from evertape.ipc.wire import FrameReader


def run(test: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(test(), 20))


def note(n: int) -> Durable:
    return Durable(writer=n, fragments=n, bytes=n)


async def until(condition: Callable[[], bool]) -> None:
    while not condition():
        await asyncio.sleep(0.001)


@pytest.mark.parametrize("gather", [False, True])
def test_messages_arrive_in_order_with_their_payloads(gather: bool) -> None:
    async def test() -> None:
        ours, theirs = socket.socketpair()
        heard: list[tuple[Message, bytes]] = []
        sender = Channel(ours, lambda *_: None, gather=gather)
        receiver = Channel(theirs, lambda _, message, payload: heard.append((message, payload)))
        payloads = [bytes([n]) * n * 40_000 for n in range(12)]
        for n, payload in enumerate(payloads):
            sender.send(note(n), (payload[:1], b"", payload[1:]))
        await until(lambda: len(heard) == len(payloads))
        assert heard == [(note(n), payload) for n, payload in enumerate(payloads)]
        assert sender.queued_bytes == 0
        sender.close()
        await until(lambda: receiver.closed)

    run(test)


def test_what_one_turn_says_leaves_in_one_piece() -> None:
    async def test() -> None:
        ours, theirs = socket.socketpair()
        theirs.setblocking(False)
        sender = Channel(ours, lambda *_: None, gather=True)
        for n in range(5):
            sender.send(note(n), (b"x" * 100,))
        assert sender.queued_bytes > 500
        with pytest.raises(BlockingIOError):
            theirs.recv(1)
        await asyncio.sleep(0)
        data = theirs.recv(1 << 16)
        assert [message for message, _ in FrameReader().feed(data)] == [note(n) for n in range(5)]
        sender.close()
        theirs.close()

    run(test)


def test_what_was_said_just_before_closing_is_not_lost() -> None:
    async def test() -> None:
        ours, theirs = socket.socketpair()
        sender = Channel(ours, lambda *_: None, gather=True)
        sender.send(note(1))
        sender.close()
        assert [message for message, _ in FrameReader().feed(theirs.recv(1 << 16))] == [note(1)]
        assert theirs.recv(1) == b""
        theirs.close()

    run(test)


def test_a_peer_that_vanished_is_told_of_once() -> None:
    async def test() -> None:
        ours, theirs = socket.socketpair()
        gone: list[Channel] = []
        sender = Channel(ours, lambda *_: None, gone.append, gather=True)
        theirs.close()
        for n in range(3):
            sender.send(note(n))
        await until(lambda: bool(gone))
        sender.send(note(9))
        await asyncio.sleep(0.01)
        assert gone == [sender]

    run(test)


def test_a_wide_socket_takes_a_whole_round_at_once() -> None:
    async def test() -> None:
        ours, theirs = socket.socketpair()
        widen(ours, 1 << 20)
        room = ours.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)
        assert room >= 400_000
        sender = Channel(ours, lambda *_: None)
        sender.send(note(1), (bytes(room // 4),))
        assert sender.queued_bytes == 0
        sender.close()
        theirs.close()

    run(test)


class NoDescriptors:
    """A listening socket of a process that has used up its descriptors."""

    def __init__(self, sock: socket.socket) -> None:
        self.real = sock
        self.asked = 0
        self.out = True

    def accept(self) -> tuple[socket.socket, object]:
        self.asked += 1
        if self.out:
            raise OSError(errno.EMFILE, "Too many open files")
        return self.real.accept()

    def fileno(self) -> int:
        return self.real.fileno()

    def close(self) -> None:
        self.real.close()


def test_a_process_without_descriptors_pauses_and_then_takes_whoever_waited(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def test() -> None:
        monkeypatch.setattr(channel_module, "_ACCEPT_PAUSE_S", 0.05)
        came: list[socket.socket] = []
        listener = Listener(str(tmp_path / "door"), came.append)
        empty = NoDescriptors(listener._sock)
        listener._sock = empty  # type: ignore[assignment]
        client = connect(listener.path)
        await until(lambda: empty.asked == 1)
        for _ in range(100):
            await asyncio.sleep(0)
        assert empty.asked <= 2, "it does not spin"
        empty.out = False
        await until(lambda: len(came) == 1)
        listener.close()
        client.close()
        came[0].close()

    run(test)
