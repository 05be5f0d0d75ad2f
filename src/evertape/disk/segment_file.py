"""One open segment on disk: the steps C, W, S and L of ``docs/design/durability.md``.

Blocking; every method runs on a worker, in the file's own lane, so there are no locks. An error ends
the file: whoever calls decides whether to close it at its last whole fragment (``finish``) or to let go
(``release``); nothing is ever retried on it.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import io
import os
from collections.abc import Callable, Iterator
from dataclasses import replace

from evertape.disk.fault import VolumeFaultError, step
from evertape.disk.layout import day_and_time, file_name, is_camera
from evertape.disk.marker import VolumeHandle
from evertape.disk.paths import directory, make_directories, write_all, write_steadily
from evertape.domain.storage_fault import StorageFault
from evertape.errors import ProtocolError
from evertape.mp4.digest import fragment_check, named, segment_hash
from evertape.mp4.index import build_index
from evertape.mp4.model import FragmentInfo
from evertape.mp4.scan import ScannedSegment, read_fragment, scan

MAX_SUFFIX = 1000
_CREATE = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW


class SegmentFile:
    """A segment that is being written.

    Attributes:
        path: relative to the volume, with forward slashes.
        header: what the file says about itself.
        caps: the tracks.
        fragments: those written whole.
        bytes: up to the end of the last of them.
        broken: the first error; nothing is written after it.
        deleted: somebody removed it while it was open here.
    """

    def __init__(self, fd: int, path: str, head: ScannedSegment) -> None:
        self._fd = fd
        self._hash = segment_hash()
        self.path = path
        self.header = head.header
        self.caps = head.caps
        self.fragments: list[FragmentInfo] = []
        self.bytes = head.head_size
        self.broken: VolumeFaultError | None = None
        self.deleted = False

    @classmethod
    def create(
        cls, handle: VolumeHandle, need_free: int | None, head: bytes, start_utc: int, file_time: str
    ) -> SegmentFile:
        """C1 to C5.

        Args:
            handle: the verified volume.
            need_free: bytes that must be free (C1); ``None``: begin at C2, because that layer is switched off.
            head: ``ftyp``, ``moov`` and metadata.
            start_utc: names the file, UTC in nanoseconds.
            file_time: ``utc`` or ``local``, for the name.

        Raises:
            VolumeFaultError: with the step; what was created by then is removed again.
        """
        scanned = parse_head(head)
        if need_free is not None:
            handle.check(need_free)
        day, time = day_and_time(start_utc, file_time)
        for again in (True, True, False):
            try:
                fd, path = _new_file(handle.root, scanned.header.camera_id, day, time, head)
                made = cls(fd, path, scanned)
                made._hash.update(head)
                return made
            except VolumeFaultError as fault:
                # Perhaps the day's last file was deleted at this moment, and the empty folder with it.
                if not again or fault.number != errno.ENOENT:
                    raise
        raise AssertionError  # for the type checker: the last round returns or raises

    def append(self, payload: bytes, alive: Callable[[], None] = lambda: None) -> None:
        """W1: one whole fragment at the end. Raises ``VolumeFaultError``; the fragment does not count then.

        Args:
            payload: the fragment.
            alive: called while it is written, whenever a part of it was taken.
        """
        with self._breaking("W1"):
            info = read_fragment(io.BytesIO(payload), 0, len(payload))
            if info is None or info.size != len(payload) or info.index != len(self.fragments):
                text = f"what was to be appended is not the whole fragment {len(self.fragments)}"
                raise VolumeFaultError(StorageFault.OTHER, text)
            write_steadily(self._fd, payload, self.bytes, alive)
            self._hash.update(payload)
            place, moof = self.bytes, self.bytes + info.moof_offset
            self.fragments.append(replace(info, offset=place, moof_offset=moof, check=fragment_check(payload)))
            self.bytes += len(payload)

    def sync(self) -> tuple[int, int]:
        """S1 and S2: returns the fragments and bytes that survive a power cut now. Raises ``VolumeFaultError``."""
        with self._breaking("S2"):
            count, size = len(self.fragments), self.bytes
            os.fdatasync(self._fd)
            if not os.fstat(self._fd).st_nlink:
                self.deleted = True
                raise VolumeFaultError(StorageFault.OTHER, f"{self.path} was deleted while it was written")
            return count, size

    @property
    def hash(self) -> str:
        """Of every byte that was given to the file and counts, computed as they passed: once finished, of the file."""
        return named(self._hash)

    @property
    def salvageable(self) -> bool:
        """Whether what was written can still be closed: after ENOSPC yes; after a failed sync nobody knows."""
        broken = self.broken
        if broken is None or self.deleted:
            return True
        return broken.step == "W1" and broken.fault in (StorageFault.FULL, StorageFault.OTHER)

    @contextlib.contextmanager
    def _breaking(self, name: str) -> Iterator[None]:
        # Whatever is still queued behind an error must not leave a hole in the file.
        if self.broken is not None:
            raise self.broken
        try:
            with step(name):
                yield
        except VolumeFaultError as fault:
            self.broken = fault
            raise

    def finish(self) -> int:
        """L1, L2, and the descriptor closed; returns the file's size. Raises ``VolumeFaultError``."""
        try:
            if self.broken is not None and not self.salvageable:
                raise self.broken
            with step("L1"):
                # Behind the last whole fragment may be part of another one, if its write failed.
                if os.fstat(self._fd).st_size != self.bytes:
                    os.ftruncate(self._fd, self.bytes)
                index = build_index(self.header, self.fragments)
                size = self.bytes + write_all(self._fd, [index], self.bytes)
                self._hash.update(index)
            with step("L2"):
                os.fsync(self._fd)
                self.deleted = not os.fstat(self._fd).st_nlink
            return size
        finally:
            self.release()

    def release(self) -> None:
        """Close the descriptor and leave the file as it is; recovery will look after it."""
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            with contextlib.suppress(OSError):
                os.close(fd)


