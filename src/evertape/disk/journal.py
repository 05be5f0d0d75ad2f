"""The journal's keeper within the data folder's disk process: batches from everybody, one sync for all.

Threads: the loop's; writing runs in one lane. Events stand in the files in order of arrival; whoever sent
them keeps them until ``JournalDurable``, so nothing here needs to survive an error.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import re
from functools import partial

from evertape.disk.fault import VolumeFaultError, step
from evertape.disk.journal_file import JournalFile
from evertape.disk.journal_format import encode_line
from evertape.disk.lanes import Lane
from evertape.disk.paths import directory, make_directories, replace_file
from evertape.disk.volume import Session, Volume, forget
from evertape.domain.volume_state import VolumeState
from evertape.ipc.channel import Channel
from evertape.ipc.events import Event
from evertape.ipc.messages import JobDone, JournalAppend, JournalDurable, JournalFailed, Message, PutState

log = logging.getLogger(__name__)

PAUSE_S = 0.2
"""Between two syncs while there is much to write; the first event after a quiet time is synced at once."""
RETRY_S = 1.0
STATE_FOLDER = "state"
_STATE_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}")

MOST_KEPT = 1000
"""Events of our own that wait for a better day; they are few."""

Sender = tuple[Channel, str] | asyncio.Future[bool] | None
"""Who is to be told: a batch's sender, somebody waiting in this process, or nobody, and then it is tried again."""


class JournalKeeper:
    """Writes the journal and the small state files. Is itself the ``Journal`` of its own process.

    Args:
        volume: the data folder.
    """

    def __init__(self, volume: Volume) -> None:
        self._volume = volume
        self._loop = asyncio.get_running_loop()
        self._queue: list[tuple[bytes, Sender]] = []
        self._session: Session | None = None
        self._file: JournalFile | None = None
        self._lane: Lane | None = None
        self._writing: asyncio.Task[None] | None = None
        self._jobs: set[asyncio.Task[None]] = set()

    # -- the journal of this process itself

    def put(self, event: Event) -> None:
        """Write the event down, some time soon."""
        self._take((event,), None)

    async def durable(self, event: Event, timeout_s: float = 5.0) -> bool:
        """Write the event down; whether that worked within ``timeout_s``."""
        done: asyncio.Future[bool] = self._loop.create_future()
        self._take((event,), done)
        try:
            return await asyncio.wait_for(done, timeout_s)
        except TimeoutError:
            return False

    @property
    def full(self) -> bool:
        """The data folder's disk has no room."""
        return self._volume.status.state is VolumeState.FULL

    # -- messages

    def handle(self, channel: Channel, message: Message, payload: bytes) -> bool:
        """Take a message in; False if it is not for the journal."""
        if isinstance(message, JournalAppend):
            self._take(message.events, (channel, message.last))
        elif isinstance(message, PutState):
            job = asyncio.ensure_future(self._put_state(channel, message, payload))
            self._jobs.add(job)
            job.add_done_callback(self._jobs.discard)
        else:
            return False
        return True

    async def finish(self) -> None:
        """Wait until everything that came is written or answered."""
        while self._writing is not None or self._jobs:
            await asyncio.wait({*self._jobs, *filter(None, (self._writing,))}, return_when=asyncio.FIRST_COMPLETED)
        if self._file is not None and self._lane is not None:
            await self._lane.submit("closing the journal", self._file.close)

    # -- writing

    def _take(self, events: tuple[Event, ...], sender: Sender) -> None:
        self._queue.append((b"".join(map(encode_line, events)), sender))
        self._begin()

    def _begin(self) -> None:
        if self._writing is None and self._queue:
            self._writing = asyncio.ensure_future(self._write())

    async def _write(self) -> None:
        """Write and sync whatever has come, until nothing has."""
        try:
            while self._queue:
                batch, self._queue = self._queue, []
                try:
                    await self._append(b"".join(lines for lines, _ in batch))
                except VolumeFaultError as fault:
                    self._failed(batch, fault)
                    return
                for _, sender in batch:
                    _confirm(sender)
                await asyncio.sleep(PAUSE_S)
        finally:
            self._writing = None

    async def _append(self, lines: bytes) -> None:
        session = self._volume.session
        if session is None or self._volume.hung:
            raise self._volume.fault()
        if session is not self._session or self._file is None or self._lane is None:
            self._session, self._file, self._lane = session, JournalFile(session), session.lanes.lane()
        await session.call(self._lane, "writing the journal", partial(self._file.append, lines))

    def lost(self) -> None:
        """The data folder is gone: let go of the file, so that its file system can go too."""
        if self._file is not None and self._lane is not None:
            self._lane.submit("closing the journal", self._file.close).add_done_callback(forget)
        self._session = self._file = self._lane = None

    def _failed(self, batch: list[tuple[bytes, Sender]], fault: VolumeFaultError) -> None:
        log.error("[STORAGE] the journal cannot be written: %s", fault.what)
        ours: list[tuple[bytes, Sender]] = []
        for lines, sender in batch:
            if sender is None:
                ours.append((lines, None))
            elif isinstance(sender, asyncio.Future):
                if not sender.done():
                    sender.set_result(False)
            else:
                sender[0].send(JournalFailed(last=sender[1], errno=fault.number, text=fault.what))
        self._queue = ours[-MOST_KEPT:] + self._queue
        self._loop.call_later(RETRY_S, self._begin)

    # -- small files

    async def _put_state(self, channel: Channel, want: PutState, payload: bytes) -> None:
        try:
            session = self._volume.session
            if session is None or self._volume.hung:
                raise self._volume.fault()
            if not _STATE_NAME.fullmatch(want.name):
                text = f"{want.name!r} is not the name of a state file"
                channel.send(JobDone(request=want.request, ok=False, errno=errno.EINVAL, text=text))
                return
            await session.call(session.upkeep, "writing a state file", partial(_replace, session, want.name, payload))
        except VolumeFaultError as fault:
            channel.send(JobDone(request=want.request, ok=False, errno=fault.number, text=fault.what))
            return
        channel.send(JobDone(request=want.request, ok=True))


def _confirm(sender: Sender) -> None:
    if sender is None:
        return
    if isinstance(sender, asyncio.Future):
        if not sender.done():
            sender.set_result(True)
    else:
        sender[0].send(JournalDurable(last=sender[1]))


def _replace(session: Session, name: str, data: bytes) -> None:
    session.guard()
    with step("state"):
        make_directories(session.handle.root, (STATE_FOLDER,))
        with directory(session.handle.root, (STATE_FOLDER,)) as folder:
            replace_file(folder, name, data)
