"""The one hash by which a segment's bytes are known: on moving, on checking, in the journal."""

from __future__ import annotations

import hashlib
from typing import Protocol

ALGORITHM = "blake2b-256"
"""Stands before every hash that is kept (``blake2b-256:1f…``), so that another one may follow it."""
_BYTES = 32


class SegmentHash(Protocol):
    """A hash that is being computed; any thread, one at a time. Hashing a large piece leaves other threads running."""

    def update(self, data: bytes | bytearray | memoryview, /) -> None:
        """Take in the next bytes."""

    def hexdigest(self) -> str:
        """Of everything taken in so far."""


def segment_hash() -> SegmentHash:
    """A new hash, of nothing yet."""
    return hashlib.blake2b(digest_size=_BYTES)


def named(digest: SegmentHash) -> str:
    """What is kept: the algorithm, a colon, and the hash in hexadecimal."""
    return f"{ALGORITHM}:{digest.hexdigest()}"
