"""The recorder's parts without processes: a host, and a disk that stores what it acknowledged. Nothing sleeps."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import cast

from evertape.clock import Clock, ManualClock
from evertape.domain.recording_retry import RetryPolicy
from evertape.domain.resolve import HeldSpan, resolve
from evertape.domain.volumes import Suspects
from evertape.engine.disk_link import USABLE_STATES, DiskLink, WriterOwner
from evertape.engine.storage_service import StorageService
from evertape.ipc.events import AnyEvent, EventStamp
from evertape.ipc.messages import Append, CloseSegment, OpenSegment, VolumeEndpoint, VolumeInfo
from evertape.ipc.wire import Buffer
from evertape.media.ring import Ring
from evertape.types import (
    NS_PER_MS,
    NS_PER_S,
    AccessUnit,
    Codec,
    DurationNs,
    Epoch,
    SegmentId,
    StreamCaps,
    Track,
    UtcSource,
    VideoCaps,
)

FRAME_NS = 40 * NS_PER_MS


@dataclass
class StoredFile:
    """A file on a fake volume: the video units of each fragment, and how many fragments were synced."""

    opened: OpenSegment
    fragments: list[range] = field(default_factory=list)
    synced: int = 0
    closed: CloseSegment | None = None


@dataclass
class OpenWriter:
    """A writer as the fake disk process sees it."""

    owner: WriterOwner
    file: StoredFile
    closing: bool = False


class FakeLink:
    """Stands for a ``DiskLink`` and the disk process behind it.

    Attributes:
        files: by segment; what a volume holds survives its absence.
        acknowledged: every video unit that the recorder was told is durable.
        queued_bytes: set it to make the disk process seem not to read.
    """

    def __init__(self, name: str, role: str = "primary", order: int = 0) -> None:
        self.endpoint = VolumeEndpoint(name=name, role=role, order=order, socket="", path=f"/{name}")
        self.state = "online"
        self.congested = False
        self.queued_bytes = 0
        self.room: int | None = None
        """For so many pictures; ``None``: for any number."""
        self.probes = 0
        self.refuses: tuple[str, int] | None = None
        """Opening a file fails like this: fault and errno."""
        self.broken: Callable[[Append], None] | None = None
        """Called with each fragment; may raise, as a mistake of the program's would."""
        self.files: dict[SegmentId, StoredFile] = {}
        self.acknowledged: set[tuple[Epoch, int]] = set()
        self._writers: dict[int, OpenWriter] = {}
        self._handles = 0

    @property
    def usable(self) -> bool:
        """As of ``DiskLink``."""
        return self.state in USABLE_STATES

    # -- what a recorder does

    def admits(self, _who: Hashable, _arrival_ns: int) -> bool:
        """As of ``DiskLink``."""
        return not self.queued_bytes and (self.room is None or self.room > 0)

    def content(self, who: Hashable) -> None:
        """As of ``DiskLink``."""

    def open(self, owner: WriterOwner, message: Callable[[int], OpenSegment], init: bytes) -> int:
        """As of ``DiskLink``."""
        assert self.usable and init
        self._handles += 1
        opened = message(self._handles)
        file = self.files[SegmentId(opened.segment)] = StoredFile(opened)
        self._writers[self._handles] = OpenWriter(owner, file)
        return self._handles

    def append(self, message: Append, payload: Sequence[Buffer]) -> None:
        """As of ``DiskLink``."""
        if self.broken is not None:
            self.broken(message)
        writer = self._writers.get(message.writer)
        if writer is None:
            return
        assert not writer.closing, "nothing is appended to a closed file"
        assert message.index == len(writer.file.fragments) and payload
        first, last = message.first_video, message.last_video
        span = range(0) if first is None or last is None else range(first, last + 1)
        held = [unit for fragment in writer.file.fragments for unit in fragment]
        assert not held or not span or span.start == held[-1] + 1, "a file has no holes"
        writer.file.fragments.append(span)
        if self.room is not None:
            self.room -= len(span)

    def close(self, message: CloseSegment) -> None:
        """As of ``DiskLink``."""
        if (writer := self._writers.get(message.writer)) is not None and not writer.closing:
            writer.closing = True
            writer.file.closed = message

    def forget(self, handle: int) -> None:
        """As of ``DiskLink``; the disk process finishes the file all the same."""
        self._writers.pop(handle, None)

    def probe(self) -> None:
        """As of ``DiskLink``."""
        self.probes += 1

    # -- what the disk does

    def work(self, *, close: bool = True) -> None:
        """Open, sync and (unless told not to) close whatever waits, and say so."""
        for handle, writer in list(self._writers.items()):
            if handle not in self._writers:
                continue  # forgotten by what was said before
            if self.refuses is not None and not writer.file.synced:
                fault, errno = self.refuses
                self.fail(handle, fault, errno)
                continue
            writer.owner.writer_opened(handle, f"cam/{writer.file.opened.segment}.mp4")
            self._sync(handle, writer)
            if writer.closing and close and handle in self._writers:
                del self._writers[handle]
                writer.owner.writer_closed(handle, f"cam/{writer.file.opened.segment}.mp4", 1000)

    def fail(self, handle: int, fault: str = "io_error", errno: int = 5) -> None:
        """One writer fails."""
        self._writers.pop(handle).owner.writer_failed(handle, fault, errno, "it broke")

    def fail_oldest(self, fault: str = "io_error", errno: int = 5) -> None:
        """The oldest open writer fails, if there is one."""
        if self._writers:
            self.fail(min(self._writers), fault, errno)

    def vanish(self, state: str = "missing", *, keeps_unsynced: bool = True) -> None:
        """The volume is gone; every writer on it fails."""
        self.state = state
        if not keeps_unsynced:
            for file in self.files.values():
                del file.fragments[file.synced :]
        for handle in list(self._writers):
            if handle in self._writers:
                self.fail(handle, state, 0)

    def spans(self) -> list[HeldSpan]:
        """What the files hold."""
        return [
            HeldSpan(SegmentId(o.segment), Epoch(o.epoch), o.generation, held[0], held[-1])
            for file in self.files.values()
            if (held := [unit for fragment in file.fragments for unit in fragment])
            for o in (file.opened,)
        ]

    def _sync(self, handle: int, writer: OpenWriter) -> None:
        file = writer.file
        file.synced = len(file.fragments)
        self.acknowledged |= {(Epoch(file.opened.epoch), n) for fragment in file.fragments for n in fragment}
        writer.owner.writer_durable(handle, file.synced)


