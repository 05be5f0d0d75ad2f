"""In which order pictures are fetched: forward, forward by keyframe, backward by keyframe. On the link's thread."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import replace
from itertools import chain, pairwise

from evertape.types import NS_PER_MS, NS_PER_S
from evertape_desktop.backend.model import utc_ns
from evertape_desktop.playback.footage import Footage, Table
from evertape_desktop.playback.terms import (
    EDGE_NS,
    JOIN_NS,
    ROUNDING_NS,
    Edge,
    Encoded,
    FragmentPlace,
    Hole,
    Mode,
    Part,
)

PIECE_BYTES = 1_500_000
"""So much is fetched at once, once the first picture is there."""
_FIRST_NS = 300 * NS_PER_MS
"""The first piece is as small as can be: what shows the instant, and this much more."""
LEAD = 4
"""So many pictures before the one that is wanted are kept as well: a step back shows them at once."""
_WAIT_S = 0.3
_AT_ONCE = 4

Item = Encoded | Hole | Edge


def read(footage: Footage, at: int, mode: Mode) -> AsyncGenerator[Item, None]:
    """What to show from an instant on.

    Args:
        footage: of the camera.
        at: the first thing shows this instant.
        mode: which pictures.
    """
    return _backward(footage, at) if mode is Mode.BACK else _forward(footage, at, keys=mode is Mode.KEYS)


# -- forward ------------------------------------------------------------------------------------------------


async def _forward(footage: Footage, at: int, *, keys: bool) -> AsyncGenerator[Item, None]:
    wanted: int | None = at
    part, then = await footage.locate(at)
    while True:
        if part is None and then is not None:
            yield Hole(at, then.start)
            part, wanted = then, None
        if part is None:
            item = await _nothing(footage, at)
            yield item
            if isinstance(item, Hole) and item.end is not None:
                at = item.end
            else:
                await asyncio.sleep(_WAIT_S)
            part, then = await footage.locate(at)
            continue
        end = part.end
        async for one in _part_forward(footage, part, wanted, keys=keys):
            end = max(end, one.until if isinstance(one, Encoded) else one.at)
            yield one
        following = await footage.after(part)
        if following is not None and following.start - end <= JOIN_NS:
            part = following
        else:
            part, then, at = None, following, end
        wanted = None


async def _nothing(footage: Footage, at: int) -> Hole | Edge:
    """What to say where nothing can be played, and nothing follows soon."""
    if footage.now() - at < EDGE_NS:
        return Edge(at)
    answer = await footage.what(at)
    if answer["kind"] in ("recorded", "memory"):
        return Edge(at)
    return Hole(at, utc_ns(answer["next"]) if answer["next"] else None)


async def _part_forward(footage: Footage, part: Part, at: int | None, *, keys: bool) -> AsyncIterator[Encoded | Edge]:
    """Everything of a part; returns when there is no more, and nothing more will come."""
    table = await footage.table(part, fresh=part.is_open)
    index = first_fragment(table.fragments, part.start if at is None else at)
    waited_ns = 0
    pending = [] if at is None else [at]
    while True:
        runs = _next_runs(table, index, part, pending[0] if pending else None, keys=keys)
        if runs:
            fetched = await asyncio.gather(*(footage.pictures(part, run, table.head) for run in runs))
            for one in chain.from_iterable(fetched):
                if keys and not one.key:
                    continue
                if (shown := _within(one, part)) is not None:
                    yield _as_wanted(shown, at, table, part, keys=keys)
            index = table.fragments.index(runs[-1][-1]) + 1
            waited_ns, pending = 0, []
            continue
        if table.closed or (index < len(table.fragments) and not part.is_open):
            return
        yield Edge(table.fragments[-1].end if table.fragments else part.end)
        if waited_ns > EDGE_NS:
            return
        await asyncio.sleep(_WAIT_S)
        waited_ns += round(_WAIT_S * NS_PER_S)
        table = await footage.table(part, fresh=True)


def _next_runs(table: Table, index: int, part: Part, at: int | None, *, keys: bool) -> list[list[FragmentPlace]]:
    """Of keyframes several at once, because each is a question of its own; the first one alone."""
    runs: list[list[FragmentPlace]] = []
    while len(runs) < (_AT_ONCE if keys and at is None else 1):
        run = next_run(table.fragments, index, part, at, keys=keys)
        if not run:
            break
        runs.append(run)
        index = table.fragments.index(run[-1]) + 1
    return runs


def _as_wanted(one: Encoded, at: int | None, table: Table, part: Part, *, keys: bool) -> Encoded:
    if keys:
        until = next((place.start for place in table.fragments if place.key and place.start > one.utc + ROUNDING_NS), 0)
        return replace(one, until=until or max(one.until, part.end))
    if at is None:
        return one
    # Far before what is wanted: decoded, because the others need it, and not shown.
    lead = min(LEAD * max(1, one.until - one.utc), NS_PER_S)
    return replace(one, hidden=True) if one.until + lead <= at else one


def first_fragment(fragments: tuple[FragmentPlace, ...], at: int) -> int:
    """The one to begin with, to show an instant: the last keyframe before it, or the first one there is. Pure."""
    before = [i for i, one in enumerate(fragments) if one.key and one.start <= at]
    if before:
        return before[-1]
    return next((i for i, one in enumerate(fragments) if one.key), len(fragments))


def next_run(
    fragments: tuple[FragmentPlace, ...], index: int, part: Part, at: int | None, *, keys: bool
) -> list[FragmentPlace]:
    """What to fetch in one question. Pure.

    Args:
        fragments: of the file.
        index: the first of them that was not fetched yet.
        part: of the file, that is played.
        at: the instant that somebody waits for.
        keys: keyframes only.
    """
    run: list[FragmentPlace] = []
    size = 0
    for one in fragments[index:]:
        if not part.is_open and one.start >= part.end - (ROUNDING_NS if not part.whole else -NS_PER_S):
            break
        if keys and not one.key:
            if run:
                break
            continue
        enough = at is not None and run and one.start > at + _FIRST_NS
        if run and (enough or size + one.size > PIECE_BYTES):
            break
        run.append(one)
        size += one.size
        if keys:
            break
    return run


def _within(one: Encoded, part: Part) -> Encoded | None:
    """As far as another file does not have it: hidden before the part, nothing behind it."""
    if part.whole:
        return one
    if one.utc < part.start - ROUNDING_NS:
        return replace(one, hidden=True)
    return one if part.is_open or one.utc < part.end - ROUNDING_NS else None


# -- backward -----------------------------------------------------------------------------------------------


async def _backward(footage: Footage, at: int) -> AsyncGenerator[Item, None]:
    part, _ = await footage.locate(at)
    until = at
    if part is None:
        part = await footage.before(at)
        yield Hole(None if part is None else part.end, at + 1)
        until = at if part is None else part.end
    while part is not None:
        table = await footage.table(part, fresh=part.is_open)
        async for one in _part_backward(footage, part, table, until):
            yield one
        earlier = await footage.before(part.start)
        if earlier is None:
            break
        if part.start - earlier.end > JOIN_NS:
            yield Hole(earlier.end, part.start)
        part, until = earlier, earlier.end
    yield Hole(None, until if part is None else part.start)


async def _part_backward(footage: Footage, part: Part, table: Table, until: int) -> AsyncIterator[Encoded]:
    keys = [one for one in table.fragments if one.key and one.start <= until]
    ends = {one.start: after.start for one, after in pairwise(keys)}
    for place in reversed(keys):
        end = ends.get(place.start, max(until + 1, place.end))
        if end <= part.start:
            return
        for one in await footage.pictures(part, [place], table.head):
            if one.key:
                yield replace(one, until=end)
