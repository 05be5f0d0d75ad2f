"""The blocking halves of upkeep: recovery (R), cutting (T), deleting (D), listing, the mirror. Workers only."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import logging
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from io import FileIO
from typing import BinaryIO, cast

from evertape.disk.fault import VolumeFaultError, step
from evertape.disk.layout import CONTROL_DIR, SUFFIX, is_camera, is_day
from evertape.disk.paths import DIRECTORY, directory, forget, make_directories, open_file, remove_file, write_all
from evertape.disk.volume import Session
from evertape.domain.storage_fault import StorageFault
from evertape.errors import ProtocolError
from evertape.mp4.digest import hash_stream
from evertape.mp4.model import HeaderCutError
from evertape.mp4.scan import RepairPlan, ScannedSegment, cut_plan, repair_plan, scan, with_checks

log = logging.getLogger(__name__)

MIRROR = "journal"
_JOURNAL_NAME = re.compile(r"[0-9]{8}-[0-9]{6}-[0-9]{3}\.jsonl")


@dataclass(frozen=True, slots=True)
class Closed:
    """What became of a file.

    Args:
        scanned: what it holds now; ``None`` if it ends within its header.
        size: its bytes now.
        text: what was done to it, for the log.
        hash: of its bytes now; empty if they could not be read.
    """

    scanned: ScannedSegment | None
    size: int
    text: str
    hash: str = ""


class _Telling(FileIO):
    """Says before each read that it gets on: a scan of a large file takes longer than the kernel may hang."""

    def __init__(self, fd: int, session: Session, mode: str = "r+b") -> None:
        super().__init__(fd, mode)
        self._alive = session.lanes.alive

    def read(self, size: int | None = -1, /) -> bytes:
        self._alive()
        return super().read(size)


@contextlib.contextmanager
def _locked(session: Session, parts: Sequence[str]) -> Iterator[FileIO]:
    """The file, open for reading and writing, and ours alone: refused while any process writes it."""
    session.guard()
    fd = open_file(session.handle.root, parts, os.O_RDWR)
    with _Telling(fd, session) as file:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            text = f"{'/'.join(parts)} is being written"
            raise VolumeFaultError(StorageFault.OTHER, text, number=errno.EBUSY) from None
        except OSError:
            pass  # a file system without locks
        yield file


@contextlib.contextmanager
def reading(session: Session, parts: Sequence[str]) -> Iterator[FileIO]:
    """A finished file, open for reading, also on a volume that cannot be written to; refused while it is written."""
    session.guard()
    fd = open_file(session.handle.root, parts, os.O_RDONLY)
    with _Telling(fd, session, "rb") as file:
        refuse_writing(fd, parts)
        yield file


def refuse_writing(fd: int, parts: Sequence[str]) -> None:
    """Raise ``VolumeFaultError`` if any process writes the file."""
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        text = f"{'/'.join(parts)} is being written"
        raise VolumeFaultError(StorageFault.OTHER, text, number=errno.EBUSY) from None
    except OSError:
        pass  # a file system without locks


def close_file(session: Session, parts: Sequence[str]) -> Closed | None:
    """R1 to R4: close the file at its last whole fragment if it is not closed; ``None`` if there is none.

    A file without a whole fragment is left for the caller to remove.

    Raises:
        VolumeFaultError: the file is being written, or an error.
        ProtocolError: it is no segment; it is left alone.
    """
    with step("R1"):
        try:
            with _locked(session, parts) as file:
                return _close(file)
        except FileNotFoundError:
            return None


def _close(file: FileIO) -> Closed:
    try:
        scanned = scan(cast(BinaryIO, file))
    except HeaderCutError:
        return Closed(None, os.fstat(file.fileno()).st_size, "nothing in it")
    if scanned.closed:
        return Closed(scanned, scanned.size, "was finished", _hash(file))
    if not scanned.fragments:
        return Closed(scanned, scanned.size, "nothing in it")
    scanned = _checked(file, scanned)
    plan = repair_plan(scanned)
    size = _apply(file, plan, "R")
    return Closed(scanned, size, f"closed, {scanned.size - plan.truncate_to} bytes cut off", _hash(file))


def _checked(file: FileIO, scanned: ScannedSegment) -> ScannedSegment:
    """With a hash of each fragment, which the table gets: of what is there now, where none was kept."""
    return replace(scanned, fragments=with_checks(cast(BinaryIO, file), scanned.fragments))


def _hash(file: FileIO) -> str:
    """Of the whole file. One with a bad sector is worth its record all the same: it gets none."""
    try:
        file.seek(0)
        found, size = hash_stream(cast(BinaryIO, file))
        forget(file.fileno(), 0, size)
        return found
    except OSError as error:
        log.warning("[DISK] a segment cannot be hashed: %s", error)
        return ""


def _apply(file: FileIO, plan: RepairPlan, letter: str) -> int:
    """Truncate, append, sync: R2 to R4, and T2 to T4. Returns the size."""
    with step(f"{letter}2"):
        os.ftruncate(file.fileno(), plan.truncate_to)
    with step(f"{letter}3"):
        size = plan.truncate_to + write_all(file.fileno(), [plan.append], plan.truncate_to)
    with step(f"{letter}4"):
        os.fsync(file.fileno())
    return size


def cut_file(session: Session, parts: Sequence[str], segment: str, from_seq: int) -> Closed:
    """T1 to T4: the file ends before video unit ``from_seq`` afterwards; done again, it changes nothing.

    Raises:
        VolumeFaultError: as ``close_file``; also if another segment lies there, or nothing would remain.
        ProtocolError: it is no segment.
    """
    with step("T1"), _locked(session, parts) as file:
        scanned = scan(cast(BinaryIO, file))
        if scanned.header.segment_id != segment:
            raise VolumeFaultError(StorageFault.OTHER, f"the file is segment {scanned.header.segment_id}")
        scanned = _checked(file, scanned)
        try:
            plan = cut_plan(scanned, from_seq)
        except ValueError as error:
            raise VolumeFaultError(StorageFault.OTHER, str(error)) from error
        kept = [fragment for fragment in scanned.fragments if fragment.end <= plan.truncate_to]
        if not any(fragment.video is not None for fragment in kept):
            raise VolumeFaultError(StorageFault.OTHER, "nothing would remain of the file; delete it")
        if scanned.closed and len(kept) == len(scanned.fragments):
            return Closed(scanned, scanned.size, "nothing to cut", _hash(file))
        size = _apply(file, plan, "T")
        left = replace(scanned, fragments=kept, closed=True, size=size, valid_end=size)
        return Closed(left, size, "cut", _hash(file))


def segment_at(session: Session, parts: Sequence[str]) -> str:
    """The id of the segment that lies there, by its own header; empty if it says none, or there is no file."""
    with step("D1"), contextlib.suppress(FileNotFoundError, ProtocolError), _locked(session, parts) as file:
        return str(scan(cast(BinaryIO, file)).header.segment_id)
    return ""


def remove(session: Session, parts: Sequence[str], segment: str, *, dry: bool) -> int:
    """D2 and D3, or (``dry``) only find out the size; returns the bytes, 0 if the file is gone already.

    Raises:
        VolumeFaultError: as ``close_file``; also if the file is another segment than ``segment``, which may be empty.
    """
    with step("D2"):
        try:
            with _locked(session, parts) as file:
                size = os.fstat(file.fileno()).st_size
                _refuse_another(file, segment)
        except FileNotFoundError:
            return 0
        if not dry:
            remove_file(session.handle.root, parts)
        return size


def _refuse_another(file: FileIO, segment: str) -> None:
    """A name is free again once its file is deleted, so what lies there now may be somebody else."""
    try:
        found = scan(cast(BinaryIO, file)).header.segment_id
    except ProtocolError:
        return
    if segment and found != segment:
        raise VolumeFaultError(StorageFault.OTHER, f"the file is segment {found}")


def list_files(session: Session, days: Sequence[str]) -> list[tuple[str, int]]:
    """Path and size of every segment in these day folders (all, if none are named), sorted."""
    with step("R1"):
        session.guard()
        root = session.handle.root
        found: list[tuple[str, int]] = []
        for camera in sorted(name for name in os.listdir(root) if is_camera(name)):
            try:
                with directory(root, (camera,)) as folder:
                    for day in sorted(name for name in os.listdir(folder) if is_day(name)):
                        session.lanes.alive()
                        if not days or day in days:
                            found += list_day(folder, camera, day)
            except NotADirectoryError:
                continue  # something of somebody else's
        return found


def list_day(folder: int, camera: str, day: str) -> list[tuple[str, int]]:
    """Path and size of every segment in one day's folder, sorted; ``folder`` is the camera's."""
    try:
        fd = os.open(day, DIRECTORY, dir_fd=folder)
    except OSError:
        return []
    try:
        names = sorted(name for name in os.listdir(fd) if name.endswith(SUFFIX))
        return [(f"{camera}/{day}/{name}", os.stat(name, dir_fd=fd, follow_symlinks=False).st_size) for name in names]
    finally:
        os.close(fd)


def mirror_files(session: Session) -> dict[str, int]:
    """Bytes of each journal file in the mirror."""
    with step("M1"):
        session.guard()
        try:
            with directory(session.handle.root, (CONTROL_DIR, MIRROR)) as folder:
                names = sorted(name for name in os.listdir(folder) if _JOURNAL_NAME.fullmatch(name))
                return {name: os.stat(name, dir_fd=folder, follow_symlinks=False).st_size for name in names}
        except FileNotFoundError:
            return {}


def append_mirror(session: Session, name: str, offset: int, data: bytes) -> None:
    """Put ``data`` at ``offset`` of the mirror's file ``name``, durably; never leaves a hole."""
    if not _JOURNAL_NAME.fullmatch(name):
        raise ProtocolError(f"{name!r} is not the name of a journal file")
    with step("M1"):
        session.guard()
        root = session.handle.root
        make_directories(root, (CONTROL_DIR, MIRROR))
        with directory(root, (CONTROL_DIR, MIRROR)) as folder:
            flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
            fd = os.open(name, flags, 0o666, dir_fd=folder)
            try:
                size = os.fstat(fd).st_size
                if offset > size:
                    raise VolumeFaultError(StorageFault.OTHER, f"the mirror ends at {size}, before {offset}")
                write_all(fd, [data], offset)
                os.fdatasync(fd)
                if not size:
                    os.fsync(folder)
            finally:
                os.close(fd)