class FakeHost:
    """A recorder, as far as a camera's recording knows it. Attributes as of ``RecordingHost``."""

    def __init__(self, *links: FakeLink) -> None:
        self.hands = ManualClock()
        """The same clock, to be moved."""
        self.clock: Clock = self.hands
        self.stamp = EventStamp("recorder-0", "service", self.clock)
        self.fakes = {link.endpoint.name: link for link in links}
        self.links = cast(dict[str, DiskLink], dict(self.fakes))
        self.suspects = Suspects()
        self.retry = RetryPolicy(DurationNs(6 * NS_PER_S), 20)
        self.recording: list[str] = []
        """The cameras that record; whoever makes them says so."""
        self.storage = StorageService(lambda: self.recording)
        self.events: list[AnyEvent] = []

    def journal(self, event: AnyEvent) -> None:
        """Keep it."""
        self.events.append(event)

    def status_changed(self) -> None:
        """Nobody looks."""

    def volume_changes(self, name: str, state: str, was_usable: bool = True) -> None:
        """The volume's state is another one, and the cameras that record are told."""
        link = self.fakes[name]
        link.state = state
        if link.usable:
            self.suspects.returned(name)
        info = VolumeInfo(
            name=name,
            role=link.endpoint.role,
            path=link.endpoint.path,
            state=state,
            is_mount=True,
            was_usable=was_usable,
        )
        self.storage.volume_changed(info)

    def logical_units(self) -> list[tuple[Epoch, int]]:
        """What playback would find on all volumes: units that are there twice come twice."""
        spans = [span for link in self.fakes.values() for span in link.spans()]
        return [(span.epoch, n) for span in resolve(spans) for n in range(span.first, span.last + 1)]


class FakeCamera:
    """Makes access units on a manual clock, 25 a second, and puts them into a ring.

    Args:
        clock: advanced by each unit.
        ring: where they go.
    """

    def __init__(self, clock: ManualClock, ring: Ring) -> None:
        self.clock = clock
        self.ring = ring
        self.sessions = 0
        self.caps_id = 0
        self.reconnect()

    def reconnect(self) -> None:
        """A new session: another epoch, beginning with a keyframe."""
        self.sessions += 1
        self.epoch = Epoch(f"{self.sessions:032x}")
        self.seq = 0
        self.dts = 0
        self.caps_id = 0
        self.fresh = True

    def change_caps(self) -> None:
        """From the next unit on, which is a keyframe, the stream has other parameters."""
        self.caps_id += 1
        self.fresh = True

    def pause(self, duration_ns: int) -> None:
        """Send nothing for a while, in the same session."""
        self.clock.advance(duration_ns)
        self.dts += duration_ns

    def make(self, count: int, *, key: bool = False) -> list[AccessUnit]:
        """The next ``count`` pictures, not in the ring yet; the first one is a keyframe if ``key``."""
        units = []
        for i in range(count):
            is_key = self.fresh or (key and i == 0)
            self.fresh = False
            self.clock.advance(FRAME_NS)
            units.append(
                AccessUnit(
                    epoch=self.epoch, track=Track.VIDEO, seq=self.seq, dts_ns=self.dts, pts_ns=self.dts,
                    arrival_ns=self.clock.boot_ns(), utc_ns=self.clock.utc_ns(), utc_source=UtcSource.RTCP,
                    utc_error_ns=NS_PER_MS, key=is_key, caps_id=self.caps_id, data=b"\0\0\0\2\x65\x88",
                )
            )  # fmt: skip
            self.seq += 1
            self.dts += FRAME_NS
        return units

    def send(self, count: int, *, key: bool = False) -> list[AccessUnit]:
        """As ``make``, into the ring."""
        units = self.make(count, key=key)
        self.fill(units)
        return units

    def fill(self, units: Iterable[AccessUnit]) -> None:
        """Put units into the ring."""
        for unit in units:
            assert self.ring.append(unit, caps(unit.caps_id))


def caps(caps_id: int = 0) -> StreamCaps:
    """What describes a fake camera's units."""
    return StreamCaps(caps_id, VideoCaps(Codec.H264, b"\x01\x64\x00\x1e\xff", 640, 360))
