"""The keeper's connection to one volume's disk process: jobs and their answers.

Threads: the owner's loop only. A link reconnects for ever by itself; a job whose answer can no longer come
raises ``VolumeError``, and whoever wanted it does it again later: all jobs may be done twice.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
from collections.abc import Callable, Sequence

from evertape.errors import VolumeError
from evertape.ipc.channel import Channel, connect
from evertape.ipc.messages import (
    AppendCopy,
    CopyTaken,
    ExamineSegment,
    FindGroup,
    FoundFile,
    GroupFound,
    Hello,
    JobDone,
    ListOldest,
    ListSegments,
    Message,
    MirrorAppend,
    MirrorQuery,
    MirrorState,
    ProbeVolume,
    ReadSegment,
    Refused,
    SegmentExamined,
    SegmentList,
    SegmentPiece,
    VolumeEndpoint,
    VolumeInfo,
    VolumeReport,
)

log = logging.getLogger(__name__)

_FIRST_RETRY_S = 0.05
_LAST_RETRY_S = 2.0
PATIENCE_S = 300.0
"""For one job. A disk that wakes up, or a cut that walks through 100 GB, takes a while; a hung one says so itself."""

ONLINE = frozenset(("online", "low", "slow", "full"))
"""States in which upkeep makes sense; on a full volume recovery and deletion do."""


class JobFailedError(VolumeError):
    """The disk process answered that it could not; ``number``: the errno, 0 if there is none."""

    def __init__(self, what: str, number: int) -> None:
        super().__init__(what)
        self.number = number

    @property
    def is_media(self) -> bool:
        """The disk itself does not give the bytes out any more."""
        return self.number in (errno.EIO, errno.EBADMSG, errno.EUCLEAN, errno.ENODATA)


class KeeperLink:
    """See the module.

    Args:
        endpoint: the volume.
        name: what this process calls itself.
        on_change: called when the volume's state, or the connection, changed.
    """

    def __init__(self, endpoint: VolumeEndpoint, name: str, on_change: Callable[[KeeperLink], None]) -> None:
        self.endpoint = endpoint
        self.info = VolumeInfo(name=endpoint.name, role=endpoint.role, path=endpoint.path)
        self.connection = 0
        """Counts connections: another one is another disk process, or the same that was lost for a while."""
        self._name = name
        self._on_change = on_change
        self._channel: Channel | None = None
        self._requests = 0
        self._waiting: dict[int, asyncio.Future[Message]] = {}
        self._parts: dict[int, list[FoundFile]] = {}
        self._takers: dict[int, Callable[[bytes], None]] = {}
        """Who gets the payload of an answer."""
        self._report = -1
        self._news: asyncio.Future[None] | None = None
        """Done with the next report."""
        self._closed = False
        self._retry_s = _FIRST_RETRY_S
        self._retry: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()
        self._connect()

    @property
    def online(self) -> bool:
        """The volume is there, and its process answers."""
        return self._channel is not None and self._report >= 0 and self.info.state in ONLINE

    @property
    def volume_id(self) -> str:
        """The volume's identity; empty while it is not known."""
        return self.info.volume_id

    # -- jobs -----------------------------------------------------------------------------------------------

    async def job(self, make: Callable[[int], Message]) -> str:
        """Have a job done; returns what was said about it.

        Args:
            make: the message, given the request's number.

        Raises:
            VolumeError: it was refused or failed, or the connection was lost.
        """
        answer = await self._ask(make)
        return answer.text if isinstance(answer, JobDone) else ""

    async def list_segments(self, days: Sequence[str]) -> list[FoundFile]:
        """The files in these day folders. Raises ``VolumeError``."""
        answer = await self._ask(lambda number: ListSegments(request=number, days=tuple(days)))
        return list(answer.files) if isinstance(answer, SegmentList) else []

    async def list_oldest(self, most: int) -> list[FoundFile]:
        """At least ``most`` files by the order of the day folders, the oldest first. Raises ``VolumeError``."""
        answer = await self._ask(lambda number: ListOldest(request=number, most=most))
        return list(answer.files) if isinstance(answer, SegmentList) else []

    async def look(self, timeout_s: float) -> bool:
        """Have the volume looked at and return with its next report; False if none came in time."""
        if self._channel is None:
            return False
        news = self._news = self._news or self._loop.create_future()
        self._channel.send(ProbeVolume())
        done, _ = await asyncio.wait((news,), timeout=timeout_s)
        return bool(done)

    async def mirror_state(self) -> dict[str, int]:
        """Bytes per journal file in the volume's mirror. Raises ``VolumeError``."""
        answer = await self._ask(lambda number: MirrorQuery(request=number))
        return dict(answer.files) if isinstance(answer, MirrorState) else {}

    async def mirror_append(self, file: str, offset: int, data: bytes) -> None:
        """Write into the mirror. Raises ``VolumeError``."""
        await self._ask(lambda number: MirrorAppend(request=number, file=file, offset=offset), data)

    async def read_segment(
        self, segment: str, path: str, offset: int, size: int, *, fresh: bool
    ) -> tuple[SegmentPiece, bytes]:
        """A piece of a file; see ``ReadSegment``. Raises ``VolumeError``."""
        pieces: list[bytes] = []
        answer = await self._ask(
            lambda number: ReadSegment(
                request=number, segment=segment, path=path, offset=offset, size=size, fresh=fresh
            ),
            take=pieces.append,
        )
        if not isinstance(answer, SegmentPiece) or not pieces:
            raise VolumeError(f"volume {self.endpoint.name} did not answer with what was to be read")
        return answer, pieces[0]

    async def examine(self, segment: str, path: str, *, payload: bool = False) -> SegmentExamined:
        """Which fragments of a finished file cannot be read; see ``ExamineSegment``. Raises ``VolumeError``."""
        answer = await self._ask(
            lambda number: ExamineSegment(request=number, segment=segment, path=path, payload=payload)
        )
        if not isinstance(answer, SegmentExamined):
            raise VolumeError(f"volume {self.endpoint.name} did not answer what was asked of {path}")
        return answer

    async def find_group(self, segment: str, path: str, unit: int) -> GroupFound:
        """Where a group of pictures lies. Raises ``VolumeError``."""
        answer = await self._ask(lambda number: FindGroup(request=number, segment=segment, path=path, unit=unit))
        if not isinstance(answer, GroupFound):
            raise VolumeError(f"volume {self.endpoint.name} did not answer what was asked of {path}")
        return answer

    async def append_copy(self, segment: str, offset: int, data: bytes, *, sync: bool) -> CopyTaken:
        """The next piece of a copy; see ``AppendCopy``. Raises ``VolumeError``."""
        answer = await self._ask(
            lambda number: AppendCopy(request=number, segment=segment, offset=offset, sync=sync), data
        )
        return answer if isinstance(answer, CopyTaken) else CopyTaken(request=0)

    def shutdown(self) -> None:
        """Let go; jobs under way raise."""
        self._closed = True
        if self._retry is not None:
            self._retry.cancel()
        if self._channel is not None:
            self._channel.close()

    # -- inside ---------------------------------------------------------------------------------------------

    async def _ask(
        self,
        make: Callable[[int], Message],
        payload: bytes = b"",
        take: Callable[[bytes], None] | None = None,
    ) -> Message:
        if self._channel is None:
            raise VolumeError(f"the process of volume {self.endpoint.name} does not answer")
        self._requests += 1
        number = self._requests
        answer = self._waiting[number] = self._loop.create_future()
        if take is not None:
            self._takers[number] = take
        self._channel.send(make(number), (payload,) if payload else ())
        try:
            message: Message = await asyncio.wait_for(answer, PATIENCE_S)
        except TimeoutError:
            raise VolumeError(f"volume {self.endpoint.name} did not finish a job in {PATIENCE_S:.0f} s") from None
        finally:
            self._waiting.pop(number, None)
            self._parts.pop(number, None)
            self._takers.pop(number, None)
        if isinstance(message, JobDone) and not message.ok:
            text = f"volume {self.endpoint.name}: {message.text or os.strerror(message.errno)}"
            raise JobFailedError(text, message.errno)
        return message

    def _connect(self) -> None:
        if self._closed:
            return
        try:
            sock = connect(self.endpoint.socket)
        except OSError:
            self._later()
            return
        self._retry_s = _FIRST_RETRY_S
        self._report = -1
        self.connection += 1
        self._channel = Channel(sock, self._message, self._lost)
        self._channel.peer = f"disk-{self.endpoint.name}"
        self._channel.send(Hello(role="keeper", name=self._name, pid=os.getpid()))

    def _later(self) -> None:
        if not self._closed:
            self._retry = self._loop.call_later(self._retry_s, self._connect)
            self._retry_s = min(self._retry_s * 2, _LAST_RETRY_S)

    def _lost(self, channel: Channel) -> None:
        if channel is not self._channel:
            return
        self._channel = None
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(VolumeError(f"the process of volume {self.endpoint.name} went away"))
        self._waiting.clear()
        self._parts.clear()
        self._on_change(self)
        self._later()

    def _message(self, channel: Channel, message: Message, payload: bytes) -> None:
        match message:
            case VolumeReport(volume=info, report=report) if report > self._report:
                before = (self._report >= 0, self.info.state, self.info.volume_id)
                self._report, self.info = report, info
                news, self._news = self._news, None
                if news is not None:
                    news.set_result(None)
                if before != (True, info.state, info.volume_id):
                    self._on_change(self)
            case SegmentList(request=number, files=files, last=last):
                parts = self._parts.setdefault(number, [])
                parts += files
                if last:
                    self._answer(number, SegmentList(request=number, files=tuple(parts), last=True))
            case SegmentPiece(request=number):
                if number in self._takers:
                    self._takers[number](payload)
                self._answer(number, message)
            case (
                JobDone(request=number)
                | MirrorState(request=number)
                | CopyTaken(request=number)
                | SegmentExamined(request=number)
                | GroupFound(request=number)
            ):
                self._answer(number, message)
            case Refused(reason=reason):
                log.error("[IPC] volume %s refuses us: %s", self.endpoint.name, reason)
            case _:
                log.debug("[IPC] disk %s said %s", self.endpoint.name, type(message).__name__)

    def _answer(self, number: int, message: Message) -> None:
        answer = self._waiting.get(number)
        if answer is not None and not answer.done():
            answer.set_result(message)
