"""The journal's files on the data folder: append, sync, rotate; and a reserve for the day the disk is full.

Blocking; one worker lane. A file is given up at its first error and a new one begun: after a failed
sync nobody knows what is on the disk, and readers do not mind reading an event twice.
"""

from __future__ import annotations

import contextlib
import errno
import os
from datetime import UTC, datetime

from evertape.disk.fault import step
from evertape.disk.journal_format import FOLDER, next_name
from evertape.disk.paths import directory, make_directories, write_all
from evertape.disk.volume import Session

ROTATE_BYTES = 16 << 20
RESERVE = ".reserve"
RESERVE_BYTES = 1 << 20
"""Given back when the disk is full: nothing may be deleted before its record is written (D1); holds thousands."""


class JournalFile:
    """The file that is being written. Belongs to one session of the data folder.

    Args:
        session: the data folder, verified.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._fd = -1
        self._size = 0

    def append(self, lines: bytes) -> None:
        """Write whole lines and sync them. Raises ``VolumeFaultError``; the next call begins a new file."""
        self._session.guard()
        with step("journal"):
            if self._fd < 0 or self._size >= ROTATE_BYTES:
                self._begin()
            try:
                self._write(lines)
                os.fdatasync(self._fd)
                self._size += len(lines)
            except OSError:
                self.close()
                raise

    def close(self) -> None:
        """Let go of the file."""
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            with contextlib.suppress(OSError):
                os.close(fd)

    def _begin(self) -> None:
        self.close()
        root = self._session.handle.root
        make_directories(root, (FOLDER,))
        with directory(root, (FOLDER,)) as folder:
            name = next_name(os.listdir(folder), datetime.now(UTC))
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
            try:
                self._fd = os.open(name, flags, 0o666, dir_fd=folder)
            except OSError as error:
                if error.errno != errno.ENOSPC or not _free_reserve(folder):
                    raise
                self._fd = os.open(name, flags, 0o666, dir_fd=folder)
            self._size = 0
            os.fsync(folder)
            _make_reserve(folder)

    def _write(self, lines: bytes) -> None:
        try:
            write_all(self._fd, [lines], self._size)
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            with directory(self._session.handle.root, (FOLDER,)) as folder:
                if not _free_reserve(folder):
                    raise
            os.ftruncate(self._fd, self._size)
            write_all(self._fd, [lines], self._size)


def _make_reserve(folder: int) -> None:
    """Set the reserve aside if there is room for it; it is made again with each new file."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    with contextlib.suppress(OSError):
        fd = os.open(RESERVE, flags, 0o600, dir_fd=folder)
        try:
            os.posix_fallocate(fd, 0, RESERVE_BYTES)
        except OSError:
            os.unlink(RESERVE, dir_fd=folder)
        finally:
            os.close(fd)


def _free_reserve(folder: int) -> bool:
    try:
        os.unlink(RESERVE, dir_fd=folder)
        os.fsync(folder)
    except OSError:
        return False
    return True
