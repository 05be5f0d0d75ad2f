"""Boxes of ISO/IEC 14496-12: putting them together and walking over them within bounds."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

_U32 = struct.Struct(">I")
_HEAD = struct.Struct(">I4s")


def box(kind: bytes, *parts: bytes) -> bytes:
    """A box of ``kind`` around ``parts``; raises ``struct.error`` beyond 4 GiB."""
    return _HEAD.pack(8 + sum(map(len, parts)), kind) + b"".join(parts)


def full_box(kind: bytes, version: int, flags: int, *parts: bytes) -> bytes:
    """A box with a version and 24 bits of flags."""
    return box(kind, _U32.pack(version << 24 | flags), *parts)


def uuid_box(uuid: bytes, *parts: bytes) -> bytes:
    """A box of a kind of our own, named by 16 bytes."""
    return box(b"uuid", uuid, *parts)


class Box(NamedTuple):
    """Where a box lies in a buffer.

    Args:
        kind: four characters.
        start: index of its first byte.
        body: index of the first byte after its size and kind.
        end: index after its last byte.
    """

    kind: bytes
    start: int
    body: int
    end: int


def box_at(data: bytes | memoryview, at: int, end: int) -> Box | None:
    """The box that starts at ``at``; ``None`` if it is not whole before ``end`` or its size is nonsense."""
    found = open_box_at(data, at, end)
    return found if found is not None and found.end <= end else None


def open_box_at(data: bytes | memoryview, at: int, end: int) -> Box | None:
    """As ``box_at``, but the box itself may reach beyond ``end`` as long as its size and kind do not."""
    if at + 8 > end:
        return None
    size, kind = _HEAD.unpack_from(data, at)
    body = at + 8
    if size == 1:
        if at + 16 > end:
            return None
        size, body = int.from_bytes(data[at + 8 : at + 16], "big"), at + 16
    if at + size < body:
        return None
    return Box(kind, at, body, at + size)


def children(data: bytes | memoryview, start: int, end: int) -> Iterator[Box]:
    """The boxes between ``start`` and ``end``, as far as they make sense."""
    while (found := box_at(data, start, end)) is not None:
        yield found
        start = found.end


def child(data: bytes | memoryview, start: int, end: int, *path: bytes) -> Box | None:
    """Follow ``path`` downwards through plain containers; ``None`` if a step is missing."""
    found = None
    for kind in path:
        found = next((b for b in children(data, start, end) if b.kind == kind), None)
        if found is None:
            return None
        start, end = found.body, found.end
    return found
