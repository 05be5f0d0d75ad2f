"""Is a decoded picture damaged? Judged by its pixels, because decoders do not say.

``avdec_h264`` reports neither flag nor message for damaged input, it conceals (``docs/design/viewing.md``). What a
decoder that has lost its memory shows is recognisable though: large areas in the colours of memory that was never
written.
"""

from __future__ import annotations

from collections.abc import Sequence

GREY = 128
"""All three of Y, U and V: a decoder's picture before anything was predicted into it."""
_GREEN_CHROMA = 8
"""U and V near zero, a green that no camera sees: memory that is all zeros."""
_SHARE = 0.5

ROWS, COLUMNS = 12, 32
"""Where pictures are looked at: a grid of so many points."""


def is_damaged(samples: Sequence[tuple[int, int, int]]) -> bool:
    """Whether most of a picture was never decoded. Pure.

    Args:
        samples: Y, U, V of points spread over the picture, 8 bits each.
    """
    if not samples:
        return False
    unwritten = sum((u < _GREEN_CHROMA and v < _GREEN_CHROMA) or (y == u == v == GREY) for y, u, v in samples)
    return unwritten > len(samples) * _SHARE


def grid(length: int, count: int) -> range:
    """``count`` places spread over ``length``, away from the edges."""
    step = max(1, length // (count + 1))
    return range(step, length - 1, step)[:count]
