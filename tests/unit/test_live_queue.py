from __future__ import annotations

import asyncio
import json
from typing import Any

from evertape.hub.live.viewer import MOST_BYTES, MOST_S, Chunk, Queue


class Time:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def taken(queue: Queue) -> list[str | bytes]:
    async def take() -> list[str | bytes]:
        found: list[str | bytes] = []
        while queue.waiting_bytes:
            found += await queue.next()
        return found

    return asyncio.run(take())


def made() -> tuple[Queue, Time]:
    time = Time()

    async def make() -> Queue:
        return Queue(time)

    return asyncio.run(make()), time


def key(size: int = 10) -> Chunk:
    return Chunk(b"K" * size, True)


def other(size: int = 10) -> Chunk:
    return Chunk(b"p" * size, False)


def said(text: str | bytes) -> Any:
    assert isinstance(text, str)
    return json.loads(text)


def test_footage_is_put_together_and_words_keep_their_place() -> None:
    queue, _ = made()
    queue.put_all(["{}", key(2), other(2), "{}", other(1)])
    assert taken(queue) == ["{}", b"KKpp", "{}", b"p"]


def test_who_keeps_up_misses_nothing() -> None:
    queue, time = made()
    for number in range(1000):
        time.now = number / 25
        queue.put(key() if number % 25 == 0 else other())
        (found,) = taken(queue)
        assert len(found) == 10


def test_too_much_that_waits_goes_and_the_next_key_is_what_follows() -> None:
    queue, _ = made()
    queue.put(key(MOST_BYTES))
    queue.put(other(10))
    queue.put(other(10))  # one too many
    assert queue.waiting_bytes == 0
    queue.put(other(10))
    assert queue.waiting_bytes == 0, "nothing that cannot be decoded"
    queue.put(Chunk(b"sound", True, picture=False))
    assert queue.waiting_bytes == 0
    queue.put(key(5))
    words, footage = taken(queue)
    assert said(words) == {"type": "skipped", "pictures": 4}
    assert footage == b"KKKKK"


def test_what_waited_too_long_goes_too() -> None:
    queue, time = made()
    queue.put(key())
    time.now = MOST_S + 0.01
    queue.put(other())
    time.now = MOST_S + 0.1
    queue.put(key())
    assert [said(taken(queue)[0])] == [{"type": "skipped", "pictures": 2}]


def test_words_are_never_dropped() -> None:
    queue, _ = made()
    queue.put_all(['{"type":"format"}', b"head", key(MOST_BYTES + 1)])
    queue.put(other())
    assert taken(queue) == ['{"type":"format"}', b"head"]


def test_memory_of_one_who_never_reads_is_bounded() -> None:
    queue, time = made()
    most = 0
    for number in range(5000):
        time.now = number / 25
        queue.put(key(100_000) if number % 25 == 0 else other(20_000))
        most = max(most, queue.waiting_bytes)
    assert most < MOST_BYTES + 200_000
