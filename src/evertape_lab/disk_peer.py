"""A real disk process, and whoever speaks with it: supervisor, recorder or keeper. For tests and benches.

Blocking, one thread. Footage is made up: valid fragments around bytes that no decoder would like.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from evertape.disk.journal_format import FOLDER
from evertape.disk.journal_reader import read_from
from evertape.ipc.channel import connect
from evertape.ipc.events import Event
from evertape.ipc.messages import (
    Append,
    CloseSegment,
    DiskAssignment,
    Hello,
    Message,
    OpenSegment,
    Shutdown,
    VolumeReport,
    Welcome,
)
from evertape.ipc.wire import FrameReader, encode
from evertape.mp4.model import FragmentInfo, SegmentHeader, Supersedes
from evertape.mp4.writer import FragmentWriter
from evertape.types import (
    AccessUnit,
    CameraId,
    Codec,
    Epoch,
    SegmentId,
    StreamCaps,
    Track,
    UtcSource,
    VideoCaps,
)

M = TypeVar("M", bound=Message)
E = TypeVar("E", bound=Event)

FRAME_NS = 40_000_000
START_UTC = 1_767_225_600_000_000_000
# A well-formed avcC of profile High, level 3.1, with made-up parameter sets.
_AVCC = bytes.fromhex("0164001fffe100056764001f00010003 68ee3c".replace(" ", ""))


class Peer:
    """One connection to the process."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self._reader = FrameReader()
        self.heard: list[tuple[Message, bytes]] = []

    def send(self, message: Message, payload: bytes = b"") -> None:
        """Send one message."""
        for part in encode(message, [payload] if payload else []):
            self.sock.sendall(part)

    def wait(self, kind: type[M], accept: Callable[[M], bool] = lambda _: True, timeout_s: float = 10.0) -> M:
        """The next message of this kind that is accepted, among those heard and those to come; others are kept.

        Raises:
            TimeoutError: none came in time; what was heard is in the text.
            ConnectionError: the process closed the connection.
        """
        deadline = time.monotonic() + timeout_s
        while True:
            for at, (message, _) in enumerate(self.heard):
                if isinstance(message, kind) and accept(message):
                    del self.heard[at]
                    return message
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError(f"no {kind.__name__} within {timeout_s} s, but {[m for m, _ in self.heard][-5:]}")
            self.listen(left)

    def listen(self, timeout_s: float) -> None:
        """Take in what comes within ``timeout_s``, at least once."""
        self.sock.settimeout(timeout_s)
        try:
            data = self.sock.recv(1 << 18)
        except TimeoutError:
            return
        if not data:
            raise ConnectionError("the disk process closed the connection")
        self.heard += self._reader.feed(data)

    def state(self, name: str, timeout_s: float = 10.0) -> VolumeReport:
        """Wait until the volume is reported in this state; earlier reports are forgotten."""
        found = self.wait(VolumeReport, lambda report: report.volume.state == name, timeout_s)
        self.heard = [
            (m, data) for m, data in self.heard if not (isinstance(m, VolumeReport) and m.report <= found.report)
        ]
        return found

    def close(self) -> None:
        """Hang up."""
        self.sock.close()


