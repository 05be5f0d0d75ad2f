"""The one hash by which the bytes of a segment are known: as written, moved, checked, in the journal, in a bundle."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO, Protocol

from blake3 import blake3

ALGORITHM = "blake3"
"""Stands before every hash that is kept (``blake3:1f…``), so that another one may follow it."""
PIECE = 1 << 20
CHECK_SIZE = 16
"""Bytes of BLAKE3 that a file's own table keeps of each fragment: they tell any change, and 120 a minute are 2 kB."""


class SegmentHash(Protocol):
    """A hash that is being computed; any thread, one at a time. Hashing a large piece leaves other threads running."""

    def update(self, data: bytes | bytearray | memoryview, /) -> object:
        """Take in the next bytes."""

    def hexdigest(self) -> str:
        """Of everything taken in so far."""


def segment_hash() -> SegmentHash:
    """A new hash, of nothing yet; on the caller's thread alone (``blake3`` could take every core)."""
    return blake3(max_threads=1)


def fragment_check(data: bytes | bytearray | memoryview) -> bytes:
    """What the table of a closed file keeps of a fragment's bytes, to tell later which of them were changed."""
    return blake3(data, max_threads=1).digest(CHECK_SIZE)


def named(digest: SegmentHash) -> str:
    """What is kept: the algorithm, a colon, and the hash in hexadecimal."""
    return f"{ALGORITHM}:{digest.hexdigest()}"


def hash_stream(file: BinaryIO) -> tuple[str, int]:
    """Hash (see ``named``) and length of what is left of ``file``. Raises ``OSError``."""
    digest, size = segment_hash(), 0
    while data := file.read(PIECE):
        digest.update(data)
        size += len(data)
    return named(digest), size


def hash_file(path: Path) -> tuple[str, int]:
    """The same of a whole file. Raises ``OSError``."""
    with path.open("rb") as file:
        return hash_stream(file)


def differ(known: str, found: str) -> bool:
    """Whether two hashes are of different bytes; two that cannot be compared, or of which one is not known, are not."""
    return known != found and known.partition(":")[0] == found.partition(":")[0] != ""
