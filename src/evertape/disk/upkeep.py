"""The keeper's jobs on a volume: list, recover, adopt, cut, delete, and the journal's mirror; moves are ``Moving``'s.

Threads: the loop's; the jobs run one after the other in a lane of their own, so that upkeep never takes the
threads that writing needs. Each job is answered by ``JobDone``, or by what was asked for.
"""

from __future__ import annotations

import asyncio
import errno
import logging
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from typing import Any

from evertape.disk import records
from evertape.disk.checking import Checking
from evertape.disk.days import drop_empty_day, oldest_files
from evertape.disk.fault import VolumeFaultError, as_fault
from evertape.disk.jobs import (
    Closed,
    append_mirror,
    close_file,
    cut_file,
    list_files,
    mirror_files,
    remove,
    segment_at,
)
from evertape.disk.journal_client import Journal
from evertape.disk.layout import segment_path
from evertape.disk.moving import Moving
from evertape.disk.volume import Session, Volume
from evertape.disk.writers import Writers
from evertape.domain.volume_state import VolumeState
from evertape.errors import ProtocolError
from evertape.ipc.channel import Channel
from evertape.ipc.events import EventStamp, SegmentClosed, SegmentCut, SegmentDeleted, SegmentMissing
from evertape.ipc.messages import (
    AdoptSegment,
    CutSegment,
    DeleteSegment,
    FoundFile,
    JobDone,
    ListOldest,
    ListSegments,
    Message,
    MirrorAppend,
    MirrorQuery,
    MirrorState,
    RecoverSegment,
    SegmentList,
)

log = logging.getLogger(__name__)

JOURNAL_S, JOURNAL_FULL_S = 5.0, 0.5
"""How long a deletion waits for its record, and does while the journal's disk is known to be full."""
PART = 2000
"""Files in one ``SegmentList``: about 150 kB."""


class RefusedError(Exception):
    """The job is not done, for a reason the keeper is told."""

    def __init__(self, text: str, number: int = 0) -> None:
        super().__init__(text)
        self.number = number


