"""What waits for one viewer. A slow one is skipped forward to the next keyframe, and nobody else notices.

Threads: the owner's loop only.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

MOST_BYTES = 4 << 20
"""What may wait for a viewer: a second of 32 Mbit/s."""
MOST_S = 2.0
"""And for how long the oldest of it."""
_AT_ONCE = 1 << 18


@dataclass(frozen=True, slots=True)
class Chunk:
    """One picture or audio frame as a fragment.

    Args:
        data: for ``SourceBuffer.appendBuffer``.
        key: decoding can begin here.
        picture: it is a picture.
    """

    data: bytes
    key: bool
    picture: bool = True


Item = Chunk | str | bytes
"""What is sent in its order: footage, JSON, an initialisation segment."""


def text(**fields: Any) -> str:
    """A JSON message."""
    return json.dumps(fields, separators=(",", ":"))


class Queue:
    """See the module.

    Args:
        now: seconds of the loop's clock.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._waiting: deque[tuple[float, Item]] = deque()
        self._bytes = 0
        self._some = asyncio.Event()
        self._skipped: int | None = None
        """Pictures left out so far while it waits for a keyframe; ``None``: it does not."""

    @property
    def waiting_bytes(self) -> int:
        """How much waits."""
        return self._bytes

    def put(self, item: Item) -> None:
        """Something is to be sent, unless the viewer has to be skipped forward first."""
        if isinstance(item, Chunk):
            self._put_chunk(item)
        else:
            self._append(item)

    def put_all(self, items: Sequence[Item]) -> None:
        """The same of several."""
        for item in items:
            self.put(item)

    def skip(self, pictures: int) -> None:
        """The recorder left out so many pictures; the next one is a keyframe."""
        self._append(text(type="skipped", pictures=pictures))

    async def next(self) -> list[str | bytes]:
        """What is to be sent now, footage put together into larger messages; waits until there is some."""
        while not self._waiting:
            self._some.clear()
            await self._some.wait()
        found: list[str | bytes] = []
        parts: list[bytes] = []
        size = 0
        while self._waiting and size < _AT_ONCE:
            _, item = self._waiting.popleft()
            self._bytes -= _size(item)
            size += _size(item)
            if isinstance(item, Chunk):
                parts.append(item.data)
                continue
            if parts:
                found.append(b"".join(parts))
                parts = []
            found.append(item)
        if parts:
            found.append(b"".join(parts))
        return found

    def _put_chunk(self, chunk: Chunk) -> None:
        if self._skipped is not None:
            if not (chunk.key and chunk.picture):
                self._skipped += chunk.picture
                return
            self._append(text(type="skipped", pictures=self._skipped))
            self._skipped = None
        elif self._late():
            self._skipped = self._drop() + chunk.picture
            return
        self._append(chunk)

    def _late(self) -> bool:
        if self._bytes > MOST_BYTES:
            return True
        return bool(self._waiting) and self._now() - self._waiting[0][0] > MOST_S

    def _drop(self) -> int:
        """Drop the footage that waits; how many pictures that was."""
        chunks = [item for _, item in self._waiting if isinstance(item, Chunk)]
        kept = [(at, item) for at, item in self._waiting if not isinstance(item, Chunk)]
        self._waiting = deque(kept)
        self._bytes = sum(_size(item) for _, item in kept)
        return sum(chunk.picture for chunk in chunks)

    def _append(self, item: Item) -> None:
        self._waiting.append((self._now(), item))
        self._bytes += _size(item)
        self._some.set()


def _size(item: Item) -> int:
    return len(item.data) if isinstance(item, Chunk) else len(item)
