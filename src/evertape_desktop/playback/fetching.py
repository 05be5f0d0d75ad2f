"""Files of the recorder, fetched to this machine piece by piece. On the link's thread; the disk's work on others."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from evertape.mp4.digest import hash_file, named, segment_hash
from evertape_desktop.backend.problem import Problem
from evertape_desktop.playback.footage import Ask

PIECE = 4 << 20
PART = ".part"
"""Ends the name of a file that is not whole yet."""

Told = Callable[[int], None]
"""Is told how many bytes have come."""


async def fetch(ask: Ask, path: str, size: int, target: Path, told: Told) -> str:
    """Fetch a file of that size; returns its hash (see ``mp4.digest.named``). It appears whole or not at all.

    Raises:
        Problem: the recorder does not give it, or this machine cannot write it.
    """
    part = target.with_name(target.name + PART)
    try:
        file = await asyncio.to_thread(_begin, part)
    except OSError as error:
        raise _unwritable(target, error) from None
    try:
        digest, at = segment_hash(), 0
        while at < size:
            end = min(at + PIECE, size)
            data = (await ask("GET", path, headers={"Range": f"bytes={at}-{end - 1}"})).body
            if len(data) != end - at:
                raise Problem("incomplete", f"{target.name} ends after {at + len(data)} of {size} bytes")
            await asyncio.to_thread(lambda data=data: (file.write(data), digest.update(data)))  # type: ignore[misc]
            at = end
            told(at)
        await asyncio.to_thread(_finish, file, part, target)
    except OSError as error:
        raise _unwritable(target, error) from None
    finally:
        with contextlib.suppress(OSError):
            file.close()
        with contextlib.suppress(OSError):
            part.unlink()
    return named(digest)


async def read_back(target: Path) -> str:
    """The hash of a file as the disk gives it out. Raises ``Problem``."""
    try:
        return (await asyncio.to_thread(hash_file, target))[0]
    except OSError as error:
        raise Problem("unreadable", f"{target} cannot be read back: {error.strerror or error}") from None


def _begin(part: Path) -> BinaryIO:
    part.parent.mkdir(parents=True, exist_ok=True)
    return part.open("wb")


def _finish(file: BinaryIO, part: Path, target: Path) -> None:
    file.flush()
    os.fsync(file.fileno())
    if hasattr(os, "posix_fadvise"):
        # So that reading it back asks the disk, not memory.
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    file.close()
    part.replace(target)


def _unwritable(target: Path, error: OSError) -> Problem:
    return Problem("unwritable", f"{target} cannot be written: {error.strerror or error}")
