"""What there is of one camera to play: parts of files, their fragments, their pictures. Asked for as needed, and kept.

Threads: the link's only; every method is to be awaited there.
"""

from __future__ import annotations

import io
import json
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any
from urllib.parse import quote

from evertape.errors import ProtocolError
from evertape.mp4.model import FragmentInfo
from evertape.mp4.samples import read_units
from evertape.mp4.scan import ScannedSegment, read_fragment, scan
from evertape.types import NS_PER_S, Track
from evertape_desktop.backend.link import Answer
from evertape_desktop.backend.model import instant, utc_ns
from evertape_desktop.backend.problem import Problem
from evertape_desktop.playback.terms import Encoded, FragmentPlace, Part

Ask = Callable[..., Awaitable[Answer]]
"""As ``Backend.request``."""

_AHEAD_NS = 15 * 60 * NS_PER_S
_AROUND_NS = 60 * NS_PER_S
_DAY_NS = 24 * 3600 * NS_PER_S
_SETTLED_NS = 3 * _AROUND_NS
"""What is newer than this changes: files grow, and new ones are begun."""
_FRESH_S = 0.4
_TABLES = 40


@dataclass(frozen=True, slots=True)
class Table:
    """Where a file's fragments lie.

    Args:
        head: bytes before the first one.
        closed: nothing more comes.
        fragments: by time.
        asked_s: when this was asked for, monotonic.
    """

    head: int
    closed: bool
    fragments: tuple[FragmentPlace, ...]
    asked_s: float


class Footage:
    """See the module.

    Args:
        ask: a request to the recorder, awaited.
        camera: its id.
        now: what time it is for the recorder.
    """

    def __init__(self, ask: Ask, camera: str, now: Callable[[], int]) -> None:
        self._ask = ask
        self._path = f"/cameras/{quote(camera, safe='')}"
        self.now = now
        self._parts: list[Part] = []
        self._from = self._to = 0
        self._tables: OrderedDict[str, Table] = OrderedDict()
        self._heads: OrderedDict[str, ScannedSegment] = OrderedDict()

    # -- parts ----------------------------------------------------------------------------------------------

    async def locate(self, at: int) -> tuple[Part | None, Part | None]:
        """The part that shows an instant, and the next one behind the instant, as far as a quarter of an hour."""
        if not self._from <= at < self._to:
            await self._load(at - _AROUND_NS, at + _AHEAD_NS)
        found = self._known(at)
        if found[0] is None and at > self.now() - _SETTLED_NS:
            await self._load(at - _AROUND_NS, at + _AHEAD_NS)
            found = self._known(at)
        return found

    async def after(self, part: Part) -> Part | None:
        """The next part, if it is known to follow within a quarter of an hour."""
        _, following = await self.locate(max(part.end, part.start))
        known = (*self._parts, *([following] if following else []))
        return min((one for one in known if one.start > part.start), key=lambda one: one.start, default=None)

    async def before(self, at: int) -> Part | None:
        """The last part that begins before an instant, as far back as forty days."""
        for reach in (_AHEAD_NS, 4 * 3600 * NS_PER_S, _DAY_NS, 40 * _DAY_NS):
            found = [part for part in await self._asked(at - reach, at) if part.start < at]
            if found:
                return max(found, key=lambda part: part.start)
        return None

    async def what(self, at: int) -> Any:
        """What there is at an instant: the answer of ``GET /cameras/{camera}/at``."""
        return await self._get(f"{self._path}/at", t=instant(at))

    async def _load(self, start: int, end: int) -> None:
        self._parts = await self._asked(start, end)
        self._from, self._to = start, min(end, max(start, self.now() - 2 * NS_PER_S))

    async def _asked(self, start: int, end: int) -> list[Part]:
        parts: list[Part] = []
        begin: str | None = instant(max(0, start))
        while begin is not None:
            answer = await self._get(f"{self._path}/segments", start=begin, end=instant(end))
            parts += map(_part, answer["parts"])
            begin = answer["next"]
        return parts

    def _known(self, at: int) -> tuple[Part | None, Part | None]:
        here = next((one for one in self._parts if one.start <= at < one.end), None)
        then = next((one for one in self._parts if one.start > at and one is not here), None)
        return here, then

    # -- fragments and pictures -----------------------------------------------------------------------------

    async def table(self, part: Part, *, fresh: bool = False) -> Table:
        """Where the fragments of a part's file lie.

        Args:
            part: of this camera.
            fresh: it may have grown; what is younger than a moment will do.
        """
        kept = self._tables.get(part.segment)
        if kept is not None and (kept.closed or not fresh or monotonic() - kept.asked_s < _FRESH_S):
            return kept
        asked_s = monotonic()
        answer = await self._get(f"/segments/{part.segment}/fragments")
        fragments = tuple(map(_place, answer["fragments"]))
        table = Table(answer["head"], answer["closed"], fragments, asked_s)
        self._keep(self._tables, part.segment, table)
        return table

    async def pictures(self, part: Part, places: Sequence[FragmentPlace], head_size: int) -> list[Encoded]:
        """The video of fragments that follow each other in a file, in decoding order.

        Raises:
            Problem: the file is not what its table says.
        """
        head = await self._head(part, head_size)
        first, last = places[0].at, places[-1].at + places[-1].size
        data = await self._bytes(part, first, last)
        shift = part.first - head.header.start_utc_ns
        found: list[Encoded] = []
        for place in places:
            inside = data[place.at - first : place.at - first + place.size]
            found += _demuxed(inside, head, place, shift, part.segment)
        return found

    async def _head(self, part: Part, size: int) -> ScannedSegment:
        if part.segment not in self._heads:
            try:
                self._keep(self._heads, part.segment, scan(io.BytesIO(await self._bytes(part, 0, size))))
            except ProtocolError as error:
                raise Problem("damaged", f"the file {part.segment} cannot be played: {error}") from None
        return self._heads[part.segment]

    def _keep(self, where: OrderedDict[str, Any], name: str, thing: Any) -> None:
        where[name] = thing
        where.move_to_end(name)
        while len(where) > _TABLES:
            where.popitem(last=False)

    async def _bytes(self, part: Part, start: int, end: int) -> bytes:
        headers = {"Range": f"bytes={start}-{end - 1}"}
        body = (await self._ask("GET", f"/segments/{part.segment}/file", headers=headers)).body
        if len(body) != end - start:
            raise Problem("damaged", f"the file {part.segment} ends before its last fragment does")
        return body

    async def _get(self, path: str, **query: Any) -> Any:
        return json.loads((await self._ask("GET", path, query=query)).body)

    def forget(self) -> None:
        """Everything may have changed: what two files hold is cut down to one, and footage comes home."""
        self._parts, self._from, self._to = [], 0, 0
        self._tables.clear()
        self._heads.clear()


