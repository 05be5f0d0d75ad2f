"""Where the next file, the next gap, or the next footage is. On the link's thread."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from evertape.types import NS_PER_S
from evertape_desktop.backend.model import instant, utc_ns
from evertape_desktop.playback.footage import Ask, Footage
from evertape_desktop.playback.terms import ROUNDING_NS

_HOUR = 3600 * NS_PER_S
_REACHES = (_HOUR, 6 * _HOUR, 24 * _HOUR, 7 * 24 * _HOUR, 62 * 24 * _HOUR)
_INSIDE_NS = NS_PER_S // 5
_JUST_NS = NS_PER_S
"""Somebody who is this near to the beginning of a file means the file before."""


async def segment_start(footage: Footage, at: int, direction: int) -> int | None:
    """Where the next (+1) or the previous (-1) file begins; ``None``: there is none."""
    here, following = await footage.locate(at)
    if direction > 0:
        found = following if here is None else await footage.after(here)
        if found is not None:
            return found.start
        answer = await footage.what(at if here is None else here.end)
        return utc_ns(answer["next"]) if answer.get("next") else None
    if here is not None and at - here.start > _JUST_NS:
        return here.start
    before = await footage.before((here.start if here is not None else at) - ROUNDING_NS)
    return None if before is None else before.start


async def footage_before(footage: Footage, at: int) -> int | None:
    """The last instant of footage before one that has none; ``None``: there is none."""
    before = await footage.before(at)
    return None if before is None else min(at, before.end - ROUNDING_NS)


async def gap_start(ask: Ask, cameras: Iterable[str], at: int, direction: int, now: int) -> int | None:
    """Just behind where the next gap that nobody wanted begins, or the one before; ``None``: none is known.

    Args:
        ask: a request to the recorder.
        cameras: ids; of any of them.
        at: from where.
        direction: +1 or -1.
        now: nothing begins later.
    """
    names = list(cameras)
    for reach in _REACHES:
        start, end = (at, min(at + reach, now)) if direction > 0 else (at - reach, at)
        if start >= end:
            return None
        query = {"camera": names, "start": instant(max(0, start)), "end": instant(end), "resolution": 0.5}
        answer = json.loads((await ask("GET", "/timeline", query=query)).body)
        starts = _moments(answer)
        if direction > 0:
            found = [one for one in starts if one > at + ROUNDING_NS]
            if found:
                return min(found)
            if end >= now:
                return None
        else:
            # The first one may have begun before what was asked for.
            found = [one for one in starts if start + 2 * _INSIDE_NS < one < at - 2 * _INSIDE_NS]
            if found:
                return max(found)
    return None


def _moments(answer: Any) -> list[int]:
    found = []
    for camera in answer["cameras"]:
        for span in camera["spans"]:
            if span["kind"] == "gap" and not span["on_purpose"]:
                start, end = utc_ns(span["start"]), utc_ns(span["end"])
                # The last picture before stands a moment longer.
                found.append(start + min(_INSIDE_NS, (end - start) // 2))
    return found
