"""The words of playback: what is fetched, what is decoded, what is shown. Pure.

Every instant is UTC nanoseconds.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from evertape.types import NS_PER_MS, NS_PER_S, VideoCaps

JOIN_NS = 600 * NS_PER_MS
"""Footage that goes on within this time goes on: the picture stands for so long, and it is no gap."""
ROUNDING_NS = NS_PER_MS
"""A file counts time in ticks of its own, so an instant in it may differ from the index's by some microseconds."""
EDGE_NS = 15 * NS_PER_S
"""At the newest end the recording is waited for so long before it is a gap."""


class Mode(StrEnum):
    """Which pictures are fetched."""

    ALL = "all"
    KEYS = "keys"
    """Keyframes only, forward."""
    BACK = "back"
    """Keyframes only, backward."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a file that is to be played.

    Args:
        segment: the file's id.
        first: where the file begins, by the index.
        start: where the part begins.
        end: where it ends.
        is_open: the file is being written, and the part grows.
        whole: nothing of the file is left out.
    """

    segment: str
    first: int
    start: int
    end: int
    is_open: bool
    whole: bool


@dataclass(frozen=True, slots=True)
class FragmentPlace:
    """A fragment in a file.

    Args:
        at: where it lies, bytes.
        size: bytes.
        start: its first picture.
        end: where it ends.
        key: it begins with a keyframe.
    """

    at: int
    size: int
    start: int
    end: int
    key: bool


@dataclass(frozen=True, slots=True)
class Encoded:
    """An encoded picture.

    Args:
        utc: when it was.
        until: when the next one is shown.
        key: a decoder can start here.
        hidden: only others need it.
        video: what it is.
        data: NAL units behind lengths.
        segment: the file it comes from.
    """

    utc: int
    until: int
    key: bool
    hidden: bool
    video: VideoCaps
    data: bytes = field(repr=False)
    segment: str = ""


@dataclass(frozen=True, slots=True)
class Hole:
    """Nothing is recorded from ``start`` to ``end``; ``None``: nothing more on that side."""

    start: int | None
    end: int | None


@dataclass(frozen=True, slots=True)
class Edge:
    """What follows has not been recorded yet, as far as it is known."""

    at: int


@dataclass(frozen=True, slots=True)
class Shown:
    """A decoded picture: ``data`` are its pixels, four bytes each; ``encoded`` is what it was made of."""

    encoded: Encoded
    data: bytes = field(repr=False)
    width: int
    height: int

    @property
    def utc(self) -> int:
        """When it was."""
        return self.encoded.utc

    @property
    def until(self) -> int:
        """When the next one is shown."""
        return self.encoded.until
