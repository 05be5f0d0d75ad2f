"""Walking within a volume: one component at a time from a directory descriptor, never through a symbolic link.

Blocking; worker threads only. A path leads wherever it leads at that moment, a descriptor always to
the directory that was checked (``docs/design/durability.md``, *Steps*).
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence

DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW


@contextlib.contextmanager
def directory(root: int, parts: Sequence[str]) -> Iterator[int]:
    """Open the directory ``parts`` beneath ``root`` for the time of a ``with``.

    Raises:
        OSError: ``ENOENT`` if a part is missing, ``ELOOP`` or ``ENOTDIR`` if one is a link or a file.
    """
    fd = os.dup(root)
    try:
        for part in parts:
            below = os.open(part, DIRECTORY, dir_fd=fd)
            os.close(fd)
            fd = below
        yield fd
    finally:
        os.close(fd)


def make_directories(root: int, parts: Sequence[str]) -> None:
    """Create what is missing of ``parts`` beneath ``root``, and sync the parent of each (C2)."""
    fd = os.dup(root)
    try:
        for part in parts:
            try:
                below = os.open(part, DIRECTORY, dir_fd=fd)
            except FileNotFoundError:
                with contextlib.suppress(FileExistsError):  # another writer was faster
                    os.mkdir(part, dir_fd=fd)
                os.fsync(fd)
                below = os.open(part, DIRECTORY, dir_fd=fd)
            os.close(fd)
            fd = below
    finally:
        os.close(fd)


def open_file(root: int, parts: Sequence[str], flags: int) -> int:
    """Open the file ``parts`` beneath ``root``; the descriptor is the caller's."""
    with directory(root, parts[:-1]) as parent:
        return os.open(parts[-1], flags | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666, dir_fd=parent)


def write_steadily(fd: int, data: bytes, at: int, alive: Callable[[], None]) -> int:
    """As ``write_all``, in pieces, with word after each that it gets on: a slow disk takes seconds for a megabyte."""
    whole = memoryview(data)
    for start in range(0, len(data), PIECE):
        write_all(fd, [whole[start : start + PIECE]], at + start)
        alive()
    return len(data)


def write_all(fd: int, buffers: Sequence[bytes | memoryview], at: int) -> int:
    """Write ``buffers`` from byte ``at`` on, continuing short writes; returns the bytes written.

    Raises:
        OSError: from writing; part of the data may be in the file then.
    """
    left = [memoryview(part) for part in buffers if len(part)]
    start = at
    while left:
        done = os.pwritev(fd, left[:IOV_MAX], at)
        if done == 0:
            raise OSError(5, "a write took nothing and said no error")
        at += done
        while left and done >= len(left[0]):
            done -= len(left.pop(0))
        if done:
            left[0] = left[0][done:]
    return at - start


def remove_file(root: int, parts: Sequence[str]) -> None:
    """D2 and D3: unlink, sync the directory; a file that is gone already is fine. Raises ``OSError``."""
    with directory(root, parts[:-1]) as parent:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(parts[-1], dir_fd=parent)
        os.fsync(parent)


PIECE = 128 << 10
"""A disk that takes less than 26 KB a second counts as one that hangs."""
IOV_MAX = 1024
"""What Linux takes in one ``writev`` (IOV_MAX in limits.h)."""


def replace_file(parent: int, name: str, data: bytes) -> None:
    """Replace the small file ``name`` atomically and durably: write another, sync, rename, sync the directory."""
    temporary = f".{name}.new"
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666, dir_fd=parent)
    try:
        write_all(fd, [data], 0)
        os.fsync(fd)
    finally:
        os.close(fd)
    os.rename(temporary, name, src_dir_fd=parent, dst_dir_fd=parent)
    os.fsync(parent)


def forget(fd: int, offset: int, size: int) -> None:
    """What was read there need not stay in memory; what is not written yet does. Never raises."""
    if hasattr(os, "posix_fadvise"):
        with contextlib.suppress(OSError):
            os.posix_fadvise(fd, offset, size, os.POSIX_FADV_DONTNEED)
