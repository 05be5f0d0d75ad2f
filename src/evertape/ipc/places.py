"""Where the local sockets of a data directory are.

A socket's path may be 107 bytes long on Linux and 103 on macOS, a data directory may be deeper. So
the sockets of ``/some/very/long/path`` live in a short private directory named after it.
"""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
from pathlib import Path

from evertape.errors import UsageError

_LONGEST = 100


def run_dir(data: Path, *, create: bool = False) -> Path:
    """The directory of the sockets of this data directory.

    Args:
        data: the data directory.
        create: make it (mode 0700).

    Raises:
        UsageError: if the short directory exists and belongs to somebody else.
    """
    place = data.resolve() / "run"
    if len(str(place)) > _LONGEST - 32:
        digest = hashlib.sha256(str(data.resolve()).encode()).hexdigest()[:16]
        place = Path(tempfile.gettempdir()) / f"evertape-{os.getuid()}-{digest}"
    if create:
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
    if place.exists():
        info = place.stat(follow_symlinks=False)
        ours = os.getuid() in (0, info.st_uid)
        if not (ours and stat.S_ISDIR(info.st_mode)):
            raise UsageError(f"{place} belongs to another user", hint="remove it, or run as that user")
    return place


def streams_dir(data: Path) -> str:
    """Where the processes of this data directory tell each other who has a session with which stream."""
    return str(run_dir(data) / "streams")


def socket_path(data: Path, name: str) -> str:
    """The path of one socket: ``control``, ``disk-NAME``, ``recorder-N``."""
    return str(run_dir(data) / f"{name}.sock")
