"""Reads what is held again, slowly, in the background, and puts on record what is not as it was written.

Every byte against the hash on record, every fragment's header against its checksum; now and then a sample is decoded.
Bytes are read from the disk
itself, through the volume's process, no faster than allowed and slower while recording keeps a disk busy. Threads: the
owner's loop only.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections import deque
from typing import NamedTuple, Protocol

from evertape.domain.cause import Cause
from evertape.engine.damage import gap_id, gaps_of, lost_of
from evertape.engine.homecoming_move import PIECE, Throttle
from evertape.engine.keeper_care import SETTLE_S
from evertape.engine.keeper_decode import SampleDecoder, UndecidedError
from evertape.engine.keeper_link import JobFailedError, KeeperLink
from evertape.engine.keeper_retention import RetentionHost
from evertape.errors import VolumeError
from evertape.ipc.events import Alert, AnyEvent, DamagedSpan, GapClosed, SegmentChecked, SegmentDamaged
from evertape.media.decode_sample import PREFIX
from evertape.mp4.digest import differ, named, segment_hash
from evertape.mp4.examine import CHANGED, changed_text
from evertape.store.failures import IndexBusyError
from evertape.store.rows import CLOSED, SegmentRow
from evertape.store.scrub import due

log = logging.getLogger(__name__)

PAUSE_S = 30.0
"""How long nothing is done after nothing was due, or something went wrong."""
BATCH = 20
KIND = "footage_damaged"
RECORD_S = 5.0
"""How long the record of a check is waited for: the next search for what is due has to know of it."""


class ScrubHost(RetentionHost, Protocol):
    """What the check needs from the keeper."""

    async def on_record(self, event: AnyEvent, timeout_s: float) -> bool:
        """Put an event into the journal; whether it is known to be there."""


class Look(NamedTuple):
    """What a look at a file gave: its hash ("": it cannot be read), what is wrong in words, what of it is lost.

    ``located``: nothing else is.
    """

    hash: str
    problem: str
    lost: tuple[DamagedSpan, ...] = ()
    located: bool = False


class Scrub:
    """See the module.

    Args:
        host: the keeper.
    """

    def __init__(self, host: ScrubHost) -> None:
        self._host = host
        self._loop = asyncio.get_running_loop()
        self._throttle = Throttle(1.0)
        self._decoder = SampleDecoder(self._throttle.spend)
        self._rate = self._interval = 0
        self._first: deque[str] = deque()
        """Segments that somebody wants checked now."""
        self._away: list[str] = []
        """Of these, those whose volume is not there, or went."""
        self._useful = True
        """Something was put on record since the beginning of this pass through everything."""
        self._wake = asyncio.Event()
        # Begins anywhere: a keeper that is replaced again and again would else never come to the last ones.
        self._after = uuid.uuid4().hex

    def assign(self, rate: int, interval: int, decode_interval: int = 0) -> None:
        """Go by these from now on: bytes per second, 0 for none; nanoseconds until a file is checked again.

        And until a sample is decoded again; 0: never.
        """
        self._decoder.assign(decode_interval)
        if (rate, interval) != (self._rate, self._interval):
            self._rate, self._interval = rate, interval
            self._throttle.most = self._throttle.rate = float(max(1, rate))
            self._wake.set()

    def wish(self, segments: tuple[str, ...]) -> None:
        """Check these before all others."""
        self._first += segments
        self._wake.set()

    def look_again(self) -> None:
        """A volume has come online, and been gone through."""
        self._first += self._away
        self._away.clear()
        self._wake.set()

    async def run(self) -> None:
        """Never ends; cancel it."""
        while True:
            self._wake.clear()
            try:
                went_on = await self._round()
            except (VolumeError, IndexBusyError, OSError) as error:
                log.debug("[DISK] checking files goes on later: %s", error)
                went_on = False
            if not went_on:
                try:
                    await asyncio.wait_for(self._wake.wait(), PAUSE_S)
                except TimeoutError:
                    continue

    async def _round(self) -> bool:
        """Check the next files; False if none was due."""
        links = self._host.online_links
        if self._first:
            await self._host.caught_up()
            wanted = [self._first.popleft() for _ in range(min(BATCH, len(self._first)))]
            rows = list((await self._host.ask(lambda index: index.segments_by_id(wanted))).values())
            for row in rows:
                try:
                    if row.volume not in self._host.online_links:
                        raise VolumeError("its volume is not there")
                    await self._check(row, hurry=True)
                except VolumeError:
                    self._away.append(row.id)
            return True
        if not self._rate or not links:
            return False
        await self._host.caught_up()
        before, after = int(self._host.clock.utc_ns()) - self._interval, self._after
        rows = await self._host.ask(lambda index: due(index, links, after, before, BATCH))
        for row in rows:
            if self._first or not self._rate:
                break
            self._after = row.id
            await self._check(row)
        if rows:
            return True
        # From the beginning; after a pause, if all that is due cannot be read now.
        useful, self._after, self._useful = self._useful, "", False
        return useful

    async def _check(self, row: SegmentRow, *, hurry: bool = False) -> None:
        link = self._host.online_links.get(row.volume)
        if link is None or row.state != CLOSED:
            return
        try:
            look = await self._look(link, row, hurry=hurry)
            if not look.problem:
                look = await self._decoded(link, row, look)
        except (JobFailedError, UndecidedError) as error:
            log.debug("[DISK] %s cannot be checked: %s", row.path, error)
            return
        if not look.problem:
            self._useful = True
            checked = SegmentChecked(**self._host.stamp(), segment=row.id, volume=row.volume, hash=look.hash)
            await self._host.on_record(checked, RECORD_S)
            if row.damaged:
                await self._whole_again(row)
        elif (now := await self._unchanged(row)) is not None:
            self._useful = True
            await self._damaged(now, link.endpoint.name, look)

    async def _look(self, link: KeeperLink, row: SegmentRow, *, hurry: bool) -> Look:
        """Raises ``VolumeError``; ``JobFailedError`` if the file is not there to be read."""
        found, problem = "", ""
        try:
            found = await self._hash(link, row, hurry=hurry)
        except JobFailedError as error:
            if not error.is_media:
                raise
            problem = f"it cannot be read: {error}"
        changed = differ(row.hash, found)
        # Without a hash on record, the file's own ones are all there is.
        deep = changed or bool(problem) or not row.hash
        if deep and not problem and not changed and not hurry:
            await self._throttle.spend(row.bytes or PIECE)
        try:
            seen = await link.examine(row.id, row.path, payload=deep)
        except JobFailedError as error:
            if not error.is_media:
                raise
            return Look(found, problem or f"it cannot be read: {error}")
        if seen.problem:
            problem = problem or seen.problem
        elif changed:
            problem = problem or (changed_text(()) if seen.compared else CHANGED)
        return Look(found, problem, lost_of(row, seen) if problem else (), seen.compared)

    async def _decoded(self, link: KeeperLink, row: SegmentRow, look: Look) -> Look:
        """Of a file whose bytes are well: do pictures come out? If it is time to ask, or they did not last time."""
        if row.damaged.startswith(PREFIX):
            await self._host.caught_up()
            gaps = await self._host.ask(
                lambda index: index.gaps(row.camera, row.start_utc, row.end_utc or row.start_utc)
            )
            ours = [gap for gap in gaps if gap.id.startswith(gap_id(row)) and gap.end_utc != gap.start_utc]
            problem, lost = await self._decoder.again(link, row, ours)
        elif self._decoder.due and not row.damaged:
            problem, lost = await self._decoder.sample(link, row)
        else:
            return look
        return look._replace(problem=problem, lost=lost)

    async def _hash(self, link: KeeperLink, row: SegmentRow, *, hurry: bool) -> str:
        digest, at, total = segment_hash(), 0, 1
        while at < total:
            if not hurry:
                await self._throttle.spend(min(PIECE, max(1, (row.bytes or PIECE) - at)))
            answer, data = await link.read_segment(row.id, row.path, at, PIECE, fresh=True)
            self._throttle.heard(row.volume, answer.sync_ms)
            total = answer.total
            if not data:
                break
            digest.update(data)
            at += len(data)
        return named(digest)

    async def _unchanged(self, row: SegmentRow) -> SegmentRow | None:
        """As it is on record now; ``None``: it was cut, moved or deleted meanwhile, and what was found says nothing."""
        await asyncio.sleep(SETTLE_S)
        await self._host.caught_up()
        now = await self._host.ask(lambda index: index.segment(row.id))
        names = ("state", "volume", "path", "hash")
        return now if now is not None and all(getattr(now, name) == getattr(row, name) for name in names) else None

    async def _damaged(self, row: SegmentRow, volume: str, look: Look) -> None:
        text = f"{row.path} on volume {volume} is damaged: {look.problem}"
        detail = {"segment": row.id, "path": row.path, "problem": look.problem, "on": volume}
        event = SegmentDamaged(
            **self._host.stamp(), segment=row.id, camera=row.camera, volume=row.volume, path=row.path,
            problem=look.problem, hash=look.hash, spans=look.lost, located=look.located,
        )  # fmt: skip
        await self._host.on_record(event, RECORD_S)
        if look.problem == row.damaged:
            return  # nothing new
        for gap, start, end, lost in gaps_of(row, look.lost, located=look.located):
            self._close(row, gap, start, end, frames_lost=lost)
        self._alert(row, "raised", text, detail)
        log.warning("[ALERT] %s", text)

    async def _whole_again(self, row: SegmentRow) -> None:
        """Somebody brought the right bytes back: what the ledger said is over and was never lost."""
        end = row.end_utc or row.start_utc
        for gap in await self._host.ask(lambda index: index.gaps(row.camera, row.start_utc, end)):
            if gap.id.startswith(gap_id(row)):
                self._close(row, gap.id, gap.start_utc, gap.start_utc)
        self._alert(row, "ended", f"{row.path} is as it was written again", {"segment": row.id, "path": row.path})

    def _close(self, row: SegmentRow, gap: str, start: int, end: int, frames_lost: int | None = None) -> None:
        self._host.write_down(
            GapClosed(
                **self._host.stamp(),
                gap=gap,
                camera=row.camera,
                cause=Cause.FOOTAGE_DAMAGED,
                start_utc=start,
                end_utc=end,
                frames_lost=frames_lost,
            )
        )

    def _alert(self, row: SegmentRow, state: str, text: str, detail: dict[str, str]) -> None:
        self._host.write_down(
            Alert(
                **self._host.stamp(),
                alert=f"{KIND}-{row.id}",
                kind=KIND,
                state=state,
                camera=row.camera,
                volume=row.volume,
                text=text,
                detail=detail,
            )
        )