def _part(answer: Any) -> Part:
    segment = answer["segment"]
    return Part(
        segment=segment["id"],
        first=utc_ns(segment["start"]),
        start=utc_ns(answer["start"]),
        end=utc_ns(answer["end"]),
        is_open=segment["state"] == "open",
        whole=bool(answer["whole"]),
    )


def _place(answer: Any) -> FragmentPlace:
    start = utc_ns(answer["start"])
    end = start + round(answer["seconds"] * NS_PER_S)
    return FragmentPlace(answer["offset"], answer["size"], start, end, bool(answer["key"]))


def _demuxed(data: bytes, head: ScannedSegment, place: FragmentPlace, shift: int, segment: str) -> list[Encoded]:
    """The video of one fragment."""
    file = io.BytesIO(data)
    try:
        info: FragmentInfo | None = read_fragment(file, 0, len(data))
        units = [] if info is None else [one for one in read_units(file, head, info) if one.track is Track.VIDEO]
    except ProtocolError as error:
        raise Problem("damaged", f"the file {segment} cannot be played: {error}") from None
    if info is None:
        raise Problem("damaged", f"the file {segment} is damaged at byte {place.at}")
    times = [info.start_utc_ns + one.pts_ns - info.start_pts_ns + shift for one in units]
    order = sorted(times)
    following = dict(zip(order, [*order[1:], max(place.end, *order[-1:]) + 1], strict=False))
    return [
        Encoded(utc, following[utc], one.key, False, head.caps.video, one.data, segment)
        for utc, one in zip(times, units, strict=True)
    ]
