"""``/ledger``: each gap: what happened, what Evertape did, what a person can do."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from evertape.domain.cause import Cause, explain
from evertape.hub.api.asking import Viewer
from evertape.hub.api.common import Cameras, Live, chosen, live, window
from evertape.hub.api.events import EventAnswer, row_answer
from evertape.hub.api.times import Instant, Moment, instant, optional_instant
from evertape.hub.errors import HubError, errors
from evertape.hub.services import Services, Shared
from evertape.store.ledger import LedgerEntry
from evertape.store.ledger import ledger as entries_of
from evertape.types import NS_PER_S

router = APIRouter(tags=["footage"])

DAY_NS = 24 * 3600 * NS_PER_S
MOST_NS = 400 * DAY_NS
MOST = 1000


class DoneAnswer(BaseModel):
    """What became of some of the footage of a gap."""

    kind: str = Field(description="`lost`, `in_memory`, `replayed`, `spilled`, `came_home`, `finished`, `deleted`.")
    seconds: float
    pictures: int | None = Field(description="Null: not known.")
    files: int = Field(description="In how many files; 0: it is about none.")
    bytes: int | None
    volume: str = Field(description="Of `came_home` where it is now, else where it was written to first.")


class LedgerGap(BaseModel):
    """One gap of one camera."""

    camera: str
    cause: str = Field(description="docs/reference/causes.md explains each.")
    start: Instant
    end: Instant = Field(description="Of a gap that lasts: now.")
    seconds: float
    lasts: bool
    noticed: Instant | None = Field(description="When its beginning was noticed; null: concluded afterwards.")
    ended: Instant | None = Field(description="When its end was noticed.")
    frames_lost: int | None = Field(description="Null: not known.")
    what: str = Field(description="What happened, a sentence.")
    deed: str = Field(description="What Evertape did about it, a sentence.")
    done: list[DoneAnswer] = Field(description="What became of the footage, in figures.")
    remedy: str = Field(description="What a person can do, a sentence.")
    on_purpose: bool = Field(description="A person or a rule asked for it.")
    derived: bool = Field(description="No entry says so; it follows from what else is known.")
    evidence: EventAnswer | None = Field(description="The event that showed it.")


class Ledger(BaseModel):
    """Gaps, newest first."""

    start: Instant
    end: Instant
    gaps: list[LedgerGap]
    cursor: str | None = Field(description="There is more: ask the same again with it.")


@router.get("/ledger", summary="The gaps", responses=errors(401, 403, 404, 503))
async def ledger(
    services: Shared,
    who: Viewer,
    camera: Cameras = None,
    cause: Annotated[list[Cause] | None, Query(description="Only these causes.")] = None,
    start: Annotated[Moment | None, Query(description="From when on; default: a day before the end.")] = None,
    end: Annotated[Moment | None, Query(description="Until when; default: now.")] = None,
    on_purpose: Annotated[bool, Query(description="Also what a person or a rule asked for.")] = False,
    limit: Annotated[int, Query(ge=1, le=MOST)] = 200,
    cursor: Annotated[str | None, Query(description="As an answer gave it.", max_length=100)] = None,
) -> Ledger:
    """What happened, what Evertape did about it, what became of the footage, what you can do. Newest first."""
    now = await live(services)
    until = now.now if end is None else end
    since = until - DAY_NS if start is None else start
    window(since, until)
    if until - since > MOST_NS:
        raise HubError(422, "window_too_long", "at most 400 days can be asked for at once", where=["query", "end"])
    names = await chosen(services, who, camera)
    found = [
        entry for name in names for entry in await _of(services, now, name, (since, until), cause or [], on_purpose)
    ]
    found.sort(key=_place, reverse=True)
    if cursor is not None:
        behind = _parse(cursor)
        found = [entry for entry in found if _place(entry) < behind]
    more = len(found) > limit
    return Ledger(
        start=instant(since),
        end=instant(until),
        gaps=[gap_answer(entry) for entry in found[:limit]],
        cursor=_cursor(found[limit - 1]) if more else None,
    )


async def _of(
    services: Services, now: Live, camera: str, span: tuple[int, int], causes: list[Cause], on_purpose: bool
) -> list[LedgerEntry]:
    return await services.reading.ask(
        lambda index: entries_of(
            index,
            camera,
            span,
            now.seen_from(span[1]),
            open_until=now.open_until(index),
            held=now.held(camera),
            causes=causes,
            on_purpose=on_purpose,
        )
    )


def _place(entry: LedgerEntry) -> tuple[int, str]:
    return entry.start, entry.camera


def _cursor(entry: LedgerEntry) -> str:
    return f"{entry.start}.{entry.camera}"


def _parse(cursor: str) -> tuple[int, str]:
    at, dot, camera = cursor.partition(".")
    if not dot or not at.isascii() or not at.isdigit():
        raise HubError(422, "cursor_invalid", "this is no cursor of an answer", where=["query", "cursor"])
    return int(at), camera


def gap_answer(entry: LedgerEntry) -> LedgerGap:
    """An entry as it is answered."""
    words = explain(entry.cause)
    return LedgerGap(
        camera=entry.camera,
        cause=str(entry.cause),
        start=instant(entry.start),
        end=instant(entry.end),
        seconds=(entry.end - entry.start) / NS_PER_S,
        lasts=entry.lasts,
        noticed=optional_instant(entry.noticed_at),
        ended=optional_instant(entry.ended_at),
        frames_lost=entry.frames_lost,
        what=words.what,
        deed=entry.deed,
        done=[
            DoneAnswer(
                kind=str(done.kind),
                seconds=round(done.seconds, 3),
                pictures=done.units,
                files=done.files,
                bytes=done.bytes,
                volume=done.volume,
            )
            for done in entry.done
        ],
        remedy=words.remedy,
        on_purpose=entry.cause.on_purpose,
        derived=entry.derived,
        evidence=None if entry.evidence is None else row_answer(entry.evidence),
    )
