"""How often a camera that is away is asked, against real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import select
import socket
import struct
import time

import pytest

from evertape.clock import SystemClock
from evertape.domain.failure import FailureKind
from evertape.engine.answer_probe import AnswerProbe
from evertape.media.rtsp.asking import Answer, Asking
from evertape.media.rtsp.connection import Connection, ConnectionFailedError, endpoint_of
from evertape.types import NS_PER_S
from evertape_lab.fleet import LabCameras
from evertape_lab.servers import BadServer, Kind

SECONDS = 2.2


async def probe(url: str, seconds: float) -> list[tuple[bool, bool]]:
    results: list[tuple[bool, bool]] = []
    asking = AnswerProbe(url, SystemClock(), lambda answered, certain: results.append((answered, certain)))
    asking.start()
    await asyncio.sleep(seconds)
    asking.stop()
    return results


@pytest.mark.parametrize("kind", [Kind.HANG_UP, Kind.HTTP, Kind.GARBAGE])
def test_whoever_refuses_at_once_is_asked_twice_a_second(kind: Kind) -> None:
    with BadServer(kind) as server:
        asyncio.run(probe(server.url, SECONDS))
        assert 3 <= server.connections <= 6


def test_a_question_that_was_taken_is_not_repeated_until_its_deadline() -> None:
    with BadServer(Kind.MUTE) as server:
        results = asyncio.run(probe(server.url, SECONDS))
        assert 2 <= len(server.visits) <= 3
    assert results == [(False, False)] * len(results)


def test_an_answer_ends_nothing_by_itself_and_is_told() -> None:
    with BadServer(Kind.RTSP) as server:
        results = asyncio.run(probe(server.url, 0.8))
    assert (True, False) in results


def test_a_frozen_camera_finds_no_heap_of_questions_when_it_goes_on() -> None:
    with LabCameras(count=1) as lab:
        lab.freeze()
        asyncio.run(probe(lab.urls[0], 4.0))
        lab.thaw()
        asyncio.run(probe(lab.urls[0], 0.3))
        deadline = time.monotonic() + 5
        while not lab.asked and time.monotonic() < deadline:
            time.sleep(0.02)
        assert 1 <= len(lab.asked) <= 2


def test_a_connection_that_is_reset_while_it_is_looked_at_has_failed_like_any_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def too_late(sock: socket.socket) -> tuple[bool, bool, bool]:
        """The reset comes after the socket was found writable: the kernel tells of it only by what is asked next."""
        client, _ = listener.accept()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()
        select.select([sock], [], [], 5)
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == errno.ECONNRESET
        return False, True, False

    monkeypatch.setattr("evertape.media.rtsp.connection.select_now", too_late)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        connection = Connection(endpoint_of(f"rtsp://127.0.0.1:{listener.getsockname()[1]}/cam"), NS_PER_S)
        with contextlib.closing(connection), pytest.raises(ConnectionFailedError) as failed:
            connection.advance(SystemClock().boot_ns())
    assert failed.value.kind is FailureKind.RESET


def test_a_mistake_does_not_end_the_asking(monkeypatch: pytest.MonkeyPatch) -> None:
    real, mistakes = Asking.poll, [RuntimeError("a mistake")]

    def poll(asking: Asking) -> list[Answer]:
        if mistakes:
            raise mistakes.pop()
        return real(asking)

    monkeypatch.setattr(Asking, "poll", poll)
    with BadServer(Kind.RTSP) as server:
        assert (True, False) in asyncio.run(probe(server.url, 0.8))
    assert mistakes == []