class Upkeep:
    """Does the jobs.

    Args:
        volume: on which.
        writers: whose files are not to be touched.
        journal: what was done.
        stamp: gives events their identity.
        sync_ms: how long recording's syncs take lately.
    """

    def __init__(
        self,
        volume: Volume,
        writers: Writers,
        journal: Journal,
        stamp: EventStamp,
        sync_ms: Callable[[], float] = lambda: 0.0,
    ) -> None:
        self._volume = volume
        self._writers = writers
        self._journal = journal
        self._stamp = stamp
        self._sync_ms = sync_ms
        self._tasks: set[asyncio.Task[None]] = set()
        self._jobs: dict[type[Message], Callable[..., Coroutine[Any, Any, None]]] = {
            RecoverSegment: self._recover,
            AdoptSegment: self._adopt,
            CutSegment: self._cut,
            DeleteSegment: self._delete,
            ListSegments: self._list,
            ListOldest: self._list_oldest,
            MirrorQuery: self._mirror_query,
            MirrorAppend: self._mirror_append,
            **Moving(self).jobs,
            **Checking(self).jobs,
        }

    def handle(self, channel: Channel, message: Message, payload: bytes) -> bool:
        """Begin the job that ``message`` asks for; False if it is no job."""
        job = self._jobs.get(type(message))
        if job is None:
            return False
        task = asyncio.ensure_future(self._do(job, channel, message, payload))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return True

    async def finish(self) -> None:
        """Wait for the jobs under way."""
        while self._tasks:
            await asyncio.wait(set(self._tasks))

    async def _do(
        self, job: Callable[..., Coroutine[Any, Any, None]], channel: Channel, message: Any, payload: bytes
    ) -> None:
        try:
            await job(channel, message, payload)
        except RefusedError as error:
            channel.send(JobDone(request=message.request, ok=False, errno=error.number, text=str(error)))
        except VolumeFaultError as fault:
            text = f"{fault.step}: {fault.what}" if fault.step else fault.what
            channel.send(JobDone(request=message.request, ok=False, errno=fault.number, text=text))
        except ProtocolError as error:
            channel.send(JobDone(request=message.request, ok=False, errno=errno.EINVAL, text=error.what))
        except Exception as error:  # noqa: BLE001 - the request's edge; logged in as_fault
            channel.send(JobDone(request=message.request, ok=False, text=as_fault(error).what))

    # -- jobs on one file

    async def _recover(self, channel: Channel, want: RecoverSegment, _payload: bytes) -> None:
        """R1 to R5 on a file that the index calls open."""
        session = self.session()
        parts = self.not_being_written(want.path)
        closed = await session.call(session.upkeep, "recovering a segment", partial(close_file, session, parts))
        if closed is None:
            missing = SegmentMissing(
                **self._stamp(), segment=want.segment, volume=self._volume.volume_id, path=want.path
            )
            self._journal.put(missing)
            channel.send(JobDone(request=want.request, ok=True, text="missing"))
            return
        if closed.scanned is not None and closed.scanned.header.segment_id != want.segment:
            raise RefusedError(f"{want.path} is segment {closed.scanned.header.segment_id}")
        text = await self._book_closed(session, closed, want.path, want.segment, "recovered")
        channel.send(JobDone(request=want.request, ok=True, text=text))

    async def _adopt(self, channel: Channel, want: AdoptSegment, _payload: bytes) -> None:
        """The same for a file nobody knows."""
        session = self.session()
        parts = self.not_being_written(want.path)
        closed = await session.call(session.upkeep, "adopting a segment", partial(close_file, session, parts))
        if closed is None:
            raise RefusedError(f"there is no {want.path}", errno.ENOENT)
        text = await self._book_closed(session, closed, want.path, "", "adopted")
        channel.send(JobDone(request=want.request, ok=True, text=text))

    async def _book_closed(self, session: Session, closed: Closed, path: str, segment: str, reason: str) -> str:
        scanned = closed.scanned
        if scanned is None or not records.has_video(scanned.fragments):
            segment = segment or (scanned.header.segment_id if scanned is not None else "")
            await self._remove(session, segment, path.split("/")[0], path, closed.size, "empty")
            return "empty"
        self._journal.put(
            SegmentClosed(
                **self._stamp(),
                **records.identity_fields(scanned.header),
                **records.caps_fields(scanned.caps),
                **records.clock_fields(scanned.header),
                **records.extent_fields(scanned.header, scanned.fragments),
                volume=self._volume.volume_id,
                path=path,
                first_audio=records.first_audio(scanned.header, scanned.fragments),
                bytes=closed.size,
                hash=closed.hash,
                reason=reason,
                spill=self._volume.spill,
            )
        )
        return closed.text

    async def _cut(self, channel: Channel, want: CutSegment, _payload: bytes) -> None:
        """T1 to T5."""
        session = self.session()
        parts = self.not_being_written(want.path)
        job = partial(cut_file, session, parts, want.segment, want.from_seq)
        cut = await session.call(session.upkeep, "cutting a segment", job)
        assert cut.scanned is not None
        extent = records.extent_fields(cut.scanned.header, cut.scanned.fragments)
        self._journal.put(
            SegmentCut(
                **self._stamp(),
                **extent,
                segment=want.segment,
                volume=self._volume.volume_id,
                path=want.path,
                from_seq=want.from_seq,
                bytes=cut.size,
                hash=cut.hash,
                by=want.by,
            )
        )
        channel.send(JobDone(request=want.request, ok=True, text=cut.text))

    async def _delete(self, channel: Channel, want: DeleteSegment, _payload: bytes) -> None:
        """D1 to D3."""
        session = self.session()
        parts = self.not_being_written(want.path)
        ask = partial(segment_at, session, parts)
        segment = want.segment or await session.call(session.upkeep, "asking a segment", ask)
        measure = partial(remove, session, parts, segment, dry=True)
        size = await session.call(session.upkeep, "measuring a segment", measure)
        await self._remove(session, segment, want.camera, want.path, size, want.reason)
        channel.send(JobDone(request=want.request, ok=True))

    async def _remove(self, session: Session, segment: str, camera: str, path: str, size: int, reason: str) -> None:
        event = SegmentDeleted(
            **self._stamp(),
            segment=segment,
            camera=camera,
            volume=self._volume.volume_id,
            path=path,
            bytes=size,
            reason=reason,
        )
        # D1: a file that is gone though no record says so would look like damage.
        if not await self._journal.durable(event, JOURNAL_FULL_S if self._journal.full else JOURNAL_S):
            if not (self._journal.full and self._volume.status.state is VolumeState.FULL):
                raise RefusedError("D1: the journal did not confirm; the file is still there", errno.EAGAIN)
            # Both lie on one full disk, as a rule: only a file less makes room for the record, which waits meanwhile.
            log.warning("[DISK] %s is deleted before that is on record: the journal's disk is full too", path)
        await session.call(session.upkeep, "deleting a segment", partial(_delete, session, path, segment))

    # -- lists and the mirror

    async def _list(self, channel: Channel, want: ListSegments, _payload: bytes) -> None:
        session = self.session()
        found = await session.call(session.upkeep, "listing segments", partial(list_files, session, want.days))
        self._send_list(channel, want.request, found)

    async def _list_oldest(self, channel: Channel, want: ListOldest, _payload: bytes) -> None:
        session = self.session()
        found = await session.call(session.upkeep, "listing files", partial(oldest_files, session, want.most))
        self._send_list(channel, want.request, found)

    def _send_list(self, channel: Channel, request: int, found: Sequence[tuple[str, int]]) -> None:
        taken = self._writers.open_paths()
        files = tuple(FoundFile(path=path, bytes=size, open=path in taken) for path, size in found)
        for start in range(0, max(1, len(files)), PART):
            part = files[start : start + PART]
            channel.send(SegmentList(request=request, files=part, last=start + PART >= len(files)))

    async def _mirror_query(self, channel: Channel, want: MirrorQuery, _payload: bytes) -> None:
        session = self.session()
        files = await session.call(session.upkeep, "looking at the mirror", partial(mirror_files, session))
        channel.send(MirrorState(request=want.request, files=files))

    async def _mirror_append(self, channel: Channel, want: MirrorAppend, payload: bytes) -> None:
        session = self.session()
        job = partial(append_mirror, session, want.file, want.offset, payload)
        await session.call(session.upkeep, "writing the mirror", job)
        channel.send(JobDone(request=want.request, ok=True))

    # -- what every job asks first

    @property
    def need_free(self) -> int:
        """Bytes that must stay free on the volume."""
        return self._volume.need_free

    @property
    def sync_ms(self) -> float:
        """How long recording's syncs take here lately; 0 while nothing is recorded."""
        return self._sync_ms() if len(self._writers) else 0.0

    def session(self) -> Session:
        """The opened volume. Raises ``VolumeFaultError`` if it cannot be used."""
        session = self._volume.session
        if session is None or self._volume.hung:
            raise self._volume.fault()
        return session

    def not_being_written(self, path: str) -> tuple[str, ...]:
        """The parts of a segment's path; refused if a writer has it."""
        parts = segment_path(path)
        if path in self._writers.open_paths():
            raise RefusedError(f"{path} is being written", errno.EBUSY)
        return parts


def _delete(session: Session, path: str, segment: str) -> None:
    """D2 and D3; a day's folder goes with its last file."""
    parts = segment_path(path)
    remove(session, parts, segment, dry=False)
    drop_empty_day(session.handle.root, parts)