def parse_head(head: bytes) -> ScannedSegment:
    """What the bytes before the first fragment say. Raises ``VolumeFaultError``."""
    try:
        scanned = scan(io.BytesIO(head))
    except ProtocolError as error:
        raise VolumeFaultError(StorageFault.OTHER, f"the segment's header is unusable: {error}", step="C4") from error
    if scanned.head_size != len(head) or not is_camera(scanned.header.camera_id):
        raise VolumeFaultError(StorageFault.OTHER, "what came to open a segment is not its header", step="C4")
    return scanned


def _new_file(root: int, camera: str, day: str, time: str, head: bytes) -> tuple[int, str]:
    """C2 to C5: the file's descriptor and its path."""
    with step("C2"):
        make_directories(root, (camera, day))
    with step("C3"), directory(root, (camera, day)) as folder:
        fd, name = _create_exclusively(folder, camera, day, time)
        try:
            # Held as long as the file is written: nobody may recover, cut or delete it meanwhile,
            # not even the process that replaces this one while it is stuck in the kernel.
            with contextlib.suppress(OSError):  # a file system without locks
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with step("C4"):
                write_all(fd, [head], 0)
            with step("C5"):
                os.fsync(fd)
                os.fsync(folder)
        except BaseException:
            os.close(fd)
            with contextlib.suppress(OSError):
                os.unlink(name, dir_fd=folder)
            raise
    return fd, f"{camera}/{day}/{name}"


def _create_exclusively(folder: int, camera: str, day: str, time: str) -> tuple[int, str]:
    """C3: the first name that is free."""
    for number in range(MAX_SUFFIX):
        name = file_name(camera, day, time, number)
        try:
            return os.open(name, _CREATE, 0o666, dir_fd=folder), name
        except FileExistsError:
            continue
    raise VolumeFaultError(StorageFault.OTHER, f"{MAX_SUFFIX} files start at {day} {time} already")
