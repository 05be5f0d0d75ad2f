"""The keeper's jobs of homecoming on one volume: read a piece, take a piece, give the copy its name.

Threads: the loop's; the calls run in the lane of upkeep. The bytes themselves go from one volume's process to the other
through the keeper, which asks for one piece after the other.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, Protocol

from evertape.disk import incoming
from evertape.disk.jobs import segment_at
from evertape.disk.volume import Session
from evertape.ipc.channel import Channel
from evertape.ipc.messages import (
    AppendCopy,
    BeginCopy,
    CopyTaken,
    FindSegment,
    JobDone,
    Message,
    PlaceCopy,
    ReadSegment,
    SegmentPiece,
)

MOST = 4 << 20
"""Bytes in one piece, whatever is asked for."""


class MovingHost(Protocol):
    """What the jobs need from upkeep."""

    def session(self) -> Session:
        """The opened volume; raises ``VolumeFaultError`` if it is not there."""

    def not_being_written(self, path: str) -> tuple[str, ...]:
        """The parts of a segment's path; refused if a writer has it."""

    @property
    def need_free(self) -> int:
        """Bytes that must stay free."""

    @property
    def sync_ms(self) -> float:
        """How long recording's syncs take here lately; 0 while nothing is recorded."""


class Moving:
    """Does them.

    Args:
        host: upkeep.
    """

    def __init__(self, host: MovingHost) -> None:
        self._host = host

    @property
    def jobs(self) -> dict[type[Message], Callable[..., Coroutine[Any, Any, None]]]:
        """By the message that asks for them."""
        return {
            FindSegment: self._find,
            ReadSegment: self._read,
            BeginCopy: self._begin,
            AppendCopy: self._append,
            PlaceCopy: self._place,
        }

    async def _find(self, channel: Channel, want: FindSegment, _payload: bytes) -> None:
        session, parts = self._host.session(), self._host.not_being_written(want.path)
        found = await session.call(session.upkeep, "asking a segment", partial(segment_at, session, parts))
        channel.send(JobDone(request=want.request, ok=True, text=found))

    async def _read(self, channel: Channel, want: ReadSegment, _payload: bytes) -> None:
        session = self._host.session()
        parts = self._host.not_being_written(want.path) if want.path else incoming.part_path(want.segment)
        job = partial(incoming.read, session, parts, want.offset, min(want.size, MOST), fresh=want.fresh)
        piece = await session.call(session.upkeep, "reading a segment", job)
        answer = SegmentPiece(request=want.request, total=piece.total, sync_ms=self._host.sync_ms)
        channel.send(answer, (piece.data,))

    async def _begin(self, channel: Channel, want: BeginCopy, _payload: bytes) -> None:
        session = self._host.session()
        if want.path:
            self._host.not_being_written(want.path)
        need = self._host.need_free + want.bytes
        job = partial(incoming.begin, session, want.segment, want.path, need)
        there = await session.call(session.upkeep, "beginning a copy", job)
        channel.send(JobDone(request=want.request, ok=True, text=there))

    async def _append(self, channel: Channel, want: AppendCopy, payload: bytes) -> None:
        session = self._host.session()
        job = partial(incoming.append, session, want.segment, want.offset, payload, sync=want.sync)
        await session.call(session.upkeep, "writing a copy", job)
        channel.send(CopyTaken(request=want.request, sync_ms=self._host.sync_ms))

    async def _place(self, channel: Channel, want: PlaceCopy, _payload: bytes) -> None:
        session = self._host.session()
        job = partial(incoming.place, session, want.segment, want.path)
        path = await session.call(session.upkeep, "giving a copy its name", job)
        channel.send(JobDone(request=want.request, ok=True, text=path))
