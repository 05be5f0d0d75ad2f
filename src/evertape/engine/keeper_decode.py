"""Decodes a sample of what the check in the background reads, to see that pictures come out of it.

Hashes tell that bytes are those that were written; not that they were worth writing, nor anything of a file whose hash
was made later. One group of pictures is decoded now and then, in a process of its own (``media/decode_sample``). Where
none comes out, its neighbours are looked at until some do. Threads: the owner's loop only.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Iterable
from typing import NamedTuple

from evertape.engine.keeper_link import KeeperLink
from evertape.ipc.events import DamagedSpan
from evertape.ipc.messages import GroupFound
from evertape.media.decode_sample import PREFIX, Decoded, Verdict, decode
from evertape.mp4.examine import Lost, places_text
from evertape.store.rows import GapRow, SegmentRow

log = logging.getLogger(__name__)

PIECE = 1 << 20
NEIGHBOURS = 30
"""Groups on each side of a damaged one that are looked at."""


class _Tried(NamedTuple):
    group: GroupFound
    found: Decoded


class UndecidedError(Exception):
    """Nothing can be said of the pictures now."""


class SampleDecoder:
    """See the module.

    Args:
        spend: waits until so many bytes may be read.
        decoder: decodes codec, bytes and number of pictures.
    """

    def __init__(
        self,
        spend: Callable[[int], Awaitable[None]],
        decoder: Callable[[str, bytes, int], Awaitable[Decoded]] = decode,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._spend, self._decoder = spend, decoder
        self._interval_s = 0.0
        self._next = 0.0
        self._cannot: set[str] = set()
        """Codecs for which there is no decoder here."""

    def assign(self, interval: int) -> None:
        """Decode a sample every so many nanoseconds; 0: never."""
        if interval != round(self._interval_s * 1e9):
            self._interval_s = interval / 1e9
            # Any time within it: a start has other things to do, and a keeper that is often replaced comes to it too.
            self._next = self._loop.time() + random.random() * self._interval_s

    @property
    def due(self) -> bool:
        """It is time for another sample."""
        return bool(self._interval_s) and self._loop.time() >= self._next

    async def sample(self, link: KeeperLink, row: SegmentRow) -> tuple[str, tuple[DamagedSpan, ...]]:
        """Decode a group of pictures of a finished file, any: what is wrong, and what of it does not come out.

        Raises ``VolumeError``, ``JobFailedError``.
        """
        self._next = self._loop.time() + self._interval_s
        unit = random.randint(row.first_video, max(row.first_video, row.last_video or 0))
        try:
            tried = await self._try(link, row, unit)
            if tried.found.verdict is Verdict.SOUND:
                return "", ()
            hurt = [tried, *await self._beside(link, row, tried, -1), *await self._beside(link, row, tried, 1)]
        except UndecidedError as reason:
            log.debug("[DISK] of %s no sample is decoded: %s", row.path, reason)
            return "", ()
        log.info("[DISK] of %s %s", row.path, tried.found.text)
        return _told(_spans(row, hurt))

    async def again(
        self, link: KeeperLink, row: SegmentRow, gaps: Iterable[GapRow]
    ) -> tuple[str, tuple[DamagedSpan, ...]]:
        """Decode anew what once did not come out. Raises as ``sample``; ``UndecidedError``."""
        hurt = []
        for gap in gaps:
            tried = await self._try(link, row, _unit_at(row, (gap.start_utc + (gap.end_utc or gap.start_utc)) // 2))
            if tried.found.verdict is Verdict.DAMAGED:
                hurt.append(tried)
                for step in (-1, 1):
                    hurt += await self._beside(link, row, tried, step, surely=True)
        return _told(_spans(row, hurt)) if hurt else ("", ())

    async def _beside(
        self, link: KeeperLink, row: SegmentRow, tried: _Tried, step: int, *, surely: bool = False
    ) -> list[_Tried]:
        """The damaged groups right before or right behind one, as far as that can be said.

        With ``surely``, raises ``UndecidedError`` where it cannot: what is on record is not to shrink by that.
        """
        hurt: list[_Tried] = []
        for _ in range(NEIGHBOURS):
            unit = tried.group.first_video - 1 if step < 0 else tried.group.last_video + 1
            if not row.first_video <= unit <= (row.last_video or 0):
                break
            try:
                tried = await self._try(link, row, unit)
            except UndecidedError:
                if surely:
                    raise
                break
            if tried.found.verdict is not Verdict.DAMAGED:
                break
            hurt.append(tried)
        return hurt

    async def _try(self, link: KeeperLink, row: SegmentRow, unit: int) -> _Tried:
        if row.codec in self._cannot:
            raise UndecidedError(f"there is no decoder for {row.codec}")
        group = await link.find_group(row.id, row.path, unit)
        if not group.size:
            raise UndecidedError("its fragments do not say where a group of pictures is")
        data = await self._read(link, row, 0, group.head) + await self._read(link, row, group.offset, group.size)
        found = await self._decoder(row.codec, data, group.last_video - group.first_video + 1)
        if found.verdict is Verdict.NO_DECODER:
            self._cannot.add(row.codec)
            log.info("[DISK] samples of %s are not decoded: %s", row.codec, found.text)
        if found.verdict in (Verdict.NO_DECODER, Verdict.UNDECIDED):
            raise UndecidedError(found.text)
        return _Tried(group, found)

    async def _read(self, link: KeeperLink, row: SegmentRow, offset: int, size: int) -> bytes:
        parts, end = [], offset + size
        while offset < end:
            want = min(PIECE, end - offset)
            await self._spend(want)
            _answer, data = await link.read_segment(row.id, row.path, offset, want, fresh=False)
            if not data:
                raise UndecidedError("it became shorter")
            parts.append(data)
            offset += len(data)
        return b"".join(parts)


def _unit_at(row: SegmentRow, utc: int) -> int:
    """The video unit that is shown at an instant, about. Pure."""
    last, end = row.last_video or row.first_video, row.end_utc or row.start_utc
    share = (utc - row.start_utc) / max(1, end - row.start_utc)
    return min(last, max(row.first_video, row.first_video + int(share * (last - row.first_video + 1))))


def _told(spans: tuple[DamagedSpan, ...]) -> tuple[str, tuple[DamagedSpan, ...]]:
    """In words that depend on nothing but the place, however it was found: what is on record is news only once."""
    lost = [Lost(one.start_utc, one.end_utc, one.first_video, one.last_video) for one in spans]
    return f"{PREFIX}: {places_text(lost)}", spans


def _spans(row: SegmentRow, hurt: Iterable[_Tried]) -> tuple[DamagedSpan, ...]:
    """In the index's times, neighbours together, each group once. Pure."""
    groups = {tried.group.first_video: tried.group for tried in hurt}
    spans: list[DamagedSpan] = []
    for _, group in sorted(groups.items()):
        shift = row.start_utc - group.file_start_utc
        start, first = group.start_utc + shift, group.first_video
        if spans and spans[-1].last_video + 1 == first:
            last = spans.pop()
            start, first = last.start_utc, last.first_video
        spans.append(
            DamagedSpan(start_utc=start, end_utc=group.end_utc + shift, first_video=first, last_video=group.last_video)
        )
    return tuple(spans)
