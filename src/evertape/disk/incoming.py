"""The blocking halves of homecoming (M1 to M3 of ``docs/design/durability.md``) in one volume. Workers only.

A copy grows as ``.evertape/incoming/{segment}.part``, where nobody takes it for footage, until it has been read back.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
from collections.abc import Sequence
from typing import NamedTuple

from evertape.disk.fault import VolumeFaultError, step
from evertape.disk.jobs import refuse_writing, segment_at
from evertape.disk.layout import CONTROL_DIR, SUFFIX, segment_path
from evertape.disk.paths import directory, forget, make_directories, open_file, write_steadily
from evertape.disk.segment_file import MAX_SUFFIX
from evertape.disk.volume import Session
from evertape.domain.storage_fault import StorageFault
from evertape.errors import ProtocolError

FOLDER = (CONTROL_DIR, "incoming")
_SEGMENT = re.compile(r"[0-9A-Za-z-]{1,64}")
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW


class Piece(NamedTuple):
    """Bytes of a file, and how many it has altogether."""

    data: bytes
    total: int


def part_path(segment: str) -> tuple[str, ...]:
    """Where the copy of a segment grows. Raises ``ProtocolError`` for what cannot be a segment's id."""
    if not _SEGMENT.fullmatch(segment):
        raise ProtocolError(f"{segment!r} is not the id of a segment")
    return (*FOLDER, f"{segment}.part")


def begin(session: Session, segment: str, path: str, need_free: int) -> str:
    """Before M1: remove every unfinished copy; returns the path at which the segment lies already, or nothing.

    Args:
        session: of the volume.
        segment: that is to come; empty: only clear up.
        path: that the file should have.
        need_free: bytes.

    Raises:
        VolumeFaultError: the volume is not fit to take it, or an error.
    """
    session.guard()
    with step("M1"):
        clear(session.handle.root)
    if not segment:
        return ""
    for parts in names_for(segment_path(path)):
        if not _exists(session, parts):
            break
        if _who(session, parts) == segment:
            return "/".join(parts)
    session.handle.check(need_free)
    with step("M1"):
        make_directories(session.handle.root, FOLDER)
        os.close(open_file(session.handle.root, part_path(segment), _NEW))
    return ""


def append(session: Session, segment: str, offset: int, data: bytes, *, sync: bool) -> None:
    """M1: the next bytes of the copy; with ``sync``, all of it is on the disk afterwards."""
    with step("M1"):
        session.guard()
        fd = open_file(session.handle.root, part_path(segment), os.O_WRONLY)
        try:
            size = os.fstat(fd).st_size
            if size != offset:
                raise VolumeFaultError(StorageFault.OTHER, f"the copy has {size} bytes, and was to go on at {offset}")
            write_steadily(fd, data, offset, session.lanes.alive)
            if sync:
                os.fdatasync(fd)
        finally:
            os.close(fd)


def read(session: Session, parts: Sequence[str], offset: int, size: int, *, fresh: bool) -> Piece:
    """M1 and M2: up to ``size`` bytes from ``offset`` on; what was read does not stay in memory.

    Args:
        session: of the volume.
        parts: of the path.
        offset: the first byte.
        size: at most so many.
        fresh: from the disk itself, where the system can be told so, not from what it remembers having written.

    Raises:
        VolumeFaultError: an error; or the file is being written.
    """
    with step("M2" if fresh else "M1"):
        session.guard()
        fd = open_file(session.handle.root, parts, os.O_RDONLY)
        try:
            refuse_writing(fd, parts)
            if fresh:
                forget(fd, offset, size)
            pieces, at = [], offset
            while at < offset + size and (data := os.pread(fd, offset + size - at, at)):
                pieces.append(data)
                at += len(data)
            forget(fd, offset, size)
            return Piece(b"".join(pieces), os.fstat(fd).st_size)
        finally:
            os.close(fd)


def place(session: Session, segment: str, path: str) -> str:
    """M3: the copy gets its final name, or that with a suffix if it is taken; returns which.

    The name is reserved by an empty file first, and the copy renamed over it: no file is ever overwritten, and it works
    where there are no hard links (FAT, many network and FUSE file systems).
    """
    session.guard()
    return place_at(session.handle.root, segment, path)


def place_at(root: int, segment: str, path: str) -> str:
    """The same; ``root``: descriptor of the volume's directory."""
    wanted, part = segment_path(path), part_path(segment)
    with step("M3"):
        for _ in range(3):
            make_directories(root, wanted[:-1])
            # Its folder may be removed, being empty, before the name is in it.
            with contextlib.suppress(FileNotFoundError), directory(root, wanted[:-1]) as folder:
                parts = _reserve(folder, wanted)
                break
        else:
            raise VolumeFaultError(StorageFault.OTHER, f"{'/'.join(wanted[:-1])} cannot be made")
        with directory(root, FOLDER) as incoming, directory(root, parts[:-1]) as folder:
            try:
                os.rename(part[-1], parts[-1], src_dir_fd=incoming, dst_dir_fd=folder)
            except OSError:
                with contextlib.suppress(OSError):
                    os.unlink(parts[-1], dir_fd=folder)
                raise
            os.fsync(folder)
            os.fsync(incoming)
    return "/".join(parts)


def _reserve(folder: int, wanted: Sequence[str]) -> tuple[str, ...]:
    for parts in names_for(wanted):
        try:
            os.close(os.open(parts[-1], _NEW, 0o666, dir_fd=folder))
        except FileExistsError:
            continue
        return parts
    raise VolumeFaultError(StorageFault.OTHER, f"{MAX_SUFFIX} files are called {wanted[-1]} already")


def names_for(wanted: Sequence[str]) -> list[tuple[str, ...]]:
    """The name itself, and with every suffix, as ``layout.file_name`` gives them."""
    stem = wanted[-1].removesuffix(SUFFIX)
    base, _, number = stem.rpartition("_")
    # ``cam_20260101_120000_2``: the suffix is counted up, not appended to.
    plain = base if number.isdigit() and len(number) < 6 and base else stem
    names = [wanted[-1], *(f"{plain}{f'_{n}' if n else ''}{SUFFIX}" for n in range(MAX_SUFFIX))]
    return [(*wanted[:-1], name) for name in dict.fromkeys(names)]


def _who(session: Session, parts: Sequence[str]) -> str:
    try:
        return segment_at(session, parts)
    except VolumeFaultError as fault:
        if fault.number != errno.EBUSY:
            raise
        return ""  # being written, so it is another


def _exists(session: Session, parts: Sequence[str]) -> bool:
    with step("M1"):
        try:
            os.close(open_file(session.handle.root, parts, os.O_RDONLY))
        except FileNotFoundError:
            return False
        return True


def clear(root: int) -> None:
    """Remove every unfinished copy; ``root``: descriptor of the volume's directory. Raises ``OSError``."""
    with contextlib.suppress(FileNotFoundError), directory(root, FOLDER) as folder:
        names = os.listdir(folder)
        for name in names:
            os.unlink(name, dir_fd=folder)
        if names:
            os.fsync(folder)
