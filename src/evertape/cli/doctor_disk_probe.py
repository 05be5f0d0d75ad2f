"""Measures how a directory's disk writes and syncs; a program of its own, because a disk may hang for ever.

Usage: ``python doctor_disk_probe.py DIRECTORY``. Prints one JSON object: either ``{"errno": n, "error": text}``
or ``write_bytes_per_s``, ``sync_ms`` (a list), ``free_bytes`` and ``total_bytes``. Standard library only, and
run by its path, so that it needs nothing of the parent's environment.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sys
import time
from pathlib import Path

BULK_BYTES = 8 << 20
PIECE_BYTES = 1 << 20
SYNC_BYTES = 64 << 10
SYNC_ROUNDS = 8

# macOS has no fdatasync.
_sync = getattr(os, "fdatasync", os.fsync)


def measure(directory: Path) -> dict[str, object]:
    """Write and sync a file in ``directory``, and delete it again.

    Raises:
        OSError: the directory cannot be written; nothing is left there.
    """
    name = directory / f".evertape-doctor-{os.getpid()}"
    file = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        # Random, because some file systems compress.
        piece = os.urandom(PIECE_BYTES)
        start = time.monotonic()
        for _ in range(BULK_BYTES // PIECE_BYTES):
            _write_all(file, piece)
        _sync(file)
        rate = BULK_BYTES / max(time.monotonic() - start, 1e-6)
        sync_ms = [_timed_sync(file, piece[:SYNC_BYTES]) for _ in range(SYNC_ROUNDS)]
    finally:
        with contextlib.suppress(OSError):
            os.close(file)
        with contextlib.suppress(OSError):
            name.unlink()
    usage = shutil.disk_usage(directory)
    return {"write_bytes_per_s": rate, "sync_ms": sync_ms, "free_bytes": usage.free, "total_bytes": usage.total}


def _write_all(file: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]


def _timed_sync(file: int, data: bytes) -> float:
    _write_all(file, data)
    start = time.monotonic()
    _sync(file)
    return (time.monotonic() - start) * 1000


def main() -> None:
    """Measure the directory that the command line names."""
    try:
        result = measure(Path(sys.argv[1]))
    except OSError as error:
        result = {"errno": error.errno, "error": error.strerror}
    print(json.dumps(result))


if __name__ == "__main__":
    main()
