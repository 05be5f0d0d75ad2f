"""A finished segment put onto a volume by a verb, while no service runs: whole under its name, or not there at all.

Blocking. It grows where homecoming's copies do (``incoming``), and gets its name the same way (M3).
"""

from __future__ import annotations

import os
from collections.abc import Iterable

from evertape.disk.fault import step
from evertape.disk.incoming import FOLDER, clear, names_for, part_path, place_at
from evertape.disk.layout import segment_path
from evertape.disk.marker import VolumeHandle
from evertape.disk.paths import make_directories, open_file, write_all
from evertape.errors import ProtocolError
from evertape.mp4.digest import named, segment_hash
from evertape.mp4.scan import scan

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
_SYNC_EVERY = 64 << 20
"""Bytes after which it is synced: the end of a large file is not to wait for all of it."""


def there_already(handle: VolumeHandle, segment: str, path: str) -> str:
    """The path at which a segment lies that was to be called ``path``; empty if it does not. Raises ``OSError``."""
    for parts in names_for(segment_path(path)):
        try:
            with os.fdopen(open_file(handle.root, parts, os.O_RDONLY), "rb") as file:
                if scan(file).header.segment_id == segment:
                    return "/".join(parts)
        except FileNotFoundError:
            return ""
        except ProtocolError:
            continue
    return ""


def put_segment(
    handle: VolumeHandle, segment: str, path: str, pieces: Iterable[bytes], need_free: int
) -> tuple[str, int, str]:
    """Write it; returns where it lies now, its bytes, and their hash.

    Args:
        handle: the verified volume.
        segment: its id.
        path: what it is to be called; a taken name gets a suffix.
        pieces: its bytes.
        need_free: bytes that must be free before.

    Raises:
        VolumeFaultError: with the step; nothing is left of it then.
        Exception: whatever ``pieces`` raises; nothing is left then either.
    """
    handle.check(need_free)
    with step("M1"):
        clear(handle.root)
        make_directories(handle.root, FOLDER)
        fd = open_file(handle.root, part_path(segment), _NEW)
    digest, size, synced = segment_hash(), 0, 0
    try:
        try:
            for piece in pieces:
                with step("M1"):
                    size += write_all(fd, [piece], size)
                    if size - synced >= _SYNC_EVERY:
                        os.fdatasync(fd)
                        synced = size
                digest.update(piece)
            with step("M1"):
                os.fsync(fd)
        finally:
            os.close(fd)
        return place_at(handle.root, segment, path), size, named(digest)
    except BaseException:
        with step("M1"):
            clear(handle.root)
        raise