class DiskUnderTest:
    """A disk process of its own. A context manager; it is ended, and killed if need be, on the way out.

    Args:
        run: a folder for the socket; its path must be short.
        assignment: what the supervisor tells it.
        name: of the process.
    """

    def __init__(self, run: Path, assignment: DiskAssignment, name: str = "disk-usb1") -> None:
        self.path = str(run / f"{name}.sock")
        ours, theirs = socket.socketpair()
        env = dict(os.environ, PYTHONPATH=str(Path(__file__).resolve().parents[1]))
        command = [sys.executable, "-m", "evertape.disk.process", "--socket", self.path, "--name", name]
        with theirs:
            command += ["--supervisor-fd", str(theirs.fileno())]
            self.process = subprocess.Popen(command, env=env, pass_fds=[theirs.fileno()])
        self.supervisor = Peer(ours)
        self.supervisor.wait(Hello)
        self.supervisor.send(assignment)
        self._peers: list[Peer] = []

    def __enter__(self) -> DiskUnderTest:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for peer in self._peers:
            peer.close()
        self.supervisor.close()
        try:
            self.process.wait(10.0)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(10.0)

    def connect(self, role: str = "recorder", timeout_s: float = 10.0) -> Peer:
        """A new connection, greeted."""
        deadline = time.monotonic() + timeout_s
        while True:
            try:
                peer = Peer(connect(self.path))
                break
            except OSError:
                if time.monotonic() > deadline or self.process.poll() is not None:
                    raise
                time.sleep(0.01)
        self._peers.append(peer)
        peer.send(Hello(role=role, name=f"{role}-0", pid=os.getpid()))
        peer.wait(Welcome)
        return peer

    def shut_down(self, deadline_s: float = 4.0) -> int:
        """Ask it to finish; returns the exit code."""
        self.supervisor.send(Shutdown(deadline_s=deadline_s))
        return self.process.wait(deadline_s + 5.0)

    def kill(self) -> None:
        """End it as a crash would."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10.0)


class Footage:
    """One segment as a recorder writes it, of made-up pictures: messages and payloads in order.

    Args:
        camera: its id.
        writer: the writer's number on the connection.
        generation: of the segment.
        first: the first video unit's seq.
        frames: per fragment.
        frame_bytes: size of a picture.
        epoch: the capture session; a new one by default.
        start_utc: UTC of the first picture.
        supersedes: segments, and the units from which on this one holds what they may hold as well.
    """

    def __init__(
        self,
        camera: str = "door",
        writer: int = 1,
        *,
        generation: int = 0,
        first: int = 0,
        frames: int = 12,
        frame_bytes: int = 2000,
        epoch: str = "",
        start_utc: int = START_UTC,
        supersedes: tuple[tuple[str, int], ...] = (),
    ) -> None:
        self.camera, self.writer, self.first = camera, writer, first
        self.epoch = epoch or uuid.uuid4().hex
        self.segment = uuid.uuid4().hex
        self.start_utc = start_utc
        self._generation, self._frames, self._frame_bytes = generation, frames, frame_bytes
        self._seq = first
        caps = StreamCaps(0, VideoCaps(Codec.H264, _AVCC, 640, 360))
        header = SegmentHeader(
            segment_id=SegmentId(self.segment),
            camera_id=CameraId(camera),
            camera_name=camera.title(),
            epoch=Epoch(self.epoch),
            caps_id=0,
            first_video_seq=first,
            base_dts_ns=first * FRAME_NS,
            start_utc_ns=start_utc,
            start_utc_source=UtcSource.ARRIVAL,
            start_utc_error_ns=50_000_000,
            start_boot_ns=time.monotonic_ns(),
            generation=generation,
            supersedes=tuple(Supersedes(SegmentId(segment), seq) for segment, seq in supersedes),
        )
        self._muxer = FragmentWriter(header, caps)
        self.fragments: list[FragmentInfo] = []

    def open(self) -> tuple[OpenSegment, bytes]:
        """``OpenSegment`` and the header."""
        message = OpenSegment(
            writer=self.writer,
            camera=self.camera,
            segment=self.segment,
            epoch=self.epoch,
            generation=self._generation,
            first_video=self.first,
            start_utc=self.start_utc,
            utc_source="arrival",
            utc_error=50_000_000,
            codec="h264",
            width=640,
            height=360,
        )
        return message, self._muxer.init_segment()

    def append(self) -> tuple[Append, bytes]:
        """The next fragment; the first of every two starts with a key picture."""
        first = self._seq
        units = [self._unit(first + i, i == 0 and len(self.fragments) % 2 == 0) for i in range(self._frames)]
        self._seq += self._frames
        info, parts = self._muxer.fragment(units, {Track.VIDEO: self._seq * FRAME_NS})
        self.fragments.append(info)
        message = Append(
            writer=self.writer,
            index=info.index,
            key=info.key,
            first_video=first,
            last_video=self._seq - 1,
            start_utc=info.start_utc_ns,
            end_utc=info.start_utc_ns + self._frames * FRAME_NS,
            utc_source="arrival",
            utc_error=50_000_000,
            dts_start=(first - self.first) * FRAME_NS,
            dts_end=(self._seq - self.first) * FRAME_NS,
        )
        return message, b"".join(parts)

    def grow_frames(self, frame_bytes: int) -> None:
        """Pictures are this large from now on."""
        self._frame_bytes = frame_bytes

    def close(self, reason: str = "stop", *, superseded: bool = False) -> CloseSegment:
        """The end; of what the file has by then, if it is ``superseded``."""
        return CloseSegment(
            writer=self.writer,
            reason=reason,
            start_utc=self.start_utc,
            end_utc=self.start_utc + (self._seq - self.first) * FRAME_NS,
            utc_source="arrival",
            utc_error=50_000_000,
            superseded=superseded,
        )

    def _unit(self, seq: int, key: bool) -> AccessUnit:
        utc = self.start_utc + (seq - self.first) * FRAME_NS
        data = (self._frame_bytes - 4).to_bytes(4, "big") + bytes((0x65 if key else 0x41,)) + os.urandom(16)
        return AccessUnit(
            epoch=Epoch(self.epoch),
            track=Track.VIDEO,
            seq=seq,
            dts_ns=seq * FRAME_NS,
            pts_ns=seq * FRAME_NS,
            arrival_ns=seq * FRAME_NS,
            utc_ns=utc,
            utc_source=UtcSource.ARRIVAL,
            utc_error_ns=50_000_000,
            key=key,
            caps_id=0,
            data=data.ljust(self._frame_bytes, b"\0"),
        )


class DiskRig:
    """The data folder's process, and volumes' processes that journal into it. A context manager.

    Args:
        folder: everything goes here; its path must be short, because sockets do too.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.data.mkdir()
        self._disks: list[DiskUnderTest] = []
        self.keeper = self._start_keeper()

    def __enter__(self) -> DiskRig:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for disk in [*self._disks, self.keeper]:
            disk.__exit__(kind, error, trace)

    def restart_keeper(self) -> DiskUnderTest:
        """End the data folder's process, in good order if it still runs, and start another."""
        self.keeper.__exit__(None, None, None)
        self.keeper = self._start_keeper()
        return self.keeper

    def _start_keeper(self) -> DiskUnderTest:
        assignment = DiskAssignment(volume="data", path=str(self.data), role="data")
        return DiskUnderTest(self.folder, assignment, "disk-data")

    def disk(self, path: Path, **settings: Any) -> DiskUnderTest:
        """Start the process of the volume at ``path``; ``settings`` are fields of ``DiskAssignment``."""
        want: dict[str, Any] = {"volume": "usb1", "role": "primary", "journal_socket": self.keeper.path}
        number = len(self._disks)
        disk = DiskUnderTest(self.folder, DiskAssignment(path=str(path), **want | settings), f"disk-{number}")
        self._disks.append(disk)
        return disk

    def events(self, kind: type[E]) -> list[E]:
        """What the journal says, of one kind."""
        return [event for event in read_from(self.data / FOLDER).events if isinstance(event, kind)]

    def event(self, kind: type[E], accept: Callable[[E], bool] = lambda _: True) -> E:
        """The first such event, waited for."""
        found: list[E] = wait_until(lambda: [e for e in self.events(kind) if accept(e)], what=kind.__name__)
        return found[0]


def wait_until(condition: Callable[[], Any], timeout_s: float = 10.0, what: str = "the condition") -> Any:
    """Poll until ``condition()`` is true and return what it returned; raises ``TimeoutError``."""
    deadline = time.monotonic() + timeout_s
    while not (result := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} did not come true within {timeout_s} s")
        time.sleep(0.005)
    return result
