"""The keeper's questions about a finished file: what of it cannot be read, where is what. Its bytes are ``Moving``'s.

Threads: the loop's; the call runs in the lane of upkeep.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from typing import Any, BinaryIO, cast

from evertape.disk.fault import step
from evertape.disk.jobs import reading
from evertape.disk.moving import MovingHost
from evertape.disk.volume import Session
from evertape.errors import ProtocolError
from evertape.ipc.channel import Channel
from evertape.ipc.events import DamagedSpan
from evertape.ipc.messages import ExamineSegment, FindGroup, GroupFound, Message, SegmentExamined
from evertape.mp4.examine import Examined, examine
from evertape.mp4.sample import group_of
from evertape.mp4.scan import scan


class Checking:
    """Answers them.

    Args:
        host: upkeep.
    """

    def __init__(self, host: MovingHost) -> None:
        self._host = host

    @property
    def jobs(self) -> dict[type[Message], Callable[..., Coroutine[Any, Any, None]]]:
        """By the message that asks for them."""
        return {ExamineSegment: self._examine, FindGroup: self._group}

    async def _examine(self, channel: Channel, want: ExamineSegment, _payload: bytes) -> None:
        session, parts = self._host.session(), self._host.not_being_written(want.path)
        found = await session.call(
            session.upkeep, "examining a segment", partial(_look, session, parts, payload=want.payload)
        )
        channel.send(
            SegmentExamined(
                request=want.request,
                problem=found.problem,
                lost=tuple(
                    DamagedSpan(
                        start_utc=one.start_utc,
                        end_utc=one.end_utc,
                        first_video=one.first_video,
                        last_video=one.last_video,
                    )
                    for one in found.lost
                ),
                start_utc=found.start_utc,
                end_utc=found.end_utc,
                last_video=found.last_video,
                compared=found.compared,
            )
        )

    async def _group(self, channel: Channel, want: FindGroup, _payload: bytes) -> None:
        session, parts = self._host.session(), self._host.not_being_written(want.path)
        job = partial(_find_group, session, parts, want)
        channel.send(await session.call(session.upkeep, "finding a group of pictures", job))


def _find_group(session: Session, parts: Sequence[str], want: FindGroup) -> GroupFound:
    with step("R1"), reading(session, parts) as file:
        scanned = scan(cast(BinaryIO, file))
        group = group_of(scanned, want.unit)
        if group is None or scanned.header.segment_id != want.segment:
            return GroupFound(request=want.request)
        return GroupFound(request=want.request, file_start_utc=scanned.header.start_utc_ns, **group._asdict())


def _look(session: Session, parts: Sequence[str], *, payload: bool) -> Examined:
    with step("R1"), reading(session, parts) as file:
        try:
            return examine(cast(BinaryIO, file), payload=payload)
        except ProtocolError as error:
            return Examined(error.what, (), False, 0, 0, -1)
