"""Replacing a file as a whole, so that whoever reads it sees the old text or the new one, never a part.

The order is: write a temporary file in the same folder, sync it, rename it over the old
one, sync the folder. A power cut at any step leaves the old or the new file.
"""

from __future__ import annotations

import contextlib
import os
import stat
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from evertape.errors import ConfigError

_POLL_S = 0.02


def replace_file(path: Path, data: bytes, *, mode: int = 0o600) -> None:
    """Replace what ``path`` holds by ``data``, atomically and durably.

    An existing file keeps its mode and, where the system lets us, its owner; through a
    symbolic link the target is replaced, not the link. May block on the disk.

    Args:
        path: the file; its folder must exist.
        data: all of its new content.
        mode: permissions of a file that is new; private, because a configuration may hold passwords.

    Raises:
        OSError: the disk or the permissions say no; the old file is untouched.
    """
    target = Path(os.path.realpath(path))
    old = target.stat() if target.exists() else None
    descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".tmp", dir=target.parent)
    temporary = Path(name)
    try:
        with open(descriptor, "wb") as file:
            _take_over(descriptor, temporary, old, mode)
            file.write(data)
            file.flush()
            os.fsync(descriptor)
        os.replace(temporary, target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync_folder(target.parent)


def _take_over(descriptor: int, temporary: Path, old: os.stat_result | None, mode: int) -> None:
    """Give the temporary file the owner and mode of the file it will replace."""
    if old is not None and hasattr(os, "fchown"):
        # Only root may give files away; then our own name on it is the best there is.
        with contextlib.suppress(PermissionError):
            os.fchown(descriptor, old.st_uid, old.st_gid)
    os.chmod(temporary, stat.S_IMODE(old.st_mode) if old is not None else mode)


def _sync_folder(folder: Path) -> None:
    if os.name != "posix":  # Windows cannot open a folder; its rename is journalled by NTFS
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def locked(path: Path, *, wait_s: float = 5.0, sleep: Callable[[float], None] = time.sleep) -> Iterator[None]:
    """Hold the lock of the file ``path`` against other editors of it.

    The lock is on a file beside it, ``.NAME.lock``, which stays: to remove it would let two
    processes hold locks on two files of that name. It ends with the process, however that ends.

    Args:
        path: the file to be edited.
        wait_s: how long to wait for another editor, in seconds.
        sleep: waits between tries.

    Raises:
        ConfigError: another program holds it for too long.
        OSError: the folder cannot be written.
    """
    target = Path(os.path.realpath(path))
    descriptor = os.open(target.with_name(f".{target.name}.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        deadline = time.monotonic() + wait_s
        while not _try_lock(descriptor):
            if time.monotonic() >= deadline:
                raise ConfigError(f"another program is editing {path}", hint="try again")
            sleep(_POLL_S)
        yield
    finally:
        os.close(descriptor)


if sys.platform == "win32":
    import msvcrt

    def _try_lock(descriptor: int) -> bool:
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _try_lock(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
